package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// revokeSession revokes a session. It is [Ledger.RevokeSession].
func revokeSession(ctx context.Context, b *book, key sessions.Key) error {
	b.hear(ctx) // so that it admits no session that another gateway has ended
	c := begin(b, key)
	err := c.revoke(ctx)
	if c.done(); err == nil {
		b.hear(ctx)
	}
	return err
}

// revoke revokes the session.
func (c *change) revoke(ctx context.Context) error {
	for range maxTries {
		second, err := c.revokeFound(ctx)
		if err != nil {
			return err
		}
		if again, err := c.order.revoked(ctx, c, second); err != nil || !again {
			return err
		}
	}
	return nil // no record counts any more, whatever it is
}

// revokeFound revokes the session as it is found, and returns the second of the revocation.
func (c *change) revokeFound(ctx context.Context) (int64, error) {
	if err := c.look(ctx, c.now()); err != nil {
		return 0, err
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
		return 0, err
	}
	written, err := c.blacklist.Revoke(ctx, entries...)
	if err != nil {
		return 0, err
	}
	c.stripe.overtake(found.Key)
	at := lastPlace(written)
	c.blacklist.revokedAt.markRealm(found.Realm, at)
	if found.present {
		c.blacklist.revokedAt.mark(blacklist.WatchedUser(found.Realm, found.User), at)
	}
	return second, nil
}

// revocation returns the entries that revoke the session. If its user is known, they let him be watched, and admit his other
// sessions that are active.
func (c *change) revocation(ctx context.Context, second int64, lineages []Lineage) ([]blacklist.Entry, error) {
	key, user, expires := c.found.Key, c.found.User, c.blacklist.expiryOf(second, c.at)
	entries := []blacklist.Entry{
		{Subject: revokedSession(key), Second: second, Expires: expires},
		{Subject: endOf(key), Second: second, Expires: c.blacklist.expiryOfEnd(second)}, // it holds when the revocation is lifted
	}
	entries = append(entries, c.revokedLineages(lineages, second)...)
	if !c.found.present {
		return entries, nil
	}
	watched := blacklist.Entry{Subject: blacklist.WatchedUser(key.Realm, user), Second: second, Expires: expires}
	if before, isWatched := c.blacklist.Second(watched.Subject); isWatched {
		watched.Second = max(second, before+1) // so that it is known as a new one everywhere
	}
	entries = append(entries, watched,
		blacklist.Entry{Subject: blacklist.OwnerOf(key.Realm, key.Hash, user), Second: second, Expires: expires})
	err := c.eachOfUser(ctx, key.Realm, user, c.at, func(other sessions.Session) {
		if other.Key != key && !slices.Contains(lineages, lineageOf(other)) && c.isActive(other) {
			entries = append(entries,
				blacklist.Entry{Subject: admitted(other.Key, user), Second: other.AuthTime, Expires: expires})
		}
	})
	return entries, err
}

// revokedLineages returns the ends of the lineages of a session that is revoked. They last as long as the revocation, so that none
// of the ids is accepted again while the user is watched.
func (c *change) revokedLineages(lineages []Lineage, second int64) []blacklist.Entry {
	entries, expires := c.lineageEntries(lineages), c.blacklist.expiryOf(second, c.at)
	for i := range entries {
		if entries[i].Expires.Before(expires) {
			entries[i].Expires = expires
		}
	}
	return entries
}

// killTokens revokes the tokens of a session so far. It is [Ledger.KillTokens].
func killTokens(ctx context.Context, b *book, key sessions.Key, authTime int64) error {
	c := begin(b, key)
	defer c.done()
	return c.killTokens(ctx, authTime)
}

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
	return c.order.kill(ctx, c, second, append(c.lineageEntries(c.lineages()), entry))
}

// revokeUser revokes the user of a scope.
func revokeUser(ctx context.Context, b *book, subject blacklist.Subject, who scope) error {
	if who.user == "" {
		return errors.New("the user id is empty")
	}
	err := putUserInForce(ctx, b, subject, who)
	if err == nil {
		b.hear(ctx)
	}
	return err
}

// putUserInForce locks the user, so that no session of his is being learned meanwhile.
func putUserInForce(ctx context.Context, b *book, subject blacklist.Subject, who scope) error {
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
	written, err := b.blacklist.Revoke(ctx, blacklist.Entry{Subject: subject, Second: found.second, Expires: expires})
	if err != nil {
		return err
	}
	b.blacklist.revokedAt.mark(subject, lastPlace(written))
	return nil
}
