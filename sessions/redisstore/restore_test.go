package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// aBackup returns a backup of so many sessions of one user, and of his revocation elsewhere.
func aBackup(t testing.TB, count int, user string, more ...any) []byte {
	t.Helper()
	var data bytes.Buffer
	w := backup.NewWriter(&data, backup.Origin{ID: "of " + user})
	items := []any{blacklist.Entry{Subject: blacklist.RevokedUser("other", user), Second: 1, Expires: start.Add(time.Hour)}}
	for i := range count {
		items = append(items, newSession(fmt.Sprint(user, " ", i), user))
	}
	for _, item := range append(items, more...) {
		var err error
		switch item := item.(type) {
		case sessions.Session:
			err = w.Session(item.Key, record.AppendSession(nil, item))
		case blacklist.Entry:
			err = w.Entry(item)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// users returns how many sessions each user has.
func users(all held) map[string]int {
	found := make(map[string]int)
	for _, session := range all.sessions {
		found[session.User]++
	}
	return found
}

// mustHold fails unless the store holds these sessions of the user, and his revocation, and nothing else.
func mustHold(t testing.TB, place *Place, count int, user string) {
	t.Helper()
	got := heldBy(t, place, "shop")
	if found := users(got); found[user] != count || len(got.sessions) != count || len(got.entries) != 1 {
		t.Errorf("the store holds %v and %d entries, want %d of %s and one", found, len(got.entries), count, user)
	}
	if _, revoked := got.entries[blacklist.RevokedUser("other", user)]; !revoked {
		t.Errorf("the revocation of %s is gone", user)
	}
}

func mustRestore(t testing.TB, server *redistest.Server, prefix string, data []byte) {
	t.Helper()
	if _, err := restore(t.Context(), draftOf(t, server, prefix), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

// A backup that is not whole leaves nothing on the server, however much of it was written.
func TestRestoreOfDamagedBackups(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		server.Do("SET", "another's", "key")
		whole := aBackup(t, 2*restoreBatch, "secret-ann")
		changed := bytes.Clone(whole)
		changed[len(changed)-40] ^= 1
		broken := errors.New("the disk is broken")
		for name, test := range map[string]struct {
			from io.Reader
			want error
		}{
			"nothing":                  {bytes.NewReader(nil), backup.ErrNotWhole},
			"cut short":                {bytes.NewReader(whole[:len(whole)-1]), backup.ErrNotWhole},
			"cut in half":              {bytes.NewReader(whole[:len(whole)*3/4]), backup.ErrNotWhole},
			"changed":                  {bytes.NewReader(changed), backup.ErrNotWhole},
			"more behind it":           {bytes.NewReader(append(bytes.Clone(whole), 0)), backup.ErrNotWhole},
			"on a disk that is broken": {io.MultiReader(bytes.NewReader(whole[:len(whole)*3/4]), iotest.ErrReader(broken)), broken},
		} {
			got, err := restore(t.Context(), draftOf(t, server, "shop"), test.from)
			if !errors.Is(err, test.want) || got != (backup.Contents{}) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			if keys := server.Do("DBSIZE"); keys != "1" {
				t.Fatalf("%s: the server holds %s keys", name, keys)
			}
		}
	})
}

// What is on the server already is not touched.
func TestRestoreOverSomething(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		mustRestore(t, server, "shop", aBackup(t, 3, "ann"))
		_, err := restore(t.Context(), draftOf(t, server, "shop"), bytes.NewReader(aBackup(t, 5, "bob")))
		if !errors.Is(err, errTaken) || errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("over a store: %v", err)
		}
		mustHold(t, openJoined(t, server, "shop"), 3, "ann")

		keys := newKeys("shop")
		server.Do("DEL", keys.epoch())
		_, err = restore(t.Context(), draftOf(t, server, "shop"), bytes.NewReader(aBackup(t, 5, "bob")))
		if !errors.Is(err, errRemains) || errors.Is(err, sessions.ErrUnavailable) || server.Do("EXISTS", keys.draft().epoch()) != "0" {
			t.Errorf("over the remains of a store: %v", err)
		}
		server.Do("SET", keys.epoch(), "again")
		mustHold(t, openJoined(t, server, "shop"), 3, "ann")

		// Another installation is none of this one's business, even if its prefix begins or looks like it.
		for _, prefix := range []string{"sho", "shop2", "sh*p", "[s]hop"} {
			mustRestore(t, server, prefix, aBackup(t, 2, "of "+prefix))
			mustHold(t, openJoined(t, server, prefix), 2, "of "+prefix)
		}
		mustHold(t, openJoined(t, server, "shop"), 3, "ann")
	})
}

// begun leaves a restore as it is when its process is killed after all of the backup was written but the end.
func begun(t testing.TB, server *redistest.Server, prefix string, data []byte) *restorer {
	t.Helper()
	client := draftOf(t, server, prefix)
	r := &restorer{
		client: client, store: &store{client: client, known: nothing{}}, now: time.Now(), sessions: make(map[sessions.Key]sessions.Session),
	}
	read, err := backup.NewReader(bytes.NewReader(data))
	if err == nil {
		err = r.begin(t.Context())
	}
	if err == nil {
		_, err = r.fill(t.Context(), read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A restore whose process is killed leaves no store: no gateway takes it for one, and none is begun in its place. The next try
// begins anew.
func TestRestoreThatIsKilled(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		begun(t, server, "shop", aBackup(t, 7, "ann"))
		place := openAlone(t, server, "shop")
		if err := place.CatchUp(t.Context()); !errors.Is(err, errDraft) || !strings.Contains(err.Error(), "store restore") {
			t.Errorf("a gateway joins it: %v", err)
		}
		if _, found, err := place.Sessions().Get(t.Context(), newSession("ann 1", "ann").Key, start); err == nil {
			t.Errorf("a gateway reads it, and finds a session: %v", found)
		}
		if keys := server.Do("EXISTS", newKeys("shop").epoch()); keys != "0" {
			t.Error("there is a store")
		}
		mustRestore(t, server, "shop", aBackup(t, 5, "bob"))
		if err := place.CatchUp(t.Context()); err != nil {
			t.Errorf("the gateway does not join what was restored: %v", err)
		}
		mustHold(t, place, 5, "bob")
		if keys := server.Do("EXISTS", newKeys("shop").draft().epoch()); keys != "0" {
			t.Error("the draft is still there")
		}
	})
}

// half returns a backup, and does something when half of it was read.
func half(data []byte, do func()) io.Reader {
	return io.MultiReader(bytes.NewReader(data[:len(data)/2]), &onRead{do: do}, bytes.NewReader(data[len(data)/2:]))
}

type onRead struct{ do func() }

func (r *onRead) Read([]byte) (int, error) {
	r.do()
	return 0, io.EOF
}

// Of two restores at a time the later one counts, and the other one does not disturb it.
func TestTwoRestoresAtATime(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		from := half(aBackup(t, 3*restoreBatch, "ann"), func() { begun(t, server, "shop", aBackup(t, 7, "bob")) })
		if _, err := restore(t.Context(), draftOf(t, server, "shop"), from); !errors.Is(err, errOvertaken) {
			t.Errorf("overtaken by another that is under way: %v", err)
		}
		from = half(aBackup(t, 3*restoreBatch, "ann"), func() { mustRestore(t, server, "shop", aBackup(t, 5, "eve")) })
		if _, err := restore(t.Context(), draftOf(t, server, "shop"), from); !errors.Is(err, errOvertaken) {
			t.Errorf("overtaken by another that has ended: %v", err)
		}
		mustHold(t, openJoined(t, server, "shop"), 5, "eve")
	})
}

// A server that goes away while a backup is restored leaves what the next try removes, as the error says.
func TestRestoreToAServerThatGoesAway(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{AppendOnly: true})
		from := half(aBackup(t, 3*restoreBatch, "ann"), server.Kill)
		_, err := restore(t.Context(), draftOf(t, server, "shop"), from)
		if !errors.Is(err, sessions.ErrUnavailable) || !errors.Is(err, errAgain) {
			t.Errorf("it ends with %v", err)
		}
		server.Start()
		if server.Do("EXISTS", newKeys("shop").draft().epoch()) != "1" {
			t.Error("the server has forgotten the draft")
		}
		mustRestore(t, server, "shop", aBackup(t, 5, "bob"))
		mustHold(t, openJoined(t, server, "shop"), 5, "bob")

		server.Kill()
		if _, err := restore(t.Context(), draftOf(t, server, "other"), bytes.NewReader(aBackup(t, 1, "ann"))); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("no server: %v", err)
		}
	})
}

// A server that is emptied while a backup is restored, or that takes no more, ends with no store.
func TestRestoreToAServerThatForgets(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		_, err := restore(t.Context(), draftOf(t, server, "shop"), half(aBackup(t, 3*restoreBatch, "ann"), func() { server.Do("FLUSHALL") }))
		if !errors.Is(err, errOvertaken) || server.Do("DBSIZE") != "0" {
			t.Errorf("emptied: %v, and %s keys are left", err, server.Do("DBSIZE"))
		}
		_, err = restore(t.Context(), draftOf(t, server, "shop"), half(aBackup(t, 3*restoreBatch, "ann"), func() {
			server.Do("CONFIG", "SET", "maxmemory", "1mb")
		}))
		if !errors.Is(err, sessions.ErrUnavailable) || !strings.Contains(err.Error(), "maxmemory") {
			t.Errorf("full: %v", err)
		}
		if server.Do("EXISTS", newKeys("shop").epoch()) != "0" {
			t.Error("there is a store")
		}
		server.Do("CONFIG", "SET", "maxmemory", "0")
		mustRestore(t, server, "shop", aBackup(t, 5, "bob"))
		mustHold(t, openJoined(t, server, "shop"), 5, "bob")
	})
}

// What ends a session ends it wherever it stands in the backup, and the second of a revocation stays what it was: sessions that
// began after it go on.
func TestRestoreOfEndsAndRevocations(t *testing.T) {
	t.Parallel()
	ended, again, long := newSession("ended", "ann"), newSession("again", "ann"), newSession("ended long ago", "ann")
	again.AuthTime++
	end := func(session sessions.Session) blacklist.Entry {
		return blacklist.Entry{Subject: blacklist.EndOf("shop", session.Hash), Second: start.Unix(), Expires: start.Add(time.Hour)}
	}
	expired := end(long)
	expired.Expires = time.Unix(0, 0)
	flushed := blacklist.Entry{Subject: blacklist.FlushedRealm("shop"), Second: start.Unix() - 100, Expires: start.Add(time.Hour)}
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		for prefix, items := range map[string][]any{
			"ends first": {end(ended), expired, end(again), flushed, ended, again, long},
			"ends last":  {ended, again, long, again, end(ended), expired, end(again), flushed},
		} {
			mustRestore(t, server, prefix, aBackup(t, 0, "bob", items...))
			got := heldBy(t, openJoined(t, server, prefix), "shop")
			if _, found := got.sessions[again.Key]; !found || len(got.sessions) != 1 {
				t.Errorf("%s: %d sessions", prefix, len(got.sessions))
			}
			if len(got.entries) != 4 || got.entries[flushed.Subject].Second != flushed.Second {
				t.Errorf("%s: %+v", prefix, got.entries)
			}
		}
	})
}
