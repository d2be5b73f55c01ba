package ledger

import (
	"context"
	"errors"
	"fmt"
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

// Follow lets the session go on under a new id and returns it under that id. The session is as confirmed as it was before:
// AuthTime, Confirmed, Seen, Ends and Expires do not change. If the session is not in the store and a token proves it,
// Follow writes no record and returns the zero session.
//
// The old id is accepted for a while. So one session may have several ids, and each of them may lead to more. They end
// together: by [Ledger.End] or [Ledger.EndRolling] of any of them, by another user's name in one of them, or by a
// revocation.
//
// Follow returns [ErrNotFollowed] if the session has changed, has ended or is revoked, or if the new id is known as another
// session's, as nobody's, as ended or as revoked. Then the change of the id is the end of the session. Any other error means
// "could not tell". Follow finishes its work although ctx is cancelled.
func (l *Ledger) Follow(ctx context.Context, step Step) (sessions.Session, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	session, unsaved, err := l.follow(ctx, step)
	if err != nil && !errors.Is(err, ErrNotFollowed) {
		err = fmt.Errorf("following session to its new id: %w", err)
	}
	if err != nil {
		return sessions.Session{}, err
	}
	l.persist(ctx, unsaved)
	if session.User != "" {
		l.bound(ctx, session)
	}
	return session, nil
}

func (l *Ledger) follow(ctx context.Context, step Step) (session sessions.Session, unsaved []blacklist.Subject, err error) {
	to := sessions.Key{Realm: step.From.Realm, Hash: step.To}
	s, unlock := l.lockBoth(step.From, to)
	defer unlock()
	defer l.users.lockShared(step.User)()
	now := l.now()
	found, err := l.find(ctx, step.From, now)
	if err != nil {
		return sessions.Session{}, nil, err
	}
	there, err := l.find(ctx, to, now)
	if err != nil {
		return sessions.Session{}, nil, err
	}
	if !l.mayFollow(step, found, there, now) {
		return sessions.Session{}, nil, ErrNotFollowed
	}
	if found.present {
		if session, err = l.move(ctx, step, found, to, now); err != nil {
			return sessions.Session{}, nil, err
		}
		delete(s.undeleted, to)
		unsaved = l.admit(session, l.standingOf(to.Realm, step.User))
	}
	if before := step.AuthTime - 1; before >= now.Unix() {
		// Only an entry for the id tells that the session is ahead of the clock.
		l.enforce(to, before, time.Time{})
		unsaved = append(unsaved, endOf(to))
	}
	s.overtake(to)
	raise(&l.longestIdle, int64(step.Idle))
	l.givenIDs.Put(step.From, givenID{step.Lineage, found.Ends})
	l.givenIDs.Put(to, givenID{step.Lineage, found.Ends})
	return session, unsaved, nil
}

// mayFollow reports whether the session goes on under the new id. Both records were looked up with the user locked, so that
// no revocation is missed. What ends the session from now on ends it under the new id too.
func (l *Ledger) mayFollow(step Step, found, there finding, now time.Time) bool {
	from, to := found.Key, there.Key
	switch {
	case step.User == "" || step.AuthTime <= 0 || from == to:
		return false
	case l.isLineageOver(from.Realm, step.Lineage), l.isOver(from, step.AuthTime), l.isOver(to, step.AuthTime):
		return false
	case l.isUserRevoked(blacklist.RevokedUser(from.Realm, step.User), step.AuthTime),
		l.blacklist.Contains(revokedSession(from)), l.blacklist.Contains(revokedSession(to)):
		return false
	case l.signedOut.Has(to, now), l.refusals.Has(to, now), l.refusals.Has(from, now):
		return false
	case found.present:
		if !found.active || lineageOf(found.Session) != step.Lineage {
			return false // it was learned anew, or is another user's by now
		}
	case !now.Before(step.Token):
		return false // no token proves it; of an end from before that token's end an entry may be gone
	}
	return !there.present || there.ended || lineageOf(there.Session) == step.Lineage
}

// move writes the record under the new id. First the old one is marked, so that whatever ends it ends the new one too.
func (l *Ledger) move(
	ctx context.Context, step Step, found finding, to sessions.Key, now time.Time,
) (sessions.Session, error) {
	replaced := found.Session
	replaced.Rolling = true
	if expires := now.Add(step.Replaced); expires.Before(replaced.Expires) {
		replaced.Expires = expires
	}
	if !found.Rolling || !replaced.Expires.Equal(found.Expires) {
		written, err := l.store.Update(ctx, replaced, now)
		if err != nil {
			return sessions.Session{}, err
		}
		if !written {
			return sessions.Session{}, ErrNotFollowed // it went between the two calls
		}
	}
	moved := found.Session
	moved.Key, moved.Rolling = to, true
	return moved, l.store.Put(ctx, moved, now)
}
