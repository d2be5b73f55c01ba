package ledger

import (
	"context"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// liftSession lifts the revocation of a session. owner is its owner subject if its user is known. It is called with the lock
// of the session's stripe held, and with that of the user if he is known.
func (e *entries) liftSession(ctx context.Context, key sessions.Key, owner blacklist.Subject, known bool) (bool, error) {
	gone := []blacklist.Subject{revokedSession(key)}
	if known {
		gone = append(gone, owner)
	}
	switch {
	case known && e.isLastOwned(owner):
		gone = append(gone, blacklist.WatchedUser(key.Realm, owner.User()))
	case known:
		// Second 0: it does not count against a revocation of the user himself.
		entry := blacklist.Entry{Subject: admitted(key, owner.User()), Expires: e.expiryOf(0, e.now())}
		if err := e.Revoke(ctx, entry); err != nil {
			return false, err
		}
	}
	return e.Lift(ctx, gone...)
}

// isLastOwned reports whether the session is the only revoked one of its user.
func (e *entries) isLastOwned(owner blacklist.Subject) bool {
	for other := range e.ownedBy(owner.Realm(), owner.User()) {
		if other != owner {
			return false
		}
	}
	return true
}

// liftUser lifts the revocation of a user. It is called with the lock of the user held.
func (e *entries) liftUser(ctx context.Context, subject blacklist.Subject) (bool, error) {
	if second, inForce := e.Second(subject); inForce && second >= e.now().Unix() {
		// Sessions that began after it are ahead of the clock, and no other entry tells so.
		entry := blacklist.Entry{Subject: blacklist.Lifted(), Second: second, Expires: e.expiryOfEnd(second)}
		if err := e.Revoke(ctx, entry); err != nil {
			return false, err
		}
	}
	return e.Lift(ctx, subject)
}
