package ledger

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrRevoked is returned if the session or its user is revoked. Nothing was written, and nobody need be asked.
var ErrRevoked = errors.New("settling session: it is revoked, or its user is")

// refusalTime is how long a refusal is remembered.
const refusalTime = time.Minute

// Revoked reports whether the session is revoked, or whether the user that the application named in it was refused lately.
// Call it before anything else, with every request that brings session cookies. It answers from memory.
func (l *Ledger) Revoked(key sessions.Key) bool {
	if subject := revokedSession(key); l.blacklist.Contains(subject) {
		l.prolongSession(key)
		return true
	}
	return l.refusals.has(key, l.now())
}

// refusals holds the sessions in which the application named a user who is not accepted there, each with the time until which
// that is remembered. Every request asks for them, so they are in parts with a lock each.
type refusals struct {
	count atomic.Int64 // with none there is nothing to look up
	parts [256]refusalPart
}

// maxRefusals is how many refusals a part remembers. With more of them it forgets one, which is then refused anew.
const maxRefusals = 256

type refusalPart struct {
	mu    sync.RWMutex
	until map[sessions.Key]time.Time
}

func (r *refusals) has(key sessions.Key, now time.Time) bool {
	if r.count.Load() == 0 {
		return false
	}
	part := &r.parts[key.Hash[0]]
	part.mu.RLock()
	defer part.mu.RUnlock()
	until, refused := part.until[key]
	return refused && now.Before(until)
}

func (r *refusals) remember(key sessions.Key, until time.Time) {
	part := &r.parts[key.Hash[0]]
	part.mu.Lock()
	defer part.mu.Unlock()
	if _, again := part.until[key]; !again {
		for other := range part.until {
			if len(part.until) < maxRefusals {
				break
			}
			r.remove(part, other)
		}
		r.count.Add(1)
	}
	if part.until == nil {
		part.until = make(map[sessions.Key]time.Time)
	}
	part.until[key] = until
}

func (r *refusals) drop(key sessions.Key) {
	part := &r.parts[key.Hash[0]]
	part.mu.Lock()
	defer part.mu.Unlock()
	r.remove(part, key)
}

// sweep drops the refusals that are over at the given time. The zero time drops all.
func (r *refusals) sweep(now time.Time) {
	for i := range r.parts {
		part := &r.parts[i]
		part.mu.Lock()
		for key, until := range part.until {
			if now.IsZero() || !now.Before(until) {
				r.remove(part, key)
			}
		}
		part.mu.Unlock()
	}
}

func (r *refusals) remove(part *refusalPart, key sessions.Key) {
	if _, refused := part.until[key]; refused {
		delete(part.until, key)
		r.count.Add(-1)
	}
}
