package blacklist_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

func TestEntries(t *testing.T) {
	f := newFixture(t)
	for kind, want := range map[blacklist.Kind][]blacklist.Entry{
		blacklist.KindUser:  {lasting(ann, 1), lasting(blacklist.RevokedUser("forum", "ann"), 2)},
		blacklist.KindRealm: {lasting(blacklist.FlushedRealm("shop"), 3), lasting(blacklist.FlushedRealm("forum"), 4)},
		blacklist.KindAll:   {lasting(blacklist.FlushedAll(), 5)},
		blacklist.KindToken: nil,
	} {
		f.revoke(t, want...)
		got := slices.Collect(f.Entries(kind))
		if len(got) != len(want) || f.Count(kind) != len(want) {
			t.Errorf("%v: %v, count %d", kind, got, f.Count(kind))
		}
		for _, entry := range want {
			if !slices.ContainsFunc(got, entry.Equal) {
				t.Errorf("%v: no %+v in %v", kind, entry, got)
			}
		}
	}
	for range f.Entries(blacklist.KindUser) {
		break // in the middle, without any lock left behind
	}
	f.revoke(t, lasting(ann, 9))
	f.clock.Advance(time.Hour)
	for _, kind := range []blacklist.Kind{blacklist.KindUser, blacklist.KindRealm} {
		if got := slices.Collect(f.Entries(kind)); len(got) != 0 {
			t.Errorf("%v after their expiry: %v", kind, got)
		}
	}
	if err := f.Sweep(t.Context()); err != nil || f.Len() != 0 {
		t.Errorf("Sweep: %v, %d left", err, f.Len())
	}
}

// All pages together are all entries of the kinds that were asked for, each once, in the order of their bytes.
func TestPages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		want := make(map[blacklist.Subject]bool)
		for i := range rapid.IntRange(0, 40).Draw(rt, "entries") {
			subject := rapid.SampledFrom([]blacklist.Subject{
				blacklist.TokenID(fmt.Sprint(i)), blacklist.RevokedUser("shop", fmt.Sprint(i%20)),
				blacklist.RevokedUser("forum", fmt.Sprint(i%20)), blacklist.FlushedRealm(fmt.Sprint(i)), blacklist.FlushedAll(),
				blacklist.WatchedUser("shop", fmt.Sprint(i)), blacklist.EndOf("shop", [32]byte{byte(i)}),
			}).Draw(rt, "subject")
			f.revoke(t, lasting(subject, 1))
			want[subject] = slices.Contains(blacklist.Revocations(), subject.Kind())
		}
		var after blacklist.Subject
		limit := rapid.IntRange(1, 50).Draw(rt, "limit")
		for more := true; more; {
			var page []blacklist.Entry
			page, more = f.Page(limit, after, blacklist.Revocations()...)
			if len(page) > limit || more && len(page) < limit {
				rt.Fatalf("%d entries on a page of %d, more %v", len(page), limit, more)
			}
			for _, entry := range page {
				a, b := after.Bytes(), entry.Subject.Bytes()
				if bytes.Compare(a[:33], b[:33]) > 0 || !want[entry.Subject] {
					rt.Fatalf("%x after %x, asked for %v", b, a, want[entry.Subject])
				}
				want[entry.Subject], after = false, entry.Subject
			}
		}
		for subject, missing := range want {
			if missing {
				rt.Fatalf("%v is on no page", subject)
			}
		}
	})
}

func TestPageLeavesOutTheExpired(t *testing.T) {
	f := newFixture(t)
	f.revoke(t, lasting(ann, 1))
	f.clock.Advance(time.Hour)
	if page, more := f.Page(10, blacklist.Subject{}, blacklist.Revocations()...); len(page) != 0 || more {
		t.Errorf("Page = %v, %v", page, more)
	}
}

// BenchmarkFlushed asks for what every request asks for after a flush.
func BenchmarkFlushed(b *testing.B) {
	f := newFixture(b)
	if _, err := f.Revoke(b.Context(), lasting(blacklist.FlushedRealm("shop"), 1)); err != nil {
		b.Fatal(err)
	}
	subject := blacklist.FlushedRealm("shop")
	b.ReportAllocs()
	for b.Loop() {
		if !f.Contains(subject) {
			b.Fatal("not contained")
		}
	}
}
