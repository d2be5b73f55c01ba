package ledger

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const maxSignedOut = 65536

// signedOut holds the sessions that the application lately knew nobody in, each with the time until which that is
// remembered. It is bounded: under a flood of cookies that name nothing the least recently used are forgotten, and the
// application is asked again.
type signedOut struct {
	until *lru.Cache[sessions.Key, time.Time]
}

func newSignedOut() *signedOut {
	until, _ := lru.New[sessions.Key, time.Time](maxSignedOut) // fails for a size below 1 only
	return &signedOut{until: until}
}

func (s *signedOut) remember(key sessions.Key, until time.Time) { s.until.Add(key, until) }

func (s *signedOut) drop(key sessions.Key) { s.until.Remove(key) }

func (s *signedOut) has(key sessions.Key, now time.Time) bool {
	until, ok := s.until.Get(key)
	return ok && now.Before(until)
}

// IsNobody reports whether the application lately knew nobody in the session and need not be asked again.
func (l *Ledger) IsNobody(key sessions.Key) bool { return l.signedOut.has(key, l.now()) }

// Forget drops a remembered "nobody". It also keeps that answer to a question in flight from being remembered. Call it for a
// request that may sign somebody in. A user whom the answer to a question in flight names is accepted all the same.
func (l *Ledger) Forget(key sessions.Key) {
	s := l.lock(key)
	defer s.mu.Unlock()
	s.forget(key)
	l.signedOut.drop(key)
}
