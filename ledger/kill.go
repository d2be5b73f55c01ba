package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// KillTokens revokes every token of the session that was minted so far, including one with the given auth_time in seconds
// since 1970. When it returns nil, this is durable and in force. The session itself goes on: its AuthTime is after that of
// the dead tokens, and it is no longer confirmed. The answers to questions in flight are void. If the application has
// changed the session's id, the tokens are dead whichever id they are bound to, and the application is asked about the other
// ids anew.
//
// After an error that says "revoking", nothing was done. After an error that says "renewing", the tokens are dead and the
// session is no longer active either.
func (l *Ledger) KillTokens(ctx context.Context, key sessions.Key, authTime int64) error {
	s := l.lock(key)
	defer s.mu.Unlock()
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	if found.present {
		defer l.users.lockShared(found.User)()
		found.check(l) // once more: the user may have been revoked before he was locked
	}
	second := max(now.Unix(), found.AuthTime, authTime)
	entry := blacklist.Entry{Subject: endOf(key), Second: second, Expires: l.expiryOfEnd(second)}
	entries := append(l.lineageEntries(found, l.lineagesOf(found), now), entry)
	if err := l.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	s.overtake(key)
	if !found.active {
		if found.present {
			l.remove(ctx, s, found, second, now) // its user is revoked, and it must not come back when he is not
		}
		return nil
	}
	renewed := found.Session
	renewed.AuthTime, renewed.Confirmed = second+1, time.Time{}
	if err := l.store.Put(ctx, renewed, now); err != nil {
		l.outlive(s, found, second, now)
		return fmt.Errorf("renewing session whose tokens were revoked: %w", err)
	}
	return nil
}
