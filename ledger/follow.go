package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrNotFollowed is returned by [Ledger.Follow] if the session must not go on under the new id. Nothing was written.
var ErrNotFollowed = errors.New("following session to its new id: the one has ended, or the other is known otherwise")

// Step is one change of a session's id by the application, in its answer to a request that was decided by the session
// under its old id.
type Step struct {
	// From is the session under its old id.
	From sessions.Key
	// To is the hash of the new id.
	To sessions.Hash
	// Lineage is that of the session, by the record or the token that decided the request.
	Lineage

	// Token is when the usable token expires that decided the request and is bound to From. Until then the session need not
	// be in the store. It is zero if the record decided.
	Token time.Time
	// Replaced is how long the old id is accepted beside the new one unless it is used: requests that bring it are under way.
	Replaced time.Duration
	// Idle is how long a record lasts without any use.
	Idle time.Duration
}

// following is a change of a session's id. It is made with the locks of both stripes and of the user held.
type following struct {
	*book
	Step

	to     sessions.Key
	stripe *stripe   // of the new id
	at     time.Time // when it is made
	found  finding   // the session under its old id
	there  finding   // what the new id is known as
}

// follow lets the session go on under a new id. unsaved holds the subjects that are pending with that. It is [Ledger.Follow].
func follow(
	ctx context.Context, b *book, step Step,
) (session sessions.Session, unsaved []blacklist.Subject, err error) {
	f := following{book: b, Step: step, to: sessions.Key{Realm: step.From.Realm, Hash: step.To}}
	stripe, unlock := b.stripes.lockBoth(step.From, f.to)
	defer unlock()
	defer b.users.lockShared(step.User)()
	f.stripe, f.at = stripe, b.now()
	if f.found, err = b.find(ctx, step.From, f.at); err != nil {
		return sessions.Session{}, nil, err
	}
	if f.there, err = b.find(ctx, f.to, f.at); err != nil {
		return sessions.Session{}, nil, err
	}
	return f.follow(ctx)
}

func (f *following) follow(ctx context.Context) (session sessions.Session, unsaved []blacklist.Subject, err error) {
	if !f.isAllowed(ctx) {
		return sessions.Session{}, nil, ErrNotFollowed
	}
	if f.found.present {
		if session, err = f.move(ctx); err != nil {
			return sessions.Session{}, nil, err
		}
		delete(f.stripe.undeleted, f.to)
		unsaved = f.admit(session, f.blacklist.standingWith(f.to.Realm, f.User, session.Attributes))
	}
	if before := f.AuthTime - 1; before >= f.at.Unix() {
		// Only an entry for the id tells that the session is ahead of the clock.
		f.blacklist.enforce(f.to, before, time.Time{})
		unsaved = append(unsaved, endOf(f.to))
	}
	f.stripe.overtake(f.to)
	raise(&f.blacklist.longestIdle, int64(f.Idle))
	f.givenIDs.Put(f.From, givenID{f.Lineage, f.found.Ends})
	f.givenIDs.Put(f.to, givenID{f.Lineage, f.found.Ends})
	return session, unsaved, nil
}

// isAllowed reports whether the session goes on under the new id. Both records were looked up with the user locked, so that
// no revocation is missed. What ends the session from now on ends it under the new id too.
func (f *following) isAllowed(ctx context.Context) bool {
	list := &f.blacklist
	switch {
	case f.User == "" || f.AuthTime <= 0 || f.From == f.to:
		return false
	case list.isLineageOver(f.From.Realm, f.Lineage), list.isOver(f.From, f.AuthTime), list.isOver(f.to, f.AuthTime):
		return false
	case list.isUserRevoked(blacklist.RevokedUser(f.From.Realm, f.User), f.AuthTime),
		list.Contains(revokedSession(f.From)), list.Contains(revokedSession(f.to)):
		return false
	case f.signedOut.has(ctx, f.to, f.at), f.refusals.Has(f.to, f.at), f.refusals.Has(f.From, f.at):
		return false
	case f.found.present:
		if !f.found.active || lineageOf(f.found.Session) != f.Lineage {
			return false // it was learned anew, or is another user's by now
		}
	case !f.at.Before(f.Token):
		return false // no token proves it; of an end from before that token's end an entry may be gone
	}
	return !f.there.present || f.there.ended || lineageOf(f.there.Session) == f.Lineage
}

// isMarked reports whether the record under the old id changes to the given one.
func (f *following) isMarked(replaced sessions.Session) bool {
	return !f.found.Rolling || !replaced.Expires.Equal(f.found.Expires)
}

// move writes the record under the new id, and marks the old one.
func (f *following) move(ctx context.Context) (sessions.Session, error) {
	replaced := f.found.Session
	replaced.Rolling = true
	if expires := f.at.Add(f.Replaced); expires.Before(replaced.Expires) {
		replaced.Expires = expires
	}
	moved := f.found.Session
	moved.Key, moved.Rolling = f.to, true
	return moved, f.order.move(ctx, f, replaced, moved)
}
