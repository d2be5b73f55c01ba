package ledger

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Many requests sign in and out at once in a few sessions. Whatever the order was: after an end has returned, nothing
// from before it is alive.
func TestEndsAndMintsSettle(t *testing.T) {
	f := newFixture(t)
	var wait sync.WaitGroup
	for worker := range 64 {
		wait.Go(func() {
			key := sessions.Key{Realm: "shop", Hash: sessions.HashOf(fmt.Sprint(worker % 4))}
			for round := range 30 {
				switch (worker + round) % 4 {
				case 0:
					signOut(f, key)
				case 1:
					f.lookAround(key)
				default:
					signIn(f, key, fmt.Sprint("user", worker%3))
				}
				f.advance(20 * time.Millisecond)
			}
		})
	}
	wait.Wait()
	for i := range 4 {
		signOut(f, sessions.Key{Realm: "shop", Hash: sessions.HashOf(fmt.Sprint(i))})
	}
	counts, err := f.Count(t.Context())
	if err != nil || counts.Questions != 0 || counts.Sessions != 0 || counts.Pending != 0 || len(f.reports()) != 0 {
		t.Errorf("in the end %+v, %v, reported %v", counts, err, f.reports())
	}
}

func signIn(f *fixture, key sessions.Key, user string) {
	q := f.Ask(key)
	defer q.Withdraw()
	session, err := q.Identified(ctx, Identity{User: user}, lives)
	if errors.Is(err, ErrOvertaken) {
		return
	}
	if err != nil || session.User != user {
		f.t.Errorf("Identified: %+v, %v", session, err)
		return
	}
	f.MayMint(key, session.AuthTime)
}

// signOut ends what it has seen, and what an answer from before it would have brought.
func signOut(f *fixture, key sessions.Key) {
	q := f.Ask(key)
	session, active, err := f.Active(ctx, key)
	if err != nil {
		f.t.Errorf("Active: %v", err)
	}
	if _, err := f.End(ctx, key, 0); err != nil {
		f.t.Errorf("End: %v", err)
	}
	if active {
		dead, _ := f.TokenDead(SubjectsOf("jti", key, "ann"), session.AuthTime)
		if !dead || f.MayMint(key, session.AuthTime) {
			f.t.Errorf("after the end of a session of %d: dead %v", session.AuthTime, dead)
		}
	}
	if _, err := q.Identified(ctx, Identity{User: "late"}, lives); !errors.Is(err, ErrOvertaken) {
		f.t.Errorf("an answer from before the end: %v", err)
	}
	if session, active, _ := f.Active(ctx, key); active && session.User == "late" {
		f.t.Error("the session is active by an answer from before the end")
	}
}

// lookAround does what must not disturb anybody.
func (f *fixture) lookAround(key sessions.Key) {
	session, _, err := f.Active(ctx, key)
	release, _ := f.ClaimMint(key)
	defer release()
	f.Forget(key)
	f.IsNobody(key)
	_, countErr := f.Count(ctx)
	err = errors.Join(err, f.Touch(ctx, session, lives.Idle), countErr)
	if err != nil {
		f.t.Error(err)
	}
	f.retry(ctx)
	f.sweep(ctx)
}
