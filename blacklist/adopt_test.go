package blacklist_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

// shared is a journal that other lists write too. It notes what it is asked for.
type shared struct {
	*blacklisttest.Journal
	at     uint64 // of the next write
	asked  []string
	before func(method string) // called before a write is made
}

var _ blacklist.SharedJournal = (*shared)(nil)

func (s *shared) note(method string) {
	s.asked = append(s.asked, method)
	if s.before != nil {
		s.before(method)
	}
}

func (s *shared) Write(ctx context.Context, entries ...blacklist.Entry) ([]blacklist.Entry, error) {
	s.note("write")
	written := slices.Clone(entries)
	for i := range written {
		written[i].At = s.at
		if written[i].Subject.Kind() == blacklist.KindUser {
			written[i].Second += 3 // there is a newer session elsewhere
		}
	}
	return written, s.Append(ctx, written...)
}

func (s *shared) Prolong(ctx context.Context, entries ...blacklist.Entry) error {
	s.note("prolong")
	return s.Append(ctx, entries...)
}

func (s *shared) Drop(ctx context.Context, subjects ...blacklist.Subject) error {
	s.note("drop")
	return s.Journal.Remove(ctx, subjects...)
}

func (s *shared) Lift(ctx context.Context, subjects ...blacklist.Subject) (uint64, error) {
	s.note("lift")
	return s.at, s.Journal.Remove(ctx, subjects...)
}

func openShared(t *testing.T) (*blacklist.List, *shared, *testclock.Clock) {
	t.Helper()
	journal, clock := &shared{Journal: blacklisttest.NewJournal(), at: 10}, testclock.At(start)
	list, err := blacklist.Open(t.Context(), journal, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return list, journal, clock
}

func annRevoked(second int64, at uint64) blacklist.Entry {
	return blacklist.Entry{Subject: ann, Second: second, Expires: start.Add(time.Hour), At: at}
}

func TestRevokeReturnsWhatIsWritten(t *testing.T) {
	list, _, _ := openShared(t)
	written, err := list.Revoke(t.Context(), annRevoked(7, 0))
	if err != nil || len(written) != 1 || written[0].Second != 10 || written[0].At != 10 {
		t.Fatalf("Revoke = %+v, %v", written, err)
	}
	if held, in := list.Entry(ann); !in || held.Second != 10 || held.At != 10 {
		t.Errorf("in force is %+v, %v", held, in)
	}
}

func TestAdopt(t *testing.T) {
	list, _, _ := openShared(t)
	var changed []blacklist.Subject
	list.OnChange(func(subject blacklist.Subject) { changed = append(changed, subject) })
	if news := list.Adopt(annRevoked(7, 10), entry(5, time.Hour)); len(news) != 2 || len(changed) != 2 {
		t.Errorf("news %v, changed %d", news, len(changed))
	}
	if news := list.Adopt(annRevoked(7, 10), annRevoked(6, 9)); len(news) != 0 || len(changed) != 2 {
		t.Errorf("what is known is news: %v, changed %d", news, len(changed))
	}
	if news := list.Adopt(annRevoked(7, 11)); len(news) != 1 || len(changed) != 2 {
		t.Errorf("what was stated once more: news %v, changed %d", news, len(changed))
	}
	if list.PendingLen() != 0 {
		t.Error("what another gateway has made durable is pending")
	}
}

func TestAdoptLift(t *testing.T) {
	for name, test := range map[string]struct {
		at      uint64
		prepare func(*blacklist.List)
		holds   bool
	}{
		"lifted later":         {at: 12},
		"stated later":         {at: 8, holds: true},
		"stated once more":     {at: 12, prepare: func(l *blacklist.List) { l.Adopt(annRevoked(7, 13)) }, holds: true},
		"extended here":        {at: 12, prepare: func(l *blacklist.List) { l.Extend(ann, start.Add(2*time.Hour)) }},
		"stated here":          {at: 12, prepare: func(l *blacklist.List) { l.Enforce(annRevoked(8, 0)) }, holds: true},
		"stated and extended":  {at: 12, prepare: stateAndExtend, holds: true},
		"lifted here, in vain": {at: 12, prepare: func(l *blacklist.List) { _, _ = l.Lift(done(), ann) }},
	} {
		t.Run(name, func(t *testing.T) {
			list, journal, _ := openShared(t)
			list.Adopt(annRevoked(7, 10))
			if test.prepare != nil {
				test.prepare(list)
			}
			if dropped := list.AdoptLift(ann, test.at); dropped == test.holds || list.Contains(ann) != test.holds {
				t.Errorf("dropped %v, in force %v", dropped, list.Contains(ann))
			}
			journal.asked = nil
			if err := list.Retry(t.Context()); err != nil || !test.holds && len(journal.asked) != 0 {
				t.Errorf("a lifted entry is written: %v, %v", journal.asked, err)
			}
			if list.Contains(ann) != test.holds {
				t.Error("it came back")
			}
		})
	}
}

func stateAndExtend(l *blacklist.List) {
	l.Enforce(annRevoked(8, 0))
	l.Extend(ann, start.Add(2*time.Hour))
}

// done returns a context with which every write fails.
func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// What is stated is written whatever was lifted; what expires later is not written if it was; what has expired goes from
// this gateway's copy alone.
func TestSharedJournalIsToldWhatItIs(t *testing.T) {
	list, journal, clock := openShared(t)
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(journal.asked, want) {
			t.Errorf("asked for %v, want %v", journal.asked, want)
		}
		journal.asked = nil
	}
	list.Adopt(annRevoked(7, 10))
	list.Extend(ann, start.Add(2*time.Hour))
	list.Enforce(entry(5, time.Minute))
	if err := list.Retry(t.Context()); err != nil || list.PendingLen() != 0 {
		t.Fatal(err)
	}
	slices.Sort(journal.asked)
	expect("prolong", "write")
	if _, err := list.Lift(done(), ann); err == nil {
		t.Fatal("lifted")
	}
	if err := list.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("lift", "write")
	clock.Advance(3 * time.Hour)
	if err := list.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("drop")
}

// A lift that is heard while a write of an earlier place is under way holds.
func TestAdoptLiftDuringWrite(t *testing.T) {
	list, journal, _ := openShared(t)
	lifted := make(chan struct{})
	journal.before = func(string) {
		go func() {
			list.AdoptLift(ann, 11)
			close(lifted)
		}()
	}
	if _, err := list.Revoke(t.Context(), annRevoked(7, 0)); err != nil {
		t.Fatal(err)
	}
	<-lifted
	if list.Contains(ann) {
		t.Error("a write brought back what was lifted after it")
	}
}

// What was written before a lift and is heard after it stays lifted. What was stated after it counts.
func TestAdoptAfterLift(t *testing.T) {
	list, _, _ := openShared(t)
	if _, err := list.Lift(t.Context(), ann); err != nil { // at 10
		t.Fatal(err)
	}
	if news := list.Adopt(annRevoked(7, 9)); len(news) != 0 || list.Contains(ann) {
		t.Error("what was lifted came back")
	}
	if news := list.Adopt(annRevoked(8, 11)); len(news) != 1 || !list.Contains(ann) {
		t.Error("what was stated after a lift is not in force")
	}
}
