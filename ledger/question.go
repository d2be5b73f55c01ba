package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrOvertaken is returned where an answer of the application came too late: the session was ended, its tokens were
// revoked or the operator opened it after the question was asked. Nothing was written. Look the session up again.
var ErrOvertaken = errors.New("settling answer: the session changed after the application was asked")

// UnkeptError is returned beside the session where the application named its user and the store did not take the record. So
// the session counts for those who asked, and is asked about anew next time.
type UnkeptError struct {
	// Known says that the store holds the session, confirmed less recently. A token may be minted then; for one that the
	// store does not hold none may.
	Known bool
	cause error
}

func (u *UnkeptError) Error() string { return "keeping session: " + u.cause.Error() }

// Unwrap returns what the store said.
func (u *UnkeptError) Unwrap() error { return u.cause }

// Identity is who the application, or the operator, says that a session belongs to.
type Identity struct {
	// User is the user id inside the realm.
	User       string
	Attributes sessions.Attributes
}

// Lifetimes is how long a record lasts.
type Lifetimes struct {
	// Idle is how long without any use.
	Idle time.Duration
	// MaxAge is how long at most.
	MaxAge time.Duration
}

func check(identity Identity, lifetimes Lifetimes) error {
	if identity.User == "" {
		return errors.New("there is no user id")
	}
	if lifetimes.Idle <= 0 || lifetimes.MaxAge <= 0 {
		return fmt.Errorf("idle time %v and maximum age %v must both be more than 0", lifetimes.Idle, lifetimes.MaxAge)
	}
	return nil
}

// Question is a question to the application in flight. It counts once: by [Question.Identified], [Question.Nobody] or
// [Question.Withdraw], whichever comes first. Its methods are safe for concurrent use.
type Question struct {
	ledger *Ledger
	key    sessions.Key
	// forgotten is guarded by the lock of the key's stripe.
	forgotten bool
}

// Ask registers a question that is about to be put to the application. An end from now on makes its answer void.
// Withdraw it, deferred, for the case that no answer comes.
func (l *Ledger) Ask(key sessions.Key) *Question {
	q := &Question{ledger: l, key: key}
	s := l.lock(key)
	defer s.mu.Unlock()
	s.add(q)
	return q
}

// AskSince registers what the application said unasked of a session that its answer may have begun: it said so in answer
// to a request that began at the given time. What ended the session in that second or later makes it void, and so does what
// ends it from now on.
func (l *Ledger) AskSince(key sessions.Key, began time.Time) *Question {
	q := &Question{ledger: l, key: key}
	s := l.lock(key)
	defer s.mu.Unlock()
	if !l.isOver(key, began.Unix()) {
		s.add(q)
	}
	return q
}

// Withdraw takes the question back: the application could not tell. After an answer it does nothing.
func (q *Question) Withdraw() {
	s := q.ledger.lock(q.key)
	defer s.mu.Unlock()
	s.remove(q)
}

// Identified settles that the application named a user, and returns the session, which is active.
//
// The user of an active session confirms it: it keeps its AuthTime and its end. Another user ends it first, as signing in
// as another does, and so the old user's tokens are dead; where that end could not be made durable, it is reported to
// [Options.Report] and pending. In every other case the session is new. Returns [ErrOvertaken] where the answer came too
// late, and [UnkeptError], beside the session, where it could not be written.
//
// Where the session is revoked, or the user is and nothing shows that he signed in since, the answer does not count, and
// [ErrRevoked] is returned; [Ledger.Revoked] says so for a minute, so that the application is not asked each time. The
// same goes for a user one of whose sessions is revoked, where the session was not known before.
func (q *Question) Identified(ctx context.Context, identity Identity, lifetimes Lifetimes) (sessions.Session, error) {
	if err := check(identity, lifetimes); err != nil {
		q.Withdraw()
		return sessions.Session{}, fmt.Errorf("learning session: %w", err)
	}
	session, isNew, unsaved, err := q.identify(ctx, identity, lifetimes)
	q.ledger.persist(ctx, unsaved)
	if errors.Is(err, ErrOvertaken) || errors.Is(err, ErrRevoked) {
		return sessions.Session{}, err
	}
	if _, unkept := errors.AsType[*UnkeptError](err); unkept {
		return session, fmt.Errorf("learning session: %w", err)
	}
	if err != nil {
		return sessions.Session{}, fmt.Errorf("learning session: %w", err)
	}
	if isNew {
		q.ledger.bound(ctx, session)
	}
	return session, nil
}

func (q *Question) identify(
	ctx context.Context, identity Identity, lifetimes Lifetimes,
) (session sessions.Session, isNew bool, unsaved []blacklist.Subject, err error) {
	l := q.ledger
	s := l.lock(q.key)
	defer s.mu.Unlock()
	if err := q.take(s); err != nil {
		return sessions.Session{}, false, nil, err
	}
	defer l.users.lockShared(identity.User)()
	now := l.now()
	found, err := l.find(ctx, q.key, now)
	if err != nil {
		return sessions.Session{}, false, nil, err
	}
	against := l.standingOf(q.key.Realm, identity.User)
	if !l.accepts(found, identity.User, against) {
		unsaved, err := l.refuse(ctx, s, found, identity.User, against, now)
		return sessions.Session{}, false, unsaved, err
	}
	if found.active && found.User == identity.User {
		confirmed := found.Touched(now, lifetimes.Idle)
		confirmed.Confirmed = now
		confirmed.Attributes = maps.Clone(identity.Attributes)
		// Not written: it went between the two calls, so that what the application says is of a new one.
		switch written, err := l.store.Update(ctx, confirmed, now); {
		case err != nil:
			return confirmed, false, nil, &UnkeptError{Known: true, cause: err}
		case written:
			l.signedOut.drop(q.key)
			return confirmed, false, l.admit(confirmed, against), nil
		}
	}
	session, unsaved, err = l.open(ctx, s, found, l.rejoin(l.newSession(q.key, identity, lifetimes, sessions.Learned, now)))
	if err != nil {
		err = &UnkeptError{cause: err}
	}
	return session, true, unsaved, err
}

// take takes the question out of those in flight, so that its answer counts, or says why it does not.
func (q *Question) take(s *stripe) error {
	inFlight := s.remove(q)
	switch {
	case q.ledger.blacklist.Contains(revokedSession(q.key)):
		return ErrRevoked // above all, so that it is not asked about once more
	case !inFlight:
		return ErrOvertaken
	}
	return nil
}

// Nobody settles that the application knows no user in the session. An active session has ended with that. Otherwise the
// answer is remembered for the given time, unless [Ledger.Forget] was called since the question was asked. Returns
// [ErrOvertaken] where the answer came too late, [ErrRevoked] where the session is revoked, and errors as [Ledger.End]
// does.
func (q *Question) Nobody(ctx context.Context, remember time.Duration) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	ended, err := q.nobody(ctx, remember)
	if errors.Is(err, ErrOvertaken) || errors.Is(err, ErrRevoked) {
		return err
	}
	return q.ledger.ended(ctx, ended, err)
}

func (q *Question) nobody(ctx context.Context, remember time.Duration) ([]blacklist.Subject, error) {
	l := q.ledger
	s := l.lock(q.key)
	defer s.mu.Unlock()
	if err := q.take(s); err != nil {
		return nil, err
	}
	now := l.now()
	found, err := l.find(ctx, q.key, now)
	if err != nil || found.present && !found.ended {
		return l.end(ctx, s, found, err, Lineage{}, now)
	}
	if remember > 0 && !q.forgotten {
		l.signedOut.remember(q.key, now.Add(remember))
	}
	return nil, nil
}
