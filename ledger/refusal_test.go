package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func keyOf(name string) sessions.Key { return sessions.Key{Realm: "shop", Hash: sessions.HashOf(name)} }

// named is what becomes of the application naming the user in the session.
func (f *fixture) named(key sessions.Key, user string) (sessions.Session, error) {
	return f.Ask(key).Identified(context.Background(), Identity{User: user}, lives)
}

func (f *fixture) learnAt(key sessions.Key, user string) sessions.Session {
	f.t.Helper()
	session, err := f.named(key, user)
	if err != nil {
		f.t.Fatalf("Identified: %v", err)
	}
	return session
}

// expectRefused says that the application may name the user in the session as it likes.
func (f *fixture) expectRefused(key sessions.Key, user string) {
	f.t.Helper()
	before, entries := f.memory.writeCount(), len(f.memory.journal.Entries())
	if session, err := f.named(key, user); !errors.Is(err, ErrRevoked) || session.User != "" {
		f.t.Errorf("Identified: %+v, %v; want it refused", session, err)
	}
	if f.memory.writeCount() != before || len(f.memory.journal.Entries()) != entries {
		f.t.Error("a refusal has written something")
	}
	if _, active, err := f.Active(context.Background(), key); active || !errors.Is(err, ErrRevoked) || !f.Revoked(key) {
		f.t.Errorf("after a refusal: active %v, %v, revoked %v", active, err, f.Revoked(key))
	}
}

func (f *fixture) expectUser(key sessions.Key, user string) {
	f.t.Helper()
	session, active, err := f.Active(context.Background(), key)
	if err != nil || active != (user != "") || session.User != user {
		f.t.Errorf("active %v, of user %q, %v; want user %q", active, session.User, err, user)
	}
}

func (f *fixture) expectDead(session sessions.Session, cause Cause) {
	f.t.Helper()
	dead, got := f.TokenDead(SubjectsOf("jti", session.Key, session.User), session.AuthTime)
	if got != cause || dead != (cause != 0) {
		f.t.Errorf("a token of %d is dead by %d, want %d", session.AuthTime-start.Unix(), got, cause)
	}
}

// ok fails the test where what must succeed has failed.
func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestRefusalIsRememberedForAMinute(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.expectRefused(keyOf("one"), "ann")
	if f.Revoked(keyOf("two")) || f.Revoked(sessions.Key{Realm: "forum", Hash: keyOf("one").Hash}) {
		t.Error("another session counts as revoked")
	}
	f.advance(refusalTime - 1)
	if !f.Revoked(keyOf("one")) {
		t.Error("forgotten too soon")
	}
	f.advance(1)
	if f.Revoked(keyOf("one")) {
		t.Error("remembered too long")
	}
	f.sweep(ctx)
	if n := f.refusals.Len(); n != 0 {
		t.Errorf("%d are left after a sweep", n)
	}
}

func TestRefusalsAreForgotten(t *testing.T) {
	one := keyOf("one")
	for name, step := range map[string]func(f *fixture) error{
		"added": func(f *fixture) error {
			_, err := f.Add(ctx, one, Identity{User: "ann"}, lives)
			return err
		},
		"set again":      func(f *fixture) error { f.SawSet(one, f.Moment()); return nil },
		"user lifted":    func(f *fixture) error { _, err := f.LiftUser(ctx, "shop", "ann"); return err },
		"another lifted": func(f *fixture) error { _, err := f.LiftUserEverywhere(ctx, "bob"); return err },
		"session lifted": func(f *fixture) error { _, err := f.LiftSession(ctx, keyOf("two")); return err },
	} {
		f := newFixture(t)
		f.ok(f.RevokeUser(ctx, "shop", "ann"))
		f.expectRefused(one, "ann")
		f.ok(step(f))
		if f.Revoked(one) {
			t.Errorf("%s: still refused", name)
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	f := newFixture(t)
	key := func(i int) sessions.Key {
		return sessions.Key{Hash: sessions.Hash{7, byte(i), byte(i >> 8), byte(i >> 16)}}
	}
	for i := range 2 * maxRefusals {
		f.refusals.Put(key(i), start)
		f.refusals.Put(key(i), start.Add(time.Minute))
	}
	if n := f.refusals.Len(); n > maxRefusals || n < maxRefusals*9/10 {
		t.Errorf("%d are remembered, want about %d", n, maxRefusals)
	}
	if !f.refusals.Has(key(2*maxRefusals-1), start) || f.refusals.Has(key(0), start) {
		t.Error("the newest is forgotten, or the oldest is not")
	}
	f.refusals.Drop(key(2*maxRefusals - 2))
	if f.refusals.Has(key(2*maxRefusals-2), start) {
		t.Error("a dropped one is left")
	}
	f.refusals.Clear()
	if n := f.refusals.Len(); n != 0 || f.refusals.Has(key(2*maxRefusals-1), start) {
		t.Errorf("%d are left", n)
	}
}

// The application names a revoked user in what was another's session: that one is over, though the user does not count.
func TestRefusalEndsAnothersSession(t *testing.T) {
	f := newFixture(t)
	bob := f.learnAt(shop, "bob")
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	if _, err := f.named(shop, "ann"); !errors.Is(err, ErrRevoked) {
		t.Fatalf("Identified: %v", err)
	}
	f.expectDead(bob, Ended)
	f.crash()
	f.expectDead(bob, Ended)
	f.expectUser(shop, "")
}

func TestRefusalReportsAnEndThatFailed(t *testing.T) {
	f := newFixture(t)
	bob := f.learnAt(shop, "bob")
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.memory.fail(true, "Delete")
	if _, err := f.named(shop, "ann"); !errors.Is(err, ErrRevoked) || len(f.reports()) != 1 {
		t.Fatalf("Identified: %v, reported %v", err, f.reports())
	}
	f.expectDead(bob, Ended)
}

func TestRevokedDoesNotAllocate(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeSession(ctx, keyOf("one")))
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	f.ok(f.RevokeUserEverywhere(ctx, "bob"))
	f.ok(f.Flush(ctx, "shop"))
	f.ok(f.FlushAll(ctx))
	f.expectRefused(keyOf("two"), "ann")
	subjects := SubjectsOf("jti", shop, "cid")
	allocations := testing.AllocsPerRun(100, func() {
		f.Revoked(shop)
		f.Revoked(keyOf("two"))
		f.TokenDead(subjects, f.clock().Unix()+1)
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

// BenchmarkTokenDeadAmongRevocations asks with revocations of every kind in force.
func BenchmarkTokenDeadAmongRevocations(b *testing.B) {
	f := newFixture(b)
	for _, err := range []error{
		f.RevokeToken(ctx, "other", start.Add(time.Hour)), f.RevokeSession(ctx, keyOf("other")),
		f.RevokeUser(ctx, "shop", "bob"), f.RevokeUserEverywhere(ctx, "bob"), f.Flush(ctx, "shop"), f.FlushAll(ctx),
	} {
		f.ok(err)
	}
	subjects := SubjectsOf("jti", shop, "ann")
	b.ReportAllocs()
	for b.Loop() {
		if dead, _ := f.TokenDead(subjects, start.Unix()+10); dead {
			b.Fatal("dead")
		}
	}
}
