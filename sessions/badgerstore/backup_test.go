package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// backedUp returns a backup of the store in a directory.
func backedUp(t testing.TB, dir string) []byte {
	t.Helper()
	db := mustOpen(t, dir, zap.NewNop(), production())
	defer mustClose(t, db)
	var copied bytes.Buffer
	if err := db.Backup(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	return copied.Bytes()
}

func TestBackupAndRestore(t *testing.T) {
	dir := filled(t)
	copied := backedUp(t, dir)
	want := backup.Contents{Sessions: 200, Entries: 1}
	if got, err := backup.ReadAll(bytes.NewReader(copied)); got != want || err != nil {
		t.Errorf("ReadAll = %+v, %v, want %+v", got, err, want)
	}
	target := filepath.Join(t.TempDir(), "below", "store")
	if got, err := Restore(target, bytes.NewReader(copied), zap.NewNop()); got != want || err != nil {
		t.Fatalf("Restore = %+v, %v, want %+v", got, err, want)
	}
	original := mustOpen(t, dir, zap.NewNop(), production())
	restored, err := Reopen(target, original.ID(), zap.NewNop())
	if err != nil {
		t.Fatalf("the restored store is not taken for the one that was backed up: %v", err)
	}
	defer mustClose(t, restored)
	mustHave(t, restored, newSession("session7", "secret-user"))
	if _, ok := load(t, restored)[revocation("one").Subject]; !ok {
		t.Error("the revocation is gone")
	}
	page, err := restored.Sessions().List(t.Context(), sessions.Query{Realm: "shop", User: "secret-user", Limit: 1000}, start)
	if err != nil || len(page.Sessions) != 200 {
		t.Errorf("the user has %d sessions: %v", len(page.Sessions), err)
	}
	if again := backedUpOpen(t, restored); !bytes.Equal(again, copied) {
		t.Error("a backup of what was restored is another one")
	}
}

func backedUpOpen(t testing.TB, db *DB) []byte {
	t.Helper()
	var copied bytes.Buffer
	if err := db.Backup(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	return copied.Bytes()
}

// What is written while the backup runs is in it up to one moment, and from then on not at all.
func TestBackupIsOfOneMoment(t *testing.T) {
	db := openTemp(t)
	stop, begun := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			mustPut(t, db, newSession(fmt.Sprint("session", i), "ann"))
			if i == 500 {
				close(begun)
			}
		}
	})
	<-begun
	for range 3 {
		target := filepath.Join(t.TempDir(), "store")
		contents, err := Restore(target, bytes.NewReader(backedUpOpen(t, db)), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		restored := mustOpen(t, target, zap.NewNop(), production())
		for i := range contents.Sessions { // so many, and so these and no others
			mustHave(t, restored, newSession(fmt.Sprint("session", i), "ann"))
		}
		mustClose(t, restored)
	}
	close(stop)
	wait.Wait()
}

// limited fails after so many bytes, as a disk that is full or a client who has left.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("no more")
	}
	return len(p), nil
}

func TestBackupThatFails(t *testing.T) {
	db := openTemp(t)
	for i := range 2000 {
		mustPut(t, db, newSession(fmt.Sprint("session", i), "secret-user"))
	}
	if err := db.Backup(t.Context(), &limited{left: 100_000}); err == nil {
		t.Error("a writer that fails is passed over")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Backup(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	damaged := newSession("session9", "secret-user").Key
	plant(t, db, recordKey(damaged), []byte{version, 1, 2, 3, 4, 5})
	var copied bytes.Buffer
	if err := db.Backup(t.Context(), &copied); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged value: %v", err)
	}
	if _, err := backup.ReadAll(&copied); !errors.Is(err, backup.ErrNotWhole) {
		t.Errorf("what was written of it counts as a backup: %v", err)
	}
	mustClose(t, db)
	if err := db.Backup(t.Context(), &bytes.Buffer{}); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A backup that was cut short or changed anywhere is refused, and leaves nothing.
func TestRestoreRefusesDamagedBackups(t *testing.T) {
	copied := backedUp(t, filled(t))
	parent := t.TempDir()
	refuse := func(name string, data []byte) {
		t.Helper()
		if _, err := backup.ReadAll(bytes.NewReader(data)); !errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("%s: ReadAll: %v", name, err)
		}
		_, err := Restore(filepath.Join(parent, "store"), bytes.NewReader(data), zap.NewNop())
		if !errors.Is(err, backup.ErrNotWhole) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Restore: %v", name, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Fatalf("%s: it left %s", name, left[0].Name())
		}
	}
	const line = len("jwt_session backup 1\n")
	for _, length := range []int{0, 1, line, line + 1, len(copied) / 2, len(copied) - 33, len(copied) - 1} {
		refuse(fmt.Sprint("cut after ", length), copied[:length])
	}
	for _, at := range []int{3, line, line + 2, len(copied) / 3, len(copied) - 34, len(copied) - 1} {
		changed := bytes.Clone(copied)
		changed[at] ^= 0x10
		refuse(fmt.Sprint("changed at ", at), changed)
	}
	refuse("with more behind it", append(bytes.Clone(copied), 0))
}

// written returns a backup that another engine may have written.
func written(t testing.TB, origin backup.Origin, items ...any) *bytes.Buffer {
	t.Helper()
	var data bytes.Buffer
	w := backup.NewWriter(&data, origin)
	for _, item := range items {
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
	return &data
}

func mustRestore(t testing.TB, from io.Reader, want backup.Contents) *DB {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if got, err := Restore(dir, from, zap.NewNop()); got != want || err != nil {
		t.Fatalf("Restore = %+v, %v, want %+v", got, err, want)
	}
	return mustOpen(t, dir, zap.NewNop(), production())
}

// A store that had no id gets one of its own, and so does one whose id has another form.
func TestRestoreOfAStoreWithoutAnID(t *testing.T) {
	known := make(map[string]bool)
	for _, id := range []string{"", "", "an id", strings.Repeat("0", 30)} {
		db := mustRestore(t, written(t, backup.Origin{ID: id}), backup.Contents{})
		if known[db.ID()] || len(db.ID()) != 2*idSize {
			t.Errorf("the id %q becomes %q", id, db.ID())
		}
		known[db.ID()] = true
		mustPut(t, db, newSession("one", "ann"))
	}
}

// What leads to records is made anew, from the last record of each session.
func TestRestoreMakesWhatLeadsToRecords(t *testing.T) {
	signedIn := newSession("signed in", "ann")
	signedIn.Provider = sessions.ProviderSessionOf("https://provider.example", "one")
	before := newSession("changed", "ann")
	before.Provider = signedIn.Provider
	changed := newSession("changed", "bob")
	db := mustRestore(t, written(t, backup.Origin{}, before, signedIn, changed), backup.Contents{Sessions: 2})
	mustHave(t, db, signedIn)
	mustHave(t, db, changed)
	for name, test := range map[string]struct {
		query sessions.Query
		want  sessions.Session
	}{
		"ann":      {sessions.Query{User: "ann"}, signedIn},
		"bob":      {sessions.Query{User: "bob"}, changed},
		"provider": {sessions.Query{Provider: signedIn.Provider}, signedIn},
	} {
		test.query.Realm, test.query.Limit = "shop", 10
		page, err := db.Sessions().List(t.Context(), test.query, start)
		if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Hash != test.want.Hash {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
	}
}

// The record of a session that has ended is not restored, wherever in the backup its end stands.
func TestRestoreLeavesOutEndedSessions(t *testing.T) {
	ended, revoked, again := newSession("ended", "ann"), newSession("revoked", "ann"), newSession("again", "ann")
	long := newSession("ended long ago", "ann")
	again.AuthTime++
	end := func(session sessions.Session) blacklist.Entry {
		return blacklist.Entry{Subject: blacklist.EndOf("shop", session.Hash), Second: start.Unix(), Expires: start.Add(time.Hour)}
	}
	revocation := blacklist.Entry{
		Subject: blacklist.RevokedSession("shop", revoked.Hash), Second: start.Unix(), Expires: start.Add(time.Hour),
	}
	expired := end(long)
	expired.Expires = time.Unix(0, 0)
	for name, items := range map[string][]any{
		"before": {end(ended), expired, revocation, end(again), ended, revoked, again, long},
		"after":  {ended, revoked, again, long, end(ended), revocation, end(again), expired},
	} {
		t.Run(name, func(t *testing.T) {
			db := mustRestore(t, written(t, backup.Origin{}, items...), backup.Contents{Sessions: 1, Entries: 3})
			mustHave(t, db, again)
			if page, err := db.Sessions().List(t.Context(), sessions.Query{Realm: "shop", User: "ann", Limit: 10}, start); err != nil ||
				len(page.Sessions) != 1 {
				t.Errorf("ann has %+v, %v", page, err)
			}
			if got := len(load(t, db)); got != 3 {
				t.Errorf("%d entries are restored", got)
			}
		})
	}
}

// What has expired a while ago is not restored, and what lasts without end is kept.
func TestRestoreLeavesOutWhatHasExpired(t *testing.T) {
	old, ancient, lasting := newSession("old", "ann"), newSession("ancient", "ann"), newSession("lasting", "ann")
	old.Expires, ancient.Expires = start.Add(-2*dropAfter), time.Unix(-1<<40, 0)
	lasting.Ends, lasting.Expires = start.AddDate(1000, 0, 0), start.AddDate(1000, 0, 0)
	entry := blacklist.Entry{Subject: blacklist.TokenID("one"), Expires: start.Add(-2 * dropAfter)}
	db := mustRestore(t, written(t, backup.Origin{}, old, ancient, lasting, entry), backup.Contents{Sessions: 1})
	mustHave(t, db, lasting)
}

// A realm that no key has room for is refused by name, and nothing is left.
func TestRestoreOfALongRealm(t *testing.T) {
	session := newSession("one", "ann")
	session.Realm = strings.Repeat("x", maxRealm+1)
	entry := blacklist.Entry{Subject: blacklist.FlushedRealm(strings.Repeat("x", maxRealm+100)), Expires: start.Add(time.Hour)}
	for _, item := range []any{session, entry} {
		parent := t.TempDir()
		_, err := Restore(filepath.Join(parent, "store"), written(t, backup.Origin{}, item), zap.NewNop())
		if !errors.Is(err, errRealm) {
			t.Errorf("%T: %v", item, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Errorf("%T: it left %s", item, left[0].Name())
		}
	}
}

// The clock of a store goes with it: one that was set back is noticed.
func TestRestoreKeepsTheClock(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	dir := filepath.Join(t.TempDir(), "store")
	copied := written(t, backup.Origin{Clock: start.Add(2 * clockMargin)})
	if _, err := Restore(dir, copied, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	if logs.FilterMessageSnippet("the clock was later").Len() == 0 {
		t.Errorf("the log is %+v", logs.All())
	}
}

// A file system that is full before, or while, a backup is restored ends that, and nothing is left to fill it further.
func TestRestoreOnAFullDisk(t *testing.T) {
	db := openTemp(t)
	large := newSession("large", "ann")
	large.Attributes = sessions.Attributes{"note": sessions.Text(strings.Repeat("x", restoreBatch))}
	mustPut(t, db, large, newSession("other", "bob"))
	copied := backedUpOpen(t, db)
	parent := t.TempDir()
	for looks := range 2 {
		asked := 0
		_, err := restore(filepath.Join(parent, "store"), bytes.NewReader(copied), zap.NewNop(), func(string) (uint64, error) {
			if asked++; asked > looks {
				return leastSpace - 1, nil
			}
			return leastSpace, nil
		})
		if !errors.Is(err, errSpace) || asked != looks+1 {
			t.Errorf("after %d looks of %d: %v, want errSpace", asked, looks+1, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Fatalf("it left %s", left[0].Name())
		}
	}
}

func TestRestoreDoesNotOverwrite(t *testing.T) {
	dir := filled(t)
	copied := backedUp(t, dir)
	before := listing(t, dir)
	_, err := Restore(dir, bytes.NewReader(copied), zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), dir) {
		t.Errorf("into a store: %v", err)
	}
	if after := listing(t, dir); len(after) != len(before) {
		t.Error("it changed the store")
	}
	empty := t.TempDir()
	if _, err := Restore(empty, bytes.NewReader(copied), zap.NewNop()); err != nil {
		t.Errorf("into an empty directory: %v", err)
	}
}

func TestCheck(t *testing.T) {
	dir := filled(t)
	if got, err := Check(dir, zap.NewNop()); err != nil || got != (backup.Contents{Sessions: 200, Entries: 1}) {
		t.Errorf("Check = %+v, %v", got, err)
	}
	for _, nothing := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent")} {
		if _, err := Check(nothing, zap.NewNop()); !errors.Is(err, ErrNoStore) {
			t.Errorf("an empty directory: %v", err)
		}
		if entries, _ := os.ReadDir(nothing); len(entries) > 0 {
			t.Errorf("the check created %s", entries[0].Name())
		}
	}
	lost := filled(t)
	removeFile(t, lost, markerName)
	if _, err := Check(lost, zap.NewNop()); err == nil || errors.Is(err, ErrNoStore) {
		t.Errorf("a store without its marker: %v", err)
	}
}

// What opening does not find, since it reads no values of sessions, the check finds.
func TestCheckFindsDamagedValues(t *testing.T) {
	session := recordKey(newSession("one", "secret-user").Key)
	entry := entryKey(blacklist.TokenID("one"))
	for name, planted := range map[string]struct {
		key, value []byte
		words      string
	}{
		"a session":        {session, seal(session, newValue(0)), "a session"},
		"a checksum":       {session, []byte{version, 0, 0, 0, 0, 7}, "a session"},
		"an entry":         {entry, seal(entry, newValue(0)), "a revocation"},
		"a user's key":     {userKey(newSession("one", "ann").Key, "ann"), []byte{1}, "of itself"},
		"an unknown value": {[]byte("zebra"), []byte{1}, "an unknown value"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db := mustOpen(t, dir, zap.NewNop(), production())
			plant(t, db, planted.key, planted.value)
			mustClose(t, db)
			_, err := Check(dir, zap.NewNop())
			if err == nil || !strings.Contains(err.Error(), planted.words) || strings.Contains(err.Error(), "secret-user") {
				t.Errorf("Check = %v, want %q", err, planted.words)
			}
		})
	}
}
