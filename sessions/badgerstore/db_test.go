package badgerstore

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestASecondOpenInThisProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	mustPut(t, db, newSession("one", "ann"))
	_, err := Open(filepath.Join(dir, "..", filepath.Base(dir)), zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is in use by process %d", dir, os.Getpid())) {
		t.Errorf("Open = %v, want the directory and this process named", err)
	}
	mustHave(t, db, newSession("one", "ann"))
}

func TestOpenCreatesWhatOnlyTheOwnerReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "store")
	core, logs := observer.New(zapcore.WarnLevel)
	mustClose(t, mustOpen(t, dir, zap.New(core), production()))
	for _, created := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(created)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o700 {
			t.Errorf("%s has mode %v", created, mode)
		}
	}
	if logs.Len() != 0 {
		t.Errorf("warnings: %v", logs.All())
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, dir, zap.New(core), production()))
	if logs.FilterField(zap.String("dir", dir)).Len() != 1 {
		t.Errorf("%d warnings of a directory that others may read, want 1: %v", logs.Len(), logs.All())
	}
}

func TestClosed(t *testing.T) {
	db := openTemp(t)
	mustPut(t, db, newSession("one", "ann"))
	mustClose(t, db)
	mustClose(t, db)
	mustFail(t, db, true)
	db.house.cleanUp(make(chan struct{}))
}

// Readers and writers go on while the store is closed, again and again: whoever is late gets an error, and nobody finds
// the database gone under his hands.
func TestCloseWhileInUse(t *testing.T) {
	dir := t.TempDir()
	for range 15 {
		db, err := Open(dir, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, db, newSession("0", "ann"))
		var busy, wait sync.WaitGroup
		const users = 6
		busy.Add(users)
		for user := range users {
			wait.Go(func() {
				use(t, db, user, sync.OnceFunc(busy.Done))
			})
		}
		busy.Wait()
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wait.Wait()
	}
}

// use does one kind of thing until the store is closed.
func use(t *testing.T, db *DB, user int, started func()) {
	one := newSession(fmt.Sprint(user), "ann")
	for {
		var err error
		switch user % 6 {
		case 0:
			_, _, err = db.Sessions().Get(t.Context(), one.Key, start)
		case 1:
			_, err = db.Sessions().List(t.Context(), sessions.Query{Realm: "shop", Limit: 10}, start)
		case 2:
			err = db.Sessions().Put(t.Context(), one, start)
		case 3:
			err = db.Journal().Append(t.Context(), revocation("one"))
		case 4:
			err = db.Journal().Load(t.Context(), start, func(blacklist.Entry) error { return nil })
		default:
			db.house.cleanUp(make(chan struct{}))
			_, err = db.Sessions().Count(t.Context())
		}
		started()
		switch {
		case errors.Is(err, errClosed):
			return
		case err != nil:
			t.Errorf("user %d: %v", user, err)
			return
		}
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	dir := t.TempDir()
	impatient := production()
	impatient.closeWait = time.Nanosecond
	core, logs := observer.New(zapcore.ErrorLevel)
	db, err := open(dir, zap.New(core), impatient)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, db, newSession("one", "ann"))
	if !db.leases.acquire() {
		t.Fatal("no lease")
	}
	for range 2 {
		if err := db.Close(); err == nil || !strings.Contains(err.Error(), dir) {
			t.Fatalf("Close with a lease out = %v, want an error that names the directory", err)
		}
	}
	mustFail(t, db, true) // at once: nobody waits for the lease
	if err := db.badger.View(func(txn *badger.Txn) error {
		_, err := txn.Get(recordKey(newSession("one", "ann").Key))
		return err
	}); err != nil {
		t.Errorf("reading with a lease: %v", err)
	}
	if left := killed(t, dir); !t.Failed() {
		mustHave(t, mustOpen(t, left, zap.NewNop(), production()), newSession("one", "ann"))
	}
	db.leave()
	<-db.ending.closed
	mustHave(t, mustOpen(t, dir, zap.NewNop(), production()), newSession("one", "ann"))
	if logs.Len() != 0 {
		t.Errorf("errors: %v", logs.All())
	}
}

func TestLeases(t *testing.T) {
	l := newLeases()
	for range 2 {
		if !l.acquire() {
			t.Fatal("an open one refuses")
		}
	}
	drained := l.close()
	if l.acquire() {
		t.Error("a closed one does not refuse")
	}
	l.release()
	select {
	case <-drained:
		t.Fatal("drained with a lease out")
	default:
	}
	l.release()
	<-drained
	if l.acquire() {
		t.Error("a drained one does not refuse")
	}
	<-newLeases().close()
}

func TestNothingIsWrittenOnAFullDisk(t *testing.T) {
	var free atomic.Uint64
	free.Store(leastSpace)
	full := production()
	full.freeSpace = func(string) (uint64, error) { return free.Load(), nil }
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), full)
	one, gone := newSession("one", "ann"), newSession("gone", "ann")
	mustPut(t, db, one, gone)
	free.Store(leastSpace - 1)
	mustFail(t, db, false)
	if err := db.Sessions().Put(t.Context(), one, start); !errors.Is(err, errSpace) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Put = %v, want the directory named", err)
	}
	if done, err := db.Sessions().Delete(t.Context(), gone.Key); done || !errors.Is(err, sessions.ErrUnavailable) {
		t.Errorf("Delete = %v, %v", done, err)
	}
	if db.house.collect() {
		t.Error("garbage was collected, which writes")
	}
	mustHave(t, db, one)
	mustHave(t, db, gone)
	if count, err := db.Sessions().Count(t.Context()); count != 2 || err != nil {
		t.Errorf("Count = %d, %v, want 2", count, err)
	}
	free.Store(leastSpace) // it recovers by itself
	mustPut(t, db, newSession("two", "bob"))
	if err := db.Journal().Append(t.Context(), revocation("one")); err != nil {
		t.Errorf("Append: %v", err)
	}
	mustClose(t, db)

	free.Store(0)
	for _, where := range []string{dir, filepath.Join(t.TempDir(), "new")} {
		if _, err := open(where, zap.NewNop(), full); !errors.Is(err, errSpace) {
			t.Errorf("opening = %v, want errSpace", err)
		}
	}
	full.freeSpace = func(string) (uint64, error) { return math.MaxUint64, os.ErrPermission }
	if _, err := open(dir, zap.NewNop(), full); !errors.Is(err, errSpace) || !errors.Is(err, os.ErrPermission) {
		t.Errorf("opening where the space is not known = %v, want both errors", err)
	}
}

func TestFreeSpace(t *testing.T) {
	if free, err := freeSpace(t.TempDir()); err != nil || free == 0 {
		t.Errorf("freeSpace = %d, %v", free, err)
	}
	if _, err := freeSpace(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("there is space in a directory that does not exist")
	}
}

func TestTheClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	now := start
	moved := production()
	moved.now = func() time.Time { return now }
	openAt := func(at time.Time, warnings int) {
		t.Helper()
		now = at
		core, logs := observer.New(zapcore.WarnLevel)
		db := mustOpen(t, dir, zap.New(core), moved)
		if about := logs.FilterMessageSnippet("clock"); about.Len() != warnings {
			t.Errorf("%d warnings, want %d: %v", about.Len(), warnings, about.All())
		}
		mustPut(t, db, newSession("one", "ann"))
		mustClose(t, db)
	}
	openAt(start, 0)
	openAt(start.Add(-clockMargin), 0)
	openAt(start.Add(-clockMargin-time.Second), 1)
	openAt(start.Add(-clockMargin-time.Second), 0) // told once
	openAt(start.Add(100*time.Hour), 0)
	openAt(start, 1)
}

func TestTheClockIsWrittenOnceAMinute(t *testing.T) {
	now := start
	moved := production()
	moved.now = func() time.Time { return now }
	db := mustOpen(t, t.TempDir(), zap.NewNop(), moved)
	for _, step := range []struct{ seconds, want int }{{0, 0}, {59, 0}, {60, 60}, {61, 60}, {-600, 60}, {120, 120}} {
		now = start.Add(time.Duration(step.seconds) * time.Second)
		mustPut(t, db, newSession("one", "ann"))
		if got := db.clock.latest.Load(); got != start.Unix()+int64(step.want) {
			t.Errorf("%d seconds later the clock is at %d, want %d", step.seconds, got-start.Unix(), step.want)
		}
	}
	now = now.Add(time.Hour)
	if err := db.Journal().Append(t.Context(), revocation("one")); err != nil {
		t.Fatal(err)
	}
	if got := db.clock.latest.Load(); got != now.Unix() {
		t.Errorf("an append left the clock at %d", got)
	}
}

func TestHousekeeping(t *testing.T) {
	db := openTemp(t)
	mustPut(t, db, newSession("one", "ann"), newSession("two", "ann"))
	db.records.Store(100) // as if Badger had dropped 98
	tick, stopping, stopped := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		db.house.keep(tick, stopping)
	}()
	tick <- start
	tick <- start // taken once the first one's work is done
	if count, err := db.Sessions().Count(t.Context()); count != 2 || err != nil {
		t.Errorf("Count = %d, %v, want 2", count, err)
	}
	close(stopping)
	<-stopped
}

func TestCountAfterReopening(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	mustPut(t, db, newSession("one", "ann"), newSession("two", "ann"), newSession("three", "bob"))
	mustClose(t, db)
	again := mustOpen(t, dir, zap.NewNop(), production())
	if count, err := again.Sessions().Count(t.Context()); count != 3 || err != nil {
		t.Errorf("Count = %d, %v, want 3", count, err)
	}
}

// Values so big that they are in the value log come back from there, and the log is collected.
func TestTheValueLog(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	big := newSession("big", "ann")
	for i := range 20 {
		big.Attributes = sessions.Attributes{"text": sessions.Text(strings.Repeat(string(rune('a'+i)), 2<<20))}
		mustPut(t, db, big)
	}
	db.house.cleanUp(make(chan struct{}))
	mustClose(t, db)
	again := mustOpen(t, dir, zap.NewNop(), production())
	got, found, err := again.Sessions().Get(t.Context(), big.Key, start)
	if err != nil || !found || !got.Attributes["text"].Equal(big.Attributes["text"]) {
		t.Errorf("Get = %v, %v", found, err)
	}
}

// A realm's name that makes no key is an error, and never somebody else's realm.
func TestALongRealm(t *testing.T) {
	db := openTemp(t)
	one := newSession("one", "ann")
	one.Realm = strings.Repeat("r", maxRealm)
	mustPut(t, db, one)
	mustHave(t, db, one)
	fits := blacklist.Entry{Subject: blacklist.EndOf(one.Realm, one.Hash), Expires: start.Add(time.Hour)}
	if err := db.Journal().Append(t.Context(), fits); err != nil {
		t.Errorf("Append: %v", err)
	}
	for _, size := range []int{maxRealm + 1, 1 << 16, 1<<16 + maxRealm} {
		one.Realm = strings.Repeat("r", size)
		_, _, getErr := db.Sessions().Get(t.Context(), one.Key, start)
		_, listErr := db.Sessions().List(t.Context(), sessions.Query{Realm: one.Realm, Limit: 1}, start)
		for _, err := range []error{getErr, listErr, db.Sessions().Put(t.Context(), one, start)} {
			if !errors.Is(err, sessions.ErrUnavailable) {
				t.Errorf("a realm of %d bytes: %v", size, err)
			}
		}
	}
	end := blacklist.Entry{Subject: blacklist.EndOf(strings.Repeat("r", 1<<16), one.Hash), Expires: start.Add(time.Hour)}
	if err := db.Journal().Append(t.Context(), end); !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("Append = %v", err)
	}
}

func TestALimitBelowOne(t *testing.T) {
	_, err := openTemp(t).Sessions().List(t.Context(), sessions.Query{Realm: "shop"}, start)
	if !errors.Is(err, sessions.ErrUnavailable) {
		t.Errorf("List = %v, want an error", err)
	}
}

func TestReasonsNameNoKey(t *testing.T) {
	secret := errors.New("key 736563726574 is too long")
	for _, err := range []error{secret, fmt.Errorf("%w: %w", secret, badger.ErrTxnTooBig), fmt.Errorf("%w: %w", secret, errDamaged)} {
		if told := reason(err); told == nil || strings.Contains(told.Error(), "736563726574") {
			t.Errorf("reason(%v) = %v", err, told)
		}
	}
	if reason(nil) != nil || unavailable(sessions.ErrUnavailable, "reading", nil) != nil {
		t.Error("no error became one")
	}
	path := &os.PathError{Op: "write", Path: "00001.mem", Err: os.ErrPermission}
	if told := reason(fmt.Errorf("%w: %w", secret, path)); !errors.Is(told, os.ErrPermission) {
		t.Errorf("reason = %v, want the operating system's", told)
	}
}

func TestTheLogger(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	l := badgerLogger{zap.New(core)}
	l.Errorf("an error: %d\n", 1)
	l.Warningf("a warning\n\n")
	l.Infof("%s", "information\n")
	l.Infof("\n")
	l.Debugf("first key: %s", "secret")
	want := []struct {
		level   zapcore.Level
		message string
	}{{zapcore.ErrorLevel, "an error: 1"}, {zapcore.WarnLevel, "a warning"}, {zapcore.DebugLevel, "information"}}
	if logs.Len() != len(want) {
		t.Fatalf("%d messages, want %d: %v", logs.Len(), len(want), logs.All())
	}
	for i, entry := range logs.All() {
		if entry.Level != want[i].level || entry.Message != want[i].message {
			t.Errorf("message %d is %v %q, want %v", i, entry.Level, entry.Message, want[i])
		}
	}
}

// The keys that lead from a provider's session come and go with the records.
func TestTheKeysOfProviderSessions(t *testing.T) {
	db := openTemp(t)
	expect := func(want int) {
		t.Helper()
		count := 0
		if err := db.badger.View(func(txn *badger.Txn) error {
			iterator := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{signInKind}})
			defer iterator.Close()
			for iterator.Rewind(); iterator.Valid(); iterator.Next() {
				count++
			}
			return nil
		}); err != nil || count != want {
			t.Fatalf("%d keys, %v, want %d", count, err, want)
		}
	}
	one := newSession("one", "ann")
	mustPut(t, db, one, newSession("two", "ann"))
	expect(0)
	one.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	mustPut(t, db, one)
	expect(1)
	one.Provider = sessions.ProviderSessionOf("https://id.example", "s2")
	mustPut(t, db, one)
	expect(1)
	one.User = "bob"
	if done, err := db.Sessions().Update(t.Context(), one, start); !done || err != nil {
		t.Fatal(done, err)
	}
	expect(1)
	if _, err := db.Sessions().Delete(t.Context(), one.Key); err != nil {
		t.Fatal(err)
	}
	expect(0)
}

// The keys that lead to a user's sessions come and go with the records, and one that was left behind leads nowhere.
func TestTheKeysOfUsers(t *testing.T) {
	db := openTemp(t)
	users := func(want int) {
		t.Helper()
		count := 0
		if err := db.badger.View(func(txn *badger.Txn) error {
			iterator := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{userKind}})
			defer iterator.Close()
			for iterator.Rewind(); iterator.Valid(); iterator.Next() {
				count++
			}
			return nil
		}); err != nil || count != want {
			t.Fatalf("%d keys of users, %v, want %d", count, err, want)
		}
	}
	one, other := newSession("one", "ann"), newSession("one", "bob")
	mustPut(t, db, one, newSession("two", "ann"))
	users(2)
	mustPut(t, db, other)
	users(2)
	if done, err := db.Sessions().Update(t.Context(), one, start); !done || err != nil {
		t.Fatal(done, err)
	}
	users(2)
	if _, err := db.Sessions().Delete(t.Context(), one.Key); err != nil {
		t.Fatal(err)
	}
	users(1)

	mustPut(t, db, one)
	plant(t, db, recordKey(one.Key), []byte("damaged"))
	mustPut(t, db, other)
	users(3) // who the damaged record belonged to can't be told any more
	page, err := db.Sessions().List(t.Context(), sessions.Query{Realm: "shop", User: "ann", Limit: 10}, start)
	if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Hash != sessions.HashOf("two") {
		t.Errorf("List = %+v, %v, want the other session only", page, err)
	}
}

// Badger must not drop anything sooner than it expires, whatever fraction of a second it begins with.
func TestBadgerDropsLater(t *testing.T) {
	db := openTemp(t)
	now := time.Now()
	one := newSession("one", "ann")
	one.Expires = now.Add(time.Minute + time.Millisecond)
	if err := db.Sessions().Put(t.Context(), one, now); err != nil {
		t.Fatal(err)
	}
	entry := blacklist.Entry{Subject: blacklist.TokenID("one"), Expires: now.Add(time.Minute)}
	expired := blacklist.Entry{Subject: blacklist.TokenID("two"), Expires: now.Add(-time.Minute)}
	if err := db.Journal().Append(t.Context(), entry, expired); err != nil {
		t.Fatal(err)
	}
	least := map[string]time.Time{
		string(recordKey(one.Key)): one.Expires.Add(dropAfter), string(userKey(one.Key, "ann")): one.Expires.Add(dropAfter),
		string(entryKey(entry.Subject)): entry.Expires.Add(dropAfter), string(entryKey(expired.Subject)): now.Add(dropAfter),
	}
	for key, want := range least {
		if err := db.badger.View(func(txn *badger.Txn) error {
			item, err := txn.Get([]byte(key))
			if err != nil {
				return err
			}
			if at := time.Unix(int64(item.ExpiresAt()), 0); at.Before(want) || at.After(want.Add(time.Minute)) {
				t.Errorf("a key of kind %q is dropped at %v, want soon after %v", key[0], at, want)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	if at := dropAt(math.MaxInt64); at != 0 {
		t.Errorf("what lives for ever is dropped at %d", at)
	}
}
