package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// End settles that the application or its user closed the session. provenAuthTime is the auth_time of a usable token of
// the session that came with the request, 0 where none did.
//
// Questions in flight are overtaken and a remembered "nobody" is dropped. Where the session is active or proven, it ends
// at the latest of now, its AuthTime and provenAuthTime, and End returns true: the end is in force at once, then the
// record is deleted and the end made durable. Where it is neither, or has ended already, nothing is written. Where it
// can't be found out whether there is a record, the end is written.
//
// With an error the end that true speaks of is in force all the same; what could not be written is tried again. The step
// is finished though ctx is cancelled.
func (l *Ledger) End(ctx context.Context, key sessions.Key, provenAuthTime int64) (bool, error) {
	return l.endProven(ctx, key, Lineage{AuthTime: provenAuthTime})
}

// EndRolling is [Ledger.End] for a session whose id the application changes with every answer: it ends under all the ids
// that it ever had. The lineage is whose the session was when the request was decided, by the record or by a usable token
// bound to the id; the zero one is that of nobody. Idle is how long a record lasts without any use.
func (l *Ledger) EndRolling(ctx context.Context, key sessions.Key, of Lineage, idle time.Duration) (bool, error) {
	raise(&l.longestIdle, int64(idle))
	return l.endProven(ctx, key, of)
}

func (l *Ledger) endProven(ctx context.Context, key sessions.Key, proven Lineage) (bool, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	ended, err := l.endNow(ctx, key, proven)
	return len(ended) > 0, l.ended(ctx, ended, err)
}

func (l *Ledger) endNow(ctx context.Context, key sessions.Key, proven Lineage) ([]blacklist.Subject, error) {
	s := l.lock(key)
	defer s.mu.Unlock()
	now := l.now()
	found, err := l.find(ctx, key, now)
	return l.end(ctx, s, found, err, proven, now)
}

// ended makes an end durable, which takes a while and is done without the lock, and joins what went wrong.
func (l *Ledger) ended(ctx context.Context, ended []blacklist.Subject, err error) error {
	if len(ended) > 0 {
		err = errors.Join(err, l.blacklist.Persist(ctx, ended...))
	}
	if err != nil {
		return fmt.Errorf("ending session: %w", err)
	}
	return nil
}

// persist makes durable what came with something else, whose outcome does not depend on it.
func (l *Ledger) persist(ctx context.Context, unsaved []blacklist.Subject) {
	if len(unsaved) == 0 {
		return
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := l.blacklist.Persist(ctx, unsaved...); err != nil {
		l.report(fmt.Errorf("ending session of another user, or admitting one: %w", err))
	}
}

// end ends the session in memory and deletes its record. lookUp is the error of finding the record. It returns what is to
// be made durable, and nothing where nothing ended.
func (l *Ledger) end(
	ctx context.Context, s *stripe, found finding, lookUp error, proven Lineage, now time.Time,
) ([]blacklist.Subject, error) {
	s.overtake(found.Key)
	l.signedOut.drop(found.Key)
	second, before := l.blacklist.Second(endOf(found.Key))
	at := max(now.Unix(), proven.AuthTime)
	lineages := l.lineagesOf(found, proven)
	switch {
	case lookUp != nil && !s.isUndeleted(found.Key):
		// A record that can't be seen may have been learned right after an end, in the second that follows it.
		if before {
			at = max(at, second+1)
		}
	case found.present && !found.ended, proven.AuthTime > 0 && (!before || proven.AuthTime > second), len(lineages) > 0:
		at = max(at, found.AuthTime)
	default:
		return nil, lookUp
	}
	ended := l.enforceAll(found, lineages, at, now)
	if lookUp == nil && !found.present {
		return ended, nil
	}
	if _, err := l.store.Delete(ctx, found.Key); err != nil {
		l.outlive(s, found, at, now)
		return ended, errors.Join(lookUp, err)
	}
	delete(s.undeleted, found.Key)
	return ended, lookUp
}

// enforce puts an end in force for the longest token life, and at least until the given time.
func (l *Ledger) enforce(key sessions.Key, second int64, atLeast time.Time) {
	expires := l.expiryOfEnd(second)
	if atLeast.After(expires) {
		expires = atLeast
	}
	l.blacklist.Enforce(blacklist.Entry{Subject: endOf(key), Second: second, Expires: expires})
}

// expiryOfEnd is when no token can be alive any more that an end at the second hits.
func (l *Ledger) expiryOfEnd(second int64) time.Time {
	return time.Unix(second, 0).Add(time.Duration(l.longest.Load()) + margin)
}

// outlive keeps an end for longer than the record that could not be deleted, be it over a restart. One that could not be
// looked at either may last for any time: its end is kept for hours, and for more of them with every further try.
func (l *Ledger) outlive(s *stripe, found finding, second int64, now time.Time) {
	switch {
	case s.deleteLater(found.Key, second) && !found.present:
		l.enforce(found.Key, second, nextHours(now))
	case found.present:
		l.enforce(found.Key, second, found.Expires)
	}
}
