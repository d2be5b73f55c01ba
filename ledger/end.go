package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// End ends the session, which the application or its user has closed. provenAuthTime is the auth_time, in seconds since
// 1970, of a usable token of the session that came with the request. It is 0 if there was none.
//
// End reports whether the session ended. A session that is active or proven ends at the latest of now, its AuthTime and
// provenAuthTime. The end is in force at once; then the record is deleted, and the end is made durable. Nothing is written
// if the session is neither active nor proven, or has ended already. If the store can't tell whether there is a record, the
// end is written. End also makes the answers to questions in flight void and drops a remembered "nobody".
//
// If End returns true and an error, the end is in force, and what could not be written is tried again. End finishes its work
// although ctx is cancelled.
func (l *Ledger) End(ctx context.Context, key sessions.Key, provenAuthTime int64) (bool, error) {
	return l.endProven(ctx, key, Lineage{AuthTime: provenAuthTime})
}

// EndRolling is like [Ledger.End], for a session whose id the application changes with every answer. The session ends under
// all ids that it ever had. of is the lineage of the session when the request was decided, by the record or by a usable
// token that is bound to the id; the zero lineage is that of nobody. idle is how long a record lasts without any use.
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

// ended makes an end durable and joins what went wrong. It is called without the lock, since it takes a while.
func (l *Ledger) ended(ctx context.Context, ended []blacklist.Subject, err error) error {
	if len(ended) > 0 {
		err = errors.Join(err, l.blacklist.Persist(ctx, ended...))
	}
	if err != nil {
		return fmt.Errorf("ending session: %w", err)
	}
	return nil
}

// persist makes the subjects durable. It reports an error to [Options.Report]: the outcome of the call does not depend on it.
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

// end ends the session in memory and deletes its record. lookUp is the error of finding the record. end returns the subjects
// that are to be made durable, and none if nothing ended.
func (l *Ledger) end(
	ctx context.Context, s *stripe, found finding, lookUp error, proven Lineage, now time.Time,
) ([]blacklist.Subject, error) {
	s.overtake(found.Key)
	l.signedOut.Drop(found.Key)
	second, before := l.blacklist.Second(endOf(found.Key))
	at := max(now.Unix(), proven.AuthTime)
	lineages := l.lineagesOf(found, proven)
	switch {
	case lookUp != nil && !s.isUndeleted(found.Key):
		// The record may have been learned right after an end, in the second that follows it.
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

// expiryOfEnd returns the time from which on no token can be alive that an end at the second hits.
func (l *Ledger) expiryOfEnd(second int64) time.Time {
	return time.Unix(second, 0).Add(time.Duration(l.longest.Load()) + margin)
}

// outlive keeps an end in force for longer than the record that could not be deleted, over restarts too. A record that could
// not even be read may last for any time: its end is kept for hours, and for hours more with every further try.
func (l *Ledger) outlive(s *stripe, found finding, second int64, now time.Time) {
	switch {
	case s.deleteLater(found.Key, second) && !found.present:
		l.enforce(found.Key, second, nextHours(now))
	case found.present:
		l.enforce(found.Key, second, found.Expires)
	}
}
