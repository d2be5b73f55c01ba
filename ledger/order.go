package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// order is in which order the parts of a change are written, and how the record of a session goes that is over. Its methods are
// called with the locks of the change held.
type order interface {
	// end deletes the record of a session whose end at the second is in force, and may make the end durable. It returns the
	// subjects that are to be made durable, the given ones and perhaps more.
	end(ctx context.Context, c *change, lookUp error, second int64, ended []blacklist.Subject) ([]blacklist.Subject, error)
	// erase deletes the record of a session that has ended at the second, unless it began later.
	erase(ctx context.Context, c *change, second int64) error
	// revoked deletes the record of a session whose revocation at the second is in force. It reports whether the session has a
	// record that was written meanwhile, so that it is to be revoked once more.
	revoked(ctx context.Context, c *change, second int64) (again bool, err error)
	// kill makes it durable that the tokens of a session are dead, and renews its record if the session is active.
	kill(ctx context.Context, c *change, second int64, entries []blacklist.Entry) error
	// move writes the record under the new id, and what becomes of the one under the old id, if that changes.
	move(ctx context.Context, f *following, replaced, moved sessions.Session) error
}

// orderAlone is the order of a ledger that has its place for itself: the locks keep everybody else out.
type orderAlone struct{}

func (orderAlone) end(
	ctx context.Context, c *change, lookUp error, second int64, ended []blacklist.Subject,
) ([]blacklist.Subject, error) {
	if lookUp == nil && !c.found.present {
		return ended, nil
	}
	if _, err := c.store.Delete(ctx, c.found.Key); err != nil {
		c.outlive(second)
		return ended, errors.Join(lookUp, err)
	}
	delete(c.stripe.undeleted, c.found.Key)
	return ended, lookUp
}

func (orderAlone) erase(ctx context.Context, c *change, _ int64) error {
	_, err := c.store.Delete(ctx, c.found.Key)
	return err
}

func (orderAlone) revoked(ctx context.Context, c *change, second int64) (again bool, err error) {
	if c.found.present {
		c.remove(ctx, second)
	}
	return false, nil
}

func (orderAlone) kill(ctx context.Context, c *change, second int64, entries []blacklist.Entry) error {
	if _, err := c.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	c.stripe.overtake(c.found.Key)
	if !c.found.active {
		if c.found.present {
			c.remove(ctx, second) // its user is revoked, and it must not come back when he is not
		}
		return nil
	}
	if err := c.store.Put(ctx, renewed(c.found.Session, second), c.at); err != nil {
		c.outlive(second)
		return fmt.Errorf("renewing session whose tokens were revoked: %w", err)
	}
	return nil
}

// renewed returns the session as it goes on after its tokens up to the second were revoked.
func renewed(session sessions.Session, second int64) sessions.Session {
	session.AuthTime, session.Confirmed = second+1, time.Time{}
	return session
}

func (orderAlone) move(ctx context.Context, f *following, replaced, moved sessions.Session) error {
	// The old record is marked first, so that whatever ends it ends the new one too.
	if f.isMarked(replaced) {
		written, err := f.store.Update(ctx, replaced, f.at)
		if err != nil {
			return err
		}
		if !written {
			return ErrNotFollowed // it went between the two calls
		}
	}
	return f.store.Put(ctx, moved, f.at)
}

// orderShared is the order of a ledger that shares its place. The locks do not keep other gateways out. Two things do: the
// place writes no record of which more was written to the journal than this gateway has heard, and an end deletes the record
// in the moment in which it is written.
type orderShared struct{}

func (o orderShared) end(
	ctx context.Context, c *change, lookUp error, second int64, ended []blacklist.Subject,
) ([]blacklist.Subject, error) {
	for range maxTries {
		if err := c.blacklist.Persist(ctx, ended...); err != nil {
			c.outlive(second)
			return ended, errors.Join(lookUp, err)
		}
		more, err := o.survivors(ctx, c, &second)
		if err != nil {
			c.outlive(second)
			return ended, errors.Join(lookUp, err)
		}
		if len(more) == 0 {
			break
		}
		ended = append(ended, more...)
	}
	delete(c.stripe.undeleted, c.found.Key)
	return ended, nil
}

// survivors ends what another gateway wrote between the look-up and the end: a record of the session from after the second of
// the end, and the first change of the session's id. It returns the subjects that are pending with that.
func (orderShared) survivors(ctx context.Context, c *change, second *int64) ([]blacklist.Subject, error) {
	now, err := c.find(ctx, c.found.Key, c.at)
	if err != nil {
		return nil, err
	}
	var lineages []Lineage
	switch {
	case now.present && now.ended: // it is from before, and the end was durable already
		return nil, c.order.erase(ctx, c, *second)
	case now.present:
		*second = max(*second, now.AuthTime)
		if now.Rolling {
			lineages = append(lineages, lineageOf(now.Session))
		}
		c.found = now
		return c.enforceAll(lineages, *second), nil
	}
	rolled, err := c.rolledSince(ctx)
	if err != nil || !rolled {
		return nil, err
	}
	return c.enforceAll([]Lineage{lineageOf(c.found.Session)}, *second), nil
}

// erase writes the end once more: the place deletes the record with that.
func (orderShared) erase(ctx context.Context, c *change, second int64) error {
	expires := c.blacklist.expiryOfEnd(max(second, c.at.Unix()))
	_, err := c.blacklist.Revoke(ctx, blacklist.Entry{Subject: endOf(c.found.Key), Second: second, Expires: expires})
	return err
}

func (orderShared) revoked(ctx context.Context, c *change, second int64) (again bool, err error) {
	rolled, err := c.rolledSince(ctx)
	if err != nil {
		return false, err
	}
	if rolled {
		_, err := c.blacklist.Revoke(ctx, c.revokedLineages([]Lineage{lineageOf(c.found.Session)}, second)...)
		if err != nil {
			return false, err
		}
	}
	_, present, err := c.store.Get(ctx, c.found.Key, c.at)
	return present, err
}

// kill writes the renewed record first: the end of the tokens would delete one from before.
func (orderShared) kill(ctx context.Context, c *change, second int64, entries []blacklist.Entry) error {
	if c.found.active {
		if err := c.store.Put(ctx, renewed(c.found.Session, second), c.at); err != nil {
			return fmt.Errorf("revoking tokens of a session: %w", err)
		}
	}
	rolled, err := c.rolledSince(ctx)
	if err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	if rolled {
		entries = append(slices.Clone(entries), c.lineageEntries([]Lineage{lineageOf(c.found.Session)})...)
	}
	if _, err := c.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	c.stripe.overtake(c.found.Key)
	return nil
}

// move writes the new record first. If the old one has ended meanwhile, or was marked by nobody, the new one goes again. So
// whoever ends the old one finds that it has another id, or keeps it from getting one.
func (orderShared) move(ctx context.Context, f *following, replaced, moved sessions.Session) error {
	if err := f.store.Put(ctx, moved, f.at); err != nil || !f.isMarked(replaced) {
		return err
	}
	written, err := f.store.Update(ctx, replaced, f.at)
	if err == nil && written {
		return nil
	}
	if err == nil {
		err = ErrNotFollowed
	}
	if f.there.present {
		return err // it was there before
	}
	if _, failed := f.store.Delete(ctx, moved.Key); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}
