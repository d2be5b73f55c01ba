package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func (f *fixture) countOf(user string) int {
	f.t.Helper()
	page, err := f.List(ctx, sessions.Query{Realm: "shop", User: user, Limit: 10 * MaxRecords})
	if err != nil || page.More {
		f.t.Fatalf("List: %v", err)
	}
	return len(page.Sessions)
}

// One session of the application comes under any number of spellings of its id: the records have an end, and the session
// that is in use stays. Other users, other realms and what another user has under the same name stay too.
func TestUserHasAtMostSoManyRecords(t *testing.T) {
	f := newFixture(t)
	f.learnAt(keyOf("of bob"), "bob")
	f.learnAt(sessions.Key{Realm: "forum", Hash: keyOf("x").Hash}, "ann")
	inUse := f.learnAt(keyOf("in use"), "ann")
	for i := range 3 * MaxRecords {
		f.advance(time.Second)
		f.learnAt(keyOf(fmt.Sprint(i)), "ann")
		if i%30 == 0 {
			f.learnAt(inUse.Key, "ann") // confirmed
		}
		if count := f.countOf("ann"); count != min(i+2, MaxRecords) {
			t.Fatalf("after %d spellings there are %d records", i+1, count)
		}
	}
	for key, want := range map[string]bool{
		"in use": true, "0": false, fmt.Sprint(2*MaxRecords - 1): false, fmt.Sprint(2*MaxRecords + 2): true, "of bob": true,
	} {
		if f.isActive(keyOf(key)) != want {
			t.Errorf("%s is active: want %v", key, want)
		}
	}
	if !f.isActive(sessions.Key{Realm: "forum", Hash: keyOf("x").Hash}) {
		t.Error("the record of another realm is gone")
	}
	if counts, err := f.Count(ctx); err != nil || counts.Sessions != MaxRecords+2 || counts.Entries != 0 || len(f.reports()) != 0 {
		t.Errorf("counted %+v, %v; reported %v", counts, err, f.reports())
	}
}

// A session that the application owns goes on when its record is dropped: its token lives, and it is learned again. One that
// the gateway opened has ended with it.
func TestWhatTheDroppedRecordMeans(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 2
	learned := f.learnAt(keyOf("learned"), "ann")
	f.advance(time.Second)
	added, err := f.Add(ctx, keyOf("added"), Identity{User: "ann"}, lives)
	f.ok(err)
	f.advance(time.Second)
	f.learnAt(keyOf("new"), "ann")
	if f.isActive(learned.Key) || !f.isAlive(learned) || !f.isActive(added.Key) {
		t.Error("want the learned record gone, and its token alive")
	}
	f.advance(time.Second)
	f.learnAt(learned.Key, "ann")
	if f.isActive(added.Key) || f.isAlive(added) {
		t.Error("want the added session ended")
	}
	f.crash()
	if f.isAlive(added) {
		t.Error("the end is gone after a restart")
	}
}

// Ids that an application replaces with every answer are the first to go: they push no other session of the user out.
func TestReplacedIDsGoFirst(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 5
	other, err := f.Add(ctx, keyOf("another browser"), Identity{User: "ann"}, lives)
	f.ok(err)
	f.advance(time.Second)
	session := f.learnAt(keyOf("0"), "ann")
	for i := range 30 {
		f.advance(time.Second / 2)
		session = f.followed(session, keyOf(fmt.Sprint(i+1)))
		if count := f.countOf("ann"); count > 5 {
			t.Fatalf("after %d answers there are %d records", i+1, count)
		}
	}
	if !f.isActive(other.Key) || !f.isActive(session.Key) || !f.isAlive(other) || !f.isAlive(session) {
		t.Error("a session is gone")
	}
	if f.isActive(keyOf("20")) || !f.isActive(keyOf("29")) {
		t.Error("of the replaced ids the oldest must go")
	}
	f.ok(f.RevokeSession(ctx, session.Key))
	if f.isActive(keyOf("29")) || f.isAlive(session) {
		t.Error("a replaced id outlives the revocation")
	}
}

// A session that was opened through the gateway, and whose id the application replaces, does not end with a replaced id.
func TestDroppedReplacedIDEndsNothing(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 2
	session, err := f.Add(ctx, keyOf("0"), Identity{User: "ann"}, lives)
	f.ok(err)
	for i := range 5 {
		f.advance(time.Second)
		session = f.followed(session, keyOf(fmt.Sprint(i+1)))
	}
	if !f.isActive(session.Key) || !f.isAlive(session) || f.countOf("ann") != 2 {
		t.Errorf("active %v, %d records", f.isActive(session.Key), f.countOf("ann"))
	}
}

// A store from before there was a bound, or one that failed to delete, is brought down to it with the next session.
func TestRecordsBeyondTheBoundGoLater(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 5 * MaxRecords
	for i := range 3 * MaxRecords {
		f.advance(time.Second)
		f.learnAt(keyOf(fmt.Sprint(i)), "ann")
	}
	f.maxRecords = MaxRecords
	f.memory.fail(true, "Delete")
	f.learnAt(keyOf("new"), "ann")
	if reports := f.reports(); len(reports) != 1 || !errors.Is(reports[0], sessions.ErrUnavailable) || !f.isActive(keyOf("new")) {
		t.Errorf("reported %v", reports)
	}
	f.memory.fail(false, "Delete")
	f.advance(time.Second)
	f.learnAt(keyOf("newer"), "ann")
	if count := f.countOf("ann"); count != MaxRecords || !f.isActive(keyOf("new")) || !f.isActive(keyOf("newer")) {
		t.Errorf("%d records", count)
	}
}

// Sessions of one user are opened, used and dropped by many at the same time.
func TestBoundUnderConcurrency(t *testing.T) {
	f := newFixture(t)
	f.maxRecords = 5
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 50 {
				f.advance(20 * time.Second)
				key := keyOf(fmt.Sprint(worker, " ", i))
				if worker%2 == 0 {
					_, _ = f.Add(ctx, key, Identity{User: "ann"}, lives)
				} else {
					_, _ = f.Ask(key).Identified(ctx, Identity{User: "ann"}, lives)
				}
				if session, active, _ := f.Active(ctx, keyOf(fmt.Sprint(worker, " ", i-1))); active {
					_ = f.Touch(ctx, session, lives.Idle)
				}
			}
		})
	}
	all.Wait()
	f.advance(time.Second)
	f.learnAt(keyOf("last"), "ann")
	if count := f.countOf("ann"); count != 5 || len(f.reports()) != 0 {
		t.Errorf("%d records, reported %v", count, f.reports())
	}
}

// The bound against a list of what there is: whatever is learned, added, used and ended, the ones seen longest ago are gone.
func TestBoundModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		defer func() { _ = f.Close() }()
		f.maxRecords = 3
		there := make(map[sessions.Key]sessions.Session) // what the model has
		draw := func(t *rapid.T) (sessions.Key, string) {
			f.advance(2 * time.Minute)
			return keyOf(rapid.StringMatching("[a-h]").Draw(t, "key")), rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
		}
		expire := func() {
			maps.DeleteFunc(there, func(_ sessions.Key, one sessions.Session) bool { return one.Expired(f.clock()) })
		}
		opened := func(session sessions.Session) {
			expire()
			there[session.Key] = session
			var his []sessions.Session
			for _, one := range there {
				if one.User == session.User {
					his = append(his, one)
				}
			}
			slices.SortFunc(his, func(a, b sessions.Session) int { return cmp.Compare(a.Seen.Unix(), b.Seen.Unix()) })
			for len(his) > 3 {
				if old := his[0]; f.isAlive(old) == (old.Source == sessions.Added) {
					rt.Fatalf("a token of a dropped session that was %s is alive: %v", old.Source, f.isAlive(old))
				}
				delete(there, his[0].Key)
				his = his[1:]
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"learn": func(t *rapid.T) {
				key, user := draw(t)
				session, err := f.Ask(key).Identified(ctx, Identity{User: user}, lives)
				f.ok(err)
				opened(session)
			},
			"add": func(t *rapid.T) {
				key, user := draw(t)
				session, err := f.Add(ctx, key, Identity{User: user}, lives)
				f.ok(err)
				opened(session)
			},
			"use": func(t *rapid.T) {
				key, _ := draw(t)
				if session, active, _ := f.Active(ctx, key); active {
					f.ok(f.Touch(ctx, session, lives.Idle))
					there[key] = session.Touched(f.clock(), lives.Idle)
				}
			},
			"end": func(t *rapid.T) {
				key, _ := draw(t)
				_, err := f.End(ctx, key, 0)
				f.ok(err)
				delete(there, key)
			},
			"": func(*rapid.T) {
				expire()
				for name := range 8 {
					key := keyOf(string(rune('a' + name)))
					if _, want := there[key]; f.isActive(key) != want {
						rt.Fatalf("the session is active: %v, want %v", !want, want)
					}
				}
			},
		})
	})
}
