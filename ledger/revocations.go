package ledger

import (
	"context"
	"errors"
	"fmt"
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
	if _, err := l.blacklist.Revoke(ctx, entry); err != nil {
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
	if err := revokeSession(ctx, &l.book, key); err != nil {
		return fmt.Errorf("revoking session: %w", err)
	}
	return nil
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

// RevokeAttribute revokes the users of a realm who have an attribute of this value, and returns how many were found. Texts
// count that differ in upper and lower case alone if folded is true. When it returns nil, this is durable:
//
//   - Each user who has the attribute in a record is revoked, as [Ledger.RevokeUser] does it.
//   - Of a session that has no record any more the user is not known. When the application names a user with the attribute in
//     such a session, he is refused as a revoked user is, until [Ledger.SawSet] saw that he signed in again.
//
// It reads all records of the realm.
func (l *Ledger) RevokeAttribute(ctx context.Context, realm, name, text string, folded bool) (int, error) {
	if name == "" || text == "" {
		return 0, errors.New("revoking the users with an attribute: its name or its value is empty")
	}
	users, err := revokeAttribute(ctx, &l.book, attributeMatch{realm: realm, name: name, text: text, folded: folded})
	if err != nil {
		return 0, fmt.Errorf("revoking the users with an attribute: %w", err)
	}
	for _, user := range users {
		if err := l.RevokeUser(ctx, realm, user); err != nil {
			return 0, err
		}
	}
	return len(users), nil
}

func (l *Ledger) revokeUser(ctx context.Context, subject blacklist.Subject, who scope) error {
	if err := revokeUser(ctx, &l.book, subject, who); err != nil {
		return fmt.Errorf("revoking user: %w", err)
	}
	return nil
}

// KillTokens revokes every token of the session that was minted so far, including one with the given auth_time in seconds
// since 1970. When it returns nil, this is durable and in force. The session itself goes on: its AuthTime is after that of
// the dead tokens, and it is no longer confirmed. The answers to questions in flight are void. If the application has
// changed the session's id, the tokens are dead whichever id they are bound to, and the application is asked about the other
// ids anew.
//
// After an error that says "revoking", nothing was done. After an error that says "renewing", the tokens are dead and the
// session is no longer active either.
func (l *Ledger) KillTokens(ctx context.Context, key sessions.Key, authTime int64) error {
	return l.settle(ctx, func(bool) error { return killTokens(ctx, &l.book, key, authTime) })
}

// LiftToken takes back [Ledger.RevokeToken] and reports whether there was a revocation. When the error is nil, this is
// durable. After an error, the revocation is in force as before. The same is true of the other methods that lift.
func (l *Ledger) LiftToken(ctx context.Context, jti string) (bool, error) {
	lifted, err := lift(ctx, &l.book, func() (bool, error) { return l.blacklist.Lift(ctx, blacklist.TokenID(jti)) })
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a token: %w", err)
	}
	return lifted, nil
}

// LiftSession takes back [Ledger.RevokeSession]. The application is asked about the session anew, and the old tokens of the
// session remain dead. The user is no longer watched, unless another session of his is revoked. In that case the lifted
// session is accepted all the same.
func (l *Ledger) LiftSession(ctx context.Context, key sessions.Key) (bool, error) {
	lifted, err := lift(ctx, &l.book, func() (bool, error) { return liftSession(ctx, &l.book, key) })
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a session: %w", err)
	}
	return lifted, nil
}

// LiftUser takes back [Ledger.RevokeUser]. Sessions and tokens of the user from before the revocation are accepted again,
// unless they have expired or ended meanwhile.
func (l *Ledger) LiftUser(ctx context.Context, realm, user string) (bool, error) {
	return l.liftUser(ctx, blacklist.RevokedUser(realm, user))
}

// LiftUserEverywhere takes back [Ledger.RevokeUserEverywhere]. Otherwise it is like [Ledger.LiftUser].
func (l *Ledger) LiftUserEverywhere(ctx context.Context, user string) (bool, error) {
	return l.liftUser(ctx, blacklist.RevokedUserEverywhere(user))
}

func (l *Ledger) liftUser(ctx context.Context, subject blacklist.Subject) (bool, error) {
	lifted, err := lift(ctx, &l.book, func() (bool, error) {
		defer l.users.lockExclusively(subject.User())()
		return l.blacklist.liftUser(ctx, subject)
	})
	if err != nil {
		return false, fmt.Errorf("lifting the revocation of a user: %w", err)
	}
	return lifted, nil
}

// Flush ends all that is known in a realm: every session has ended, every token that was minted so far is dead, and the
// answers to questions in flight are void. When Flush returns nil, this is durable and in force. After an error, nothing is
// acknowledged. Nobody is refused afterwards: the application is asked about the sessions anew, and they begin after the
// flush.
//
// Flush does not delete the records. They have no effect any more, and go when they expire or are overwritten.
func (l *Ledger) Flush(ctx context.Context, realm string) error {
	return l.flush(ctx, blacklist.FlushedRealm(realm), scope{realm: realm})
}

// FlushAll is like [Ledger.Flush], for every realm.
func (l *Ledger) FlushAll(ctx context.Context) error {
	return l.flush(ctx, blacklist.FlushedAll(), scope{everywhere: true})
}

func (l *Ledger) flush(ctx context.Context, subject blacklist.Subject, dropped scope) error {
	if err := flush(ctx, &l.book, subject, dropped); err != nil {
		return fmt.Errorf("dropping all sessions: %w", err)
	}
	return nil
}
