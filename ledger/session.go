package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// finding is what the store holds for a key. Its Key is always set.
type finding struct {
	sessions.Session
	// present: there is a record that has not expired.
	present bool
	// active: it is that of a session that has not ended.
	active bool
}

// find looks the record up, and after that whether it has ended: in this order no end is missed in between.
func (l *Ledger) find(ctx context.Context, key sessions.Key, now time.Time) (finding, error) {
	session, present, err := l.store.Get(ctx, key, now)
	if err != nil {
		return finding{Session: sessions.Session{Key: key}}, fmt.Errorf("looking session up: %w", err)
	}
	if !present {
		return finding{Session: sessions.Session{Key: key}}, nil
	}
	return finding{Session: session, present: true, active: !l.hasEnded(session)}, nil
}

// hasEnded says whether the session that the record is of has ended, though the record is still there.
func (l *Ledger) hasEnded(session sessions.Session) bool {
	second, ended := l.blacklist.Second(endOf(session.Key))
	return ended && session.AuthTime <= second
}

// Active returns the session and true, or false where there is no active one: none is recorded, the record has expired,
// or the session has ended and the record could not be deleted yet. An error means "could not tell".
//
// A session that was opened through the gateway is confirmed by being there: its Confirmed is the present.
func (l *Ledger) Active(ctx context.Context, key sessions.Key) (sessions.Session, bool, error) {
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err != nil || !found.active {
		return sessions.Session{}, false, err
	}
	if found.Source == sessions.Added {
		found.Confirmed = now
	}
	return found.Session, true, nil
}

// Add settles that the operator opens the session, and returns it. It takes the place of one that is there; one of
// another user has ended with that, and where this end could not be made durable, it is reported to [Options.Report] and
// pending. Questions in flight are overtaken: their answers are about what was before.
func (l *Ledger) Add(
	ctx context.Context, key sessions.Key, identity Identity, lifetimes Lifetimes,
) (sessions.Session, error) {
	if err := check(identity, lifetimes); err != nil {
		return sessions.Session{}, fmt.Errorf("adding session: %w", err)
	}
	session, replaced, err := l.add(ctx, key, identity, lifetimes)
	if replaced {
		l.persist(ctx, key)
	}
	if err != nil {
		return sessions.Session{}, fmt.Errorf("adding session: %w", err)
	}
	return session, nil
}

func (l *Ledger) add(
	ctx context.Context, key sessions.Key, identity Identity, lifetimes Lifetimes,
) (session sessions.Session, replaced bool, err error) {
	s := l.settle(key)
	defer s.mu.Unlock()
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err != nil {
		return sessions.Session{}, false, err
	}
	s.overtake(key)
	return l.open(ctx, s, found, l.newSession(key, identity, lifetimes, sessions.Added, now))
}

// newSession returns a session that begins now and after whatever has ended.
func (l *Ledger) newSession(
	key sessions.Key, identity Identity, lifetimes Lifetimes, source sessions.Source, now time.Time,
) sessions.Session {
	session := sessions.Session{
		Key: key, User: identity.User, Attributes: maps.Clone(identity.Attributes), Source: source,
		AuthTime: now.Unix(), Confirmed: now, Ends: now.Add(lifetimes.MaxAge),
	}
	return session.Touched(now, lifetimes.Idle)
}

// open writes a new session in the place of what was found. One of another user is ended first; replaced says so, also
// beside an error.
func (l *Ledger) open(
	ctx context.Context, s *stripe, found finding, session sessions.Session,
) (opened sessions.Session, replaced bool, err error) {
	now := session.Seen
	if found.active && found.User != session.User {
		replaced = true
		s.overtake(session.Key)
		l.enforce(session.Key, max(now.Unix(), found.AuthTime), time.Time{})
	}
	l.nobodies.drop(session.Key)
	second, ended := l.blacklist.Second(endOf(session.Key))
	if ended {
		session.AuthTime = max(session.AuthTime, second+1)
	}
	if err := l.store.Put(ctx, session, now); err != nil {
		if found.present && l.hasEnded(found.Session) {
			l.outlive(s, found, second, now)
		}
		return sessions.Session{}, replaced, fmt.Errorf("writing session: %w", err)
	}
	delete(s.undeleted, session.Key)
	return session, replaced, nil
}

// Touch starts the session's idle time anew where the record is out of date by more than a minute, or by a tenth of the
// idle time if that is less. It changes nothing else, and nothing where the session has changed hands or ended since.
func (l *Ledger) Touch(ctx context.Context, session sessions.Session, idle time.Duration) error {
	now := l.now()
	if !outOfDate(session, idle, now) {
		return nil
	}
	s := l.settle(session.Key)
	defer s.mu.Unlock()
	found, err := l.find(ctx, session.Key, now)
	if err != nil {
		return fmt.Errorf("touching session: %w", err)
	}
	if !found.active || found.AuthTime != session.AuthTime || !outOfDate(found.Session, idle, now) {
		return nil
	}
	if _, err := l.store.Update(ctx, found.Touched(now, idle), now); err != nil {
		return fmt.Errorf("touching session: %w", err)
	}
	return nil
}

func outOfDate(session sessions.Session, idle time.Duration, now time.Time) bool {
	return idle > 0 && now.Sub(session.Seen) >= min(time.Minute, idle/10)
}

// List returns one page of the realm's active sessions, as [sessions.Store] does. A page may hold fewer sessions than its
// limit although there are more.
func (l *Ledger) List(ctx context.Context, query sessions.Query) (sessions.Page, error) {
	for {
		page, err := l.store.List(ctx, query, l.now())
		if err != nil {
			return sessions.Page{}, fmt.Errorf("listing sessions: %w", err)
		}
		if len(page.Sessions) == 0 {
			return page, nil
		}
		query.After = page.Sessions[len(page.Sessions)-1].Hash
		page.Sessions = slices.DeleteFunc(page.Sessions, l.hasEnded)
		if len(page.Sessions) > 0 || !page.More {
			return page, nil
		}
	}
}
