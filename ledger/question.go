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

// ErrOvertaken is returned for an answer that came too late: after the question was asked, the session was ended, its tokens
// were revoked, or the operator opened it. Nothing was written. Look the session up again.
var ErrOvertaken = errors.New("settling answer: the session changed after the application was asked")

// UnkeptError is returned beside a session that the application named and the store did not take. The session counts for
// those who asked, and the application is asked about it anew the next time.
type UnkeptError struct {
	// Known reports whether the store holds the session, confirmed less recently. A token may be minted if it does, and must
	// not be minted otherwise.
	Known bool
	cause error
}

func (u *UnkeptError) Error() string { return "keeping session: " + u.cause.Error() }

// Unwrap returns the error of the store.
func (u *UnkeptError) Unwrap() error { return u.cause }

// Identity is the user of a session, as named by the application or the operator.
type Identity struct {
	// User is the user id inside the realm.
	User string
	// Attributes holds what else is known of the user, by name.
	Attributes sessions.Attributes
}

// Lifetimes are how long a record lasts. Both must be more than 0.
type Lifetimes struct {
	// Idle is how long the record lasts without any use.
	Idle time.Duration
	// MaxAge is how long the record lasts at most.
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

// Question is a question to the application that is in flight. The first call of [Question.Identified], [Question.Nobody] or
// [Question.Withdraw] settles it. Its methods are safe for concurrent use.
type Question struct {
	ledger *Ledger
	key    sessions.Key
	// forgotten is guarded by the lock of the key's stripe.
	forgotten bool
}

// Ask registers a question that is about to be put to the application. If the session ends from now on, the answer is void.
// Defer a call of [Question.Withdraw] for the case that no answer comes.
func (l *Ledger) Ask(key sessions.Key) *Question {
	q := &Question{ledger: l, key: key}
	s := l.lock(key)
	defer s.mu.Unlock()
	s.add(q)
	return q
}

// AskSince registers what the application said of a session without being asked. It said so in its answer to a request that
// began at the given time, and this answer may have begun the session. If the session ended in that second or later, or ends
// from now on, what the application said is void.
func (l *Ledger) AskSince(key sessions.Key, began time.Time) *Question {
	q := &Question{ledger: l, key: key}
	s := l.lock(key)
	defer s.mu.Unlock()
	if !l.isOver(key, began.Unix()) {
		s.add(q)
	}
	return q
}

// Withdraw takes the question back, because the application could not tell. After an answer it does nothing.
func (q *Question) Withdraw() {
	s := q.ledger.lock(q.key)
	defer s.mu.Unlock()
	s.remove(q)
}

// Identified records that the application named a user, and returns the session, which is active.
//
// If the session is active and belongs to this user, it is confirmed: it keeps its AuthTime and Ends. If it belongs to
// another user, it ends first, so that the tokens of that user are dead. An error of making that end durable is passed to
// [Options.Report], and the end is pending. In every other case the session is new.
//
// Identified returns [ErrOvertaken] if the answer came too late, and an [UnkeptError] beside the session if it could not be
// written. It returns [ErrRevoked] if the session is revoked, or if the user is and nothing shows that he signed in since.
// It does so too for a session that was not known before, of a user with a revoked session. [Ledger.Revoked] is then true
// for a minute, so that the application is not asked each time.
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
		// If it was not written, the record went between the two calls: what the application says is about a new session.
		switch written, err := l.store.Update(ctx, confirmed, now); {
		case err != nil:
			return confirmed, false, nil, &UnkeptError{Known: true, cause: err}
		case written:
			l.signedOut.Drop(q.key)
			return confirmed, false, l.admit(confirmed, against), nil
		}
	}
	session, unsaved, err = l.open(ctx, s, found, l.rejoin(l.newSession(q.key, identity, lifetimes, sessions.Learned, now)))
	if err != nil {
		err = &UnkeptError{cause: err}
	}
	return session, true, unsaved, err
}

// take takes the question out of those in flight. It returns an error if the answer does not count.
func (q *Question) take(s *stripe) error {
	inFlight := s.remove(q)
	switch {
	case q.ledger.blacklist.Contains(revokedSession(q.key)):
		return ErrRevoked // first of all, so that the application is not asked once more
	case !inFlight:
		return ErrOvertaken
	}
	return nil
}

// Nobody records that the application knows no user in the session. An active session has ended with that. Otherwise the
// answer is remembered for the given time, unless [Ledger.Forget] was called since the question was asked. Nobody returns
// [ErrOvertaken] if the answer came too late, [ErrRevoked] if the session is revoked, and errors as [Ledger.End] does.
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
		l.signedOut.Put(q.key, now.Add(remember))
	}
	return nil, nil
}
