package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// heard lets a ledger hear of what another gateway wrote.
func heard(f *fixture, changes ...storage.Change) {
	told := &follower{book: &f.book}
	told.Apply(changes)
}

func stated(subject blacklist.Subject, second int64, at uint64) storage.Change {
	return storage.Change{Entry: blacklist.Entry{Subject: subject, Second: second, Expires: start.Add(time.Hour), At: at}}
}

func liftedAt(subject blacklist.Subject, at uint64) storage.Change {
	return storage.Change{Entry: blacklist.Entry{Subject: subject, At: at}, Lifted: true}
}

func TestFollowerMakesQuestionsVoid(t *testing.T) {
	other := sessions.Key{Realm: "forum", Hash: shop.Hash}
	for name, test := range map[string]struct {
		subject blacklist.Subject
		want    map[sessions.Key]error
	}{
		"end":          {endOf(shop), map[sessions.Key]error{shop: ErrOvertaken, other: nil}},
		"revocation":   {revokedSession(shop), map[sessions.Key]error{shop: ErrRevoked, other: nil}},
		"flush":        {blacklist.FlushedRealm("shop"), map[sessions.Key]error{shop: ErrOvertaken, other: nil}},
		"flush of all": {blacklist.FlushedAll(), map[sessions.Key]error{shop: ErrOvertaken, other: ErrOvertaken}},
		"token":        {blacklist.TokenID("jti"), map[sessions.Key]error{shop: nil, other: nil}},
		"user":         {blacklist.RevokedUser("shop", "ann"), map[sessions.Key]error{shop: ErrRevoked, other: nil}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			questions := map[sessions.Key]*Question{shop: f.Ask(shop), other: f.Ask(other)}
			heard(f, stated(test.subject, start.Unix(), 7))
			for key, question := range questions {
				if _, err := question.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, test.want[key]) {
					t.Errorf("in %s: %v, want %v", key.Realm, err, test.want[key])
				}
			}
		})
	}
}

// What is known already makes nothing void: it may be what this gateway has written itself.
func TestFollowerIsToldTwice(t *testing.T) {
	f := newFixture(t)
	heard(f, stated(endOf(shop), start.Unix(), 7))
	question := f.Ask(shop)
	heard(f, stated(endOf(shop), start.Unix(), 7))
	if _, err := question.Identified(ctx, Identity{User: "ann"}, lives); err != nil {
		t.Error(err)
	}
}

func TestFollowerLifts(t *testing.T) {
	f := newFixture(t)
	user := blacklist.RevokedUser("shop", "ann")
	heard(f, stated(user, start.Unix(), 7))
	if _, err := f.Ask(shop).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) || !f.Revoked(shop) {
		t.Fatal(err)
	}
	heard(f, liftedAt(user, 6))
	if !f.IsUserRevoked("shop", "ann") {
		t.Error("a lift from before lifts")
	}
	heard(f, liftedAt(user, 8), stated(user, start.Unix(), 9), liftedAt(user, 10))
	if f.IsUserRevoked("shop", "ann") || f.Revoked(shop) {
		t.Error("a lift does not lift")
	}
	f.learn("ann")
}

// A revocation that only expires later is no new one: who signed in since it was made need not sign in again.
func TestFollowerKnowsExtensions(t *testing.T) {
	f := newFixture(t)
	user := blacklist.RevokedUser("shop", "ann")
	heard(f, stated(user, start.Unix(), 7))
	since := f.blacklist.standingOf("shop", "ann").since
	later := stated(user, start.Unix(), 9)
	later.Entry.Expires = start.Add(2 * time.Hour)
	if heard(f, later); f.blacklist.standingOf("shop", "ann").since != since {
		t.Error("an extension counts as a new revocation")
	}
	if heard(f, stated(user, start.Unix()+1, 11)); f.blacklist.standingOf("shop", "ann").since <= since {
		t.Error("a new revocation counts as the old one")
	}
}

func TestFollowerPassesOn(t *testing.T) {
	var links []storage.Link
	var names []string
	told := &follower{
		linkChanged: func(link storage.Link) { links = append(links, link) },
		stored:      func(name string) { names = append(names, name) }, reached: make(chan struct{}),
	}
	for _, connected := range []bool{false, true, false, true} {
		told.Linked(storage.Link{Connected: connected})
	}
	told.Stored("keys")
	told.wait(t.Context())
	if len(links) != 4 || len(names) != 1 || names[0] != "keys" {
		t.Errorf("links %v, names %v", links, names)
	}
	silent := &follower{reached: make(chan struct{})}
	silent.Linked(storage.Link{Connected: true})
	silent.Stored("keys")
}

func TestIsStale(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		synced time.Time
		stale  bool
	}{
		"never": {time.Time{}, true}, "now": {now, false}, "in time": {now.Add(-time.Minute), false},
		"too long ago": {now.Add(-3 * time.Minute), true}, "in the future": {now.Add(time.Minute), true},
		"a clock that was set back a little": {now.Add(time.Second), false},
	} {
		if got := isStale(storage.Link{Synced: test.synced, Connected: true}, 2*time.Minute); got != test.stale {
			t.Errorf("%s: %v", name, got)
		}
	}
}
