package blacklist_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

var (
	start   = time.Unix(1_700_000_000, 0)
	session = blacklist.EndOf("shop", [32]byte{1, 2, 3})
)

func entry(second int64, life time.Duration) blacklist.Entry {
	return blacklist.Entry{Subject: session, Second: second, Expires: start.Add(life)}
}

type fixture struct {
	*blacklist.List
	journal *blacklisttest.Journal
	clock   *testclock.Clock
}

func open(t testing.TB, journal *blacklisttest.Journal, clock *testclock.Clock) fixture {
	t.Helper()
	list, err := blacklist.Open(context.Background(), journal, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return fixture{list, journal, clock}
}

func newFixture(t testing.TB) fixture {
	return open(t, blacklisttest.NewJournal(), testclock.At(start))
}

// restarted returns the list as it is after a crash now.
func (f fixture) restarted(t testing.TB) fixture { return open(t, f.journal, f.clock) }

func (f fixture) expectSecond(t *testing.T, want int64, wantIn bool) {
	t.Helper()
	if got, in := f.Second(session); got != want || in != wantIn {
		t.Errorf("Second = %d, %v; want %d, %v", got, in, want, wantIn)
	}
	if got := f.Contains(session); got != wantIn {
		t.Errorf("Contains = %v, want %v", got, wantIn)
	}
}

func TestZeroSubjectIsHit(t *testing.T) {
	f := newFixture(t)
	if second, in := f.Second(blacklist.Subject{}); !in || second != math.MaxInt64 || !f.Contains(blacklist.Subject{}) {
		t.Errorf("Second = %d, %v", second, in)
	}
	f.expectSecond(t, 0, false)
}

func TestOpenLoadsWhatHasNotExpired(t *testing.T) {
	f := newFixture(t)
	expired := blacklist.Entry{Subject: blacklist.TokenID("old"), Expires: start}
	if err := f.journal.Append(t.Context(), entry(7, time.Minute), expired); err != nil {
		t.Fatal(err)
	}
	again := f.restarted(t)
	again.expectSecond(t, 7, true)
	if again.Len() != 1 {
		t.Errorf("Len = %d, want 1", again.Len())
	}
}

func TestOpenFailsWithItsJournal(t *testing.T) {
	journal := blacklisttest.NewJournal()
	journal.Fail(true)
	list, err := blacklist.Open(t.Context(), journal, time.Now)
	if list != nil || !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("Open = %v, %v", list, err)
	}
}

func TestRevokeIsDurableFirst(t *testing.T) {
	f := newFixture(t)
	f.journal.Fail(true)
	if _, err := f.Revoke(t.Context(), entry(7, time.Minute)); !errors.Is(err, blacklist.ErrUnavailable) {
		t.Fatalf("Revoke: %v", err)
	}
	f.expectSecond(t, 0, false)
	if f.Pending(session) {
		t.Error("what was not acknowledged is pending")
	}
	f.journal.Fail(false)
	token := blacklist.TokenID("jti")
	_, err := f.Revoke(t.Context(), entry(7, time.Minute), blacklist.Entry{Subject: token, Expires: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []fixture{f, f.restarted(t)} {
		list.expectSecond(t, 7, true)
		if !list.Contains(token) {
			t.Error("the token is not revoked")
		}
	}
}

func TestRevokePassesOverTheExpired(t *testing.T) {
	f := newFixture(t)
	given := []blacklist.Entry{entry(7, 0), {Subject: blacklist.TokenID("jti"), Expires: start.Add(time.Minute)}}
	if _, err := f.Revoke(t.Context(), given...); err != nil {
		t.Fatal(err)
	}
	if f.Len() != 1 || f.journal.Writes() != 1 {
		t.Errorf("%d entries, %d writes; want 1 and 1", f.Len(), f.journal.Writes())
	}
	if given[0].Subject != session {
		t.Error("the caller's entries were changed")
	}
	if _, err := f.Revoke(t.Context()); err != nil || f.journal.Writes() != 1 {
		t.Errorf("revoking nothing: %v, %d writes", err, f.journal.Writes())
	}
}

func TestEndIsInForceBeforeItIsDurable(t *testing.T) {
	f := newFixture(t)
	f.journal.Fail(true)
	if err := f.End(t.Context(), entry(7, time.Minute)); !errors.Is(err, blacklist.ErrUnavailable) {
		t.Fatalf("End: %v", err)
	}
	f.expectSecond(t, 7, true)
	if !f.Pending(session) || f.PendingLen() != 1 {
		t.Error("the end is not pending")
	}
	if err := f.Retry(t.Context()); !errors.Is(err, blacklist.ErrUnavailable) || !f.Pending(session) {
		t.Errorf("Retry on a failing journal: %v, pending %v", err, f.Pending(session))
	}
	f.journal.Fail(false)
	if err := f.Retry(t.Context()); err != nil || f.Pending(session) {
		t.Errorf("Retry: %v, pending %v", err, f.Pending(session))
	}
	f.restarted(t).expectSecond(t, 7, true)
}

func TestPersist(t *testing.T) {
	f := newFixture(t)
	if err := f.Persist(t.Context(), session); err != nil || f.journal.Writes() != 0 {
		t.Errorf("persisting nothing: %v, %d writes", err, f.journal.Writes())
	}
	f.Enforce(entry(7, time.Minute))
	if !f.Pending(session) {
		t.Error("what was enforced is not pending")
	}
	if err := f.Persist(t.Context(), session); err != nil || f.Pending(session) {
		t.Errorf("Persist: %v, pending %v", err, f.Pending(session))
	}
}

func TestEndThatAddsNothingWritesNothing(t *testing.T) {
	f := newFixture(t)
	for _, step := range []struct {
		entry  blacklist.Entry
		writes int
	}{{entry(7, time.Minute), 1}, {entry(7, time.Minute), 1}, {entry(6, time.Second), 1}, {entry(8, time.Minute), 2}} {
		if err := f.End(t.Context(), step.entry); err != nil || f.journal.Writes() != step.writes {
			t.Errorf("End: %v, %d writes, want %d", err, f.journal.Writes(), step.writes)
		}
	}
}

// A later end that comes while an earlier one is being written is still pending when that is done.
func TestPersistLeavesWhatCameMeanwhile(t *testing.T) {
	f := newFixture(t)
	list, err := blacklist.Open(t.Context(), meanwhile{f.journal, func() { f.Enforce(entry(9, time.Minute)) }}, f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.List = list
	if err := f.End(t.Context(), entry(7, time.Minute)); err != nil || !f.Pending(session) {
		t.Fatalf("End: %v, pending %v; want it pending", err, f.Pending(session))
	}
	if err := f.Retry(t.Context()); err != nil || f.Pending(session) {
		t.Fatalf("Retry: %v, pending %v", err, f.Pending(session))
	}
	f.restarted(t).expectSecond(t, 9, true)
}

// meanwhile does something while entries are appended or removed.
type meanwhile struct {
	blacklist.Journal
	do func()
}

func (m meanwhile) Append(ctx context.Context, entries ...blacklist.Entry) error {
	m.do()
	return m.Journal.Append(ctx, entries...)
}

func (m meanwhile) Remove(ctx context.Context, subjects ...blacklist.Subject) error {
	m.do()
	return m.Journal.Remove(ctx, subjects...)
}

func TestEntriesExpire(t *testing.T) {
	f := newFixture(t)
	if err := f.End(t.Context(), entry(7, 1500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(1999 * time.Millisecond) // an expiry is rounded up to the second
	f.expectSecond(t, 7, true)
	f.clock.Advance(time.Millisecond)
	f.expectSecond(t, 0, false)
}

func TestSweep(t *testing.T) {
	f := newFixture(t)
	kept := blacklist.Entry{Subject: blacklist.TokenID("kept"), Expires: start.Add(time.Hour)}
	if _, err := f.Revoke(t.Context(), entry(7, time.Minute), kept); err != nil {
		t.Fatal(err)
	}
	if err := f.Sweep(t.Context()); err != nil || f.Len() != 2 {
		t.Fatalf("Sweep of nothing: %v, %d entries left", err, f.Len())
	}
	f.clock.Advance(time.Minute)
	f.journal.Fail(true)
	if err := f.Sweep(t.Context()); !errors.Is(err, blacklist.ErrUnavailable) || f.Len() != 2 {
		t.Fatalf("Sweep on a failing journal: %v, %d entries left", err, f.Len())
	}
	f.journal.Fail(false)
	if err := f.Sweep(t.Context()); err != nil || f.Len() != 1 || len(f.journal.Entries()) != 1 || !f.Contains(kept.Subject) {
		t.Errorf("Sweep: %v, %d entries left, %d in the journal", err, f.Len(), len(f.journal.Entries()))
	}
}

func TestSweepGivesUpWhatExpiredUnwritten(t *testing.T) {
	f := newFixture(t)
	f.journal.Fail(true)
	_ = f.End(t.Context(), entry(7, time.Minute))
	f.clock.Advance(time.Minute)
	_ = f.Sweep(t.Context())
	if f.Pending(session) {
		t.Error("an expired entry is still to be written")
	}
}

// An end that comes while the expired one before it is removed must be there afterwards, in memory and in the journal.
func TestSweepLeavesWhatCameMeanwhile(t *testing.T) {
	f := newFixture(t)
	if err := f.End(t.Context(), entry(7, time.Minute)); err != nil {
		t.Fatal(err)
	}
	var list *blacklist.List
	var err error
	list, err = blacklist.Open(t.Context(), meanwhile{f.journal, func() { list.Enforce(entry(99, time.Hour)) }}, f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	if err := list.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second, in := list.Second(session); second != 99 || !in || !list.Pending(session) {
		t.Errorf("Second = %d, %v, pending %v", second, in, list.Pending(session))
	}
	if err := list.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.restarted(t).expectSecond(t, 99, true)
}

func TestRetryAndSweepManyAtOnce(t *testing.T) {
	f := newFixture(t)
	const many = 3000
	for i := range many {
		f.Enforce(blacklist.Entry{Subject: blacklist.TokenID(fmt.Sprint(i)), Expires: start.Add(time.Minute)})
	}
	if err := f.Retry(t.Context()); err != nil || f.PendingLen() != 0 || len(f.journal.Entries()) != many {
		t.Fatalf("Retry: %v, %d pending, %d in the journal", err, f.PendingLen(), len(f.journal.Entries()))
	}
	f.clock.Advance(time.Minute)
	if err := f.Sweep(t.Context()); err != nil || f.Len() != 0 || len(f.journal.Entries()) != 0 {
		t.Fatalf("Sweep: %v, %d left, %d in the journal", err, f.Len(), len(f.journal.Entries()))
	}
}

var drawEntry = rapid.Custom(func(t *rapid.T) blacklist.Entry {
	return entry(rapid.Int64().Draw(t, "second"), time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "life")))
})

func TestMergingHasNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawEntry.Draw(t, "a"), drawEntry.Draw(t, "b"), drawEntry.Draw(t, "c")
		switch {
		case !a.Merged(b).Equal(b.Merged(a)):
			t.Fatal("not commutative")
		case !a.Merged(a).Equal(a):
			t.Fatal("not idempotent")
		case !a.Merged(b).Merged(c).Equal(a.Merged(b.Merged(c))):
			t.Fatal("not associative")
		}
	})
}

// However entries come, by which method, with which failures and crashes in between: what was acknowledged holds.
func TestAcknowledgedHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		var floor, durable, most int64 // what must hold now, what must hold after a crash, the most that was ever said
		expiry := start
		rt.Repeat(map[string]func(*rapid.T){
			"revoke": func(rt *rapid.T) {
				added := drawEntry.Draw(rt, "entry")
				added.Second = rapid.Int64Range(1, 9).Draw(rt, "second")
				added.Expires = start.Add(time.Hour)
				most = max(most, added.Second)
				if _, err := f.Revoke(context.Background(), added); err == nil {
					floor, durable, expiry = max(floor, added.Second), max(durable, added.Second), added.Expires
				}
			},
			"end": func(rt *rapid.T) {
				added := entry(rapid.Int64Range(1, 9).Draw(rt, "second"), time.Hour)
				err := f.End(context.Background(), added)
				most = max(most, added.Second)
				floor, expiry = max(floor, added.Second), added.Expires
				if err == nil && !f.Pending(session) {
					durable = floor
				}
			},
			"retry": func(*rapid.T) {
				if f.Retry(context.Background()) == nil {
					durable = floor
				}
			},
			"sweep":   func(*rapid.T) { _ = f.Sweep(context.Background()) },
			"fail":    func(*rapid.T) { f.journal.Fail(true) },
			"recover": func(*rapid.T) { f.journal.Fail(false) },
			"advance": func(*rapid.T) { f.clock.Advance(time.Minute) },
			"crash": func(*rapid.T) {
				f.journal.Fail(false)
				f = f.restarted(t)
				floor = durable
			},
			"": func(rt *rapid.T) {
				second, in := f.Second(session)
				if f.clock.Now().Before(expiry) && floor > 0 && (!in || second < floor) {
					rt.Fatalf("Second = %d, %v; want %d at least", second, in, floor)
				}
				if !f.clock.Now().Before(expiry) && in {
					rt.Fatal("an expired entry holds")
				}
				if second > most {
					rt.Fatalf("Second = %d, more than any entry said", second)
				}
			},
		})
	})
}

func TestConcurrentUse(t *testing.T) {
	f := newFixture(t)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 100 {
				own := blacklist.Entry{Subject: blacklist.TokenID(fmt.Sprint(worker, i)), Expires: start.Add(time.Second)}
				second := int64(worker*100 + i)
				_, revoking := f.Revoke(t.Context(), own)
				err := errors.Join(revoking, f.End(t.Context(), entry(second, time.Hour)),
					f.Retry(t.Context()), f.Sweep(t.Context()))
				if err != nil {
					t.Error(err)
				}
				if got, in := f.Second(session); !in || got < second {
					t.Errorf("Second = %d, %v; want %d at least", got, in, second)
				}
				f.clock.Advance(time.Millisecond)
			}
		})
	}
	wait.Wait()
	f.expectSecond(t, 799, true)
	f.restarted(t).expectSecond(t, 799, true)
}

func TestAskingDoesNotAllocate(t *testing.T) {
	f := newFixture(t)
	if err := f.End(t.Context(), entry(7, time.Minute)); err != nil {
		t.Fatal(err)
	}
	absent, flushed := blacklist.TokenID("absent"), blacklist.FlushedRealm("shop")
	f.revoke(t, lasting(flushed, 1))
	if n := testing.AllocsPerRun(100, func() { f.Contains(absent); f.Contains(session); f.Second(session); f.Contains(flushed) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// BenchmarkNo asks about a subject that is not there, which is what almost every request does.
func BenchmarkNo(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			list, err := blacklist.Open(b.Context(), filled{blacklisttest.NewJournal(), size}, testclock.At(start).Now)
			if err != nil {
				b.Fatal(err)
			}
			subject := blacklist.TokenID("absent")
			b.ReportAllocs()
			for b.Loop() {
				if list.Contains(subject) {
					b.Fatal("an absent subject is contained")
				}
			}
		})
	}
}

// filled is a journal that holds so many entries.
type filled struct {
	blacklist.Journal
	size int
}

func (f filled) Load(_ context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	for i := range f.size {
		if err := yield(blacklist.Entry{Subject: blacklist.TokenID(fmt.Sprint(i)), Expires: now.Add(time.Hour)}); err != nil {
			return err
		}
	}
	return nil
}
