package ledger

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Each way to end or revoke is told to the watches that it is about, and to no others.
func TestWatch(t *testing.T) {
	other := sessions.Key{Realm: shop.Realm, Hash: sessions.HashOf("another")}
	elsewhere := sessions.Key{Realm: "elsewhere", Hash: shop.Hash}
	const token, session, sibling, stranger, foreign = "a token of it", "the session", "his other session", "another user's", "his namesake's in another realm"
	for _, test := range []struct {
		name string
		does func(*fixture, sessions.Session) error
		want []string
	}{
		{"an end", func(f *fixture, s sessions.Session) error {
			_, err := f.End(f.t.Context(), shop, s.AuthTime)
			return err
		}, []string{token, session}},
		{"a revoked session", func(f *fixture, _ sessions.Session) error { return f.RevokeSession(f.t.Context(), shop) }, []string{token, session}},
		{"a revoked token", func(f *fixture, _ sessions.Session) error {
			return f.RevokeToken(f.t.Context(), "jti", f.clock().Add(tokenLife))
		}, []string{token}},
		{"all tokens of the session", func(f *fixture, s sessions.Session) error {
			return f.KillTokens(f.t.Context(), shop, s.AuthTime)
		}, []string{token, session}},
		{"a revoked user", func(f *fixture, _ sessions.Session) error {
			return f.RevokeUser(f.t.Context(), shop.Realm, "ann")
		}, []string{token, session, sibling}},
		{"a user revoked everywhere", func(f *fixture, _ sessions.Session) error {
			return f.RevokeUserEverywhere(f.t.Context(), "ann")
		}, []string{token, session, sibling, foreign}},
		{"a flushed realm", func(f *fixture, _ sessions.Session) error {
			return f.Flush(f.t.Context(), shop.Realm)
		}, []string{token, session, sibling, stranger}},
		{"a flush of all", func(f *fixture, _ sessions.Session) error {
			return f.FlushAll(f.t.Context())
		}, []string{token, session, sibling, stranger, foreign}},
		{"another user in the session", func(f *fixture, _ sessions.Session) error {
			_, err := f.Add(f.t.Context(), shop, Identity{User: "bob"}, lives)
			return err
		}, []string{token, session}},
		{"the application says nobody", func(f *fixture, _ sessions.Session) error {
			return f.Ask(shop).Nobody(f.t.Context(), 0)
		}, []string{token, session}},
		{"nothing", func(*fixture, sessions.Session) error { return nil }, nil},
	} {
		// Before the watch begins, or while it is open.
		for _, early := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				s := f.learn("ann")
				var mu sync.Mutex
				told := make(map[string]int)
				watch := func(name string, subjects Subjects) *Watch {
					return f.Watch(subjects, s.AuthTime, func() {
						mu.Lock()
						defer mu.Unlock()
						told[name]++
					})
				}
				if early {
					if err := test.does(f, s); err != nil {
						t.Fatal(err)
					}
				}
				watches := []*Watch{
					watch(token, SubjectsOf("jti", shop, "ann")), watch(session, SubjectsOfSession(shop, "ann")),
					watch(sibling, SubjectsOfSession(other, "ann")), watch(stranger, SubjectsOf("other", other, "bob")),
					watch(foreign, SubjectsOfSession(elsewhere, "ann")),
				}
				if !early {
					if err := test.does(f, s); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				mu.Lock()
				for _, name := range test.want {
					if told[name] != 1 {
						t.Errorf("%s, early %t: %s was told %d times", test.name, early, name, told[name])
					}
					delete(told, name)
				}
				if len(told) > 0 {
					t.Errorf("%s, early %t: told also %v", test.name, early, told)
				}
				mu.Unlock()
				for _, watch := range watches {
					watch.Stop()
					watch.Stop()
				}
				f.expectNoWatches()
			})
		}
	}
}

func (f *fixture) expectNoWatches() {
	f.t.Helper()
	if open := f.Watching(); open != 0 {
		f.t.Errorf("%d watches are open", open)
	}
	for i := range f.watches.shards {
		if left := len(f.watches.shards[i].byKey); left > 0 {
			f.t.Errorf("%d sessions are watched", left)
		}
	}
}

// What comes after the end goes on: it has a later auth_time.
func TestWatchAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		if f.AuthTimeAfterEnd(shop) != 0 {
			t.Error("a session that has not ended has an end")
		}
		s := f.learn("ann")
		if _, err := f.End(t.Context(), shop, s.AuthTime); err != nil {
			t.Fatal(err)
		}
		var told atomic.Int64
		watch := f.Watch(SubjectsOfSession(shop, "ann"), f.AuthTimeAfterEnd(shop), func() { told.Add(1) })
		defer watch.Stop()
		synctest.Wait()
		if told.Load() != 0 {
			t.Error("the end before was told")
		}
		f.advance(2 * time.Second)
		if err := f.RevokeUser(t.Context(), shop.Realm, "ann"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if told.Load() != 1 {
			t.Error("the revocation after it was not told")
		}
	})
}

// More changes than are kept lead to a check of everything.
func TestWatchManyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		s := f.learn("ann")
		var told atomic.Int64
		watch := f.Watch(SubjectsOfSession(shop, "ann"), s.AuthTime, func() { told.Add(1) })
		defer watch.Stop()
		f.watches.mu.Lock() // nobody looks meanwhile
		for range maxTold + 1 {
			f.watches.told = append(f.watches.told, blacklist.EndOf("elsewhere", shop.Hash))
		}
		f.watches.mu.Unlock()
		if _, err := f.End(t.Context(), shop, s.AuthTime); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if told.Load() != 1 {
			t.Error("the end was not told")
		}
		if f.watches.mu.Lock(); len(f.watches.told) != 0 {
			t.Error("changes were left")
		}
		f.watches.mu.Unlock()
	})
}

// However a watch and an end meet, it is told.
func TestWatchRace(t *testing.T) {
	f := newFixture(t)
	for range 500 {
		s := f.learn("ann")
		told := make(chan struct{})
		var both sync.WaitGroup
		var watch *Watch
		both.Go(func() { watch = f.Watch(SubjectsOfSession(shop, "ann"), s.AuthTime, func() { close(told) }) })
		both.Go(func() {
			if _, err := f.End(t.Context(), shop, s.AuthTime); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		<-told
		watch.Stop()
		f.advance(2 * time.Second)
	}
	f.expectNoWatches()
}
