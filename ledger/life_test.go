package ledger

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const day = 24 * time.Hour

func (f *fixture) expectExpiry(subject blacklist.Subject, want time.Duration) {
	f.t.Helper()
	entry, in := f.blacklist.Entry(subject)
	if got := entry.Expires.Sub(f.clock()); !in || got != want {
		f.t.Errorf("%v %q is in force (%v) for %v, want %v", subject.Kind(), subject.User(), in, got, want)
	}
}

func TestRevocationsExpire(t *testing.T) {
	f := newFixture(t)
	f.KeepRevocations(3 * day)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.ok(f.RevokeUser(ctx, "shop", "bob"))
	f.advance(3*day - time.Second)
	if !f.Revoked(one) || !f.blacklist.standingOf("shop", "bob").revoked || !f.blacklist.standingOf("shop", "ann").watched {
		t.Error("over too soon")
	}
	f.ok(f.blacklist.Retry(ctx))
	f.crash()
	f.KeepRevocations(3 * day)
	f.advance(3 * day)
	f.sweep(ctx)
	f.learnAt(one, "ann")
	f.learnAt(two, "ann")
	f.learnAt(three, "bob")
	if len(f.blacklist.revokedAt.at) != 0 || f.blacklist.Len() != 0 {
		t.Errorf("%d moments and %d entries are left", len(f.blacklist.revokedAt.at), f.blacklist.Len())
	}
}

// However short the time that was asked for: no token and no record outlives what is said of it.
func TestRevocationsOutliveWhatTheyHit(t *testing.T) {
	f := newFixture(t)
	f.KeepRevocations(time.Second)
	f.ok(f.RevokeUser(ctx, "shop", "bob"))
	f.expectExpiry(blacklist.RevokedUser("shop", "bob"), tokenLife+margin)
	f.learnAt(one, "ann")
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.expectExpiry(blacklist.RevokedUser("shop", "ann"), lives.Idle+margin)
	f.ok(f.RevokeUserEverywhere(ctx, "carol")) // whose records are not looked for
	f.expectExpiry(blacklist.RevokedUserEverywhere("carol"), lives.Idle+margin)
	f.crash() // the idle time is forgotten, and the records are looked at
	f.KeepRevocations(time.Second)
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.ok(f.RevokeUserEverywhere(ctx, "ann"))
	f.expectExpiry(blacklist.RevokedUserEverywhere("ann"), tokenLife+margin+2*time.Second) // its second is ahead by that
	f.advance(tokenLife)
	if _, _, err := f.Active(ctx, one); err == nil {
		t.Error("not refused")
	}
	f.expectExpiry(blacklist.RevokedUserEverywhere("ann"), lives.Idle-tokenLife+margin)
	f.Retain(tokenLife, 2*lives.Idle) // what a configuration says counts before any record of it was seen
	f.ok(f.RevokeUserEverywhere(ctx, "dora"))
	f.expectExpiry(blacklist.RevokedUserEverywhere("dora"), 2*lives.Idle+margin)
}

func TestRefusalProlongs(t *testing.T) {
	watched, owner := blacklist.WatchedUser("shop", "ann"), blacklist.OwnerOf("shop", one.Hash, "ann")
	for name, c := range map[string]struct {
		refuse            func(f *fixture)
		session, user, ev time.Duration // how long what is in force after ten days
	}{
		"nobody": {func(*fixture) {}, 20 * day, 20 * day, 20 * day},
		"the session": {func(f *fixture) {
			f.Revoked(one)
		}, 30 * day, 20 * day, 20 * day},
		"another spelling": {func(f *fixture) {
			_, _ = f.named(two, "ann")
		}, 30 * day, 20 * day, 20 * day},
		"the user's session": {func(f *fixture) {
			_, _ = f.named(two, "bob")
		}, 20 * day, 30 * day, 30 * day},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.learnAt(one, "ann")
			f.ok(f.RevokeSession(ctx, one))
			f.ok(f.RevokeUser(ctx, "shop", "bob"))
			f.ok(f.RevokeUserEverywhere(ctx, "bob"))
			f.advance(10 * day)
			c.refuse(f)
			for range 2 {
				for _, subject := range []blacklist.Subject{revokedSession(one), watched, owner} {
					f.expectExpiry(subject, c.session)
				}
				f.expectExpiry(blacklist.RevokedUser("shop", "bob"), c.user)
				f.expectExpiry(blacklist.RevokedUserEverywhere("bob"), c.ev)
				f.retry(ctx)
				f.crash()
			}
		})
	}
}

func TestProlongingIsWrittenOnceADay(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeSession(ctx, one))
	writes := f.memory.journal.Writes()
	for range 49 {
		f.Revoked(one)
		f.retry(ctx)
		f.advance(time.Hour)
	}
	if got := f.memory.journal.Writes() - writes; got != 2 {
		t.Errorf("written %d times in 49 hours", got)
	}
}

func TestUseProlongsAdmission(t *testing.T) {
	for name, idle := range map[string]time.Duration{"learned anew": time.Hour, "confirmed": 20 * day} {
		f := newFixture(t)
		learn := func(key sessions.Key) {
			_, err := f.Ask(key).Identified(ctx, Identity{User: "ann"}, Lifetimes{Idle: idle, MaxAge: idle})
			f.ok(err)
		}
		learn(one)
		learn(two)
		f.ok(f.RevokeSession(ctx, one))
		f.expectExpiry(admitted(two, "ann"), 30*day)
		f.advance(10 * day)
		learn(two)
		f.expectExpiry(admitted(two, "ann"), 30*day)
		if f.blacklist.Pending(admitted(two, "ann")) {
			t.Errorf("%s: not durable", name)
		}
	}
}

// A revoked session and whose it is are known for equally long, also where the user is watched for another one longer.
func TestOwnerIsKnownAsLong(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.advance(day / 2)
	f.SawSet(two, f.Moment())
	f.learnAt(two, "ann")
	f.ok(f.RevokeSession(ctx, two))
	f.advance(day / 2)
	f.Revoked(one)
	f.expectExpiry(revokedSession(one), 30*day)
	f.expectExpiry(blacklist.OwnerOf("shop", one.Hash, "ann"), 30*day)
	f.expectExpiry(blacklist.WatchedUser("shop", "ann"), 29*day+day/2)
}

// A little is enough where the record would be there longer than what is said of it.
func TestRevocationIsProlongedForTheRecord(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.crash()
	f.KeepRevocations(20 * time.Minute)
	f.advance(9 * time.Minute)
	f.ok(f.RevokeUserEverywhere(ctx, "ann"))
	f.expectExpiry(blacklist.RevokedUserEverywhere("ann"), 20*time.Minute)
	_, _, _ = f.Active(ctx, one)
	f.expectExpiry(blacklist.RevokedUserEverywhere("ann"), lives.Idle-9*time.Minute+margin)
}

func TestMomentsAreSwept(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.ok(f.RevokeUser(ctx, "shop", "bob"))
	_, err := f.LiftUser(ctx, "shop", "ann")
	f.ok(err)
	f.sweep(ctx)
	if len(f.blacklist.revokedAt.at) != 1 {
		t.Errorf("%d moments, want 1", len(f.blacklist.revokedAt.at))
	}
}

// What is lifted does not come back because it was about to be prolonged.
func TestLiftedIsNotProlonged(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.advance(10 * day)
	f.Revoked(one)
	_, err := f.LiftSession(ctx, one)
	f.ok(err)
	f.retry(ctx)
	f.crash()
	f.learnAt(one, "ann")
	f.learnAt(two, "ann")
}

func TestRecentlySetNeedsSomebodyFlagged(t *testing.T) {
	f := newFixture(t)
	f.SawSet(two, f.Moment())
	if f.recentlySet.(ownSets).Len() != 0 {
		t.Error("remembered though nobody is revoked or watched")
	}
	f.ok(f.RevokeUserEverywhere(ctx, "ann"))
	for i := range maxRecentlySet + 1 {
		key := two
		key.Hash[0], key.Hash[1], key.Hash[2] = byte(i), byte(i>>8), byte(i>>16)
		f.SawSet(key, f.Moment())
	}
	if f.recentlySet.(ownSets).Len() != maxRecentlySet {
		t.Errorf("%d are remembered, want %d", f.recentlySet.(ownSets).Len(), maxRecentlySet)
	}
}
