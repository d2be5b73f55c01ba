package ledger

import (
	"context"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// lift lifts a revocation with do, which takes the locks. It begins with what other gateways have revoked and this one has not
// heard of yet.
func lift(ctx context.Context, b *book, do func() (bool, error)) (bool, error) {
	if err := b.company.catchUp(ctx); err != nil {
		return false, err
	}
	lifted, err := do()
	if err != nil {
		return false, err
	}
	b.refusals.Clear()
	return lifted, nil
}

// liftSession lifts the revocation of a session. It is [Ledger.LiftSession].
func liftSession(ctx context.Context, b *book, key sessions.Key) (bool, error) {
	owner, lifted, err := liftSessionOf(ctx, b, key)
	if err != nil || owner.Kind() == 0 || b.company.knowsAll() {
		return lifted, err
	}
	// Another gateway may have revoked another session of the user, and had him watched, before the watch was lifted here.
	if err := b.company.catchUp(ctx); err != nil {
		return false, err
	}
	return lifted, watchAgain(ctx, b, owner.Realm(), owner.User())
}

// watchAgain watches a user who has a revoked session and is not watched.
func watchAgain(ctx context.Context, b *book, realm, user string) error {
	defer b.users.lockExclusively(user)()
	watched := blacklist.WatchedUser(realm, user)
	for owner := range b.blacklist.ownedBy(realm, user) {
		entry, revoked := b.blacklist.Entry(owner)
		if !revoked || b.blacklist.Contains(watched) {
			continue
		}
		written, err := b.blacklist.Revoke(ctx, blacklist.Entry{Subject: watched, Second: entry.Second, Expires: entry.Expires})
		if err != nil {
			return err
		}
		b.blacklist.revokedAt.mark(watched, lastPlace(written))
	}
	return nil
}

// liftSessionOf lifts the revocation of a session, and returns its owner subject if its user is known.
func liftSessionOf(ctx context.Context, b *book, key sessions.Key) (owner blacklist.Subject, lifted bool, err error) {
	s := b.stripes.lock(key)
	defer s.mu.Unlock()
	owner, known := b.blacklist.ownerOf(key)
	if known {
		defer b.users.lockExclusively(owner.User())()
	}
	lifted, err = b.blacklist.liftSession(ctx, key, owner, known)
	return owner, lifted, err
}

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
		if _, err := e.Revoke(ctx, entry); err != nil {
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
		if _, err := e.Revoke(ctx, entry); err != nil {
			return false, err
		}
	}
	return e.Lift(ctx, subject)
}
