package ledger

import (
	"errors"
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
	return l.refusals.Has(key, l.now())
}

// maxRefusals is about the greatest number of sessions in refusals. With more of them the least recently used are forgotten,
// which are then refused anew.
const maxRefusals = 65536
