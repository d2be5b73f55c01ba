package sessionstest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func testRealms(t *testing.T, store sessions.Store) {
	long := strings.Repeat("r", 300)
	realms := []string{
		"", "a", "ab", "a/b", "a/", "/", "a\x00", "\x00", "\x00\x01a", "a:b", "a b", "é", "\xff", long, long + "r", long + "\x00",
	}
	shared := hash("one")
	var all []sessions.Session
	for i, realm := range realms {
		one := session(realm, shared, "ann")
		one.AuthTime += int64(i)
		all = append(all, one)
	}
	put(t, store, start, all...)
	for _, want := range all {
		present(t, store, want, start)
		lists(t, store, sessions.Query{Realm: want.Realm, Limit: 2}, start, false, want)
		lists(t, store, sessions.Query{Realm: want.Realm, User: "ann", Limit: 2}, start, false, want)
	}
	for i, gone := range all {
		remove(t, store, gone.Key, true)
		for j, other := range all {
			if j <= i {
				absent(t, store, other.Key, start)
			} else {
				present(t, store, other, start)
			}
		}
	}
}

func testPages(t *testing.T, store sessions.Store) {
	const count = 23
	var all []sessions.Session
	for _, hash := range ascending(count) {
		all = append(all, session("shop", hash, "ann"))
		put(t, store, start, session("shops", hash, "ann"), session("sho", hash, "ann"))
	}
	for _, i := range rand.Perm(count) {
		put(t, store, start, all[i])
	}
	for _, user := range []string{"", "ann"} {
		for _, limit := range []int{1, 2, 3, 7, count - 1, count, count + 1, 1000} {
			query := sessions.Query{Realm: "shop", User: user, Limit: limit}
			for from := 0; from < count; from += limit {
				to := min(from+limit, count)
				lists(t, store, query, start, to < count, all[from:to]...)
				query.After = all[to-1].Hash
			}
		}
		// A hash that is not there, between two that are.
		between := all[7].Hash
		between[31]++
		lists(t, store, sessions.Query{Realm: "shop", User: user, Limit: 2, After: between}, start, true, all[8:10]...)
		last := sessions.Query{Realm: "shop", User: user, Limit: 2, After: all[count-1].Hash}
		lists(t, store, last, start, false)
	}
}

func testPagesExpired(t *testing.T, store sessions.Store) {
	var all, living []sessions.Session
	for i, hash := range ascending(30) {
		one := session("shop", hash, "ann")
		if i%3 != 1 || i > 20 {
			one.Expires = at(10)
		} else {
			living = append(living, one)
		}
		all = append(all, one)
	}
	put(t, store, start, all...)
	for _, user := range []string{"", "ann"} {
		query := sessions.Query{Realm: "shop", User: user, Limit: 3}
		lists(t, store, query, at(10), true, living[:3]...)
		query.After = living[2].Hash
		lists(t, store, query, at(10), true, living[3:6]...)
		query.After = living[5].Hash
		lists(t, store, query, at(10), false, living[6:]...) // only expired ones follow
		query.Limit, query.After = len(living), sessions.Hash{}
		lists(t, store, query, at(10), false, living...)
	}
}

func testUser(t *testing.T, store sessions.Store) {
	users := []string{"a", "ab", "A", "a/b", "b", strings.Repeat("a", 256)}
	byUser := map[string][]sessions.Session{}
	for i, hash := range ascending(60) {
		one := session("shop", hash, users[i%len(users)])
		byUser[one.User] = append(byUser[one.User], one)
		put(t, store, start, one, session("wiki", hash, "a"))
	}
	for user, want := range byUser {
		lists(t, store, sessions.Query{Realm: "shop", User: user, Limit: 100}, start, false, want...)
		lists(t, store, sessions.Query{Realm: "shop", User: user, Limit: 4}, start, true, want[:4]...)
		after := sessions.Query{Realm: "shop", User: user, Limit: 6, After: want[3].Hash}
		lists(t, store, after, start, false, want[4:]...)
	}
	lists(t, store, sessions.Query{Realm: "shop", User: "nobody", Limit: 100}, start, false)
}

func testProvider(t *testing.T, store sessions.Store) {
	of := func(issuer, sid string) sessions.Query {
		return sessions.Query{Realm: "shop", Provider: sessions.ProviderSessionOf(issuer, sid), Limit: 10}
	}
	first, other := session("shop", hash("one"), "ann"), session("shop", hash("two"), "bob")
	first.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	other.Provider = sessions.ProviderSessionOf("https://id.example", "s2")
	elsewhere := first
	elsewhere.Realm = "wiki"
	put(t, store, start, first, other, elsewhere, session("shop", hash("three"), "ann"))
	lists(t, store, of("https://id.example", "s1"), start, false, first)
	lists(t, store, of("https://id.example", "s2"), start, false, other)
	lists(t, store, of("https://id.example", "s"), start, false)
	lists(t, store, of("https://id.exampl", "es1"), start, false)
	both := of("https://id.example", "s1")
	both.User = "bob"
	lists(t, store, both, start, false)
	lists(t, store, of("https://id.example", "s1"), at(60), false)

	changed := first.Touched(at(1), time.Hour)
	changed.Provider = other.Provider
	update(t, store, changed, at(1), true)
	lists(t, store, of("https://id.example", "s1"), at(1), false)
	remove(t, store, other.Key, true)
	lists(t, store, of("https://id.example", "s2"), at(1), false, changed)
	changed.Provider = sessions.ProviderSession{}
	put(t, store, at(1), changed)
	lists(t, store, of("https://id.example", "s2"), at(1), false)
}

func testUserChange(t *testing.T, store sessions.Store) {
	by := func(user string) sessions.Query { return sessions.Query{Realm: "shop", User: user, Limit: 10} }
	first := session("shop", hash("one"), "ann")
	other := session("shop", hash("two"), "ann")
	put(t, store, start, first, other)
	second := session("shop", first.Hash, "bob")
	put(t, store, start, second)
	lists(t, store, by("ann"), start, false, other)
	lists(t, store, by("bob"), start, false, second)

	third := second.Touched(at(1), time.Hour)
	third.User = "cid"
	update(t, store, third, at(1), true)
	lists(t, store, by("bob"), at(1), false)
	lists(t, store, by("cid"), at(1), false, third)

	remove(t, store, third.Key, true)
	lists(t, store, by("cid"), at(1), false)
	put(t, store, start, first) // back to the first user
	lists(t, store, by("bob"), start, false)
	if first.Hash.String() < other.Hash.String() {
		lists(t, store, by("ann"), start, false, first, other)
	} else {
		lists(t, store, by("ann"), start, false, other, first)
	}
	counts(t, store, 2)
}
