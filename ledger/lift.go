package ledger

import (
	"context"
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// LiftToken takes back [Ledger.RevokeToken] and reports whether there was a revocation. When the error is nil, this is
// durable. After an error, the revocation is in force as before. The same is true of the other methods that lift.
func (l *Ledger) LiftToken(ctx context.Context, jti string) (bool, error) {
	lifted, err := l.blacklist.Lift(ctx, blacklist.TokenID(jti))
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a token: %w", err)
	}
	return lifted, nil
}

// LiftSession takes back [Ledger.RevokeSession]. The application is asked about the session anew, and the old tokens of the
// session remain dead. The user is no longer watched, unless another session of his is revoked. In that case the lifted
// session is accepted all the same.
func (l *Ledger) LiftSession(ctx context.Context, key sessions.Key) (bool, error) {
	s := l.lock(key)
	defer s.mu.Unlock()
	owner, known := l.ownerOf(key)
	if known {
		defer l.users.lockExclusively(owner.User())()
	}
	lifted, err := l.liftSession(ctx, key, owner, known)
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a session: %w", err)
	}
	return lifted, nil
}

func (l *Ledger) liftSession(ctx context.Context, key sessions.Key, owner blacklist.Subject, known bool) (bool, error) {
	gone := []blacklist.Subject{revokedSession(key)}
	if known {
		gone = append(gone, owner)
	}
	switch {
	case known && l.isLastOwned(owner):
		gone = append(gone, blacklist.WatchedUser(key.Realm, owner.User()))
	case known:
		// Second 0: it does not count against a revocation of the user himself.
		entry := blacklist.Entry{Subject: admitted(key, owner.User()), Expires: l.expiryOf(0, l.now())}
		if err := l.blacklist.Revoke(ctx, entry); err != nil {
			return false, err
		}
	}
	lifted, err := l.blacklist.Lift(ctx, gone...)
	if err == nil {
		l.refusals.Clear()
	}
	return lifted, err
}

// isLastOwned reports whether the session is the only revoked one of its user.
func (l *Ledger) isLastOwned(owner blacklist.Subject) bool {
	for other := range l.ownedBy(owner.Realm(), owner.User()) {
		if other != owner {
			return false
		}
	}
	return true
}

// LiftUser takes back [Ledger.RevokeUser]. Sessions and tokens of the user from before the revocation are accepted again,
// unless they have expired or ended meanwhile.
func (l *Ledger) LiftUser(ctx context.Context, realm, user string) (bool, error) {
	return l.liftUser(ctx, blacklist.RevokedUser(realm, user))
}

// LiftUserEverywhere takes back [Ledger.RevokeUserEverywhere]. Otherwise it is like [Ledger.LiftUser].
func (l *Ledger) LiftUserEverywhere(ctx context.Context, user string) (bool, error) {
	return l.liftUser(ctx, blacklist.RevokedUserEverywhere(user))
}

func (l *Ledger) liftUser(ctx context.Context, subject blacklist.Subject) (bool, error) {
	defer l.users.lockExclusively(subject.User())()
	if second, inForce := l.blacklist.Second(subject); inForce && second >= l.now().Unix() {
		// Sessions that began after it are ahead of the clock, and no other entry tells so.
		entry := blacklist.Entry{Subject: blacklist.Lifted(), Second: second, Expires: l.expiryOfEnd(second)}
		if err := l.blacklist.Revoke(ctx, entry); err != nil {
			return false, fmt.Errorf("lifting the revocation of a user: %w", err)
		}
	}
	lifted, err := l.blacklist.Lift(ctx, subject)
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a user: %w", err)
	}
	l.refusals.Clear()
	return lifted, nil
}
