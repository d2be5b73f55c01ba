package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// apart is by how much the clocks of two gateways differ.
const apart = 5 * time.Second

// gated is the place of one of two gateways. What the other one writes can be held up, and a test can step in between the parts
// of a change.
type gated struct {
	*redisstore.Place

	applying sync.Mutex // held while nothing of the other gateway comes into force
	mu       sync.Mutex
	held     bool
	before   func(method string) // called before each write, with the locks of the ledger held
}

func (g *gated) Sessions() sessions.Store { return hookedStore{g.Place.Sessions(), g} }
func (g *gated) Journal() blacklist.Journal {
	return hookedJournal{g.Place.Journal().(blacklist.SharedJournal), g}
}

// hold keeps what the other gateway writes from here on from coming into force, until the ledger wants to catch up.
func (g *gated) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.held {
		g.applying.Lock()
		g.held = true
	}
}

func (g *gated) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held {
		g.held = false
		g.applying.Unlock()
	}
}

func (g *gated) Follow(ctx context.Context, follower storage.Follower) {
	g.Place.Follow(ctx, gatedFollower{follower, g})
}

func (g *gated) CatchUp(ctx context.Context) error {
	g.release()
	return g.Place.CatchUp(ctx)
}

func (g *gated) step(method string) {
	if before := g.before; before != nil {
		before(method)
	}
}

// patiently releases the gate if a call of the journal waits until this gateway has heard of something.
func (g *gated) patiently() (stop func() bool) {
	return time.AfterFunc(100*time.Millisecond, g.release).Stop
}

// once lets a test step in before the first call of the method, which must come.
func (g *gated) once(t testing.TB, method string, do func()) {
	done := false
	t.Cleanup(func() {
		if !done {
			t.Errorf("%s was not called", method)
		}
	})
	g.before = func(called string) {
		if called == method && !done {
			done = true
			do()
		}
	}
}

type gatedFollower struct {
	storage.Follower
	gated *gated
}

func (f gatedFollower) Apply(changes []storage.Change) {
	f.gated.applying.Lock()
	defer f.gated.applying.Unlock()
	f.Follower.Apply(changes)
}

type hookedStore struct {
	sessions.Store
	gated *gated
}

func (s hookedStore) Put(ctx context.Context, session sessions.Session, now time.Time) error {
	s.gated.step("Put")
	return s.Store.Put(ctx, session, now)
}

func (s hookedStore) Update(ctx context.Context, session sessions.Session, now time.Time) (bool, error) {
	s.gated.step("Update")
	return s.Store.Update(ctx, session, now)
}

type hookedJournal struct {
	blacklist.SharedJournal
	gated *gated
}

func (j hookedJournal) Write(ctx context.Context, entries ...blacklist.Entry) ([]blacklist.Entry, error) {
	j.gated.step("Write")
	defer j.gated.patiently()()
	return j.SharedJournal.Write(ctx, entries...)
}

func (j hookedJournal) Prolong(ctx context.Context, entries ...blacklist.Entry) error {
	j.gated.step("Prolong")
	defer j.gated.patiently()()
	return j.SharedJournal.Prolong(ctx, entries...)
}

func (j hookedJournal) Lift(ctx context.Context, subjects ...blacklist.Subject) (uint64, error) {
	j.gated.step("Lift")
	defer j.gated.patiently()()
	return j.SharedJournal.Lift(ctx, subjects...)
}

// side is one of two gateways that share a server.
type side struct {
	*Ledger
	t     testing.TB
	place *gated
	time  *testclock.Clock
	open  func()
}

var pairs atomic.Int64

// newPair returns two gateways on the server, which share nothing with any other pair. The clock of the second one is ahead.
func newPair(t testing.TB, server *redistest.Server) (a, b *side) {
	t.Helper()
	prefix, now := fmt.Sprint("pair", pairs.Add(1)), time.Now()
	open := func(ahead time.Duration) *side {
		dir := t.TempDir()
		s := &side{t: t, time: testclock.At(now.Add(ahead))}
		s.open = func() {
			engine := &redisstore.Redis{URL: server.URL(), Prefix: prefix, Dir: dir}
			if err := engine.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			place, err := engine.Open("", zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			s.place = &gated{Place: place.(*redisstore.Place)}
			s.Ledger, err = Open(context.Background(), s.place, Options{
				Now: s.time.Now, Report: func(err error) { t.Error(err) },
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Retain(tokenLife, lives.Idle)
		}
		s.open()
		return s
	}
	return open(0), open(apart)
}

func (s *side) close() {
	s.t.Helper()
	s.place.release()
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
}

// eachPair runs a part of the test with two gateways on every engine.
func eachPair(t *testing.T, run func(t *testing.T, a, b *side)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		a, b := newPair(t, engine.Start(t, redistest.Settings{}))
		defer a.close()
		defer b.close()
		run(t, a, b)
	})
}

// eachCase is like eachPair, with two new gateways on one server for each case.
func eachCase[T any](t *testing.T, cases map[string]T, run func(t *testing.T, a, b *side, with T)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		for name, with := range cases {
			t.Run(name, func(t *testing.T) {
				a, b := newPair(t, server)
				defer a.close()
				defer b.close()
				run(t, a, b, with)
			})
		}
	})
}

func (s *side) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// catchUp brings a gateway up to what the other one has done.
func (s *side) catchUp() {
	s.t.Helper()
	s.ok(s.place.CatchUp(ctx))
}

func (s *side) learn(key sessions.Key, user string) sessions.Session {
	s.t.Helper()
	session, err := s.Ask(key).Identified(ctx, Identity{User: user}, lives)
	s.ok(err)
	return session
}

func (s *side) isDead(session sessions.Session) bool {
	dead, _ := s.TokenDead(SubjectsOf("jti", session.Key, session.User), session.AuthTime)
	return dead
}

// expect catches up and checks who is signed in.
func (s *side) expect(key sessions.Key, user string) {
	s.t.Helper()
	s.catchUp()
	session, active, err := s.Active(ctx, key)
	if err != nil && user != "" || active != (user != "") || session.User != user {
		s.t.Errorf("active %v, user %q, %v; want %q", active, session.User, err, user)
	}
}
