package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// end ends the session in memory and deletes its record. lookUp is the error of finding the record. proven is what the
// request proves of the session. end returns the subjects that are to be made durable, and none if nothing ended.
func (c *change) end(ctx context.Context, lookUp error, proven Lineage) ([]blacklist.Subject, error) {
	found := &c.found
	c.stripe.overtake(found.Key)
	c.signedOut.forget(ctx, found.Key)
	last, before := c.blacklist.Second(endOf(found.Key))
	second := max(c.at.Unix(), proven.AuthTime)
	lineages := c.lineages(proven)
	switch {
	case lookUp != nil && !c.stripe.isUndeleted(found.Key):
		// The record may have been learned right after an end, in the second that follows it.
		if before {
			second = max(second, last+1)
		}
	case found.present && !found.ended, proven.AuthTime > 0 && (!before || proven.AuthTime > last), len(lineages) > 0:
		second = max(second, found.AuthTime)
	default:
		return nil, lookUp
	}
	return c.order.end(ctx, c, lookUp, second, c.enforceAll(lineages, second))
}

// lineages returns the lineages that the session is known to have: by its record, by what was seen of its id before, and by
// what the request proves. It leaves out lineages that have ended, and that of a record that has: all its ids ended with it,
// and another session of the user may have begun in the same second since.
func (c *change) lineages(proven ...Lineage) []Lineage {
	if c.found.present && c.found.Rolling && !c.found.ended {
		proven = append(proven, lineageOf(c.found.Session))
	}
	if given, ok := c.givenIDs.Peek(c.found.Key); ok {
		proven = append(proven, given.Lineage)
	}
	var known []Lineage
	for _, of := range proven {
		if of.User != "" && !slices.Contains(known, of) && !c.blacklist.isLineageOver(c.found.Realm, of) {
			known = append(known, of)
		}
	}
	return known
}

// enforceAll ends the session and its lineages and returns the subjects that are pending with that.
func (c *change) enforceAll(lineages []Lineage, second int64) []blacklist.Subject {
	c.blacklist.enforce(c.found.Key, second, time.Time{})
	ended := []blacklist.Subject{endOf(c.found.Key)}
	for _, entry := range c.lineageEntries(lineages) {
		c.blacklist.Enforce(entry)
		ended = append(ended, entry.Subject)
	}
	return ended
}

// lineageEntries returns the ends of the lineages. They last as long as there may be tokens or records of the lineages. No
// record lasts beyond the end of its session, nor beyond its idle time, since an ended session is not touched any more.
func (c *change) lineageEntries(lineages []Lineage) []blacklist.Entry {
	var entries []blacklist.Entry
	for _, of := range lineages {
		expires := c.blacklist.expiryOfEnd(max(c.at.Unix(), of.AuthTime))
		for _, lasts := range []time.Time{c.found.Ends, c.at.Add(time.Duration(c.blacklist.longestIdle.Load()))} {
			if lasts = lasts.Add(margin); lasts.After(expires) {
				expires = lasts
			}
		}
		entries = append(entries, blacklist.Entry{Subject: of.subject(c.found.Realm), Second: of.AuthTime, Expires: expires})
	}
	return entries
}

// rolledSince reports whether the session of the record that was found has got another id since from another gateway, whose
// record is in the store by then.
func (c *change) rolledSince(ctx context.Context) (bool, error) {
	of := lineageOf(c.found.Session)
	if !c.found.present || c.found.ended || c.found.Rolling || c.blacklist.isLineageOver(c.found.Realm, of) {
		return false, nil
	}
	rolled := false
	err := c.eachOfUser(ctx, c.found.Realm, of.User, c.at, func(other sessions.Session) {
		rolled = rolled || other.Rolling && other.Key != c.found.Key && lineageOf(other) == of
	})
	return rolled, err
}

// remove deletes the record of a session that is over, or has it deleted later.
func (c *change) remove(ctx context.Context, second int64) {
	if err := c.order.erase(ctx, c, second); err != nil {
		c.outlive(second)
		return
	}
	delete(c.stripe.undeleted, c.found.Key)
}

// outlive keeps an end in force for longer than the record that could not be deleted, over restarts too. A record that could
// not even be read may last for any time: its end is kept for hours, and for hours more with every further try.
func (c *change) outlive(second int64) {
	switch {
	case c.stripe.deleteLater(c.found.Key, second) && !c.found.present:
		c.blacklist.enforce(c.found.Key, second, nextHours(c.at))
	case c.found.present:
		c.blacklist.enforce(c.found.Key, second, c.found.Expires)
	}
}

// nextHours returns a time between one and two hours ahead. It changes once an hour, so that an end that must be kept is
// written no more often than that.
func nextHours(now time.Time) time.Time { return now.Truncate(time.Hour).Add(2 * time.Hour) }
