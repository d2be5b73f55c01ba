package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

var forum = sessions.Key{Realm: "forum", Hash: sessions.HashOf("one")}

// userRevocations are the two ways to revoke a user.
var userRevocations = map[string]struct {
	revoke     func(f *fixture, user string) error
	lift       func(f *fixture, user string) (bool, error)
	everywhere bool
}{
	"in the realm": {
		func(f *fixture, user string) error { return f.RevokeUser(ctx, "shop", user) },
		func(f *fixture, user string) (bool, error) { return f.LiftUser(ctx, "shop", user) }, false,
	},
	"everywhere": {
		func(f *fixture, user string) error { return f.RevokeUserEverywhere(ctx, user) },
		func(f *fixture, user string) (bool, error) { return f.LiftUserEverywhere(ctx, user) }, true,
	},
}

func TestRevokeUser(t *testing.T) {
	for name, way := range userRevocations {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			session, bob := f.learnAt(one, "ann"), f.learnAt(two, "bob")
			other := f.learnAt(forum, "ann")
			q := f.Ask(three)
			f.ok(way.revoke(f, "ann"))
			if _, err := q.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
				t.Errorf("an answer from before: %v", err)
			}
			for range 2 {
				f.expectDead(session, Revoked)
				if _, active, err := f.Active(ctx, one); active || !errors.Is(err, ErrRevoked) {
					t.Errorf("Active: %v, %v", active, err)
				}
				f.expectRefused(one, "ann")
				f.expectRefused(keyOf("new"), "ann")
				f.expectUser(two, "bob")
				f.expectDead(bob, 0)
				if way.everywhere {
					f.expectDead(other, Revoked)
					f.expectRefused(forum, "ann")
				} else {
					f.expectDead(other, 0)
					f.expectUser(forum, "ann")
				}
				f.crash()
			}
			if lifted, err := way.lift(f, "ann"); !lifted || err != nil {
				t.Fatalf("lifting: %v, %v", lifted, err)
			}
			for range 2 {
				f.expectDead(session, 0)
				f.expectUser(one, "ann")
				f.learnAt(keyOf("new"), "ann")
				f.crash()
			}
			if lifted, err := way.lift(f, "ann"); lifted || err != nil {
				t.Errorf("lifting again: %v, %v", lifted, err)
			}
		})
	}
}

func TestRevokeNoUser(t *testing.T) {
	for name, way := range userRevocations {
		if err := way.revoke(newFixture(t), ""); err == nil {
			t.Errorf("%s: revoked nobody", name)
		}
	}
}

func TestRevokedUserSignsInAgain(t *testing.T) {
	for name, way := range userRevocations {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			old := f.learnAt(one, "ann")
			began := f.Moment()
			f.ok(way.revoke(f, "ann"))
			f.SawSet(two, began)
			f.expectRefused(two, "ann")
			f.SawSet(two, f.Moment())
			session := f.learnAt(two, "ann") // within the same second
			if session.AuthTime <= old.AuthTime {
				t.Errorf("AuthTime %d after %d", session.AuthTime, old.AuthTime)
			}
			for range 2 {
				f.expectDead(old, Revoked)
				f.expectUser(two, "ann")
				f.learnAt(two, "ann")
				f.advance(lives.Idle)
				f.crash()
				f.learnAt(two, "ann") // though the record is gone
				if _, err := f.End(ctx, two, 0); err != nil {
					t.Fatal(err)
				}
				f.learnAt(two, "ann") // nor does an end lock it out
			}
			last := f.learnAt(two, "ann")
			f.ok(way.revoke(f, "ann"))
			f.expectDead(last, Revoked)
			f.expectRefused(two, "ann")
		})
	}
}

// An application whose ids stem from the user gives him the same one again.
func TestRevokedUserGetsTheSameID(t *testing.T) {
	f := newFixture(t)
	old := f.learnAt(one, "ann")
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.SawSet(one, f.Moment())
	f.expectUser(one, "") // so that it is asked about
	session := f.learnAt(one, "ann")
	f.expectDead(session, 0)
	f.expectDead(old, Revoked)
	_, err := f.LiftUser(ctx, "shop", "ann")
	f.ok(err)
	f.expectDead(old, Ended)
	f.expectDead(session, 0)
}

func TestAddSessionOfRevokedUser(t *testing.T) {
	for name, way := range userRevocations {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			old := f.learnAt(one, "ann")
			f.ok(way.revoke(f, "ann"))
			f.expectRefused(one, "ann")
			session, err := f.Add(ctx, one, Identity{User: "ann"}, lives)
			f.ok(err)
			f.expectUser(one, "ann")
			f.expectDead(session, 0)
			f.expectDead(old, Revoked)
			f.advance(lives.Idle)
			f.crash()
			f.learnAt(one, "ann")
		})
	}
}

// Whatever put a session ahead of the clock: no session that there was is spared.
func TestRevokeUserAheadOfTheClock(t *testing.T) {
	early := map[string]func(f *fixture) sessions.Session{
		"ended and learned again": func(f *fixture) sessions.Session {
			for range 3 {
				f.learnAt(one, "ann")
				_, _ = f.End(ctx, one, 0)
			}
			return f.learnAt(one, "ann")
		},
		"revoked and added again": func(f *fixture) sessions.Session {
			f.ok(f.RevokeUser(ctx, "shop", "ann"))
			f.ok(f.RevokeUserEverywhere(ctx, "ann"))
			session, err := f.Add(ctx, one, Identity{User: "ann"}, lives)
			f.ok(err)
			return session
		},
		"lifted since": func(f *fixture) sessions.Session {
			f.ok(f.RevokeUser(ctx, "shop", "ann"))
			session, err := f.Add(ctx, one, Identity{User: "ann"}, lives)
			f.ok(err)
			_, err = f.LiftUser(ctx, "shop", "ann")
			f.ok(err)
			return session
		},
		"flushed": func(f *fixture) sessions.Session {
			f.ok(f.Flush(ctx, "shop"))
			f.ok(f.FlushAll(ctx))
			return f.learnAt(one, "ann")
		},
		"a clock that was set back": func(f *fixture) sessions.Session {
			session := f.learnAt(one, "ann")
			f.advance(-3600e9)
			return session
		},
		"admitted": func(f *fixture) sessions.Session {
			f.ok(f.RevokeUser(ctx, "shop", "ann"))
			f.SawSet(one, f.Moment())
			return f.learnAt(one, "ann")
		},
		"admitted, ended and learned again": func(f *fixture) sessions.Session {
			f.ok(f.RevokeUser(ctx, "shop", "ann"))
			f.SawSet(one, f.Moment())
			f.learnAt(one, "ann")
			_, err := f.End(ctx, one, 0)
			f.ok(err)
			return f.learnAt(one, "ann")
		},
	}
	for name, begin := range early {
		for way, revocation := range userRevocations {
			for _, recorded := range []bool{true, false} {
				f := newFixture(t)
				session := begin(f)
				if !recorded { // a token may outlive the record
					_, err := f.memory.Delete(ctx, one)
					f.ok(err)
				}
				f.ok(revocation.revoke(f, "ann"))
				if dead, _ := f.TokenDead(SubjectsOf("jti", one, "ann"), session.AuthTime); !dead {
					t.Errorf("%s, revoked %s, with a record %v: the token is alive", name, way, recorded)
				}
				if _, err := f.named(one, "ann"); !errors.Is(err, ErrRevoked) {
					t.Errorf("%s, revoked %s, with a record %v: %v", name, way, recorded, err)
				}
			}
		}
	}
}

// The early session of another is left alone.
func TestRevokeUserLeavesEarlySessionsOfOthers(t *testing.T) {
	for name, way := range userRevocations {
		f := newFixture(t)
		f.learnAt(one, "bob")
		_, err := f.End(ctx, one, 0)
		f.ok(err)
		f.learnAt(one, "bob")
		f.ok(f.RevokeUser(ctx, "shop", "bob"))
		added, err := f.Add(ctx, two, Identity{User: "bob"}, lives)
		f.ok(err)
		f.ok(way.revoke(f, "ann"))
		f.expectUser(two, "bob")
		f.expectDead(added, 0)
		if second, _ := f.blacklist.Second(blacklist.RevokedUser("shop", "ann")); second > start.Unix() {
			t.Errorf("%s: ann is revoked up to %d s ahead of the clock by bob's doing", name, second-start.Unix())
		}
	}
}

// Ending the session of a revoked user, or killing its tokens, holds when he is pardoned.
func TestEndOfRevokedUsersSession(t *testing.T) {
	for name, end := range map[string]func(f *fixture) error{
		"end":    func(f *fixture) error { _, err := f.End(ctx, one, 0); return err },
		"nobody": nil,
		"kill":   func(f *fixture) error { return f.KillTokens(ctx, one, 0) },
	} {
		f := newFixture(t)
		session := f.learnAt(one, "ann")
		q := f.Ask(one)
		f.ok(f.RevokeUser(ctx, "shop", "ann"))
		if end == nil {
			f.ok(q.Nobody(ctx, 0))
		} else {
			f.ok(end(f))
		}
		if _, there := f.memory.record(one); there {
			t.Errorf("%s: the record is still there", name)
		}
		_, err := f.LiftUser(ctx, "shop", "ann")
		f.ok(err)
		f.expectDead(session, Ended)
		f.expectUser(one, "")
	}
}

// A token can't be killed and its session renewed past a revocation that comes between.
func TestKillTokensWhileUserIsRevoked(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	revoked := make(chan error, 1)
	f.memory.before = func(method string) {
		if method == "Get" {
			f.memory.before = nil
			go func() { revoked <- f.RevokeUser(context.Background(), "shop", "ann") }()
		}
	}
	f.ok(f.KillTokens(ctx, one, 0))
	f.ok(<-revoked)
	if _, active, _ := f.Active(ctx, one); active {
		t.Error("active")
	}
}

// KillTokens waits for a revocation of the user, and sees it.
func TestKillTokensAfterUserIsRevoked(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	killed, lookedUp := make(chan error, 1), make(chan struct{})
	f.memory.before = func(method string) {
		switch method {
		case "List": // by RevokeUser
			go func() { killed <- f.KillTokens(context.Background(), one, 0) }()
			<-lookedUp
		case "Get":
			close(lookedUp)
			f.memory.before = nil
		}
	}
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.ok(<-killed)
	if _, active, _ := f.Active(ctx, one); active {
		t.Error("active")
	}
}

func TestRevokeUserWithFailingStorage(t *testing.T) {
	for name, fail := range map[string]func(f *fixture, failing bool){
		"look-up": func(f *fixture, failing bool) { f.memory.fail(failing, "Get") },
		"list":    func(f *fixture, failing bool) { f.memory.fail(failing, "List") },
		"journal": func(f *fixture, failing bool) { f.memory.journal.Fail(failing) },
	} {
		for way, revocation := range userRevocations {
			if revocation.everywhere == (name == "list") && name != "journal" {
				continue // sessions are listed in a realm, and looked up one by one across realms
			}
			f := newFixture(t)
			f.learnAt(one, "ann")
			_, err := f.End(ctx, one, 0)
			f.ok(err)
			session := f.learnAt(one, "ann")
			fail(f, true)
			if err := revocation.revoke(f, "ann"); err == nil {
				t.Errorf("%s fails, revoking %s: acknowledged", name, way)
			}
			fail(f, false)
			f.expectUser(one, "ann")
			f.expectDead(session, 0)
			f.ok(revocation.revoke(f, "ann"))
			f.expectDead(session, Revoked)
			if name == "journal" {
				fail(f, true)
				if lifted, err := revocation.lift(f, "ann"); lifted || !errors.Is(err, blacklist.ErrUnavailable) {
					t.Errorf("lifting %s: %v, %v", way, lifted, err)
				}
				f.expectDead(session, Revoked)
			}
		}
	}
}

// What began in the second after an end, and has lost its record since, is over with its own user and with nobody else. A
// gateway can't tell whose it was.
func TestRevokedRightAfterAnEnd(t *testing.T) {
	f := newFixture(t)
	for _, key := range []sessions.Key{one, two} {
		f.learnAt(key, "somebody")
		f.ok(f.KillTokens(ctx, key, 0))
	}
	ann, bob := f.learnAt(one, "ann"), f.learnAt(two, "bob")
	for _, key := range []sessions.Key{one, two} {
		if deleted, err := f.memory.Delete(ctx, key); !deleted || err != nil {
			t.Fatalf("deleting the record: %v, %v", deleted, err)
		}
	}
	for range 3 {
		f.ok(f.RevokeUser(ctx, "shop", "ann"))
		f.expectDead(ann, Revoked)
		f.expectDead(bob, 0)
	}
	f.ok(f.RevokeUserEverywhere(ctx, "bob"))
	f.expectDead(bob, Revoked)
}
