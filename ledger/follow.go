package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrNotFollowed is returned by [Ledger.Follow] where an identity must not go over to another id. Nothing was written.
var ErrNotFollowed = errors.New("following session to its new id: the one has ended, or the other is known otherwise")

// Step is one change of a session's id by the application, in its answer to a request that was decided by the session
// under its old id.
type Step struct {
	From sessions.Key
	// To is the hash of the new id.
	To sessions.Hash
	// Lineage is whose the session is: what decided the request says so, be it the record or a token.
	Lineage

	// Token is when the usable token ends, bound to From, that decided the request: until then the session need not be in
	// the store. It is zero where the record decided.
	Token time.Time
	// Replaced is for how long the old id counts beside the new one, unless it is used: requests that bring it are under
	// way.
	Replaced time.Duration
	// Idle is how long a record lasts without any use.
	Idle time.Duration
}

// Follow settles that the session goes on under a new id, and returns it under that id. It is as confirmed as it was
// before, and no more: AuthTime, Confirmed, Seen and its ends do not move. Where it is not in the store, as far as a token
// proves it, what is returned is the zero session, and nothing is written.
//
// The old id counts on for a while, so that one session may have several ids, each of which may lead to more. They end
// together: by [Ledger.End] and [Ledger.EndRolling] of any of them, by another user's name in one, by a revocation.
//
// Returns [ErrNotFollowed] where the session is not the same any more or has ended or is revoked, or where the new id is
// known as another session's, as nobody's, as ended or as revoked. Then the change is the end of the session. Any other
// error means that it could not be told.
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
		// Nothing but an entry for an id says that what has it is ahead of the clock.
		l.enforce(to, before, time.Time{})
		unsaved = append(unsaved, endOf(to))
	}
	s.overtake(to)
	raise(&l.longestIdle, int64(step.Idle))
	l.givenIDs.of.Add(step.From, givenID{step.Lineage, found.Ends})
	l.givenIDs.of.Add(to, givenID{step.Lineage, found.Ends})
	return session, unsaved, nil
}

// mayFollow says whether the session goes on under the new id. Both records were looked up with the user locked, so that
// no revocation is missed; what ends the session from now on ends it under the new id too.
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
	case l.signedOut.has(to, now), l.refusals.has(to, now), l.refusals.has(from, now):
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
