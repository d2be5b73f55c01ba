package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// finding is the record of a key with what is in force against it. Its Key is always set.
type finding struct {
	sessions.Session
	// present reports whether there is a record that has not expired.
	present bool
	// ended reports whether the session of the record has ended or was flushed.
	ended bool
	// revoked reports whether the session of the record or its user is revoked.
	revoked bool
	// active reports whether the session is present and neither ended nor revoked.
	active bool
}

// find looks up the record, and after that what is in force against it. In this order nothing is missed in between.
func (l *Ledger) find(ctx context.Context, key sessions.Key, now time.Time) (finding, error) {
	session, present, err := l.store.Get(ctx, key, now)
	if err != nil {
		return finding{Session: sessions.Session{Key: key}}, fmt.Errorf("looking session up: %w", err)
	}
	if !present {
		return finding{Session: sessions.Session{Key: key}}, nil
	}
	found := finding{Session: session, present: true}
	found.check(l)
	return found, nil
}

// check sets what is in force against the session by now.
func (f *finding) check(l *Ledger) {
	f.ended = l.isOver(f.Key, f.AuthTime) || l.isLineageOver(f.Realm, lineageOf(f.Session))
	f.revoked = l.blacklist.Contains(revokedSession(f.Key)) ||
		l.isUserRevoked(blacklist.RevokedUser(f.Realm, f.User), f.AuthTime)
	f.active = f.present && !f.ended && !f.revoked
}

// isActive reports whether the session of the record is active.
func (l *Ledger) isActive(session sessions.Session) bool {
	found := finding{Session: session, present: true}
	found.check(l)
	return found.active
}

// Active returns the session and true, or false if no session is active: there is no record, the record has expired, or the
// session has ended and its record could not be deleted yet. Active returns [ErrRevoked] if the session or its user is
// revoked. Any other error means "could not tell".
//
// The record of a session that was opened through the gateway confirms it: its Confirmed is now.
func (l *Ledger) Active(ctx context.Context, key sessions.Key) (sessions.Session, bool, error) {
	if l.Revoked(key) {
		return sessions.Session{}, false, ErrRevoked
	}
	now := l.now()
	found, err := l.find(ctx, key, now)
	switch {
	case err != nil:
		return sessions.Session{}, false, err
	case found.revoked && !found.ended && !l.beganAnew(found):
		l.refused(found)
		return sessions.Session{}, false, ErrRevoked
	case !found.active:
		return sessions.Session{}, false, nil
	}
	if found.Source == sessions.Added {
		found.Confirmed = now
	}
	return found.Session, true, nil
}

// beganAnew reports whether the application set the session's id once more after its user was revoked. Applications do that
// whose ids stem from the user. Then the application is to be asked.
func (l *Ledger) beganAnew(found finding) bool {
	against := l.standingOf(found.Realm, found.User)
	return l.recentlySet.since(found.Key, against.since) && !l.blacklist.Contains(revokedSession(found.Key))
}

// Add opens the session in the name of the operator and returns it. It takes the place of a session that is there. If that
// was another user's, it has ended; an error of making this end durable is passed to [Options.Report], and the end is
// pending. The answers to questions in flight are void. A session of a revoked user may be added and is accepted. If the
// session itself is revoked, Add returns [ErrRevoked].
func (l *Ledger) Add(
	ctx context.Context, key sessions.Key, identity Identity, lifetimes Lifetimes,
) (sessions.Session, error) {
	if err := check(identity, lifetimes); err != nil {
		return sessions.Session{}, fmt.Errorf("adding session: %w", err)
	}
	session, unsaved, err := l.add(ctx, key, identity, lifetimes)
	l.persist(ctx, unsaved)
	if err != nil {
		return sessions.Session{}, fmt.Errorf("adding session: %w", err)
	}
	l.bound(ctx, session)
	return session, nil
}

func (l *Ledger) add(
	ctx context.Context, key sessions.Key, identity Identity, lifetimes Lifetimes,
) (session sessions.Session, unsaved []blacklist.Subject, err error) {
	s := l.lock(key)
	defer s.mu.Unlock()
	defer l.users.lockShared(identity.User)()
	now := l.now()
	if l.blacklist.Contains(revokedSession(key)) {
		return sessions.Session{}, nil, ErrRevoked
	}
	found, err := l.find(ctx, key, now)
	if err != nil {
		return sessions.Session{}, nil, err
	}
	s.overtake(key)
	return l.open(ctx, s, found, l.newSession(key, identity, lifetimes, sessions.Added, now))
}

// newSession returns a session that begins now.
func (l *Ledger) newSession(
	key sessions.Key, identity Identity, lifetimes Lifetimes, source sessions.Source, now time.Time,
) sessions.Session {
	session := sessions.Session{
		Key: key, User: identity.User, Attributes: maps.Clone(identity.Attributes), Source: source,
		AuthTime: now.Unix(), Confirmed: now, Ends: now.Add(lifetimes.MaxAge),
	}
	raise(&l.latest, session.AuthTime)
	raise(&l.longestIdle, int64(min(lifetimes.Idle, lifetimes.MaxAge)))
	return session.Touched(now, lifetimes.Idle)
}

// open writes a new session in the place of what was found, and lets it begin after all that is over. A session of another
// user is ended first, and so is one that is revoked or has had other ids. unsaved holds the subjects that are pending with
// that, also beside an error. After an error, the session was not written. open is called with the user of the new session
// locked.
func (l *Ledger) open(
	ctx context.Context, s *stripe, found finding, session sessions.Session,
) (opened sessions.Session, unsaved []blacklist.Subject, err error) {
	now, lineages := session.Seen, l.lineagesOf(found)
	replaces := found.present && !found.ended && (found.revoked || found.User != session.User || found.Rolling)
	if replaces || slices.ContainsFunc(lineages, func(of Lineage) bool { return of.User != session.User }) {
		s.overtake(session.Key)
		unsaved = l.enforceAll(found, lineages, max(now.Unix(), found.AuthTime), now)
	}
	l.signedOut.Drop(session.Key)
	l.refusals.Drop(session.Key)
	against := l.standingOf(session.Realm, session.User)
	session.AuthTime = l.after(session, against)
	if err := l.store.Put(ctx, session, now); err != nil {
		if second, ended := l.blacklist.Second(endOf(session.Key)); found.present && ended && found.AuthTime <= second {
			l.outlive(s, found, second, now)
		}
		return session, unsaved, fmt.Errorf("writing session: %w", err)
	}
	delete(s.undeleted, session.Key)
	return session, append(unsaved, l.admit(session, against)...), nil
}

// after returns the session's auth_time, or the second after all that is over if that is later.
func (l *Ledger) after(session sessions.Session, against standing) int64 {
	authTime := session.AuthTime
	if against.revoked {
		authTime = max(authTime, against.second+1)
	}
	for _, subject := range []blacklist.Subject{
		endOf(session.Key), blacklist.FlushedRealm(session.Realm), blacklist.FlushedAll(),
	} {
		if second, inForce := l.blacklist.Second(subject); inForce {
			authTime = max(authTime, second+1)
		}
	}
	for l.isLineageOver(session.Realm, Lineage{session.User, authTime}) {
		authTime++
	}
	return authTime
}

// Touch starts the session's idle time anew if the record is out of date by a minute, or by a tenth of the idle time if that
// is less. It changes nothing else. It does nothing if the session belongs to another user or has ended since.
func (l *Ledger) Touch(ctx context.Context, session sessions.Session, idle time.Duration) error {
	now := l.now()
	if !outOfDate(session, idle, now) {
		return nil
	}
	s := l.lock(session.Key)
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

// List returns one page of the realm's active sessions, in the order of their hashes. A page may hold fewer sessions than its
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
		page.Sessions = slices.DeleteFunc(page.Sessions, func(s sessions.Session) bool { return !l.isActive(s) })
		if len(page.Sessions) > 0 || !page.More {
			return page, nil
		}
	}
}
