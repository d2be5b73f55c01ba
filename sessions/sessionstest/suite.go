// Package sessionstest holds what every [sessions.Store] must pass.
package sessionstest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Run checks a store against the doc comment of [sessions.Store]. The function opens an empty store; what it needs to be
// closed again is left to the test's Cleanup.
func Run(t *testing.T, open func(t *testing.T) sessions.Store) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, store sessions.Store)
	}{
		{"an empty store holds nothing", testEmpty},
		{"a session comes back as it was", testRoundTrip},
		{"big attributes", testBig},
		{"a store keeps and shares no reference", testReferences},
		{"expiry by the time that is passed", testExpiry},
		{"the caller's clock need not be the machine's", testOtherClock},
		{"put replaces", testPut},
		{"putting an expired session removes", testPutExpired},
		{"update needs the session and its auth time", testUpdate},
		{"updating to an expired session removes", testUpdateExpired},
		{"delete", testDelete},
		{"count", testCount},
		{"realms are apart", testRealms},
		{"pages", testPages},
		{"a page leaves out what has expired", testPagesExpired},
		{"one user's sessions", testUser},
		{"a session changes its user", testUserChange},
		{"what a provider's session opened", testProvider},
		{"a cancelled context", testCancelled},
		{"an update never undoes a delete", testUpdateDelete},
		{"a session is written as a whole", testWhole},
		{"what has returned is seen by whoever comes then", testHandOver},
		{"concurrent use", testConcurrent},
		{"any order of calls", testModel},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t)) })
	}
}

// The present, with a fraction that must survive.
var start = time.Now().Truncate(time.Second).Add(123456789)

func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

// session returns one that expires after an hour.
func session(realm string, hash sessions.Hash, user string) sessions.Session {
	return sessions.Session{
		Key:  sessions.Key{Realm: realm, Hash: hash},
		User: user, Source: sessions.Learned, AuthTime: start.Unix(),
		Seen: start, Confirmed: start, Ends: at(24 * 60), Expires: at(60),
	}
}

func hash(text string) sessions.Hash { return sha256.Sum256([]byte(text)) }

// ascending returns hashes in their order.
func ascending(count int) []sessions.Hash {
	hashes := make([]sessions.Hash, count)
	for i := range hashes {
		hashes[i] = sessions.Hash{0: byte(i >> 8), 1: byte(i), 31: 7}
	}
	return hashes
}

func equal(a, b sessions.Session) bool {
	if len(a.Attributes) != len(b.Attributes) {
		return false
	}
	for name, attribute := range a.Attributes {
		other, ok := b.Attributes[name]
		if !ok || !attribute.Equal(other) {
			return false
		}
	}
	return a.Key == b.Key && a.User == b.User && a.Source == b.Source && a.AuthTime == b.AuthTime && a.Rolling == b.Rolling &&
		a.Provider == b.Provider &&
		a.Seen.Equal(b.Seen) && a.Confirmed.Equal(b.Confirmed) && a.Ends.Equal(b.Ends) && a.Expires.Equal(b.Expires)
}

func put(t testing.TB, store sessions.Store, now time.Time, all ...sessions.Session) {
	t.Helper()
	for _, session := range all {
		if err := store.Put(t.Context(), session, now); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
}

func update(t testing.TB, store sessions.Store, session sessions.Session, now time.Time, want bool) {
	t.Helper()
	if done, err := store.Update(t.Context(), session, now); done != want || err != nil {
		t.Fatalf("Update = %v, %v, want %v", done, err, want)
	}
}

func remove(t testing.TB, store sessions.Store, key sessions.Key, want bool) {
	t.Helper()
	if done, err := store.Delete(t.Context(), key); done != want || err != nil {
		t.Fatalf("Delete = %v, %v, want %v", done, err, want)
	}
}

func present(t testing.TB, store sessions.Store, want sessions.Session, now time.Time) {
	t.Helper()
	got, found, err := store.Get(t.Context(), want.Key, now)
	if err != nil || !found || !equal(got, want) {
		t.Fatalf("Get = %+v, %v, %v, want %+v", got, found, err, want)
	}
}

func absent(t testing.TB, store sessions.Store, key sessions.Key, now time.Time) {
	t.Helper()
	if got, found, err := store.Get(t.Context(), key, now); err != nil || found || !equal(got, sessions.Session{}) {
		t.Fatalf("Get = %+v, %v, %v, want none", got, found, err)
	}
}

func counts(t testing.TB, store sessions.Store, want int) {
	t.Helper()
	if count, err := store.Count(t.Context()); count != want || err != nil {
		t.Fatalf("Count = %d, %v, want %d", count, err, want)
	}
}

// lists checks one page.
func lists(t testing.TB, store sessions.Store, query sessions.Query, now time.Time, more bool, want ...sessions.Session) {
	t.Helper()
	page, err := store.List(t.Context(), query, now)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if page.More != more {
		t.Errorf("More = %v, want %v", page.More, more)
	}
	if len(page.Sessions) != len(want) {
		t.Fatalf("List(%+v) has %d sessions, want %d", query, len(page.Sessions), len(want))
	}
	for i, got := range page.Sessions {
		if !equal(got, want[i]) {
			t.Fatalf("session %d of the page is %+v, want %+v", i, got, want[i])
		}
	}
}

func testEmpty(t *testing.T, store sessions.Store) {
	key := sessions.Key{Realm: "shop", Hash: hash("one")}
	absent(t, store, key, start)
	update(t, store, session("shop", key.Hash, "ann"), start, false)
	absent(t, store, key, start)
	remove(t, store, key, false)
	lists(t, store, sessions.Query{Realm: "shop", Limit: 10}, start, false)
	lists(t, store, sessions.Query{Realm: "shop", User: "ann", Limit: 10}, start, false)
	counts(t, store, 0)
}

func testRoundTrip(t *testing.T, store sessions.Store) {
	long := session("shop", hash("long"), string(bytes.Repeat([]byte("~"), 256)))
	added := session("shop", hash("added"), "!")
	added.Source, added.Rolling = sessions.Added, true
	times := session("shop", hash("times"), "ann")
	times.AuthTime, times.Seen, times.Confirmed = -5, time.Unix(-7, 1), time.Time{}
	times.Ends, times.Expires = time.Date(2200, 1, 2, 3, 4, 5, 999_999_999, time.UTC), at(1)
	attributes := session("shop", hash("attributes"), "ann")
	attributes.Attributes = sessions.Attributes{
		"nothing": {}, "": sessions.Text("no name"), "empty": sessions.Text(""), "none": sessions.List(),
		"name": sessions.Text("Ann <é> \x00\n\"&"), "one": sessions.List("one"), "groups": sessions.List("b", "", "a", "b"),
	}
	all := []sessions.Session{
		session("shop", hash("plain"), "ann"), long, added, times, attributes,
		session("shop", sessions.Hash{}, "zero"), session("shop", sessions.Hash(bytes.Repeat([]byte{0xff}, 32)), "ones"),
	}
	put(t, store, start, all...)
	for _, want := range all {
		present(t, store, want, start)
	}
	counts(t, store, len(all))
}

func testBig(t *testing.T, store sessions.Store) {
	big := session("shop", hash("big"), "ann")
	many := make([]string, 20_000)
	for i := range many {
		many[i] = fmt.Sprint("group ", i)
	}
	big.Attributes = sessions.Attributes{
		"text": sessions.Text(string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))), "list": sessions.List(many...),
	}
	put(t, store, start, big)
	present(t, store, big, start)
	lists(t, store, sessions.Query{Realm: "shop", Limit: 1}, start, false, big)
	big.Attributes = nil
	update(t, store, big, start, true)
	present(t, store, big, start)
}

func testReferences(t *testing.T, store sessions.Store) {
	want := session("shop", hash("one"), "ann")
	want.Attributes = sessions.Attributes{"name": sessions.Text("Ann")}
	given := want
	given.Attributes = sessions.Attributes{"name": sessions.Text("Ann")}
	put(t, store, start, given)
	given.Attributes["name"] = sessions.Text("changed after Put")
	present(t, store, want, start)
	got, _, err := store.Get(t.Context(), want.Key, start)
	if err != nil {
		t.Fatal(err)
	}
	got.Attributes["name"] = sessions.Text("changed after Get")
	present(t, store, want, start)
	page, err := store.List(t.Context(), sessions.Query{Realm: "shop", Limit: 1}, start)
	if err != nil {
		t.Fatal(err)
	}
	page.Sessions[0].Attributes["name"] = sessions.Text("changed after List")
	present(t, store, want, start)
}
