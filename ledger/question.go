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

// ErrRevoked is returned if the session or its user is revoked. Nothing was written, and nobody need be asked.
var ErrRevoked = errors.New("settling session: it is revoked, or its user is")

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
	// Provider is the session at an identity provider that the session is opened with. It is zero if there is none.
	Provider sessions.ProviderSession
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
	book        *book
	key         sessions.Key
	forgotten   bool // guarded by the guard of the flights
	unlessAdded bool
}

// Withdraw takes the question back, because the application could not tell. After an answer it does nothing.
func (q *Question) Withdraw() {
	s := q.book.stripes.lock(q.key)
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
	var session sessions.Session
	var isNew bool
	err := q.book.settle(ctx, func(sure bool) error {
		var unsaved []blacklist.Subject
		var err error
		session, isNew, unsaved, err = q.identify(ctx, identity, lifetimes, sure)
		q.book.persist(ctx, unsaved)
		return err
	})
	if err != nil {
		q.Withdraw() // it is in flight again if the ledger could not catch up
	}
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
		q.book.bound(ctx, session)
	}
	return session, nil
}

// identify settles the answer. After an error that is [sessions.ErrBehind] the question is still in flight. sure reports whether
// everything that other gateways wrote is in force here, so that a user may be refused.
func (q *Question) identify(
	ctx context.Context, identity Identity, lifetimes Lifetimes, sure bool,
) (session sessions.Session, isNew bool, unsaved []blacklist.Subject, err error) {
	c := begin(q.book, q.key)
	c.answered = q
	defer c.done()
	defer func() { q.settled(c.stripe, err) }()
	if err := q.isAnswered(c.stripe, sure); err != nil {
		return sessions.Session{}, false, nil, err
	}
	defer c.users.lockShared(identity.User)()
	if err := c.look(ctx, c.now()); err != nil {
		return sessions.Session{}, false, nil, err
	}
	if q.isVoid(&c.found) {
		return sessions.Session{}, false, nil, ErrOvertaken
	}
	against := c.blacklist.standingWith(q.key.Realm, identity.User, identity.Attributes)
	if against.revoked && c.found.AuthTime <= against.second {
		c.found.active = false // an attribute that the record does not have may say so
	}
	if !c.accepts(&c.found, identity.User, against) {
		if !sure { // another gateway may have seen that he signed in
			return sessions.Session{}, false, nil, sessions.ErrBehind
		}
		unsaved, err := c.refuse(ctx, identity.User, against)
		return sessions.Session{}, false, unsaved, err
	}
	if c.found.active && c.found.User == identity.User {
		confirmed := c.found.Touched(c.at, lifetimes.Idle)
		confirmed.Confirmed = c.at
		confirmed.Attributes = maps.Clone(identity.Attributes)
		// If it was not written, the record went between the two calls: what the application says is about a new session.
		switch written, err := c.store.Update(ctx, confirmed, c.at); {
		case err != nil:
			return confirmed, false, nil, unkept(c.book, err, true)
		case written:
			c.signedOut.forget(ctx, q.key)
			return confirmed, false, c.admit(confirmed, against), nil
		}
	}
	session, unsaved, err = c.open(ctx, c.rejoin(c.newSession(q.key, identity, lifetimes, sessions.Learned, c.at)), against)
	if err != nil {
		err = unkept(c.book, err, false)
	}
	return session, true, unsaved, err
}

// unkept returns what becomes of a session that the store did not take. It counts all the same, unless this gateway may have
// missed that another one has ended or revoked it.
func unkept(b *book, err error, known bool) error {
	if errors.Is(err, sessions.ErrBehind) || errors.Is(err, ErrOvertaken) || !b.company.isCurrent() {
		return err
	}
	return &UnkeptError{Known: known, cause: err}
}

// isVoid reports whether the session was added since the question was asked.
func (q *Question) isVoid(found *finding) bool {
	return q.unlessAdded && found.active && found.Source == sessions.Added
}

// isAnswered returns an error if the answer does not count.
func (q *Question) isAnswered(s *stripe, sure bool) error {
	switch {
	case q.book.blacklist.Contains(revokedSession(q.key)):
		return revokedUnless(!sure) // first of all, so that the application is not asked once more
	case !s.has(q):
		return ErrOvertaken
	}
	return nil
}

// revokedUnless returns [ErrRevoked], unless another gateway may have lifted the revocation.
func revokedUnless(mayBeLifted bool) error {
	if mayBeLifted {
		return sessions.ErrBehind
	}
	return ErrRevoked
}

// settled takes the question out of those in flight, unless its answer is to be settled once more. Then what this gateway has
// yet to hear of can still make it void.
func (q *Question) settled(s *stripe, err error) {
	if !errors.Is(err, sessions.ErrBehind) {
		s.remove(q)
	}
}

// Nobody records that the application knows no user in the session. An active session has ended with that. Otherwise the
// answer is remembered for the given time, unless [Ledger.Forget] was called since the question was asked. Nobody returns
// [ErrOvertaken] if the answer came too late, [ErrRevoked] if the session is revoked, and errors as [Ledger.End] does.
func (q *Question) Nobody(ctx context.Context, remember time.Duration) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	var ended []blacklist.Subject
	err := q.book.settle(ctx, func(sure bool) (err error) {
		ended, err = q.nobody(ctx, remember, sure)
		return err
	})
	if err != nil {
		q.Withdraw()
	}
	if errors.Is(err, ErrOvertaken) || errors.Is(err, ErrRevoked) {
		return err
	}
	return q.book.persistEnd(ctx, ended, err)
}

func (q *Question) nobody(
	ctx context.Context, remember time.Duration, sure bool,
) (ended []blacklist.Subject, err error) {
	c := begin(q.book, q.key)
	defer c.done()
	defer func() { q.settled(c.stripe, err) }()
	if err := q.isAnswered(c.stripe, sure); err != nil {
		return nil, err
	}
	err = c.look(ctx, c.now())
	switch {
	case err == nil && q.isVoid(&c.found):
		return nil, ErrOvertaken
	case err == nil && c.found.present && !c.found.ended && !sure:
		return nil, sessions.ErrBehind // another gateway may have ended what was asked about, and this session began after that
	}
	if err != nil || c.found.present && !c.found.ended {
		return c.end(ctx, err, Lineage{})
	}
	if remember > 0 && !c.stripe.isForgotten(q) {
		c.signedOut.remember(ctx, q.key, c.at, remember)
	}
	return nil, nil
}
