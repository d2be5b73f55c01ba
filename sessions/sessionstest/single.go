package sessionstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func testExpiry(t *testing.T, store sessions.Store) {
	want := session("shop", hash("one"), "ann")
	put(t, store, start, want)
	query := sessions.Query{Realm: "shop", Limit: 1}
	last := want.Expires.Add(-1)
	present(t, store, want, last)
	lists(t, store, query, last, false, want)
	absent(t, store, want.Key, want.Expires)
	lists(t, store, query, want.Expires, false)
	update(t, store, want.Touched(at(61), time.Hour), at(61), false)
	absent(t, store, want.Key, at(62))
	put(t, store, at(62), want.Touched(at(62), time.Hour))
	present(t, store, want.Touched(at(62), time.Hour), at(62))
}

func testOtherClock(t *testing.T, store sessions.Store) {
	for _, year := range []int{1960, 2001, 2101} {
		now := time.Date(year, time.May, 6, 7, 8, 9, 0, time.UTC)
		want := session("shop", hash(now.String()), "ann")
		want.Expires = now.Add(time.Second)
		put(t, store, now, want)
		present(t, store, want, now)
		want.Expires = now.Add(time.Minute)
		update(t, store, want, now, true)
		present(t, store, want, now.Add(59*time.Second))
		lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 1}, now, false, want)
		absent(t, store, want.Key, want.Expires)
		if _, err := store.Delete(t.Context(), want.Key); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
}

func testPut(t *testing.T, store sessions.Store) {
	first := session("shop", hash("one"), "ann")
	first.Attributes = sessions.Attributes{"name": sessions.Text("Ann")}
	put(t, store, start, first)
	second := session("shop", first.Hash, "ann")
	second.AuthTime, second.Source, second.Expires = first.AuthTime-10, sessions.Added, at(30)
	put(t, store, start, second)
	present(t, store, second, start)
	absent(t, store, second.Key, at(30))
}

func testPutExpired(t *testing.T, store sessions.Store) {
	old := session("shop", hash("one"), "ann")
	put(t, store, start, old)
	expired := old
	expired.Expires = start
	put(t, store, start, expired)
	absent(t, store, old.Key, start)
	absent(t, store, old.Key, start.Add(-time.Minute))
	counts(t, store, 0)
	put(t, store, start, expired)
	absent(t, store, old.Key, start.Add(-time.Minute))
	lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 1}, start.Add(-time.Minute), false)
	counts(t, store, 0)
}

func testUpdate(t *testing.T, store sessions.Store) {
	first := session("shop", hash("one"), "ann")
	put(t, store, start, first)
	touched := first.Touched(at(5), 2*time.Hour)
	touched.Attributes = sessions.Attributes{"name": sessions.Text("Ann")}
	update(t, store, touched, at(5), true)
	present(t, store, touched, at(90))

	for _, other := range []int64{touched.AuthTime - 1, touched.AuthTime + 1, 0} {
		stale := touched
		stale.AuthTime, stale.User = other, "eve"
		update(t, store, stale, at(6), false)
		present(t, store, touched, at(6))
	}
	elsewhere := touched
	elsewhere.Realm = "wiki"
	update(t, store, elsewhere, at(6), false)
	absent(t, store, elsewhere.Key, at(6))

	remove(t, store, touched.Key, true)
	update(t, store, touched, at(7), false)
	absent(t, store, touched.Key, at(7))
	counts(t, store, 0)
}

func testUpdateExpired(t *testing.T, store sessions.Store) {
	old := session("shop", hash("one"), "ann")
	put(t, store, start, old)
	expired := old
	expired.Expires = start
	update(t, store, expired, start, true)
	absent(t, store, old.Key, start.Add(-time.Minute))
	lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 1}, start.Add(-time.Minute), false)
	counts(t, store, 0)
}

func testDelete(t *testing.T, store sessions.Store) {
	first, second := session("shop", hash("one"), "ann"), session("shop", hash("two"), "ann")
	put(t, store, start, first, second)
	remove(t, store, first.Key, true)
	absent(t, store, first.Key, start)
	present(t, store, second, start)
	remove(t, store, first.Key, false)
	lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 2}, start, false, second)
	put(t, store, start, first)
	present(t, store, first, start)
}

func testCount(t *testing.T, store sessions.Store) {
	var all []sessions.Session
	for _, realm := range []string{"shop", "wiki"} {
		for _, hash := range ascending(5) {
			all = append(all, session(realm, hash, "ann"))
			put(t, store, start, all[len(all)-1])
			counts(t, store, len(all))
		}
	}
	put(t, store, start, all...)
	update(t, store, all[0], start, true)
	counts(t, store, len(all))
	for i, gone := range all {
		remove(t, store, gone.Key, true)
		remove(t, store, gone.Key, false)
		counts(t, store, len(all)-1-i)
	}
}

func testCancelled(t *testing.T, store sessions.Store) {
	old := session("shop", hash("one"), "ann")
	put(t, store, start, old)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	touched := old.Touched(at(1), time.Hour)
	check := func(method string, err error) {
		if err != nil && !(errors.Is(err, sessions.ErrUnavailable) && errors.Is(err, context.Canceled)) {
			t.Errorf("%s: the error %q wraps not both sessions.ErrUnavailable and context.Canceled", method, err)
		}
	}
	got, found, err := store.Get(ctx, old.Key, start)
	check("Get", err)
	if err != nil && (found || !equal(got, sessions.Session{})) {
		t.Errorf("Get returned %+v, %v beside an error", got, found)
	}
	_, err = store.List(ctx, sessions.Query{Realm: "shop", Limit: 1}, start)
	check("List", err)
	_, err = store.Count(ctx)
	check("Count", err)
	check("Put", store.Put(ctx, touched, at(1)))
	done, err := store.Update(ctx, touched, at(1))
	check("Update", err)
	if err != nil && done {
		t.Error("Update returned true beside an error")
	}
	got, found, err = store.Get(t.Context(), old.Key, at(1))
	if err != nil || !found || !equal(got, old) && !equal(got, touched) {
		t.Errorf("afterwards Get = %+v, %v, %v, want the old session or the new one", got, found, err)
	}
	done, err = store.Delete(ctx, old.Key)
	check("Delete", err)
	if err != nil && done {
		t.Error("Delete returned true beside an error")
	}
}
