package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// RevokeToken revokes one token by its jti until it expires. When it returns nil the revocation is durable and in force;
// an error means that the token is not revoked. Revoking one that has expired does nothing.
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

// KillTokens revokes every token of the session that was minted so far, one with the given auth_time included. When it
// returns nil this is durable and in force. The session itself goes on, with an AuthTime after its dead tokens', and is
// no longer confirmed; questions in flight are overtaken.
//
// An error that says "revoking" means that nothing was done, and one that says "renewing" that the tokens are dead and
// that the session is no longer active either.
func (l *Ledger) KillTokens(ctx context.Context, key sessions.Key, authTime int64) error {
	s := l.settle(key)
	defer s.mu.Unlock()
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	second := max(now.Unix(), found.AuthTime, authTime)
	entry := blacklist.Entry{
		Subject: endOf(key), Second: second,
		Expires: time.Unix(second, 0).Add(time.Duration(l.longest.Load()) + margin),
	}
	if err := l.blacklist.Revoke(ctx, entry); err != nil {
		return fmt.Errorf("revoking tokens of a session: %w", err)
	}
	s.overtake(key)
	if !found.active {
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

// Subjects is what a token can be dead by, computed once and kept with the token. The zero value is dead.
type Subjects struct{ token, session blacklist.Subject }

// SubjectsOf returns the subjects of a token with the given jti that is bound to the session.
func SubjectsOf(jti string, key sessions.Key) Subjects {
	return Subjects{token: blacklist.TokenID(jti), session: endOf(key)}
}

// Cause says what a token is dead by. The zero value is no cause.
type Cause uint8

const (
	// Ended: the token's session has ended, or all its tokens were revoked.
	Ended Cause = iota + 1
	// Revoked: the token itself was revoked.
	Revoked
)

// TokenDead says whether a verified token is dead, and by what. authTime is its auth_time in seconds since 1970. It
// answers from memory and does not allocate.
func (l *Ledger) TokenDead(subjects Subjects, authTime int64) (bool, Cause) {
	if l.blacklist.Contains(subjects.token) {
		return true, Revoked
	}
	if second, ended := l.blacklist.Second(subjects.session); ended && authTime <= second {
		return true, Ended
	}
	return false, 0
}
