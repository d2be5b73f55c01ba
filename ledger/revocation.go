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

// RevokeToken revokes one token, by its jti (RFC 7519 section 4.1.7), until it expires. When it returns nil, the revocation
// is durable and in force. After an error, the token is not revoked. RevokeToken does nothing for a token that has expired.
func (l *Ledger) RevokeToken(ctx context.Context, jti string, expires time.Time) error {
	if jti == "" {
		return errors.New("revoking token: the token id is empty")
	}
	entry := blacklist.Entry{Subject: blacklist.TokenID(jti), Expires: expires.Add(margin)}
	if err := l.blacklist.Revoke(ctx, entry); err != nil {
		return fmt.Errorf("revoking token: %w", err)
	}
	return nil
}

// RevokeSession revokes a session. When it returns nil, this is durable, and the session and its tokens are refused until
// the revocation is lifted or expires (see [Ledger.KeepRevocations]). The record is deleted, and the answers to questions in
// flight are void. After an error, nothing is acknowledged.
//
// A session whose id the application changes is revoked under all its ids. Under the other ids, its records and tokens are
// over, and a user that the application still names there is not accepted.
//
// If there is a record of the session, its user is known and is watched from then on: the same session may come under
// another spelling of its id. Another session that the application names for him is accepted only if it is active now, is
// added later, or if [Ledger.SawSet] saw its beginning.
func (l *Ledger) RevokeSession(ctx context.Context, key sessions.Key) error {
	s := l.lock(key)
	defer s.mu.Unlock()
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err != nil {
		return fmt.Errorf("revoking session: %w", err)
	}
	lineages := l.lineagesOf(found)
	if given, ok := l.givenIDs.Peek(key); ok && !found.present { // it was replaced by other ids of the same session
		found.present, found.User, found.AuthTime = true, given.User, given.AuthTime
	}
	if found.present {
		defer l.users.lockExclusively(found.User)()
	}
	second := max(now.Unix(), found.AuthTime)
	if before, ended := l.blacklist.Second(endOf(key)); ended {
		second = max(second, before+1) // a session that began after that end may be ahead of the clock
	}
	expires := l.expiryOf(second, now)
	entries := []blacklist.Entry{
		{Subject: revokedSession(key), Second: second, Expires: expires},
		{Subject: endOf(key), Second: second, Expires: l.expiryOfEnd(second)}, // it holds when the revocation is lifted
	}
	for _, entry := range l.lineageEntries(found, lineages, now) {
		if entry.Expires.Before(expires) {
			entry.Expires = expires // so that none of its ids is accepted again while the user is watched
		}
		entries = append(entries, entry)
	}
	watched := blacklist.WatchedUser(key.Realm, found.User)
	if found.present {
		entries = append(entries,
			blacklist.Entry{Subject: watched, Second: second, Expires: expires},
			blacklist.Entry{Subject: blacklist.OwnerOf(key.Realm, key.Hash, found.User), Second: second, Expires: expires})
		err := l.eachOf(ctx, key.Realm, found.User, now, func(other sessions.Session) {
			if other.Key != key && !slices.Contains(lineages, lineageOf(other)) && l.isActive(other) {
				entries = append(entries,
					blacklist.Entry{Subject: admitted(other.Key, found.User), Second: other.AuthTime, Expires: expires})
			}
		})
		if err != nil {
			return fmt.Errorf("revoking session: %w", err)
		}
	}
	if err := l.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking session: %w", err)
	}
	s.overtake(key)
	l.revokedAt.markRealm(key.Realm)
	if found.present {
		l.revokedAt.mark(watched)
		l.remove(ctx, s, found, second, now)
	}
	return nil
}

// remove deletes the record of a session that is over, or has it deleted later.
func (l *Ledger) remove(ctx context.Context, s *stripe, found finding, second int64, now time.Time) {
	if _, err := l.store.Delete(ctx, found.Key); err != nil {
		l.outlive(s, found, second, now)
		return
	}
	delete(s.undeleted, found.Key)
}

// listed is how many sessions are listed at once.
const listed = 200

// eachOf calls do with each of the user's records in the realm that have not expired.
func (l *Ledger) eachOf(
	ctx context.Context, realm, user string, now time.Time, do func(sessions.Session),
) error {
	query := sessions.Query{Realm: realm, User: user, Limit: listed}
	for {
		page, err := l.store.List(ctx, query, now)
		if err != nil {
			return fmt.Errorf("listing the user's sessions: %w", err)
		}
		for _, session := range page.Sessions {
			do(session)
		}
		if !page.More || len(page.Sessions) == 0 {
			return nil
		}
		query.After = page.Sessions[len(page.Sessions)-1].Hash
	}
}

// RevokeUser revokes a user of a realm. When it returns nil, this is durable, and all his sessions and tokens so far are
// refused until the revocation is lifted or expires (see [Ledger.KeepRevocations]). So far means: up to the later of now and
// his newest auth_time. After an error, nothing is acknowledged.
//
// A session that begins later is accepted if the user has proven himself anew: if it was added, or if [Ledger.SawSet] saw its
// beginning.
func (l *Ledger) RevokeUser(ctx context.Context, realm, user string) error {
	return l.revokeUser(ctx, blacklist.RevokedUser(realm, user), scope{realm: realm, user: user})
}

// RevokeUserEverywhere is like [Ledger.RevokeUser], for the user of this id in every realm.
func (l *Ledger) RevokeUserEverywhere(ctx context.Context, user string) error {
	return l.revokeUser(ctx, blacklist.RevokedUserEverywhere(user), scope{everywhere: true, user: user})
}

func (l *Ledger) revokeUser(ctx context.Context, subject blacklist.Subject, who scope) error {
	if who.user == "" {
		return errors.New("revoking user: the user id is empty")
	}
	defer l.users.lockExclusively(who.user)()
	now := l.now()
	found, err := l.knownOf(ctx, who, now)
	if err != nil {
		return fmt.Errorf("revoking user: %w", err)
	}
	expires := l.expiryOf(found.second, now)
	if expires.Before(found.lasts.Add(margin)) {
		expires = found.lasts.Add(margin)
	}
	entries := []blacklist.Entry{{Subject: subject, Second: found.second, Expires: expires}}
	for _, end := range found.early {
		if end.Second >= found.second {
			entries = append(entries, l.next(end, now))
		}
	}
	if err := l.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking user: %w", err)
	}
	l.revokedAt.mark(subject)
	return nil
}
