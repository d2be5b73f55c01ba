package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// everyMethod calls every method of a store and returns their errors by name.
func everyMethod(ctx context.Context, store sessions.Store, one sessions.Session) map[string]error {
	failures := map[string]error{"Put": store.Put(ctx, one, start)}
	_, _, failures["Get"] = store.Get(ctx, one.Key, start)
	_, failures["Update"] = store.Update(ctx, one, start)
	_, failures["List of a realm"] = store.List(ctx, sessions.Query{Realm: "shop", Limit: 1}, start)
	_, failures["List of a user"] = store.List(ctx, sessions.Query{Realm: "shop", User: one.User, Limit: 1}, start)
	_, failures["Count"] = store.Count(ctx)
	_, failures["Delete"] = store.Delete(ctx, one.Key)
	return failures
}

// mustFail checks that every method says that it could not tell, for this reason.
func mustFail(t *testing.T, store *testStore, reason error) {
	t.Helper()
	one := newSession("one", "ann")
	for method, err := range everyMethod(t.Context(), store, one) {
		if !errors.Is(err, sessions.ErrUnavailable) || reason != nil && !errors.Is(err, reason) {
			t.Errorf("%s = %v, want sessions.ErrUnavailable and %v", method, err, reason)
		}
		if err != nil && (strings.Contains(err.Error(), nameOf(one.Hash)) || strings.Contains(err.Error(), "ann")) {
			t.Errorf("%s: the error %v names the session or the user", method, err)
		}
	}
}

// The server may forget all scripts at any time.
func TestScriptsAreForgotten(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		for i := range 3 {
			one := newSession(fmt.Sprint(i), "ann")
			server.Do("SCRIPT", "FLUSH")
			mustPut(t, store, one)
			server.Do("SCRIPT", "FLUSH")
			if page, err := store.List(t.Context(), sessions.Query{Realm: "shop", User: "ann", Limit: 10}, start); err != nil || len(page.Sessions) != 1 {
				t.Errorf("List = %+v, %v", page, err)
			}
			server.Do("SCRIPT", "FLUSH")
			if count, err := store.Count(t.Context()); count != 1 || err != nil {
				t.Errorf("Count = %d, %v", count, err)
			}
			server.Do("SCRIPT", "FLUSH")
			if done, err := store.Delete(t.Context(), one.Key); !done || err != nil {
				t.Errorf("Delete = %v, %v", done, err)
			}
		}
	})
}

// A server that was emptied, or that holds another store, is never one on which the session is unknown.
func TestAnEmptiedServerIsNotAnEmptyStore(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		one := newSession("one", "ann")
		for what, exchange := range map[string]func(){
			"FLUSHALL":        func() { server.Do("FLUSHALL") },
			"a restart":       func() { server.Kill(); server.Start() },
			"another store":   func() { server.Do("SET", store.client.keys.epoch(), "another") },
			"the epoch alone": func() { server.Do("DEL", store.client.keys.epoch()) },
		} {
			mustPut(t, store, one)
			exchange()
			before := store.exchanged.Load()
			mustFail(t, store, errExchanged)
			if told := store.exchanged.Load() - before; told < 7 {
				t.Errorf("after %s: it was told %d times, of 7 calls", what, told)
			}
			if got := server.Do("EXISTS", store.client.keys.session(one.Key)); got == "1" && what != "another store" && what != "the epoch alone" {
				t.Errorf("after %s: something was written", what)
			}
			store.join(t)
		}
	})
}

// A gateway that has not reached its server yet can't tell.
func TestAServerThatWasNeverReached(t *testing.T) {
	t.Parallel()
	option := optionOf(t, "redis://127.0.0.1:1")
	never := &testStore{state: new(journalState)}
	never.store = &store{client: newClient(option, newKeys(defaultPrefix), time.Second), known: never.state}
	mustFail(t, never, nil)
	never.client.join("x")
	mustFail(t, never, nil)
	never.client.close()
	mustFail(t, never, errClosed)
}

// A record that is damaged is an error, and can be replaced and removed.
func TestDamagedRecordsOnTheServer(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		one := newSession("one", "ann")
		key := store.client.keys.session(one.Key)
		for what, damage := range map[string]func(){
			"a bit":    func() { server.Do("SETRANGE", key, "40", "\xff") },
			"a length": func() { server.Do("SETRANGE", key, "20", "\xff\xff") },
			"the end":  func() { server.Do("SET", key, server.Do("GETRANGE", key, "0", "70"), "KEEPTTL") },
			"all":      func() { server.Do("SET", key, "", "KEEPTTL") },
		} {
			mustPut(t, store, one)
			damage()
			if got, found, err := store.Get(t.Context(), one.Key, start); !errors.Is(err, record.ErrDamaged) || !errors.Is(err, sessions.ErrUnavailable) || found {
				t.Errorf("%s: Get = %+v, %v, %v, want %v", what, got, found, err, record.ErrDamaged)
			}
			if _, err := store.List(t.Context(), sessions.Query{Realm: "shop", Limit: 1}, start); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("%s: List = %v, want %v", what, err, record.ErrDamaged)
			}
			mustPut(t, store, one)
			mustHave(t, store, one)
			damage()
			if done, err := store.Delete(t.Context(), one.Key); !done || err != nil {
				t.Errorf("%s: Delete = %v, %v", what, done, err)
			}
			if count, err := store.Count(t.Context()); count != 0 || err != nil {
				t.Errorf("%s: Count = %d, %v", what, count, err)
			}
		}
		mustPut(t, store, one)
		server.Do("SET", key, "short")
		if done, err := store.Update(t.Context(), one, start); done || !errors.Is(err, record.ErrDamaged) {
			t.Errorf("Update = %v, %v, want %v", done, err, record.ErrDamaged)
		}
	})
}

// Two installations share a server.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		first, second := open(t, optionOf(t, server.URL()), "first"), open(t, optionOf(t, server.URL()), "second")
		one, other := newSession("one", "ann"), newSession("one", "bob")
		mustPut(t, first, one)
		if _, found, err := second.Get(t.Context(), one.Key, start); found || err != nil {
			t.Errorf("the other installation finds %v, %v", found, err)
		}
		mustPut(t, second, other)
		mustHave(t, first, one)
		mustHave(t, second, other)
		if _, err := second.Delete(t.Context(), other.Key); err != nil {
			t.Error(err)
		}
		mustHave(t, first, one)
		for _, store := range []*testStore{first, second} {
			page, err := store.List(t.Context(), sessions.Query{Realm: "shop", Limit: 10}, start)
			count, countErr := store.Count(t.Context())
			if want := 1 - strings.Count(store.client.keys.prefix, "second"); err != nil || countErr != nil || len(page.Sessions) != want || count != want {
				t.Errorf("%s has %d sessions and counts %d, %v, %v", store.client.keys.prefix, len(page.Sessions), count, err, countErr)
			}
		}
	})
}

// Where a session was removed, nothing is left of it.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		before := server.Do("DBSIZE")
		rich := richSession()
		mustPut(t, store, rich)
		moved := rich.Touched(start.Add(time.Minute), 2*time.Hour)
		moved.User, moved.Provider = "bob", sessions.ProviderSessionOf("https://id.example", "s2")
		if done, err := store.Update(t.Context(), moved, start); !done || err != nil {
			t.Fatalf("Update = %v, %v", done, err)
		}
		server.Do("HDEL", store.client.keys.facts(), "latest")
		for _, end := range []func(){
			func() {
				if _, err := store.Delete(t.Context(), rich.Key); err != nil {
					t.Fatal(err)
				}
			},
			func() {
				mustPut(t, store, rich)
				if err := store.Put(t.Context(), rich, rich.Expires); err != nil {
					t.Fatal(err)
				}
				server.Do("HDEL", store.client.keys.facts(), "latest")
			},
		} {
			end()
			if after := server.Do("DBSIZE"); after != before {
				t.Errorf("%s keys are left, before there were %s: %s", after, before, server.Do("KEYS", "*"))
			}
		}
	})
}

// What nobody removes the server drops an hour after it has expired, with all that leads to it.
func TestTheServerDropsWhatHasExpired(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		rich, longer := richSession(), newSession("longer", "ann")
		longer.Expires = start.Add(3 * time.Hour)
		mustPut(t, store, rich, longer, rich)
		keys := store.client.keys
		for key, want := range map[string]time.Duration{
			keys.session(rich.Key):                                               2 * time.Hour,
			keys.session(longer.Key):                                             4 * time.Hour,
			keys.leading(sessions.Query{Realm: "shop", User: "ann"}):             4 * time.Hour,
			keys.leading(sessions.Query{Realm: "shop", Provider: rich.Provider}): 2 * time.Hour,
			keys.bucket("shop", bucketOf(rich.Hash)):                             2 * time.Hour,
			keys.directory("shop"):                                               4 * time.Hour,
		} {
			left, err := time.ParseDuration(server.Do("PTTL", key) + "ms")
			if err != nil || left > want+time.Second || left < want-time.Minute {
				t.Errorf("%.20s… is dropped in %v, %v, want %v", key, left, err, want)
			}
		}
		// A session for ever makes what leads to it stay for ever.
		ever := newSession("longer", "ann")
		ever.Expires = start.Add(1<<63 - 1)
		mustPut(t, store, ever)
		for _, key := range []string{keys.session(ever.Key), keys.leading(sessions.Query{Realm: "shop", User: "ann"}), keys.directory("shop")} {
			if left := server.Do("PTTL", key); left != "-1" {
				t.Errorf("%.20s… is dropped in %s ms", key, left)
			}
		}
		mustPut(t, store, rich)
		if left := server.Do("PTTL", keys.directory("shop")); left != "-1" {
			t.Errorf("a shorter session makes it drop in %s ms", left)
		}
		if count, err := store.Count(t.Context()); count != 2 || err != nil {
			t.Errorf("Count = %d, %v, want 2", count, err)
		}
		server.Do("HSET", keys.prefix+"counts", "5", "7") // a period that is over
		if count, err := store.Count(t.Context()); count != 2 || err != nil || server.Do("HEXISTS", keys.prefix+"counts", "5") != "0" {
			t.Errorf("Count = %d, %v, want 2 and no period that is over", count, err)
		}
	})
}

// A set forgets what expired long ago when it is written.
func TestSetsForgetWhatHasExpired(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		set := store.client.keys.leading(sessions.Query{Realm: "shop", User: "ann"})
		mustPut(t, store, newSession("one", "ann"), newSession("two", "ann"))
		late := newSession("three", "ann")
		late.Expires = start.Add(9 * time.Hour)
		for _, test := range []struct {
			hours int
			want  string
		}{{1, "3"}, {3, "1"}} {
			if err := store.Put(t.Context(), late, start.Add(time.Duration(test.hours)*time.Hour)); err != nil {
				t.Fatal(err)
			}
			if got := server.Do("ZCARD", set); got != test.want {
				t.Errorf("after %d hours the set has %s members, want %s", test.hours, got, test.want)
			}
		}
	})
}

// What another gateway has written to the journal, and this one has not heard of, is never undone.
func TestTheFence(t *testing.T) {
	t.Parallel()
	one, rolling := newSession("one", "ann"), newSession("two", "ann")
	rolling.Rolling = true
	const place = 5<<sequenceBits | 2
	for _, test := range []struct {
		name    string
		session sessions.Session
		subject blacklist.Subject // of the entry that the other gateway wrote; none: one about all sessions
		known   uint64
		own     []uint64
		behind  bool
	}{
		{"the end of the session", one, blacklist.EndOf("shop", one.Hash), place - 1, nil, true},
		{"an end in a later millisecond", one, blacklist.EndOf("shop", one.Hash), 4<<sequenceBits | 9, nil, true},
		{"nothing is known yet", one, blacklist.EndOf("shop", one.Hash), 0, nil, true},
		{"an end that is known", one, blacklist.EndOf("shop", one.Hash), place, nil, false},
		{"an end that is known long since", one, blacklist.EndOf("shop", one.Hash), 6 << sequenceBits, nil, false},
		{"something that the server has lost", one, blacklist.EndOf("shop", one.Hash), 6<<sequenceBits | 1, nil, true},
		{"an end of our own", one, blacklist.EndOf("shop", one.Hash), place - 1, []uint64{place - 1, place}, false},
		{"others of our own", one, blacklist.EndOf("shop", one.Hash), place - 1, []uint64{place - 1, place + 1}, true},
		{"the revocation of the session", one, blacklist.RevokedSession("shop", one.Hash), place - 1, nil, true},
		{"the end of another session", one, blacklist.EndOf("shop", rolling.Hash), place - 1, nil, false},
		{"the end in another realm", one, blacklist.EndOf("wiki", one.Hash), place - 1, nil, false},
		{"the end of all its ids", rolling, blacklist.LineageOf("shop", "ann", rolling.AuthTime), place - 1, nil, true},
		{"the end of all ids of an earlier one", rolling, blacklist.LineageOf("shop", "ann", rolling.AuthTime-1), place - 1, nil, false},
		{"something common", one, blacklist.Subject{}, place - 1, nil, true},
		{"something common that is known", one, blacklist.Subject{}, place, nil, false},
		// Only the last common write is noted. One of another gateway may have come before ours.
		{"something common of our own", one, blacklist.Subject{}, place - 1, []uint64{place}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
				server := engine.Start(t, redistest.Settings{})
				store := openOn(t, server)
				mustPut(t, store, test.session)
				server.Do("HSET", store.client.keys.facts(), "last", idOf(6<<sequenceBits))
				if test.subject == (blacklist.Subject{}) {
					server.Do("HSET", store.client.keys.facts(), "common", idOf(place))
				} else {
					server.Do("HSET", store.client.keys.live(), string(test.subject.Bytes()), "17 99 "+idOf(1)+" "+idOf(place))
				}
				store.state.known, store.state.writes = test.known, test.own
				changed := test.session.Touched(start.Add(time.Minute), 2*time.Hour)
				err := store.Put(t.Context(), changed, start)
				if errors.Is(err, sessions.ErrBehind) != test.behind || err != nil && !test.behind || errors.Is(err, sessions.ErrUnavailable) {
					t.Errorf("Put = %v, behind: want %v", err, test.behind)
				}
				done, err := store.Update(t.Context(), changed, start)
				if errors.Is(err, sessions.ErrBehind) != test.behind || err != nil && !test.behind || done == test.behind {
					t.Errorf("Update = %v, %v, behind: want %v", done, err, test.behind)
				}
				got, _, err := store.Get(t.Context(), test.session.Key, start)
				if err != nil || got.Expires.Equal(changed.Expires) == test.behind {
					t.Errorf("what is there: %+v, %v", got, err)
				}
			})
		})
	}
}

// The newest auth_time of all sessions is kept for those who revoke.
func TestTheNewestAuthTime(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		for _, test := range []struct{ authTime, latest int64 }{{-5, -5}, {100, 100}, {99, 100}, {101, 101}, {9, 101}, {1000, 1000}} {
			one := newSession("one", "ann")
			one.AuthTime = test.authTime
			mustPut(t, store, one)
			if got := server.Do("HGET", store.client.keys.facts(), "latest"); got != fmt.Sprint(test.latest) {
				t.Errorf("after %d it is %s, want %d", test.authTime, got, test.latest)
			}
		}
	})
}

// A server that does not answer is given up after the time that it has, and the caller's own end is told as such.
func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		one := newSession("one", "ann")
		mustPut(t, store, one)
		store.client.timeout = 50 * time.Millisecond
		server.Pause()
		begin := time.Now()
		_, _, err := store.Get(t.Context(), one.Key, start)
		if !errors.Is(err, sessions.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 3*time.Second {
			t.Errorf("Get = %v after %v", err, time.Since(begin))
		}
		if err := store.Put(t.Context(), one, start); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("Put = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, _, err := store.Get(ctx, one.Key, start); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("Get with less time = %v", err)
		}
		server.Resume()
		store.client.timeout = testTimeout
		mustHave(t, store, one)
	})
}
