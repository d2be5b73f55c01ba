package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
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

// What happens while a revocation or a flush is being written happens after it.
func TestOthersWaitForRevocation(t *testing.T) {
	user := func(f *fixture) error { return f.RevokeUser(ctx, "shop", "ann") }
	everywhere := func(f *fixture) error { return f.RevokeUserEverywhere(ctx, "ann") }
	session := func(f *fixture) error { return f.RevokeSession(ctx, one) }
	realm := func(f *fixture) error { return f.Flush(ctx, "shop") }
	learn := func(f *fixture, _ *Question) error {
		_, err := f.named(two, "ann")
		return err
	}
	answer := func(_ *fixture, q *Question) error {
		_, err := q.Identified(ctx, Identity{User: "ann"}, lives)
		return err
	}
	kill := func(f *fixture, _ *Question) error { return f.KillTokens(ctx, three, 0) }
	for name, c := range map[string]struct {
		revoke    func(f *fixture) error
		meanwhile func(f *fixture, q *Question) error
		want      error
	}{
		"learning, user":       {user, learn, ErrRevoked},
		"learning, everywhere": {everywhere, learn, ErrRevoked},
		"learning, session":    {session, learn, ErrRevoked},
		"killing, user":        {user, kill, nil},
		"killing, everywhere":  {everywhere, kill, nil},
		"answering, flush":     {realm, answer, ErrOvertaken},
	} {
		f := newFixture(t)
		f.learnAt(one, "ann")
		f.learnAt(three, "ann")
		q, done := f.Ask(two), make(chan error, 1)
		f.memory.before = func(method string) {
			if method != "Append" {
				return
			}
			f.memory.before = nil
			f.advance(2 * time.Second)
			go func() { done <- c.meanwhile(f, q) }()
			for range 1000 {
				runtime.Gosched() // it waits for a lock, by now or soon
			}
		}
		f.ok(c.revoke(f))
		if err := <-done; !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		_, isTwo, _ := f.Active(ctx, two)
		_, isThree, _ := f.Active(ctx, three)
		if isTwo || isThree != (name == "learning, session") {
			t.Errorf("%s: active: %v, %v", name, isTwo, isThree)
		}
	}
}

// crowd is many requests of four users, each of whom an operator revokes and pardons.
type crowd struct {
	*fixture
	mu    sync.Mutex
	known map[string][]sessions.Session // by user
}

func (c *crowd) note(session sessions.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[session.User] = append(c.known[session.User], session)
}

func (c *crowd) knownOf(user string) []sessions.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.known[user])
}

// visit asks about one of the user's sessions, answers, and looks at it.
func (c *crowd) visit(user string, round int) {
	key := keyOf(fmt.Sprint(user, round%8))
	session, err := c.named(key, user)
	switch {
	case err == nil:
		c.note(session)
	case !errors.Is(err, ErrOvertaken) && !errors.Is(err, ErrRevoked):
		c.t.Errorf("Identified: %v", err)
	}
	if _, _, err := c.Active(ctx, key); err != nil && !errors.Is(err, ErrRevoked) {
		c.t.Errorf("Active: %v", err)
	}
	c.MayMint(key, session.AuthTime)
	c.Revoked(key)
}

// operate revokes the user, and sees to it that nothing from before gets through, and what begins afterwards does.
func (c *crowd) operate(user string, round int) {
	before := c.knownOf(user)
	question := c.Ask(keyOf(fmt.Sprint(user, round%8)))
	revoke, lift := c.RevokeUserEverywhere, c.LiftUserEverywhere
	if round%2 == 0 {
		revoke = func(ctx context.Context, user string) error { return c.RevokeUser(ctx, "shop", user) }
		lift = func(ctx context.Context, user string) (bool, error) { return c.LiftUser(ctx, "shop", user) }
	}
	c.check(revoke(ctx, user))
	for _, session := range before {
		if dead, _ := c.TokenDead(SubjectsOf("jti", session.Key, user), session.AuthTime); !dead {
			c.t.Errorf("a token of %s's from before is alive", user)
		}
	}
	if _, err := question.Identified(ctx, Identity{User: user}, lives); err == nil {
		c.t.Errorf("an answer from before let %s in", user)
	}
	for i := range 8 {
		if _, active, _ := c.Active(ctx, keyOf(fmt.Sprint(user, i))); active {
			c.t.Errorf("a session of %s's is active", user)
		}
	}
	fresh := keyOf(fmt.Sprint("fresh", user, round))
	c.SawSet(fresh, c.Moment())
	session, err := c.named(fresh, user)
	for errors.Is(err, ErrOvertaken) { // by a flush
		session, err = c.named(fresh, user)
	}
	if c.check(err); session.User != user {
		c.t.Errorf("%s can't sign in: %v", user, err)
	}
	c.check(c.RevokeSession(ctx, fresh))
	if dead, _ := c.TokenDead(SubjectsOf("jti", fresh, user), session.AuthTime); !dead || !c.Revoked(fresh) {
		c.t.Error("a revoked session is alive")
	}
	_, err = c.LiftSession(ctx, fresh)
	c.check(err)
	lifted, err := lift(ctx, user)
	if c.check(err); !lifted {
		c.t.Error("there was nothing to lift")
	}
}

func (c *crowd) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Error(err)
	}
}

// Four users, each of them at 14 places, four operators, and four who drop everything, list and keep house.
func TestRevocationsAndRequestsSettle(t *testing.T) {
	c := &crowd{fixture: newFixture(t), known: make(map[string][]sessions.Session)}
	var wait sync.WaitGroup
	for worker := range 64 {
		user := fmt.Sprint("user", worker%4)
		wait.Go(func() {
			for round := range 30 {
				switch {
				case worker < 4:
					c.operate(user, round)
				case worker == 4:
					c.check(c.Flush(ctx, "shop"))
				case worker == 5:
					c.check(c.FlushAll(ctx))
				case worker < 8:
					c.lookAround(keyOf(fmt.Sprint(user, round%8)))
					_, _, err := c.Revocations(10, "")
					c.check(err)
				default:
					c.visit(user, round)
				}
				c.advance(20 * time.Millisecond)
			}
		})
	}
	wait.Wait()
	for worker := range 4 {
		c.learnAt(keyOf("in the end"), fmt.Sprint("user", worker))
	}
	if counts, err := c.Count(ctx); err != nil || counts.Questions != 0 || len(c.reports()) != 0 {
		t.Errorf("in the end %+v, %v, reported %v", counts, err, c.reports())
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
	if errors.Is(err, ErrRevoked) {
		err = nil // an answer as good as any
	}
	defer f.ClaimMint(ctx, key, f.MintMark()).Release()
	f.Forget(key)
	f.IsNobody(ctx, key)
	_, countErr := f.Count(ctx)
	err = errors.Join(err, f.Touch(ctx, session, lives.Idle), countErr)
	if err != nil {
		f.t.Error(err)
	}
	f.retry(ctx)
	f.sweep(ctx)
}
