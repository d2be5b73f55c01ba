package blacklisttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

var (
	// The present: a journal may go by the time of day when it drops what has expired.
	start   = time.Now().Truncate(time.Second)
	later   = start.Add(time.Hour)
	subject = blacklist.TokenID("one")
)

// Run checks a journal against the doc comment of [blacklist.Journal]. The function opens an empty journal; what it
// needs to be closed again is left to the test's Cleanup.
func Run(t *testing.T, open func(t *testing.T) blacklist.Journal) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, journal blacklist.Journal)
	}{
		{"an empty journal loads nothing", testEmpty},
		{"every kind of subject comes back as it was", testSubjects},
		{"entries merge", testMerge},
		{"one append may name a subject twice", testTwice},
		{"expired entries are not loaded", testExpired},
		{"removed entries are gone", testRemove},
		{"an append after a removal starts anew", testRemoveAppend},
		{"appending and removing nothing is fine", testNothing},
		{"the error of yield ends loading", testYieldError},
		{"many entries at once", testMany},
		{"a cancelled context", testCancelled},
		{"concurrent use", testConcurrent},
		{"any order of calls", testModel},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t)) })
	}
}

type entries = map[blacklist.Subject]blacklist.Entry

func load(t fataler, journal blacklist.Journal, now time.Time) entries {
	t.Helper()
	loaded := make(entries)
	err := journal.Load(context.Background(), now, func(entry blacklist.Entry) error {
		if _, again := loaded[entry.Subject]; again {
			t.Fatalf("Load yielded a subject twice: %v", entry)
		}
		loaded[entry.Subject] = entry
		return nil
	})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return loaded
}

type fataler interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

func expect(t fataler, journal blacklist.Journal, now time.Time, want ...blacklist.Entry) {
	t.Helper()
	expected := make(entries)
	for _, entry := range want {
		expected[entry.Subject] = entry
	}
	if got := load(t, journal, now); !maps.EqualFunc(got, expected, blacklist.Entry.Equal) {
		t.Fatalf("Load = %v, want %v", got, expected)
	}
}

func appendTo(t *testing.T, journal blacklist.Journal, entries ...blacklist.Entry) {
	t.Helper()
	if err := journal.Append(t.Context(), entries...); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func remove(t *testing.T, journal blacklist.Journal, subjects ...blacklist.Subject) {
	t.Helper()
	if err := journal.Remove(t.Context(), subjects...); err != nil {
		t.Fatalf("Remove: %v", err)
	}
}

func entry(second int64, expires time.Time) blacklist.Entry {
	return blacklist.Entry{Subject: subject, Second: second, Expires: expires}
}

func testEmpty(t *testing.T, journal blacklist.Journal) { expect(t, journal, start) }

func testSubjects(t *testing.T, journal blacklist.Journal) {
	var all []blacklist.Entry
	var digest, zeros [32]byte
	copy(digest[:], bytes.Repeat([]byte{0xff}, len(digest)))
	for i, subject := range []blacklist.Subject{
		blacklist.TokenID(""), blacklist.TokenID("jti"), blacklist.TokenID(strings.Repeat("long", 1000)),
		blacklist.EndOf("shop", digest), blacklist.EndOf("shop", zeros), blacklist.EndOf("shops", zeros),
		blacklist.EndOf("", zeros), blacklist.EndOf("\x00", zeros), blacklist.EndOf("a/b", zeros),
		blacklist.EndOf(strings.Repeat("r", 300), zeros),
		blacklist.RevokedSession("shop", digest), blacklist.AdmittedSession("shop", digest, "ann"),
		blacklist.RevokedUser("shop", "ann"), blacklist.RevokedUser("sho", "pann"), blacklist.RevokedUser("", ""),
		blacklist.RevokedUser(strings.Repeat("r", 300), strings.Repeat("u", 256)),
		blacklist.RevokedUserEverywhere("ann"), blacklist.WatchedUser("shop", "ann"),
		blacklist.OwnerOf("shop", digest, "ann"), blacklist.OwnerOf("shop", digest, "bob"),
		blacklist.FlushedRealm("shop"), blacklist.FlushedRealm(""), blacklist.FlushedAll(), blacklist.Lifted(),
	} {
		expires := later.Add(time.Duration(i) * time.Minute)
		all = append(all, blacklist.Entry{Subject: subject, Second: int64(i) * 1_000_000_007, Expires: expires})
	}
	for _, entry := range all {
		appendTo(t, journal, entry)
	}
	expect(t, journal, start, all...)
}

func testMerge(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(5, later))
	for _, step := range []struct{ added, want blacklist.Entry }{
		{entry(5, later), entry(5, later)},
		{entry(4, later.Add(-time.Minute)), entry(5, later)},
		{entry(7, later.Add(-time.Minute)), entry(7, later)},
		{entry(6, later.Add(time.Minute)), entry(7, later.Add(time.Minute))},
		{entry(0, start.Add(-time.Hour)), entry(7, later.Add(time.Minute))},
		{entry(-9, later), entry(7, later.Add(time.Minute))},
	} {
		appendTo(t, journal, step.added)
		expect(t, journal, start, step.want)
	}
}

func testTwice(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(9, later), entry(8, later.Add(time.Minute)))
	expect(t, journal, start, entry(9, later.Add(time.Minute)))
}

func testExpired(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(1, later))
	expect(t, journal, later.Add(-time.Second), entry(1, later))
	expect(t, journal, later)
	expect(t, journal, later.Add(time.Hour))
}

func testRemove(t *testing.T, journal blacklist.Journal) {
	other := blacklist.Entry{Subject: blacklist.TokenID("other"), Expires: later}
	third := blacklist.Entry{Subject: blacklist.TokenID("third"), Expires: later}
	appendTo(t, journal, entry(1, later), other, third)
	remove(t, journal, subject, third.Subject, blacklist.TokenID("never there"))
	expect(t, journal, start, other)
	remove(t, journal, subject)
	expect(t, journal, start, other)
}

func testRemoveAppend(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(9, later.Add(time.Hour)))
	remove(t, journal, subject)
	appendTo(t, journal, entry(1, later))
	expect(t, journal, start, entry(1, later))
}

func testNothing(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal)
	remove(t, journal)
	expect(t, journal, start)
}

func testYieldError(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(1, later), blacklist.Entry{Subject: blacklist.TokenID("two"), Expires: later})
	enough := errors.New("enough")
	calls := 0
	err := journal.Load(t.Context(), start, func(blacklist.Entry) error { calls++; return enough })
	if err != enough || calls != 1 { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Load returned %v after %d calls, want the error of yield after 1", err, calls)
	}
}

func testMany(t *testing.T, journal blacklist.Journal) {
	const many = 5000
	var all []blacklist.Entry
	var subjects []blacklist.Subject
	for i := range many {
		subjects = append(subjects, blacklist.TokenID(fmt.Sprint(i)))
		all = append(all, blacklist.Entry{Subject: subjects[i], Second: int64(i), Expires: later})
	}
	appendTo(t, journal, all...)
	expect(t, journal, start, all...)
	remove(t, journal, subjects[1:]...)
	expect(t, journal, start, all[0])
}

func testCancelled(t *testing.T, journal blacklist.Journal) {
	appendTo(t, journal, entry(1, later))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Doing the work all the same is allowed; an error must say that it could not be done.
	if err := journal.Append(ctx, entry(2, later)); err != nil && !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("Append: %v does not wrap ErrUnavailable", err)
	}
	ignore := func(blacklist.Entry) error { return nil }
	if err := journal.Load(ctx, start, ignore); err != nil && !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("Load: %v does not wrap ErrUnavailable", err)
	}
	if err := journal.Remove(ctx, blacklist.TokenID("two")); err != nil && !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("Remove: %v does not wrap ErrUnavailable", err)
	}
	if second := load(t, journal, start)[subject].Second; second != 1 && second != 2 {
		t.Errorf("the entry has second %d afterwards, want 1 or 2", second)
	}
}

func testConcurrent(t *testing.T, journal blacklist.Journal) {
	const writers, rounds = 8, 20
	var wait sync.WaitGroup
	for writer := range writers {
		wait.Go(func() {
			for round := range rounds {
				own := blacklist.TokenID(fmt.Sprint("own", writer, ".", round))
				err := errors.Join(
					journal.Append(t.Context(), entry(int64(writer*rounds+round), later),
						blacklist.Entry{Subject: own, Expires: later}),
					journal.Load(t.Context(), start, func(blacklist.Entry) error { return nil }),
					journal.Remove(t.Context(), own))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	expect(t, journal, start, entry(writers*rounds-1, later))
}

// testModel compares the journal with a map. There is one journal for all runs, so each has a realm of its own.
func testModel(t *testing.T, journal blacklist.Journal) {
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := model{journal: journal, realm: fmt.Sprintf("realm %05d", run), entries: make(entries)}
		steps := []func(*rapid.T){m.append, m.append, m.remove, m.load} // few: each may sync a disk
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			rapid.SampledFrom(steps).Draw(t, "step")(t)
		}
		m.load(t)
	})
}

type model struct {
	journal blacklist.Journal
	realm   string
	entries entries
}

func (m model) draw(t *rapid.T) blacklist.Entry {
	return blacklist.Entry{
		Subject: blacklist.EndOf(m.realm, [32]byte{rapid.Byte().Draw(t, "session") % 4}),
		Second:  rapid.Int64Range(-5, 5).Draw(t, "second"),
		Expires: start.Add(time.Duration(rapid.Int64Range(1, 5).Draw(t, "hours")) * time.Hour),
	}
}

func (m model) append(t *rapid.T) {
	added := rapid.SliceOfN(rapid.Custom(m.draw), 0, 3).Draw(t, "entries")
	if err := m.journal.Append(context.Background(), added...); err != nil {
		t.Fatalf("Append: %v", err)
	}
	for _, entry := range added {
		if old, ok := m.entries[entry.Subject]; ok {
			entry = old.Merged(entry)
		}
		m.entries[entry.Subject] = entry
	}
}

func (m model) remove(t *rapid.T) {
	gone := m.draw(t).Subject
	if err := m.journal.Remove(context.Background(), gone); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	delete(m.entries, gone)
}

func (m model) load(t *rapid.T) {
	now := start.Add(time.Duration(rapid.Int64Range(0, 5).Draw(t, "now")) * time.Hour)
	loaded := load(t, m.journal, now)
	maps.DeleteFunc(loaded, func(subject blacklist.Subject, _ blacklist.Entry) bool {
		return !bytes.HasSuffix(subject.Bytes(), []byte(m.realm))
	})
	want := maps.Clone(m.entries)
	maps.DeleteFunc(want, func(_ blacklist.Subject, entry blacklist.Entry) bool { return entry.Expired(now) })
	if !maps.EqualFunc(loaded, want, blacklist.Entry.Equal) {
		t.Fatalf("Load at %v = %v, want %v", now, loaded, want)
	}
}
