package sessionstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func testUpdateDelete(t *testing.T, store sessions.Store) {
	const updaters, rounds = 4, 50
	for round := range rounds {
		one := session("shop", hash(fmt.Sprint(round)), "ann")
		put(t, store, start, one)
		var ready, wait sync.WaitGroup
		ready.Add(updaters + 1)
		for i := range updaters {
			wait.Go(func() {
				touched := one.Touched(at(i+1), time.Hour)
				ready.Done()
				ready.Wait()
				if _, err := store.Update(t.Context(), touched, at(1)); err != nil {
					t.Errorf("Update: %v", err)
				}
			})
		}
		wait.Go(func() {
			ready.Done()
			ready.Wait()
			if done, err := store.Delete(t.Context(), one.Key); !done || err != nil {
				t.Errorf("Delete = %v, %v, want true", done, err)
			}
		})
		wait.Wait()
		absent(t, store, one.Key, at(1))
	}
	lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 1}, at(1), false)
	counts(t, store, 0)
}

// testWhole lets two writers put sessions whose parts belong together, and readers look for one that is torn.
func testWhole(t *testing.T, store sessions.Store) {
	variant := func(user string) sessions.Session {
		one := session("shop", hash("one"), user)
		one.Attributes = sessions.Attributes{"name": sessions.Text(user)}
		return one
	}
	variants := map[string]sessions.Session{"ann": variant("ann"), "bob": variant("bob")}
	put(t, store, start, variants["ann"])
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for _, one := range variants {
		writers.Go(func() {
			for range 100 {
				if err := store.Put(t.Context(), one, start); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				got, found, err := store.Get(t.Context(), variants["ann"].Key, start)
				if err != nil || !found || !equal(got, variants[got.User]) {
					t.Errorf("Get = %+v, %v, %v, want one of the two sessions that were put", got, found, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	last, _, err := store.Get(t.Context(), variants["ann"].Key, start)
	if err != nil {
		t.Fatal(err)
	}
	for user := range variants {
		query := sessions.Query{Realm: "shop", User: user, Limit: 2}
		if user == last.User {
			lists(t, store, query, start, false, last)
		} else {
			lists(t, store, query, start, false)
		}
	}
	counts(t, store, 1)
}

// testHandOver writes in one goroutine and reads in another one, by turns.
func testHandOver(t *testing.T, store sessions.Store) {
	one := session("shop", hash("one"), "ann")
	written, read := make(chan sessions.Session), make(chan struct{})
	go func() {
		defer close(written)
		for round := range 50 {
			one.User = fmt.Sprint("user", round)
			if err := store.Put(t.Context(), one, start); err != nil {
				t.Errorf("Put: %v", err)
			}
			written <- one
			<-read
			if done, err := store.Delete(t.Context(), one.Key); !done || err != nil {
				t.Errorf("Delete = %v, %v, want true", done, err)
			}
			written <- sessions.Session{Key: one.Key}
			<-read
		}
	}()
	for want := range written {
		got, found, err := store.Get(t.Context(), want.Key, start)
		if err != nil || found != (want.User != "") || got.User != want.User {
			t.Errorf("Get = %+v, %v, %v, want %+v", got, found, err, want)
		}
		read <- struct{}{}
	}
}

func testConcurrent(t *testing.T, store sessions.Store) {
	const workers, rounds = 8, 20
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() { work(t, store, fmt.Sprint("user", worker), rounds) })
	}
	wait.Wait()
	counts(t, store, workers*rounds)
}

// work lets one user come and go, whose sessions must be as they would be without the others.
func work(t *testing.T, store sessions.Store, user string, rounds int) {
	for round := range rounds {
		one := session("shop", hash(fmt.Sprint(user, round)), user)
		if err := store.Put(t.Context(), one, start); err != nil {
			t.Errorf("Put: %v", err)
		}
		touched := one.Touched(at(1), time.Hour)
		if done, err := store.Update(t.Context(), touched, at(1)); !done || err != nil {
			t.Errorf("Update = %v, %v, want true", done, err)
		}
		if got, found, err := store.Get(t.Context(), one.Key, at(1)); err != nil || !found || !equal(got, touched) {
			t.Errorf("Get = %+v, %v, %v, want %+v", got, found, err, touched)
		}
		page, err := store.List(t.Context(), sessions.Query{Realm: "shop", User: user, Limit: rounds}, at(1))
		if err != nil || len(page.Sessions) != round+1 {
			t.Errorf("List has %d sessions, %v, want %d", len(page.Sessions), err, round+1)
		}
		gone := session("shop", hash(fmt.Sprint(user, "gone")), user)
		if err := store.Put(t.Context(), gone, start); err != nil {
			t.Errorf("Put: %v", err)
		}
		if done, err := store.Delete(t.Context(), gone.Key); !done || err != nil {
			t.Errorf("Delete = %v, %v, want true", done, err)
		}
	}
}
