package ledger

import "github.com/caddy-jwt-session/caddy-jwt-session/sessions"

// maxSignedOut is the greatest number of sessions in signedOut. Under a flood of cookies that name nothing the least
// recently used are forgotten, and the application is asked again.
const maxSignedOut = 65536

// IsNobody reports whether the application lately knew nobody in the session and need not be asked again.
func (l *Ledger) IsNobody(key sessions.Key) bool { return l.signedOut.Has(key, l.now()) }

// Forget drops a remembered "nobody". It also keeps that answer to a question in flight from being remembered. Call it for a
// request that may sign somebody in. A user whom the answer to a question in flight names is accepted all the same.
func (l *Ledger) Forget(key sessions.Key) {
	s := l.lock(key)
	defer s.mu.Unlock()
	s.forget(key)
	l.signedOut.Drop(key)
}
