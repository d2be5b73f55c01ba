package ledger

import (
	"sync/atomic"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Subjects holds the subjects that a token can be dead by. It is computed once and kept with the token. [Ledger.TokenDead]
// is true of the zero value.
type Subjects struct {
	token blacklist.Subject
	user  blacklist.Subject
	key   sessions.Key
}

// SubjectsOf returns the subjects of the user's token with the given jti that is bound to the session.
func SubjectsOf(jti string, key sessions.Key, user string) Subjects {
	return Subjects{token: blacklist.TokenID(jti), user: blacklist.RevokedUser(key.Realm, user), key: key}
}

// SubjectsOfSession returns the subjects of a session of the user without a token. No revocation of a token is about them,
// because no token has an empty id.
func SubjectsOfSession(key sessions.Key, user string) Subjects { return SubjectsOf("", key, user) }

// Token is what the ledger needs to know of a verified token. It remembers that the token was found alive. The zero value is dead.
// A Token is safe for concurrent use and must not be copied.
type Token struct {
	subjects Subjects
	authTime int64 // in seconds since 1970
	parts    blacklist.Parts
	alive    atomic.Uint64 // the generation in which it was found alive; 0: in none
}

// Init makes it the user's token with the given jti and auth_time that is bound to the session. Call it once, before the Token is
// shared.
func (t *Token) Init(jti string, key sessions.Key, user string, authTime int64) {
	t.subjects, t.authTime = SubjectsOf(jti, key, user), authTime
	t.parts = blacklist.PartsOf(t.subjects.token, endOf(key), t.subjects.user)
}

// Cause is why a token is dead. The zero value is no cause.
type Cause uint8

const (
	// Ended means that the token's session has ended or was flushed, or that all tokens of the session were revoked.
	Ended Cause = iota + 1
	// Revoked means that the token itself, its session or its user was revoked.
	Revoked
)
