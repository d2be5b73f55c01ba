package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// counted opens a store that counts its syncs, and fails them while it is told to.
func counted(t *testing.T) (db *DB, syncs *int, failure *error) {
	t.Helper()
	syncs, failure = new(int), new(error)
	counting := production()
	counting.sync = func(database *badger.DB) error {
		*syncs++
		if *failure != nil {
			return *failure
		}
		return database.Sync()
	}
	db = mustOpen(t, t.TempDir(), zap.NewNop(), counting)
	*syncs = 0
	return db, syncs, failure
}

// waitFor returns when so many changes wait to be written.
func waitFor(t *testing.T, db *DB, changes int) {
	t.Helper()
	for t.Context().Err() == nil {
		db.journal.mu.Lock()
		waiting := db.journal.next != nil && len(db.journal.next.changes) == changes
		db.journal.mu.Unlock()
		if waiting {
			return
		}
		runtime.Gosched()
	}
}

func TestAppendsShareASync(t *testing.T) {
	db, syncs, _ := counted(t)
	const appends = 20
	db.writing.RLock() // somebody else is writing
	var wait sync.WaitGroup
	for i := range appends {
		wait.Go(func() {
			if err := db.Journal().Append(t.Context(), revocation(fmt.Sprint(i))); err != nil {
				t.Errorf("Append: %v", err)
			}
		})
	}
	waitFor(t, db, appends)
	db.writing.RUnlock()
	wait.Wait()
	if *syncs != 1 {
		t.Errorf("%d syncs for appends at the same time, want 1", *syncs)
	}
	if loaded := load(t, db); len(loaded) != appends {
		t.Errorf("%d entries, want %d", len(loaded), appends)
	}
	for i := range 3 {
		if err := db.Journal().Append(t.Context(), revocation("again")); err != nil {
			t.Fatal(err)
		}
		if *syncs != 2+i {
			t.Errorf("%d syncs after %d appends one after another", *syncs-1, i+1)
		}
	}
	if err := db.Journal().Remove(t.Context(), revocation("again").Subject); err != nil || *syncs != 5 {
		t.Errorf("Remove = %v after %d syncs, want a sync of its own", err, *syncs)
	}
}

// In one group what was asked for later wins.
func TestChangesInOneGroupKeepTheirOrder(t *testing.T) {
	db, _, _ := counted(t)
	journal := db.Journal()
	db.writing.RLock()
	var wait sync.WaitGroup
	for i, step := range []func() error{
		func() error { return journal.Append(t.Context(), revocation("removed")) },
		func() error { return journal.Remove(t.Context(), revocation("removed").Subject) },
		func() error { return journal.Remove(t.Context(), revocation("appended").Subject) },
		func() error { return journal.Append(t.Context(), revocation("appended")) },
	} {
		wait.Go(func() {
			if err := step(); err != nil {
				t.Error(err)
			}
		})
		waitFor(t, db, i+1)
	}
	db.writing.RUnlock()
	wait.Wait()
	loaded := load(t, db)
	if _, ok := loaded[revocation("appended").Subject]; !ok || len(loaded) != 1 {
		t.Errorf("loaded %v, want the entry that was appended last only", loaded)
	}
}

func TestWhoWaitsMayLeave(t *testing.T) {
	db, _, _ := counted(t)
	db.writing.RLock()
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := db.Journal().Append(t.Context(), revocation("first")); err != nil {
			t.Errorf("Append: %v", err)
		}
	})
	waitFor(t, db, 1)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- db.Journal().Append(ctx, revocation("second")) }()
	waitFor(t, db, 2)
	cancel()
	if err := <-left; !errors.Is(err, blacklist.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v, want blacklist.ErrUnavailable and context.Canceled", err)
	}
	db.writing.RUnlock()
	wait.Wait()
}

// After a sync that failed no other one proves anything.
func TestAFailedSyncIsNotForgotten(t *testing.T) {
	db, _, failure := counted(t)
	*failure = errors.New("input/output error")
	for range 2 {
		err := db.Journal().Append(t.Context(), revocation("one"))
		if !errors.Is(err, blacklist.ErrUnavailable) || !errors.Is(err, errUnsynced) {
			t.Fatalf("Append = %v, want errUnsynced", err)
		}
		*failure = nil
	}
	if err := db.Journal().Remove(t.Context(), revocation("one").Subject); !errors.Is(err, errUnsynced) {
		t.Errorf("Remove = %v, want errUnsynced", err)
	}
	mustPut(t, db, newSession("one", "ann"))
	mustClose(t, db) // which writes what is in memory to a table
	again := mustOpen(t, db.dir, zap.NewNop(), production())
	if err := again.Journal().Append(t.Context(), revocation("one")); err != nil {
		t.Errorf("Append after a restart: %v", err)
	}
}

// What is too much for one transaction is written in several, each synced.
func TestMoreThanATransactionHolds(t *testing.T) {
	db, syncs, _ := counted(t)
	var entries []blacklist.Entry
	for i := range 2000 {
		realm := fmt.Sprint(i, strings.Repeat("r", 1000))
		entries = append(entries, blacklist.Entry{Subject: blacklist.EndOf(realm, [32]byte{}), Expires: start.Add(time.Hour)})
	}
	if err := db.Journal().Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
	if *syncs < 2 {
		t.Errorf("%d syncs", *syncs)
	}
	if loaded := load(t, db); len(loaded) != len(entries) {
		t.Errorf("%d entries, want %d", len(loaded), len(entries))
	}
}

// An entry goes on hitting until the last whole second of its time is over.
func TestAnEntryIsKeptToTheEndOfItsSecond(t *testing.T) {
	db := openTemp(t)
	entry := revocation("one")
	entry.Expires = entry.Expires.Add(time.Millisecond)
	if err := db.Journal().Append(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if got := load(t, db)[entry.Subject].Expires; !got.Equal(start.Add(time.Hour + time.Second)) {
		t.Errorf("expires %v, want the next whole second after %v", got, entry.Expires)
	}
}
