package ledger

import (
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

// Cause is why a token is dead. The zero value is no cause.
type Cause uint8

const (
	// Ended means that the token's session has ended or was flushed, or that all tokens of the session were revoked.
	Ended Cause = iota + 1
	// Revoked means that the token itself, its session or its user was revoked.
	Revoked
)

// TokenDead reports whether a verified token is dead, and returns why. authTime is its auth_time in seconds since 1970.
// TokenDead answers from memory and does not allocate.
func (l *Ledger) TokenDead(subjects Subjects, authTime int64) (bool, Cause) {
	switch {
	case l.blacklist.Contains(subjects.token),
		l.blacklist.Contains(revokedSession(subjects.key)),
		l.isUserRevoked(subjects.user, authTime):
		return true, Revoked
	case l.isOver(subjects.key, authTime), l.isLineageOver(subjects.key.Realm, Lineage{subjects.user.User(), authTime}):
		return true, Ended
	}
	return false, 0
}

// AccessDead reports whether an access token of an identity provider is revoked, by itself or with its user, or was flushed.
// The jti may be empty. since is when its user signed in, in seconds since 1970: a revocation does not hit users who signed
// in after it. AccessDead answers from memory.
func (l *Ledger) AccessDead(realm, user, jti string, since int64) bool {
	return jti != "" && l.blacklist.Contains(blacklist.TokenID(jti)) ||
		l.isUserRevoked(blacklist.RevokedUser(realm, user), since) || l.isFlushed(realm, since)
}

// isUserRevoked reports whether a session or token of the user with this auth_time is revoked.
func (l *Ledger) isUserRevoked(user blacklist.Subject, authTime int64) bool {
	return l.hits(user, authTime) || l.hits(user.Everywhere(), authTime)
}

// isOver reports whether a session with this auth_time, or a token of it, has ended or was flushed.
func (l *Ledger) isOver(key sessions.Key, authTime int64) bool {
	return l.hits(endOf(key), authTime) || l.isFlushed(key.Realm, authTime)
}

func (l *Ledger) isFlushed(realm string, authTime int64) bool {
	return l.hits(blacklist.FlushedRealm(realm), authTime) || l.hits(blacklist.FlushedAll(), authTime)
}

func (l *Ledger) hits(subject blacklist.Subject, authTime int64) bool {
	second, inForce := l.blacklist.Second(subject)
	return inForce && authTime <= second
}

func revokedSession(key sessions.Key) blacklist.Subject {
	return blacklist.RevokedSession(key.Realm, key.Hash)
}

func admitted(key sessions.Key, user string) blacklist.Subject {
	return blacklist.AdmittedSession(key.Realm, key.Hash, user)
}
