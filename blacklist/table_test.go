package blacklist

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// alike returns subjects that are hard to tell apart: their digests differ in nothing or in the last byte, or they have the
// tag of the first one and, in a small table, its place.
func alike() []Subject {
	var digest [32]byte
	var subjects []Subject
	for last := range byte(3) {
		digest[31] = last
		for _, realm := range []string{"", "shop", "forum"} {
			subjects = append(subjects, EndOf(realm, digest), RevokedSession(realm, digest), RecentlySet(realm, digest))
			for _, user := range []string{"", "shop", "ann", "anne", strings.Repeat("a", 2*pageSize)} {
				subjects = append(subjects, AdmittedSession(realm, digest, user), OwnerOf(realm, digest, user))
			}
		}
		subjects = append(subjects, Subject{kind: KindToken, digest: digest})
	}
	subjects = append(subjects, RevokedUser("shop", "ann"), WatchedUser("shop", "ann"), RevokedUserEverywhere("ann"), Lifted(),
		LineageOf("shop", "ann", 7), LineageOf(strings.Repeat("r", 5000), "ann", 7), RevokedAttribute("shop", "a", "b"))
	small := table{tags: make([]uint8, minPlaces)}
	first := hashOf(&subjects[0])
	for i, found := 0, 0; found < 20; i++ {
		digest = [32]byte{0: 0, 1: byte(i), 2: byte(i >> 8), 3: byte(i >> 16), 4: 1}
		subject := Subject{kind: KindToken, digest: digest}
		if hash := hashOf(&subject); tagOf(hash) == tagOf(first) && small.home(hash) == small.home(first) {
			subjects = append(subjects, subject)
			found++
		}
	}
	return subjects
}

var (
	drawSecond = rapid.SampledFrom([]int64{0, 1, -1, 1_700_000_000, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MinInt64})
	drawHit    = rapid.Custom(func(t *rapid.T) hit {
		return hit{
			second: drawSecond.Draw(t, "second"), expires: drawSecond.Draw(t, "expires"),
			at: rapid.SampledFrom([]uint64{0, 0, 1, math.MaxUint64}).Draw(t, "at"),
		}
	})
)

// A shard holds what a map holds that is told the same, however alike the subjects are and however it grows and shrinks.
func TestShardIsLikeMap(t *testing.T) {
	pool := alike()
	rapid.Check(t, func(rt *rapid.T) {
		var s shard
		var counts counters
		model := make(map[Subject]hit)
		many := 0 // other subjects, by their number
		other := func(i int) Subject {
			return Subject{kind: KindEnd, realm: fmt.Sprint("realm ", i%5), digest: [32]byte{1: byte(i), 2: byte(i >> 8)}}
		}
		merge := func(subject Subject, h hit) {
			old, known := model[subject]
			want, wantMore := h, true
			if known {
				want, wantMore = old.merged(h)
			}
			got, more := s.merge(Entry{Subject: subject, Second: h.second, Expires: time.Unix(h.expires, 0), At: h.at}, &counts)
			if hitOf(got) != want || got.Subject != subject || more != wantMore {
				rt.Fatalf("merge(%v) = %v, %v; want %v, %v", h, got, more, want, wantMore)
			}
			model[subject] = want
		}
		expire := func(now int64) {
			expired := func(h hit) bool { return h.expires <= now }
			for _, entry := range s.entries(nil, func(_ Kind, h hit) bool { return expired(h) }) {
				s.drop(entry.Subject, expired, &counts)
			}
			for subject, h := range model {
				if expired(h) {
					delete(model, subject)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"merge": func(rt *rapid.T) {
				merge(rapid.SampledFrom(pool).Draw(rt, "subject"), drawHit.Draw(rt, "hit"))
			},
			"drop": func(rt *rapid.T) {
				subject, holds := rapid.SampledFrom(pool).Draw(rt, "subject"), rapid.Bool().Draw(rt, "condition")
				s.drop(subject, func(h hit) bool {
					if h != model[subject] {
						rt.Fatalf("the condition is asked about %v, want %v", h, model[subject])
					}
					return holds
				}, &counts)
				if holds {
					delete(model, subject)
				}
			},
			"grow": func(rt *rapid.T) {
				h := drawHit.Draw(rt, "hit")
				for range rapid.IntRange(1, 700).Draw(rt, "more") {
					merge(other(many), h)
					many++
				}
			},
			"shrink": func(rt *rapid.T) {
				kept := rapid.IntRange(0, many).Draw(rt, "kept")
				for many > kept {
					many--
					s.drop(other(many), func(hit) bool { return true }, &counts)
					delete(model, other(many))
				}
			},
			"expire": func(rt *rapid.T) { expire(drawSecond.Draw(rt, "now")) },
			"": func(rt *rapid.T) {
				perKind := make(map[Kind]int64)
				for subject, want := range model {
					perKind[subject.kind]++
					if got, found := s.get(&subject); !found || got != want {
						rt.Fatalf("get(%v) = %v, %v; want %v", subject, got, found, want)
					}
				}
				for _, subject := range pool {
					if _, found := s.get(&subject); found != hasKey(model, subject) {
						rt.Fatalf("get(%v) found %v", subject, found)
					}
				}
				for i := range 50 {
					absent := other(many + i)
					if _, found := s.get(&absent); found {
						rt.Fatal("an absent subject is found")
					}
				}
				all := s.entries(nil, func(Kind, hit) bool { return true })
				for _, entry := range all {
					if want, known := model[entry.Subject]; !known || hitOf(entry) != want {
						rt.Fatalf("entries has %v, want %v", entry, want)
					}
				}
				if len(all) != len(model) {
					rt.Fatalf("%d entries, want %d", len(all), len(model))
				}
				for kind := range Kind(kinds) {
					if counts.of(kind) != perKind[kind] {
						rt.Fatalf("%v: count %d, want %d", kind, counts.of(kind), perKind[kind])
					}
				}
				if t := &s.table; t.live != len(model) || t.isWasteful() || t.live == 0 && t.pages != nil {
					rt.Fatalf("%d rows live, %d of %d bytes wasted", t.live, t.wasted, t.written)
				}
			},
		})
	})
}

func hasKey(model map[Subject]hit, subject Subject) bool {
	_, known := model[subject]
	return known
}

// A table tells subjects apart by their parts, even if all have one hash.
func TestTableTellsSubjectsApart(t *testing.T) {
	const hash = 1 << 40
	subjects := alike()
	all := table{tags: make([]uint8, 2*len(subjects)), rows: make([]uint32, 2*len(subjects))}
	for i := range subjects {
		if _, found := all.find(&subjects[i], hash); found {
			t.Errorf("%v is found among others", subjects[i])
		}
		all.add(&subjects[i], hash, hit{second: int64(i)})
	}
	for i := range subjects {
		if place, found := all.find(&subjects[i], hash); !found || all.hit(place).second != int64(i) {
			t.Errorf("%v is not found as itself", subjects[i])
		}
	}
}

// While a shard grows and shrinks, a question about what is in force is answered with yes, and one about what was never there
// with no.
func TestShardAnswersWhileItGrows(t *testing.T) {
	var s shard
	var counts counters
	numbered := func(kind Kind, i int) Subject {
		return Subject{kind: kind, realm: "shop", digest: [32]byte{1: byte(i), 2: byte(i >> 8)}}
	}
	const held = 100
	for i := range held {
		s.merge(Entry{Subject: numbered(KindEnd, i), Second: 1, Expires: time.Unix(1000, 0)}, &counts)
	}
	var done atomic.Bool
	var asking, changing sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for last := int64(0); !done.Load(); {
				for i := range held {
					subject, absent := numbered(KindEnd, i), numbered(KindSession, i)
					found, ok := s.get(&subject)
					if _, there := s.get(&absent); !ok || there {
						t.Errorf("found %v what is in force, and %v what is not", ok, there)
						return
					}
					if i == 0 && found.second < last {
						t.Errorf("the second went from %d to %d", last, found.second)
					}
					if i == 0 {
						last = found.second
					}
				}
			}
		})
	}
	for worker := range 2 {
		changing.Go(func() {
			for round := range 4 {
				from := held + worker*3000
				for i := from; i < from+3000; i++ {
					s.merge(Entry{Subject: numbered(KindEnd, i), Second: int64(i), Expires: time.Unix(1000, 0)}, &counts)
				}
				first := Entry{Subject: numbered(KindEnd, 0), Second: int64(round) << 30, Expires: time.Unix(int64(round), 0)}
				s.merge(first, &counts) // its row gets wider
				for i := from; i < from+3000; i++ {
					s.drop(numbered(KindEnd, i), func(hit) bool { return true }, &counts)
				}
			}
		})
	}
	changing.Wait()
	done.Store(true)
	asking.Wait()
	if s.table.live != held || counts.of(KindEnd) != held {
		t.Errorf("%d rows live, count %d; want %d", s.table.live, counts.of(KindEnd), held)
	}
}

// What recent says it knows all of, it knows all of.
func TestRecentLeadsToAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var r recent
		now, noted := int64(1000), make(map[Subject]int64)
		number, last := uint32(0), Subject{kind: KindEnd}
		rt.Repeat(map[string]func(*rapid.T){
			"note": func(rt *rapid.T) {
				second := now + rapid.Int64Range(-5, 5).Draw(rt, "second")
				for range rapid.SampledFrom([]int{1, 2, 100, maxRecent / 2}).Draw(rt, "many") {
					number++
					kind := []Kind{KindEnd, KindAdmitted, KindToken}[number%3]
					subject := Subject{kind: kind, digest: [32]byte{byte(number), byte(number >> 8), byte(number >> 16), byte(number >> 24)}}
					r.note(Entry{Subject: subject, Second: second}, func() int64 { return now })
					noted[subject], last = second, subject
				}
			},
			"again": func(rt *rapid.T) {
				second := noted[last] + rapid.Int64Range(-2, 2).Draw(rt, "later")
				r.note(Entry{Subject: last, Second: second}, func() int64 { return now })
				noted[last] = max(noted[last], second)
			},
			"pass": func(rt *rapid.T) {
				now += rapid.Int64Range(-3, 10).Draw(rt, "seconds")
				maps.DeleteFunc(noted, func(_ Subject, second int64) bool { return second < now-20 })
			},
			"": func(rt *rapid.T) {
				if len(r.subjects) > maxRecent {
					rt.Fatalf("%d subjects", len(r.subjects))
				}
				second := now + rapid.Int64Range(-6, 6).Draw(rt, "since")
				subjects, all := r.since(second, []Kind{KindEnd, KindAdmitted})
				if !all {
					return
				}
				found := make(map[Subject]bool, len(subjects))
				for _, subject := range subjects {
					found[subject] = true
				}
				for subject, latest := range noted {
					if subject.kind != KindToken && latest >= second && !found[subject] {
						rt.Fatalf("an entry of second %d is missing since %d at %d", latest, second, now)
					}
				}
			},
		})
	})
}

// In a second of very many entries, a look at all of them is needed until the second is over.
func TestRecentForgetsByTheSecond(t *testing.T) {
	var r recent
	fill := func(second int64) {
		for i := range maxRecent + 1 {
			subject := Subject{kind: KindEnd, digest: [32]byte{byte(i), byte(i >> 8), byte(second)}}
			r.note(Entry{Subject: subject, Second: second}, func() int64 { return second })
		}
	}
	fill(100)
	if _, all := r.since(100, []Kind{KindEnd}); all {
		t.Error("it leads to more than it holds")
	}
	if subjects, all := r.since(101, []Kind{KindEnd}); !all || len(subjects) != 0 {
		t.Errorf("since the next second: %d subjects, all %v", len(subjects), all)
	}
	r.note(Entry{Subject: Lifted(), Second: 101}, func() int64 { return 101 })
	if subjects, all := r.since(101, []Kind{KindLifted}); !all || len(subjects) != 1 {
		t.Errorf("in the next second: %d subjects, all %v", len(subjects), all)
	}
	if _, all := r.since(101, []Kind{KindSession}); all {
		t.Error("the second of a revoked session is not noted, and yet all are known")
	}
}
