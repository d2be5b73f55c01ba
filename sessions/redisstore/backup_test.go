package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// openAlone opens a place for a gateway that has joined and that follows nobody.
func openAlone(t testing.TB, server *redistest.Server, prefix string) *Place {
	t.Helper()
	place, err := openPlace(settings{
		server: optionOf(t, server.URL()), prefix: prefix, timeout: testTimeout, dir: t.TempDir(), logger: zap.NewNop(), now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := place.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return place
}

func openJoined(t testing.TB, server *redistest.Server, prefix string) *Place {
	t.Helper()
	place := openAlone(t, server, prefix)
	if err := place.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return place
}

// draftOf returns a client that restores to a prefix.
func draftOf(t testing.TB, server *redistest.Server, prefix string) *client {
	t.Helper()
	client := newClient(optionOf(t, server.URL()), newKeys(prefix).draft(), testTimeout)
	t.Cleanup(client.close)
	return client
}

// held is what a store holds.
type held struct {
	sessions map[sessions.Key]sessions.Session
	entries  map[blacklist.Subject]blacklist.Entry
}

func heldBy(t testing.TB, place storage.Place, realms ...string) held {
	t.Helper()
	all := held{make(map[sessions.Key]sessions.Session), make(map[blacklist.Subject]blacklist.Entry)}
	for _, realm := range realms {
		query := sessions.Query{Realm: realm, Limit: 1000}
		for more := true; more; {
			page, err := place.Sessions().List(t.Context(), query, start)
			if err != nil {
				t.Fatal(err)
			}
			for _, session := range page.Sessions {
				for _, at := range []*time.Time{&session.Seen, &session.Confirmed, &session.Ends, &session.Expires} {
					*at = at.UTC()
				}
				all.sessions[session.Key], query.After = session, session.Hash
			}
			more = page.More
		}
	}
	err := place.Journal().Load(t.Context(), start, func(entry blacklist.Entry) error {
		entry.At, entry.Expires = 0, entry.Expires.UTC()
		all.entries[entry.Subject] = entry
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// every returns sessions and entries of every kind.
func every() ([]sessions.Session, []blacklist.Entry) {
	at := start.UTC()
	var all []sessions.Session
	add := func(id string, change func(*sessions.Session)) {
		session := newSession(id, "user of "+id)
		session.Seen, session.Confirmed = at.Add(time.Nanosecond), at.Add(-time.Minute)
		session.Ends, session.Expires = at.Add(24*time.Hour), at.Add(time.Hour+time.Millisecond)
		change(&session)
		all = append(all, session)
	}
	add("learned", func(*sessions.Session) {})
	add("added", func(s *sessions.Session) { s.Source = sessions.Added })
	add("rolling", func(s *sessions.Session) { s.Rolling = true })
	add("before 1970", func(s *sessions.Session) { s.AuthTime = -7 })
	add("for ever", func(s *sessions.Session) { s.Ends, s.Expires = at.AddDate(900, 0, 0), at.AddDate(900, 0, 0) })
	add("of a provider", func(s *sessions.Session) {
		s.Provider = sessions.ProviderSessionOf("https://provider.example", "one")
	})
	add("attributes", func(s *sessions.Session) {
		s.Attributes = sessions.Attributes{
			"name": sessions.Text("Ann \x00 <é>"), "roles": sessions.List("a", "", "b"), "none": sessions.List(), "absent": {},
		}
	})
	add("another realm", func(s *sessions.Session) { s.Realm = "a:realm [with] * ?" })
	add("no realm", func(s *sessions.Session) { s.Realm = "" })

	hash, expires := sessions.HashOf("gone"), at.Add(2*time.Hour)
	entries := []blacklist.Entry{}
	for i, subject := range []blacklist.Subject{
		blacklist.TokenID("one"), blacklist.EndOf("shop", hash), blacklist.RevokedSession("shop", hash), blacklist.RevokedUser("shop", "eve"),
		blacklist.RevokedUserEverywhere("eve"), blacklist.FlushedRealm("flushed"), blacklist.FlushedAll(), blacklist.WatchedUser("shop", "eve"),
		blacklist.AdmittedSession("shop", hash, "eve"), blacklist.OwnerOf("shop", hash, "eve"), blacklist.Lifted(),
		blacklist.LineageOf("shop", "eve", 7), blacklist.RevokedAttribute("shop", "role", "guest"),
	} {
		entries = append(entries, blacklist.Entry{Subject: subject, Second: int64(i) - 3, Expires: expires.Add(time.Duration(i) * time.Second)})
	}
	return all, entries
}

// moved backs a place up, which is read as it comes.
func moved(t testing.TB, from storage.Place) *bytes.Buffer {
	t.Helper()
	var copied bytes.Buffer
	if err := from.(storage.Backuper).Backup(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	return &copied
}

func openBadger(t testing.TB, dir string) *badgerstore.DB {
	t.Helper()
	db, err := badgerstore.Open(dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return db
}

func restoreToBadger(t testing.TB, copied io.Reader) *badgerstore.DB {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := badgerstore.Restore(dir, copied, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	return openBadger(t, dir)
}

// From Badger to a server, to another server, and back: every session and every entry is what it was, and the store on disk is
// the same one.
func TestMovingThereAndBack(t *testing.T) {
	t.Parallel()
	all, entries := every()
	realms := []string{"shop", "a:realm [with] * ?", ""}
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		first := openBadger(t, t.TempDir())
		for _, session := range all {
			if err := first.Sessions().Put(t.Context(), session, start); err != nil {
				t.Fatal(err)
			}
		}
		if err := first.Journal().Append(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
		want := heldBy(t, first, realms...)
		if len(want.sessions) != len(all) || len(want.entries) != len(entries) {
			t.Fatalf("the store holds %d sessions and %d entries", len(want.sessions), len(want.entries))
		}
		compare := func(where string, place storage.Place) {
			t.Helper()
			got := heldBy(t, place, realms...)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s are %d sessions and %d entries:\n%+v\nwant\n%+v", where, len(got.sessions), len(got.entries), got, want)
			}
			for _, session := range all { // by the indexes, too
				query := sessions.Query{Realm: session.Realm, User: session.User, Provider: session.Provider, Limit: 2}
				page, err := place.Sessions().List(t.Context(), query, start)
				if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Hash != session.Hash {
					t.Errorf("%s, of %s: %+v, %v", where, session.User, page, err)
				}
			}
			if count, err := place.Sessions().Count(t.Context()); err != nil || count != len(all) {
				t.Errorf("%s: Count = %d, %v", where, count, err)
			}
		}
		contents := backup.Contents{Sessions: uint64(len(all)), Entries: uint64(len(entries))}
		server := engine.Start(t, redistest.Settings{})
		copied := moved(t, first)
		for _, prefix := range []string{"one", "t*o [there]"} {
			if got, err := restore(t.Context(), draftOf(t, server, prefix), copied); got != contents || err != nil {
				t.Fatalf("restore = %+v, %v, want %+v", got, err, contents)
			}
			place := openJoined(t, server, prefix)
			compare("on the server", place)
			copied = moved(t, place)
		}
		last := restoreToBadger(t, copied)
		compare("on disk again", last)
		if last.ID() != first.ID() {
			t.Errorf("the store's id is %q, it was %q", last.ID(), first.ID())
		}
	})
}

// onFirstWrite does something when the first bytes are written.
type onFirstWrite struct {
	bytes.Buffer
	do func()
}

func (w *onFirstWrite) Write(p []byte) (int, error) {
	if do := w.do; do != nil {
		w.do = nil
		do()
	}
	return w.Buffer.Write(p)
}

// whileBackedUp backs up a place that holds many sessions, and does something after some of them were read.
func whileBackedUp(t *testing.T, place *Place, do func(all []sessions.Session)) (*bytes.Buffer, error) {
	t.Helper()
	var all []sessions.Session
	for i := range 1500 {
		all = append(all, newSession(fmt.Sprint("session ", i), fmt.Sprint("user ", i)))
		if err := place.Sessions().Put(t.Context(), all[i], start); err != nil {
			t.Fatal(err)
		}
	}
	to := &onFirstWrite{do: func() { do(all) }}
	err := place.Backup(t.Context(), to)
	if to.do != nil {
		t.Error("nothing was written")
	}
	return &to.Buffer, err
}

// Whatever ends while a backup is made is not active in a store that is made of it, even if its end was lifted or has expired by
// then. What goes on is there.
func TestEndsDuringABackup(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		place := openJoined(t, server, "shop")
		journal := place.Journal().(blacklist.SharedJournal)
		for _, subject := range []blacklist.Subject{blacklist.RevokedUser("shop", "lifted"), blacklist.RevokedUser("shop", "before")} {
			if err := journal.Append(t.Context(), blacklist.Entry{Subject: subject, Second: 1, Expires: start.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		goesOn := make(map[sessions.Hash]bool)
		copied, err := whileBackedUp(t, place, func(all []sessions.Session) {
			var lifts []blacklist.Subject
			var written []blacklist.Entry
			for i, session := range all {
				entry := blacklist.Entry{Second: start.Unix(), Expires: start.Add(time.Hour)}
				switch i % 5 {
				case 0:
					entry.Subject = blacklist.EndOf("shop", session.Hash)
				case 1:
					entry.Subject = blacklist.RevokedSession("shop", session.Hash)
				case 2:
					entry.Subject = blacklist.RevokedSession("shop", session.Hash)
					lifts = append(lifts, entry.Subject)
				case 3: // the end of an earlier session of this id
					entry.Subject, entry.Second = blacklist.EndOf("shop", session.Hash), start.Unix()-1
					goesOn[session.Hash] = true
				case 4:
					entry.Subject, entry.Expires = blacklist.EndOf("shop", session.Hash), start.Add(-time.Hour)
				}
				written = append(written, entry)
			}
			late := blacklist.Entry{Subject: blacklist.RevokedUser("shop", "late"), Second: 5, Expires: start.Add(time.Hour)}
			if _, err := journal.Write(t.Context(), append(written, late)...); err != nil {
				t.Error(err)
			}
			if err := journal.Remove(t.Context(), append(lifts, blacklist.RevokedUser("shop", "lifted"))...); err != nil {
				t.Error(err)
			}
			server.Do("EVAL", "for _, s in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do redis.call('HDEL', KEYS[2], s) end", "2",
				place.client.keys.expiries(), place.client.keys.live(), strconv.FormatInt(start.Unix(), 10)) // as heartbeats do
		})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := draftOf(t, server, "elsewhere")
		if _, err := restore(t.Context(), elsewhere, bytes.NewReader(copied.Bytes())); err != nil {
			t.Fatal(err)
		}
		for where, restored := range map[string]storage.Place{
			"disk": restoreToBadger(t, bytes.NewReader(copied.Bytes())), "server": openJoined(t, server, "elsewhere"),
		} {
			got := heldBy(t, restored, "shop")
			if len(got.sessions) != len(goesOn) {
				t.Errorf("%s: %d sessions are active, want %d", where, len(got.sessions), len(goesOn))
			}
			for key := range got.sessions {
				if !goesOn[key.Hash] {
					t.Errorf("%s: a session that has ended is active", where)
					break
				}
			}
			for user, want := range map[string]bool{"before": true, "late": true, "lifted": false} {
				if _, revoked := got.entries[blacklist.RevokedUser("shop", user)]; revoked != want {
					t.Errorf("%s: the user %q is revoked: %v", where, user, revoked)
				}
			}
		}
	})
}

// A backup during which the server loses what was written, or its whole store, is none.
func TestABackupThatCantBeWhole(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		count := 0
		fails := func(name string, want error, lose func(place *Place)) {
			t.Helper()
			count++
			place := openJoined(t, server, fmt.Sprint("store ", count))
			copied, err := whileBackedUp(t, place, func([]sessions.Session) { lose(place) })
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if _, err := backup.ReadAll(copied); !errors.Is(err, backup.ErrNotWhole) {
				t.Errorf("%s: what was written counts as a backup: %v", name, err)
			}
		}
		write := func(place *Place) {
			entry := blacklist.Entry{Subject: blacklist.TokenID("one"), Expires: start.Add(time.Hour)}
			if err := place.Journal().Append(t.Context(), entry); err != nil {
				t.Error(err)
			}
		}
		fails("the log was dropped", errGap, func(place *Place) {
			write(place)
			server.Do("XTRIM", place.client.keys.log(), "MAXLEN", "0")
		})
		fails("a part of the log was dropped", errGap, func(place *Place) {
			write(place)
			write(place)
			server.Do("XTRIM", place.client.keys.log(), "MAXLEN", "1")
		})
		fails("the store was exchanged", errExchanged, func(place *Place) { server.Do("SET", place.client.keys.epoch(), "another") })
		fails("the place was closed", context.Canceled, func(place *Place) { place.gate.shut() })
	})
}

// Records and entries that nobody has written are named as such, by a backup and by a check, and nothing of them is told.
func TestCheck(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		reading := func(prefix string) *client {
			client := newClient(optionOf(t, server.URL()), newKeys(prefix), testTimeout)
			t.Cleanup(client.close)
			return client
		}
		if _, err := check(t.Context(), reading("shop")); !errors.Is(err, errNoStore) {
			t.Errorf("no store: %v", err)
		}
		if keys := server.Do("DBSIZE"); keys != "0" {
			t.Errorf("the check made %s keys", keys)
		}
		place := openJoined(t, server, "shop")
		session := newSession("secret-id", "secret-user")
		if err := place.Sessions().Put(t.Context(), session, start); err != nil {
			t.Fatal(err)
		}
		entry := blacklist.Entry{Subject: blacklist.RevokedUser("shop", "secret-eve"), Expires: start.Add(time.Hour)}
		if err := place.Journal().Append(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
		if got, err := check(t.Context(), reading("shop")); err != nil || got != (backup.Contents{Sessions: 1, Entries: 1}) {
			t.Errorf("check = %+v, %v", got, err)
		}
		keys := newKeys("shop")
		for name, damage := range map[string][]string{
			"a record":  {"SETRANGE", keys.session(session.Key), "40", "x"},
			"a name":    {"SET", keys.sessions() + "shop:zebra", "x"},
			"an entry":  {"HSET", keys.live(), string(entry.Subject.Bytes()), "secret"},
			"a subject": {"HSET", keys.live(), "secret", "1 2 3-0 3-0"},
		} {
			server.Do(damage...)
			_, err := check(t.Context(), reading("shop"))
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "zebra") {
				t.Errorf("%s: %v", name, err)
			}
			server.Do("DEL", keys.session(session.Key), keys.sessions()+"shop:zebra", keys.live())
		}
		server.Stop()
		if _, err := check(t.Context(), reading("shop")); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("no server: %v", err)
		}
	})
}

// As many sessions as IMPORT_SESSIONS says, or a few, from disk to a server and back.
func TestMovingManySessions(t *testing.T) {
	t.Parallel()
	count := 5000
	if text := os.Getenv("IMPORT_SESSIONS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	server := redistest.Engines(t)[0].Start(t, redistest.Settings{})
	first := openBadger(t, t.TempDir())
	for i := range count {
		session := newSession(fmt.Sprint("session ", i), fmt.Sprint("user ", i/10))
		session.Attributes = sessions.Attributes{"role": sessions.Text("customer")}
		if err := first.Sessions().Put(t.Context(), session, start); err != nil {
			t.Fatal(err)
		}
	}
	contents := backup.Contents{Sessions: uint64(count)}
	began := time.Now()
	if got, err := restore(t.Context(), draftOf(t, server, "shop"), moved(t, first)); got != contents || err != nil {
		t.Fatalf("restore = %+v, %v", got, err)
	}
	t.Logf("%d sessions to the server: %v", count, time.Since(began))
	began = time.Now()
	copied := moved(t, openJoined(t, server, "shop"))
	last := restoreToBadger(t, copied)
	t.Logf("%d sessions back: %v", count, time.Since(began))
	if got := len(heldBy(t, last, "shop").sessions); got != count {
		t.Errorf("%d sessions came back", got)
	}
}

// What the log says of a subject holds, whatever the scan of the entries has found of it.
func TestTheLogOutdoesTheScan(t *testing.T) {
	t.Parallel()
	user, session := blacklist.RevokedUser("shop", "ann"), blacklist.RevokedSession("shop", sessions.HashOf("one"))
	entry := func(subject blacklist.Subject, second int64) blacklist.Entry {
		return blacklist.Entry{Subject: subject, Second: second}
	}
	for name, test := range map[string]struct {
		scanned []blacklist.Entry
		log     []change
		want    map[blacklist.Subject]int64
	}{
		"nothing written":        {[]blacklist.Entry{entry(user, 1)}, nil, map[blacklist.Subject]int64{user: 1}},
		"scanned too early":      {nil, []change{{entry: entry(user, 2)}}, map[blacklist.Subject]int64{user: 2}},
		"changed after the scan": {[]blacklist.Entry{entry(user, 1)}, []change{{entry: entry(user, 2)}}, map[blacklist.Subject]int64{user: 2}},
		"lifted after the scan":  {[]blacklist.Entry{entry(user, 1)}, []change{{entry: entry(user, 0), lift: true}}, map[blacklist.Subject]int64{}},
		"scanned after all": {
			[]blacklist.Entry{entry(user, 3)},
			[]change{{entry: entry(user, 2)}, {entry: entry(user, 0), lift: true}, {entry: entry(user, 3)}},
			map[blacklist.Subject]int64{user: 3},
		},
		"ended and lifted": {nil, []change{{entry: entry(session, 5)}, {entry: entry(session, 0), lift: true}}, map[blacklist.Subject]int64{}},
	} {
		b := &backer{entries: make(map[blacklist.Subject]blacklist.Entry), ended: make(map[sessions.Key]int64)}
		for _, one := range test.scanned {
			b.entries[one.Subject] = one
		}
		for _, changed := range test.log {
			b.apply(changed)
		}
		got := make(map[blacklist.Subject]int64)
		for subject, one := range b.entries {
			got[subject] = one.Second
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if second, ended := b.ended[sessions.Key{Realm: "shop", Hash: sessions.HashOf("one")}]; ended != (name == "ended and lifted") || ended && second != 5 {
			t.Errorf("%s: the session has ended: %v", name, b.ended)
		}
	}
}

// The name of a record leads to the session that it is of, whatever the realm is called, and no other name leads to one.
func FuzzSessionOf(f *testing.F) {
	keys := newKeys("shop")
	for _, realm := range []string{"shop", "", "a:b", ":", "é\x00"} {
		f.Add(keys.session(sessions.Key{Realm: realm, Hash: sessions.HashOf(realm)}))
	}
	for _, name := range []string{"", "{shop}:s:", "{shop}:s:shop", "{shop}:d:shop", "{shop}:s:shop:zebra", "{other}:s:shop:", keys.session(sessions.Key{}) + "\n"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, err := keys.sessionOf(name)
		if err == nil && keys.session(key) != name {
			t.Errorf("%q leads to a session whose name is %q", name, keys.session(key))
		}
		named := sessions.Key{Realm: name, Hash: sessions.HashOf(name)}
		if again, err := keys.sessionOf(keys.session(named)); err != nil || again != named {
			t.Errorf("the name of a session in the realm %q leads to %+v, %v", name, again, err)
		}
	})
}
