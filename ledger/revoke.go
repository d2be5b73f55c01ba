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

// revoke revokes the session. It is [Ledger.RevokeSession].
func (c *change) revoke(ctx context.Context) error {
	if err := c.look(ctx, c.now()); err != nil {
		return err
	}
	found, lineages := &c.found, c.lineages()
	if given, ok := c.givenIDs.Peek(found.Key); ok && !found.present { // it was replaced by other ids of the same session
		found.present, found.User, found.AuthTime = true, given.User, given.AuthTime
	}
	if found.present {
		defer c.users.lockExclusively(found.User)()
	}
	second := max(c.at.Unix(), found.AuthTime)
	if last, ended := c.blacklist.Second(endOf(found.Key)); ended {
		second = max(second, last+1) // a session that began after that end may be ahead of the clock
	}
	entries, err := c.revocation(ctx, second, lineages)
	if err != nil {
		return err
	}
	if err := c.blacklist.Revoke(ctx, entries...); err != nil {
		return err
	}
	c.stripe.overtake(found.Key)
	c.blacklist.revokedAt.markRealm(found.Realm)
	if found.present {
		c.blacklist.revokedAt.mark(blacklist.WatchedUser(found.Realm, found.User))
		c.remove(ctx, second)
	}
	return nil
}

// revocation returns the entries that revoke the session. If its user is known, they let him be watched, and admit his other
// sessions that are active.
func (c *change) revocation(ctx context.Context, second int64, lineages []Lineage) ([]blacklist.Entry, error) {
	key, user, expires := c.found.Key, c.found.User, c.blacklist.expiryOf(second, c.at)
	entries := []blacklist.Entry{
		{Subject: revokedSession(key), Second: second, Expires: expires},
		{Subject: endOf(key), Second: second, Expires: c.blacklist.expiryOfEnd(second)}, // it holds when the revocation is lifted
	}
	for _, entry := range c.lineageEntries(lineages) {
		if entry.Expires.Before(expires) {
			entry.Expires = expires // so that none of its ids is accepted again while the user is watched
		}
		entries = append(entries, entry)
	}
	if !c.found.present {
		return entries, nil
	}
	entries = append(entries,
		blacklist.Entry{Subject: blacklist.WatchedUser(key.Realm, user), Second: second, Expires: expires},
		blacklist.Entry{Subject: blacklist.OwnerOf(key.Realm, key.Hash, user), Second: second, Expires: expires})
	err := c.eachOfUser(ctx, key.Realm, user, c.at, func(other sessions.Session) {
		if other.Key != key && !slices.Contains(lineages, lineageOf(other)) && c.isActive(other) {
			entries = append(entries,
				blacklist.Entry{Subject: admitted(other.Key, user), Second: other.AuthTime, Expires: expires})
		}
	})
	return entries, err
}

// killTokens revokes the tokens of the session so far. It is [Ledger.KillTokens].
func (c *change) killTokens(ctx context.Context, authTime int64) error {
	if err := c.look(ctx, c.now()); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	found := &c.found
	if found.present {
		defer c.users.lockShared(found.User)()
		found.check(&c.blacklist) // once more: the user may have been revoked before he was locked
	}
	second := max(c.at.Unix(), found.AuthTime, authTime)
	entry := blacklist.Entry{Subject: endOf(found.Key), Second: second, Expires: c.blacklist.expiryOfEnd(second)}
	entries := append(c.lineageEntries(c.lineages()), entry)
	if err := c.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	c.stripe.overtake(found.Key)
	if !found.active {
		if found.present {
			c.remove(ctx, second) // its user is revoked, and it must not come back when he is not
		}
		return nil
	}
	renewed := found.Session
	renewed.AuthTime, renewed.Confirmed = second+1, time.Time{}
	if err := c.store.Put(ctx, renewed, c.at); err != nil {
		c.outlive(second)
		return fmt.Errorf("renewing session whose tokens were revoked: %w", err)
	}
	return nil
}

// revokeUser revokes the user of a scope.
func revokeUser(ctx context.Context, b *book, subject blacklist.Subject, who scope) error {
	if who.user == "" {
		return errors.New("the user id is empty")
	}
	defer b.users.lockExclusively(who.user)()
	now := b.now()
	found, err := knownOf(ctx, b, who, now)
	if err != nil {
		return err
	}
	expires := b.blacklist.expiryOf(found.second, now)
	if expires.Before(found.lasts.Add(margin)) {
		expires = found.lasts.Add(margin)
	}
	entries := []blacklist.Entry{{Subject: subject, Second: found.second, Expires: expires}}
	for _, end := range found.early {
		if end.Second >= found.second {
			entries = append(entries, b.blacklist.next(end, now))
		}
	}
	if err := b.blacklist.Revoke(ctx, entries...); err != nil {
		return err
	}
	b.blacklist.revokedAt.mark(subject)
	return nil
}
