package blacklist_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

var ann = blacklist.RevokedUser("shop", "ann")

func (f fixture) revoke(t *testing.T, entries ...blacklist.Entry) {
	t.Helper()
	if _, err := f.Revoke(t.Context(), entries...); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
}

func lasting(subject blacklist.Subject, second int64) blacklist.Entry {
	return blacklist.Entry{Subject: subject, Second: second, Expires: start.Add(time.Hour)}
}

func TestLift(t *testing.T) {
	f := newFixture(t)
	f.revoke(t, lasting(ann, 7), lasting(blacklist.FlushedAll(), 5), lasting(session, 3))
	f.Extend(ann, start.Add(2*time.Hour)) // pending
	lifted, err := f.Lift(t.Context(), ann, blacklist.FlushedAll(), blacklist.TokenID("never there"))
	if !lifted || err != nil {
		t.Fatalf("Lift: %v, %v", lifted, err)
	}
	if err := f.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, list := range []fixture{f, f.restarted(t)} {
		if list.Contains(ann) || list.Contains(blacklist.FlushedAll()) || list.Count(blacklist.KindUser) != 0 ||
			list.Count(blacklist.KindAll) != 0 || list.Pending(ann) {
			t.Error("still in force")
		}
		list.expectSecond(t, 3, true)
	}
	if lifted, err := f.Lift(t.Context(), ann); lifted || err != nil {
		t.Errorf("Lift of nothing: %v, %v", lifted, err)
	}
	f.revoke(t, lasting(ann, 1))
	if second, in := f.Second(ann); second != 1 || !in {
		t.Errorf("revoked again: %d, %v", second, in)
	}
}

func TestLiftThatFailsChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.revoke(t, lasting(ann, 7))
	f.journal.Fail(true)
	if _, err := f.Lift(t.Context(), ann); !errors.Is(err, blacklist.ErrUnavailable) || !f.Contains(ann) {
		t.Errorf("Lift: %v, in force %v", err, f.Contains(ann))
	}
	// The journal may have removed it all the same.
	f.journal.Fail(false)
	if err := f.journal.Remove(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	if err := f.Retry(t.Context()); err != nil || !f.restarted(t).Contains(ann) {
		t.Errorf("Retry: %v; the revocation is gone with the next start", err)
	}
}

// A revocation whose writing failed may be durable all the same, and come back with the next start.
func TestLiftUndoesWhatFailed(t *testing.T) {
	f := newFixture(t)
	if err := f.journal.Append(t.Context(), lasting(ann, 7)); err != nil {
		t.Fatal(err)
	}
	if lifted, err := f.Lift(t.Context(), ann); lifted || err != nil || f.restarted(t).Contains(ann) {
		t.Errorf("Lift: %v, %v", lifted, err)
	}
}

// What is about to be written when it is lifted must not be there with the next start.
func TestLiftOvertakesRetry(t *testing.T) {
	f := newFixture(t)
	f.revoke(t, lasting(ann, 7))
	lifting, retried := make(chan struct{}), make(chan struct{})
	list, err := blacklist.Open(t.Context(), meanwhile{f.journal, func() {
		select {
		case <-lifting:
		default: // the first call is Lift's
			close(lifting)
			go func() {
				defer close(retried)
				_ = f.Retry(context.Background())
			}()
			for range 1000 {
				runtime.Gosched() // it waits for Lift, by now or soon
			}
		}
	}}, f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.List = list
	f.Extend(ann, start.Add(2*time.Hour))
	if lifted, err := f.Lift(t.Context(), ann); !lifted || err != nil {
		t.Fatalf("Lift: %v, %v", lifted, err)
	}
	<-retried
	if err := f.Retry(t.Context()); err != nil || f.restarted(t).Contains(ann) {
		t.Errorf("Retry: %v; in force again", err)
	}
}

func TestExtend(t *testing.T) {
	f := newFixture(t)
	f.Extend(ann, start.Add(time.Hour))
	f.Extend(blacklist.Subject{}, start.Add(time.Hour))
	if f.Contains(ann) || f.PendingLen() != 0 || f.Len() != 0 {
		t.Fatal("extended what is not there")
	}
	f.revoke(t, lasting(ann, 7))
	f.Extend(ann, start.Add(time.Minute))
	if f.Pending(ann) {
		t.Error("shortened")
	}
	f.Extend(ann, start.Add(2*time.Hour))
	entry, in := f.Entry(ann)
	if want := (blacklist.Entry{Subject: ann, Second: 7, Expires: start.Add(2 * time.Hour)}); !in || !entry.Equal(want) {
		t.Errorf("Entry = %+v, %v", entry, in)
	}
	if err := f.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(90 * time.Minute)
	if !f.restarted(t).Contains(ann) {
		t.Error("not durable")
	}
	f.clock.Advance(time.Hour)
	f.Extend(ann, f.clock.Now().Add(time.Hour))
	if _, in := f.Entry(ann); in {
		t.Error("an expired entry came back")
	}
}

func TestEntryOfZeroSubject(t *testing.T) {
	if entry, in := newFixture(t).Entry(blacklist.Subject{}); in || entry.Subject != (blacklist.Subject{}) {
		t.Errorf("Entry = %+v, %v", entry, in)
	}
}
