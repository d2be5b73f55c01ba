package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Ask registers a question that is about to be put to the application. If the session ends from now on, the answer is void.
// Defer a call of [Question.Withdraw] for the case that no answer comes.
func (l *Ledger) Ask(key sessions.Key) *Question {
	q := &Question{book: &l.book, key: key}
	s := l.stripes.lock(key)
	defer s.mu.Unlock()
	s.add(q)
	return q
}

// AskSince registers what the application said of a session without being asked. It said so in its answer to a request that
// began at the given time, and this answer may have begun the session. If the session ended in that second or later, or ends
// from now on, what the application said is void.
func (l *Ledger) AskSince(key sessions.Key, began time.Time) *Question {
	q := &Question{book: &l.book, key: key}
	s := l.stripes.lock(key)
	defer s.mu.Unlock()
	if !l.blacklist.isOver(key, began.Unix()) {
		s.add(q)
	}
	return q
}

// AskUnlessAdded is like [Ledger.Ask], for a question that nobody asks about an active session that was added. If the session
// turns out to be one, the answer is void: another gateway has added it meanwhile.
func (l *Ledger) AskUnlessAdded(key sessions.Key) *Question {
	q := l.Ask(key)
	q.unlessAdded = true
	return q
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
	var session sessions.Session
	err := l.settle(ctx, func(sure bool) error {
		var unsaved []blacklist.Subject
		var err error
		session, unsaved, err = add(ctx, &l.book, key, identity, lifetimes, sure)
		l.persist(ctx, unsaved)
		return err
	})
	if err != nil {
		return sessions.Session{}, fmt.Errorf("adding session: %w", err)
	}
	l.bound(ctx, session)
	return session, nil
}

func add(
	ctx context.Context, b *book, key sessions.Key, identity Identity, lifetimes Lifetimes, sure bool,
) (session sessions.Session, unsaved []blacklist.Subject, err error) {
	c := begin(b, key)
	defer c.done()
	defer b.users.lockShared(identity.User)()
	now := b.now()
	if b.blacklist.Contains(revokedSession(key)) {
		return sessions.Session{}, nil, revokedUnless(!sure)
	}
	if err := c.look(ctx, now); err != nil {
		return sessions.Session{}, nil, err
	}
	c.stripe.overtake(key)
	against := c.blacklist.standingWith(key.Realm, identity.User, identity.Attributes)
	return c.open(ctx, c.newSession(key, identity, lifetimes, sessions.Added, now), against)
}

// Touch starts the session's idle time anew if the record is out of date by a minute, or by a tenth of the idle time if that
// is less. It changes nothing else. It does nothing if the session belongs to another user or has ended since.
func (l *Ledger) Touch(ctx context.Context, session sessions.Session, idle time.Duration) error {
	if !outOfDate(session, idle, l.now()) {
		return nil
	}
	if err := l.settle(ctx, func(bool) error { return touch(ctx, &l.book, session, idle) }); err != nil {
		return fmt.Errorf("touching session: %w", err)
	}
	return nil
}

func touch(ctx context.Context, b *book, session sessions.Session, idle time.Duration) error {
	c := begin(b, session.Key)
	defer c.done()
	now := b.now()
	if err := c.look(ctx, now); err != nil {
		return err
	}
	found := &c.found
	if !found.active || found.AuthTime != session.AuthTime || !outOfDate(found.Session, idle, now) {
		return nil
	}
	_, err := b.store.Update(ctx, found.Touched(now, idle), now)
	return err
}

func outOfDate(session sessions.Session, idle time.Duration, now time.Time) bool {
	return idle > 0 && now.Sub(session.Seen) >= min(time.Minute, idle/10)
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
	var session sessions.Session
	var unsaved []blacklist.Subject
	err := l.settle(ctx, func(bool) (err error) {
		session, unsaved, err = follow(ctx, &l.book, step)
		return err
	})
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
	raise(&l.blacklist.longestIdle, int64(idle))
	return l.endProven(ctx, key, of)
}

func (l *Ledger) endProven(ctx context.Context, key sessions.Key, proven Lineage) (bool, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	ended, err := l.end(ctx, key, proven)
	return len(ended) > 0, l.persistEnd(ctx, ended, err)
}

func (l *Ledger) end(ctx context.Context, key sessions.Key, proven Lineage) ([]blacklist.Subject, error) {
	c := begin(&l.book, key)
	defer c.done()
	err := c.look(ctx, l.now())
	return c.end(ctx, err, proven)
}

// EndSignedIn ends the sessions of a realm that were opened with a session of an identity provider, as [Ledger.End] ends one,
// and returns how many there were. An error means that some may go on, or may come back after a crash.
func (l *Ledger) EndSignedIn(ctx context.Context, realm string, provider sessions.ProviderSession) (int, error) {
	if !provider.Present() {
		return 0, nil
	}
	ended := 0
	query := sessions.Query{Realm: realm, Provider: provider, Limit: listed}
	return ended, l.eachOf(ctx, query, l.now(), func(session sessions.Session) error {
		_, err := l.End(ctx, session.Key, 0)
		ended++
		return err
	})
}

// Forget drops a remembered "nobody". It also keeps that answer to a question in flight from being remembered. Call it for a
// request that may sign somebody in. A user whom the answer to a question in flight names is accepted all the same.
func (l *Ledger) Forget(key sessions.Key) {
	l.forgetInFlight(key)
	l.signedOut.forget(context.Background(), key)
}

// ForgetSoon is like [Ledger.Forget], and waits for nothing. Other gateways may hear of it a moment after it has returned. Call
// it for a request that a token decides, which does not wait for a place that gateways share.
func (l *Ledger) ForgetSoon(key sessions.Key) {
	l.forgetInFlight(key)
	l.signedOut.forgetSoon(key)
}

func (l *Ledger) forgetInFlight(key sessions.Key) {
	s := l.stripes.lock(key)
	defer s.mu.Unlock()
	s.forget(key)
}

// SawSet notes that the application set the id of a session, in its answer to a request that began at the given moment. So a
// user who is revoked, or who has a revoked session, is accepted again when he signs in. An answer to a request from before
// the revocation has no effect: the request may have come with a session that is revoked now.
//
// Call SawSet only if the request came without a session, or with one in which the application knew nobody. Otherwise the id
// may go on from a session that the gateway has not decided about.
func (l *Ledger) SawSet(key sessions.Key, began Moment) {
	if !l.RevokesIn(key.Realm) && !l.blacklist.hasFlagged() {
		return // what was set before a revocation does not count
	}
	l.persist(context.Background(), l.noteSet(key, began))
}

func (l *Ledger) noteSet(key sessions.Key, began Moment) []blacklist.Subject {
	s := l.stripes.lock(key)
	defer s.mu.Unlock()
	l.refusals.Drop(key)
	return l.recentlySet.note(key, began)
}

// MayMint reports whether a token with the given auth_time, in seconds since 1970, may be minted for the session now. It may
// if the session is not revoked, has not ended at or after that second, and has no end that a crash would undo. Call MayMint
// last of all, when the token is about to be sent. It does not check the user: if he is revoked, the token is dead when it
// arrives.
func (l *Ledger) MayMint(key sessions.Key, authTime int64) bool {
	return authTime > 0 && !l.blacklist.isOver(key, authTime) && !l.blacklist.Pending(endOf(key)) &&
		!l.blacklist.Contains(revokedSession(key))
}

// MayMintFor is like [Ledger.MayMint], and it is false as well if the session has ended under another of its ids.
func (l *Ledger) MayMintFor(session sessions.Session) bool {
	return l.MayMint(session.Key, session.AuthTime) && !l.blacklist.isLineageOver(session.Realm, lineageOf(session))
}

// MintMark returns the present place in the order of requests and mints. Take it when a request arrives, for
// [Ledger.ClaimMint]. It waits for nothing.
func (l *Ledger) MintMark() MintMark { return l.mintTurns.mark() }

// ClaimMint claims the minting of a token for the session, for a request that arrived at the mark. A session has at most one
// claim at a time, which may be taken over when it is ten seconds old. Requests that come at once get one token: a claim
// fails as well if a token went out since the request arrived, or a moment ago while other requests that came beside that one
// have no response yet. Release every claim, also one that failed.
//
// If gateways share the place, the claim is one among all of them, and none succeeds while the place can't be reached. What went
// out on another gateway keeps nobody from claiming.
func (l *Ledger) ClaimMint(ctx context.Context, key sessions.Key, arrived MintMark) *MintClaim {
	return l.mintTurns.claim(ctx, key, arrived, l.now())
}
