package blacklist_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
)

// subjectOf returns one of the subjects of a model: of every kind, with digests and users that others have too.
func subjectOf(i int) blacklist.Subject {
	digest, realm, user := [32]byte{byte(i % 3), 31: byte(i / 3 % 2)}, []string{"shop", "forum"}[i%2], fmt.Sprint("user ", i%4)
	return []blacklist.Subject{
		blacklist.TokenID(fmt.Sprint(i % 50)), blacklist.EndOf(realm, digest), blacklist.RevokedSession(realm, digest),
		blacklist.RevokedUser(realm, user), blacklist.RevokedUserEverywhere(user), blacklist.FlushedRealm(realm),
		blacklist.FlushedAll(), blacklist.WatchedUser(realm, user), blacklist.AdmittedSession(realm, digest, user),
		blacklist.OwnerOf(realm, digest, user), blacklist.Lifted(), blacklist.LineageOf(realm, user, int64(i%5)),
		blacklist.RevokedAttribute(realm, "group", user), blacklist.RecentlySet(realm, digest),
	}[i%14]
}

// tidy is a journal that drops by itself what has expired, after a while: here never.
type tidy struct{ *blacklisttest.Journal }

var _ blacklist.TidyJournal = tidy{}

func (tidy) DropsExpired() {}

// A list holds what a map holds that is told the same, and a list that is opened on its journal again does too.
func TestListIsLikeMap(t *testing.T) {
	kinds := slices.Collect(func(yield func(blacklist.Kind) bool) {
		for kind := blacklist.KindToken; kind <= blacklist.KindSet; kind++ {
			if !yield(kind) {
				return
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		isTidy := rapid.Bool().Draw(rt, "tidy")
		open := func() {
			var journal blacklist.Journal = f.journal
			if isTidy {
				journal = tidy{f.journal}
			}
			list, err := blacklist.Open(t.Context(), journal, f.clock.Now)
			if err != nil {
				rt.Fatal(err)
			}
			f.List = list
		}
		open()
		model := make(map[blacklist.Subject]blacklist.Entry)
		merge := func(entry blacklist.Entry) {
			if old, known := model[entry.Subject]; known {
				entry = entry.Merged(old)
			}
			model[entry.Subject] = entry
		}
		draw := func(rt *rapid.T) blacklist.Entry {
			now := f.clock.Now()
			return blacklist.Entry{
				Subject: subjectOf(rapid.IntRange(0, 999).Draw(rt, "subject")),
				Second:  now.Unix() + rapid.Int64Range(-3, 3).Draw(rt, "second"),
				Expires: now.Add(time.Duration(rapid.IntRange(1, 10).Draw(rt, "life")) * time.Second),
			}
		}
		inForce := func() map[blacklist.Subject]blacklist.Entry {
			left := maps.Clone(model)
			maps.DeleteFunc(left, func(_ blacklist.Subject, e blacklist.Entry) bool { return e.Expired(f.clock.Now()) })
			return left
		}
		rt.Repeat(map[string]func(*rapid.T){
			"revoke": func(rt *rapid.T) {
				entries := []blacklist.Entry{draw(rt), draw(rt), draw(rt)}
				if _, err := f.Revoke(t.Context(), entries...); err != nil {
					rt.Fatal(err)
				}
				for _, entry := range entries {
					merge(entry)
				}
			},
			"end": func(rt *rapid.T) {
				entry := draw(rt)
				if err := f.End(t.Context(), entry); err != nil {
					rt.Fatal(err)
				}
				merge(entry)
			},
			"lift": func(rt *rapid.T) {
				subject := draw(rt).Subject
				_, want := inForce()[subject]
				if lifted, err := f.Lift(t.Context(), subject); err != nil || lifted != want {
					rt.Fatalf("Lift = %v, %v; want %v", lifted, err, want)
				}
				delete(model, subject)
			},
			"extend": func(rt *rapid.T) {
				longer := draw(rt)
				f.Extend(longer.Subject, longer.Expires)
				if entry, ok := inForce()[longer.Subject]; ok {
					longer.Second = entry.Second
					merge(longer)
				}
			},
			"sweep": func(rt *rapid.T) {
				if err := f.Sweep(t.Context()); err != nil {
					rt.Fatal(err)
				}
				model = inForce()
				if f.Len() != len(model) {
					rt.Fatalf("%d entries after a sweep, want %d", f.Len(), len(model))
				}
			},
			"advance": func(rt *rapid.T) {
				f.clock.Advance(time.Duration(rapid.IntRange(1, 5).Draw(rt, "seconds")) * time.Second)
			},
			"restart": func(rt *rapid.T) {
				if err := f.Retry(t.Context()); err != nil {
					rt.Fatal(err)
				}
				if err := f.Sweep(t.Context()); err != nil { // what a tidy journal still has is merged with
					rt.Fatal(err)
				}
				model = inForce()
				if !isTidy {
					open()
				}
			},
			"": func(rt *rapid.T) {
				want := inForce()
				for i := range 200 {
					subject := subjectOf(i)
					entry, ok := want[subject]
					if second, in := f.Second(subject); in != ok || second != entry.Second {
						rt.Fatalf("Second(%v) = %d, %v; want %v, %v", subject, second, in, entry, ok)
					}
				}
				since := f.clock.Now().Unix() + rapid.Int64Range(-3, 3).Draw(rt, "since")
				late := make(map[blacklist.Subject]blacklist.Entry)
				for _, kind := range kinds {
					all := make(map[blacklist.Subject]blacklist.Entry)
					for entry := range f.Entries(kind) {
						all[entry.Subject] = entry
					}
					expectEntries(rt, all, want, func(e blacklist.Entry) bool { return e.Subject.Kind() == kind })
				}
				of := rapid.SampledFrom([][]blacklist.Kind{
					kinds, {blacklist.KindEnd}, {blacklist.KindUser, blacklist.KindRealm, blacklist.KindAll, blacklist.KindLineage},
				}).Draw(rt, "kinds")
				for entry := range f.Since(since, of...) {
					late[entry.Subject] = entry
				}
				expectEntries(rt, late, want, func(e blacklist.Entry) bool {
					return e.Second >= since && slices.Contains(of, e.Subject.Kind())
				})
				page, _ := f.Page(10_000, blacklist.Subject{}, kinds...)
				paged := make(map[blacklist.Subject]blacklist.Entry)
				for _, entry := range page {
					paged[entry.Subject] = entry
				}
				expectEntries(rt, paged, want, func(blacklist.Entry) bool { return true })
			},
		})
	})
}

// expectEntries expects those of the entries that the condition is true of.
func expectEntries(
	rt *rapid.T, got, of map[blacklist.Subject]blacklist.Entry, condition func(blacklist.Entry) bool,
) {
	rt.Helper()
	want := maps.Clone(of)
	maps.DeleteFunc(want, func(_ blacklist.Subject, e blacklist.Entry) bool { return !condition(e) })
	if !maps.EqualFunc(got, want, blacklist.Entry.Equal) {
		rt.Fatalf("entries %v, want %v", got, want)
	}
}

// A journal that drops by itself what has expired is not told to, and the list forgets it all the same.
func TestSweepLeavesTidyJournalAlone(t *testing.T) {
	f := newFixture(t)
	list, err := blacklist.Open(t.Context(), tidy{f.journal}, f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	kept := blacklist.Entry{Subject: blacklist.TokenID("kept"), Expires: start.Add(time.Hour)}
	if _, err := list.Revoke(t.Context(), entry(7, time.Minute), kept); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	f.journal.Fail(true) // nobody asks it
	if err := list.Sweep(t.Context()); err != nil || list.Len() != 1 || !list.Contains(kept.Subject) {
		t.Errorf("Sweep: %v, %d entries left", err, list.Len())
	}
	if len(f.journal.Entries()) != 2 {
		t.Errorf("%d entries in the journal, want 2", len(f.journal.Entries()))
	}
}
