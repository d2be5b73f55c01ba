package ledger

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestOpenWithFailingJournal(t *testing.T) {
	storage := newMemory()
	storage.journal.Fail(true)
	ledger, err := Open(t.Context(), storage, Options{})
	if ledger != nil || !errors.Is(err, blacklist.ErrUnavailable) || storage.closed != 0 {
		t.Errorf("Open = %v, %v; closed %d times", ledger, err, storage.closed)
	}
}

func TestCloseOnce(t *testing.T) {
	f := newFixture(t)
	f.memory.fail(true, "Close")
	for range 2 {
		if err := f.Close(); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("Close: %v", err)
		}
	}
	if f.memory.closed != 1 {
		t.Errorf("the storage was closed %d times", f.memory.closed)
	}
}

func TestCloseWritesWhatIsPending(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.failAll(true)
	_, _ = f.End(t.Context(), shop, session.AuthTime)
	f.failAll(false)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.expectToken(session.AuthTime, false)
	if _, there := f.memory.record(shop); there {
		t.Error("the record is still there")
	}
}

// Time in here is synctest's: the real clock and the real loop, without waiting.
func TestHousekeeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newMemory()
		var reported []error
		ledger, err := Open(t.Context(), storage, Options{Report: func(err error) { reported = append(reported, err) }})
		if err != nil {
			t.Fatal(err)
		}
		ledger.Retain(tokenLife, 0)
		session, err := ledger.Ask(shop).Identified(t.Context(), Identity{User: "ann"}, lives)
		if err != nil {
			t.Fatal(err)
		}
		storage.fail(true, "Delete")
		storage.journal.Fail(true)
		if ended, err := ledger.End(t.Context(), shop, 0); !ended || err == nil {
			t.Fatalf("End: %v, %v", ended, err)
		}
		<-time.After(retryEvery + time.Second)
		synctest.Wait()
		if counts, _ := ledger.Count(t.Context()); counts.Pending != 1 || counts.Undeleted != 1 || len(reported) != 2 {
			t.Errorf("while it fails: %+v, reported %v", counts, reported)
		}
		storage.fail(false, "Delete")
		storage.journal.Fail(false)
		<-time.After(retryEvery)
		synctest.Wait()
		if counts, _ := ledger.Count(t.Context()); counts.Pending != 0 || counts.Undeleted != 0 || counts.Entries != 1 {
			t.Errorf("after the recovery: %+v", counts)
		}
		if !session.Expires.After(time.Now()) {
			t.Error("the record would have expired by itself")
		}
		<-time.After(3 * time.Hour)
		synctest.Wait()
		if counts, _ := ledger.Count(t.Context()); counts.Entries != 0 || len(storage.journal.Entries()) != 0 {
			t.Errorf("hours later: %+v", counts)
		}
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSweepReportsFailure(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.end(0)
	f.advance(time.Hour)
	f.memory.journal.Fail(true)
	f.sweep(t.Context())
	if reports := f.reports(); len(reports) != 1 || !errors.Is(reports[0], blacklist.ErrUnavailable) {
		t.Errorf("reported %v", reports)
	}
}

func TestReportMayBeNil(t *testing.T) {
	storage := newMemory()
	ledger, err := Open(t.Context(), storage, Options{Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	storage.journal.Fail(true)
	if _, err := ledger.End(t.Context(), shop, start.Unix()); err == nil {
		t.Error("End succeeded")
	}
	ledger.retry(t.Context())
	if err := ledger.Close(); err != nil {
		t.Error(err)
	}
}
