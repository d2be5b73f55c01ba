package ledger

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const maxNobodies = 65536

// nobodies are the sessions that the application lately knew nobody in, and until when that is remembered. They are
// bounded: under a flood of cookies that name nothing the ones used least are forgotten, and asked about again.
type nobodies struct {
	until *lru.Cache[sessions.Key, time.Time]
}

func newNobodies() *nobodies {
	until, _ := lru.New[sessions.Key, time.Time](maxNobodies) // fails for a size below 1 only
	return &nobodies{until: until}
}

func (n *nobodies) remember(key sessions.Key, until time.Time) { n.until.Add(key, until) }

func (n *nobodies) drop(key sessions.Key) { n.until.Remove(key) }

func (n *nobodies) has(key sessions.Key, now time.Time) bool {
	until, ok := n.until.Get(key)
	return ok && now.Before(until)
}

// IsNobody says whether the application lately knew nobody in the session, and need not be asked again.
func (l *Ledger) IsNobody(key sessions.Key) bool { return l.nobodies.has(key, l.now()) }

// Forget drops a remembered "nobody", and keeps that answer to the questions in flight from being remembered: what the
// request does may sign somebody in. A user whom such an answer names counts all the same.
func (l *Ledger) Forget(key sessions.Key) {
	s := l.settle(key)
	defer s.mu.Unlock()
	s.forget(key)
	l.nobodies.drop(key)
}
