package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// change is one change of one session. It is made with the lock of the session's stripe held, from [begin] until
// [change.done].
type change struct {
	*book

	stripe   *stripe
	at       time.Time // when it is made
	found    finding   // the session as it was before; its Key alone until look is called
	answered *Question // the question in flight that it answers, or nil
}

// begin locks the session's stripe for a change.
func begin(b *book, key sessions.Key) change {
	return change{book: b, stripe: b.stripes.lock(key), found: finding{Session: sessions.Session{Key: key}}}
}

// done unlocks the stripe.
func (c *change) done() { c.stripe.mu.Unlock() }

// look looks the session up.
func (c *change) look(ctx context.Context, now time.Time) (err error) {
	c.at = now
	c.found, err = c.find(ctx, c.found.Key, now)
	return err
}

// open writes a new session in the place of what was found, and lets it begin after all that is over. A session of another
// user is ended first, and so is one that is revoked or has had other ids. unsaved holds the subjects that are pending with
// that, also beside an error. After an error, the session was not written. against is what the user was found to have against
// him. open is called with the user of the new session locked.
func (c *change) open(
	ctx context.Context, session sessions.Session, against standing,
) (opened sessions.Session, unsaved []blacklist.Subject, err error) {
	found, lineages := &c.found, c.lineages()
	replaces := found.present && !found.ended && (found.revoked || found.User != session.User || found.Rolling)
	if replaces || slices.ContainsFunc(lineages, func(of Lineage) bool { return of.User != session.User }) {
		c.stripe.overtakeBut(session.Key, c.answered)
		unsaved = c.enforceAll(lineages, max(c.at.Unix(), found.AuthTime))
	}
	c.signedOut.forget(ctx, session.Key)
	c.refusals.Drop(session.Key)
	if found.present && !found.ended && !replaces && !session.Rolling {
		session.AuthTime = max(session.AuthTime, found.AuthTime) // the clock of the gateway that wrote the record may be ahead
	}
	session.AuthTime = c.blacklist.after(session, against)
	if err := c.store.Put(ctx, session, c.at); err != nil {
		if second, ended := c.blacklist.Second(endOf(session.Key)); found.present && ended && found.AuthTime <= second {
			c.outlive(second)
		}
		return session, unsaved, fmt.Errorf("writing session: %w", err)
	}
	if err := c.unheard(session, against); err != nil {
		if _, failed := c.store.Delete(ctx, session.Key); failed != nil {
			c.outlive(session.AuthTime)
		}
		return session, unsaved, err
	}
	delete(c.stripe.undeleted, session.Key)
	return session, append(unsaved, c.admit(session, against)...), nil
}

// unheard returns an error if this gateway has heard of something between the look at the user and the write of his session.
// The place refuses a write only for what this gateway has not heard of by then.
func (c *change) unheard(session sessions.Session, against standing) error {
	heard := c.blacklist.standingWith(session.Realm, session.User, session.Attributes)
	switch {
	case heard.since > against.since, c.blacklist.Contains(revokedSession(session.Key)):
		return sessions.ErrBehind
	case c.answered != nil && !c.stripe.has(c.answered):
		return ErrOvertaken
	}
	return nil
}

// refuse refuses the user that the application named, and remembers this for a while. If the session was another user's, it
// has ended all the same; replaced holds the subjects that are pending with that end.
func (c *change) refuse(
	ctx context.Context, user string, against standing,
) (replaced []blacklist.Subject, err error) {
	if c.found.present && !c.found.ended && c.found.User != user {
		replaced, err = c.end(ctx, nil, Lineage{})
	}
	c.refusals.Put(c.found.Key, c.at.Add(refusalTime))
	c.blacklist.prolong(time.Time{}, against.subject, against.subject.Everywhere())
	c.blacklist.prolong(time.Time{}, against.attributes...)
	c.blacklist.prolongWatch(against.subject.Watched())
	if err != nil {
		c.report(err)
	}
	return replaced, ErrRevoked
}
