package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestRevokeToken(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	if err := f.RevokeToken(t.Context(), "", start.Add(time.Minute)); err == nil {
		t.Error("revoked no token")
	}
	if err := f.RevokeToken(t.Context(), "old", start.Add(-time.Hour)); err != nil || f.blacklist.Len() != 0 {
		t.Errorf("revoking an expired one: %v", err)
	}
	f.memory.journal.Fail(true)
	err := f.RevokeToken(t.Context(), "jti", start.Add(time.Minute))
	if dead, _ := f.TokenDead(SubjectsOf("jti", shop, "ann"), session.AuthTime); dead || !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("RevokeToken: %v, dead %v", err, dead)
	}
	f.memory.journal.Fail(false)
	if err := f.RevokeToken(t.Context(), "jti", start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if dead, cause := f.TokenDead(SubjectsOf("jti", shop, "ann"), session.AuthTime); !dead || cause != Revoked {
			t.Errorf("dead %v, cause %d", dead, cause)
		}
		if dead, _ := f.TokenDead(SubjectsOf("another", shop, "ann"), session.AuthTime); dead {
			t.Error("another token is dead")
		}
		f.crash()
	}
}

func TestZeroSubjectsAreDead(t *testing.T) {
	if dead, _ := newFixture(t).TokenDead(Subjects{}, start.Unix()); !dead {
		t.Error("alive")
	}
}

func TestKillTokens(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	q := f.Ask(shop)
	f.advance(5 * time.Second)
	if err := f.KillTokens(t.Context(), shop, session.AuthTime); err != nil {
		t.Fatal(err)
	}
	f.expectToken(f.clock().Unix(), false)
	kept, active := f.active()
	want := session
	want.AuthTime, want.Confirmed = f.clock().Unix()+1, time.Time{}
	if !active || !equal(kept, want) {
		t.Errorf("kept %+v (%v), want %+v", kept, active, want)
	}
	f.expectToken(kept.AuthTime, true)
	if f.MayMint(shop, session.AuthTime) || !f.MayMint(shop, kept.AuthTime) {
		t.Error("minting is for what is after the revocation alone")
	}
	if _, err := q.Identified(t.Context(), Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before: %v", err)
	}
	f.crash()
	f.expectToken(session.AuthTime, false)
	f.expectActive("ann")
}

// The record of a session that was learned right after an end is ahead of the clock.
func TestKillTokensAheadOfTheClock(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.learn("ann")
		f.end(0)
	}
	session := f.learn("ann")
	if err := f.KillTokens(t.Context(), shop, 0); err != nil {
		t.Fatal(err)
	}
	f.expectToken(session.AuthTime, false)
	f.expectActive("ann")
}

func TestKillTokensOfUnknownSession(t *testing.T) {
	f := newFixture(t)
	if err := f.KillTokens(t.Context(), shop, start.Unix()+3); err != nil {
		t.Fatal(err)
	}
	f.expectToken(start.Unix()+3, false)
	f.expectActive("")
	if session := f.learn("ann"); session.AuthTime != start.Unix()+4 {
		t.Errorf("AuthTime %d", session.AuthTime-start.Unix())
	}
}

func TestKillTokensRevivesNothing(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.memory.fail(true, "Delete")
	_, _ = f.End(t.Context(), shop, 0)
	if err := f.KillTokens(t.Context(), shop, start.Unix()); err != nil {
		t.Fatal(err)
	}
	f.expectActive("")
}

func TestKillTokensWithFailingStorage(t *testing.T) {
	t.Run("journal", func(t *testing.T) {
		f := newFixture(t)
		session := f.learn("ann")
		f.memory.journal.Fail(true)
		err := f.KillTokens(t.Context(), shop, session.AuthTime)
		if !errors.Is(err, blacklist.ErrUnavailable) || !strings.HasPrefix(err.Error(), "revoking") {
			t.Errorf("KillTokens: %v", err)
		}
		f.expectToken(session.AuthTime, true)
		f.expectActive("ann")
	})
	t.Run("look-up", func(t *testing.T) {
		f := newFixture(t)
		session := f.learn("ann")
		f.memory.fail(true, "Get")
		err := f.KillTokens(t.Context(), shop, session.AuthTime)
		if !errors.Is(err, sessions.ErrUnavailable) || !strings.HasPrefix(err.Error(), "revoking") {
			t.Errorf("KillTokens: %v", err)
		}
		f.expectToken(session.AuthTime, true)
	})
	t.Run("record", func(t *testing.T) {
		f := newFixture(t)
		session := f.learn("ann")
		f.memory.fail(true, "Put")
		err := f.KillTokens(t.Context(), shop, session.AuthTime)
		if !errors.Is(err, sessions.ErrUnavailable) || !strings.HasPrefix(err.Error(), "renewing") {
			t.Errorf("KillTokens: %v", err)
		}
		f.expectToken(session.AuthTime, false)
		f.expectActive("")
		f.crash()
		f.expectToken(session.AuthTime, false)
	})
}

func TestTokenDeadDoesNotAllocate(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.end(0)
	ended, fresh := SubjectsOf("jti", shop, "ann"), SubjectsOf("jti", sessions.Key{Realm: "shop"}, "ann")
	allocations := testing.AllocsPerRun(100, func() {
		f.TokenDead(ended, session.AuthTime)
		f.TokenDead(fresh, session.AuthTime)
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func BenchmarkTokenDead(b *testing.B) {
	f := newFixture(b)
	subjects := SubjectsOf("jti", shop, "ann")
	b.ReportAllocs()
	for b.Loop() {
		if dead, _ := f.TokenDead(subjects, start.Unix()); dead {
			b.Fatal("dead")
		}
	}
}
