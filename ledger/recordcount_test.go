package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// TestRecordCount writes and lists the records of a user in any order and with calls that overlap. What is said to be within the
// bound is.
func TestRecordCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const bound = 8
		count, records, now := new(recordCount), 0, start
		type listing struct{ writes, records int }
		var noted []int      // writes whose records are to be listed
		var listed []listing // and what was found
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				records++
				writes, isWithin := count.wrote(now, bound)
				if isWithin && records > bound {
					t.Fatalf("%d records are said to be within %d", records, bound)
				}
				if !isWithin {
					noted = append(noted, writes)
				}
			},
			"list": func(t *rapid.T) {
				if len(noted) > 0 {
					records = min(records, bound)
					listed, noted = append(listed, listing{noted[0], records}), noted[1:]
				}
			},
			"note": func(t *rapid.T) {
				if len(listed) > 0 {
					i := rapid.IntRange(0, len(listed)-1).Draw(t, "which")
					count.list(listed[i].records, listed[i].writes, now)
					listed = append(listed[:i], listed[i+1:]...)
				}
			},
			"expire": func(t *rapid.T) { records -= rapid.IntRange(0, records).Draw(t, "records") },
		})
	})
}

// With a clock that is set back, records count again that had expired.
func TestRecordCountAfterTheClockIsSetBack(t *testing.T) {
	count := new(recordCount)
	writes, _ := count.wrote(start, 5)
	count.list(1, writes, start)
	if _, isWithin := count.wrote(start, 5); !isWithin {
		t.Error("two records are not within 5")
	}
	if _, isWithin := count.wrote(start.Add(-time.Second), 5); isWithin {
		t.Error("known although the clock was set back")
	}
}

// The records of a user whose ids are replaced all the time are listed once in a while only, and there are never more than may be.
func TestReplacedIDsAreListedOnceInAWhile(t *testing.T) {
	f := newFixture(t)
	lists := 0
	f.memory.before = func(method string) {
		if method == "List" {
			lists++
		}
	}
	session := f.learnAt(keyOf("0"), "ann")
	for i := range 5 * MaxRecords {
		f.advance(100 * time.Millisecond)
		session = f.followed(session, keyOf(fmt.Sprint(i+1)))
	}
	if most := 5*MaxRecords/(MaxRecords/10) + 5; lists > most {
		t.Errorf("listed %d times in %d answers, want %d at most", lists, 5*MaxRecords, most)
	}
	if count := f.countOf("ann"); count > MaxRecords {
		t.Errorf("there are %d records", count)
	}
	if !f.isActive(session.Key) || !f.isActive(keyOf(fmt.Sprint(5*MaxRecords-MaxRecords/2))) {
		t.Error("an id is gone that was replaced a moment ago")
	}
}

// Sessions that are opened at the same time are all counted.
func TestRecordsOpenedAtOnceAreBounded(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 10
	for round := range 20 {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				key := sessions.Key{Realm: "shop", Hash: sessions.HashOf(fmt.Sprint(round, "-", i))}
				if _, err := f.Ask(key).Identified(ctx, Identity{User: "ann"}, lives); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if count := f.countOf("ann"); count > f.maxRecords {
			t.Fatalf("round %d: %d records", round, count)
		}
	}
}
