package ledger

import (
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// entries is the blacklist, with how long its entries are kept and when they came into force. It answers from memory what is
// in force against a token, a session or a user.
type entries struct {
	*blacklist.List
	retention

	now       func() time.Time
	latest    atomic.Int64 // the latest second at which a session began, by the clock
	revokedAt *revocationMoments
}

func endOf(key sessions.Key) blacklist.Subject { return blacklist.EndOf(key.Realm, key.Hash) }

func revokedSession(key sessions.Key) blacklist.Subject {
	return blacklist.RevokedSession(key.Realm, key.Hash)
}

func admitted(key sessions.Key, user string) blacklist.Subject {
	return blacklist.AdmittedSession(key.Realm, key.Hash, user)
}

// tokenDead reports whether a token is dead, and returns why. It is [Ledger.TokenDead].
func (e *entries) tokenDead(subjects Subjects, authTime int64) (bool, Cause) {
	switch {
	case e.Contains(subjects.token),
		e.Contains(revokedSession(subjects.key)),
		e.isUserRevoked(subjects.user, authTime):
		return true, Revoked
	case e.isOver(subjects.key, authTime), e.isLineageOver(subjects.key.Realm, Lineage{subjects.user.User(), authTime}):
		return true, Ended
	}
	return false, 0
}

// isUserRevoked reports whether a session or token of the user with this auth_time is revoked.
func (e *entries) isUserRevoked(user blacklist.Subject, authTime int64) bool {
	return e.hits(user, authTime) || e.hits(user.Everywhere(), authTime)
}

// isOver reports whether a session with this auth_time, or a token of it, has ended or was flushed.
func (e *entries) isOver(key sessions.Key, authTime int64) bool {
	return e.hits(endOf(key), authTime) || e.isFlushed(key.Realm, authTime)
}

func (e *entries) isFlushed(realm string, authTime int64) bool {
	return e.hits(blacklist.FlushedRealm(realm), authTime) || e.hits(blacklist.FlushedAll(), authTime)
}

// isLineageOver reports whether the session has ended under all its ids. It costs next to nothing if no session with
// changing ids has ended lately.
func (e *entries) isLineageOver(realm string, of Lineage) bool {
	return e.Count(blacklist.KindLineage) > 0 && e.Contains(of.subject(realm))
}

func (e *entries) hits(subject blacklist.Subject, authTime int64) bool {
	second, inForce := e.Second(subject)
	return inForce && authTime <= second
}

// hasFlagged reports whether any user is revoked or watched, by himself or by an attribute.
func (e *entries) hasFlagged() bool {
	return e.Count(blacklist.KindUser)+e.Count(blacklist.KindUserEverywhere)+e.Count(blacklist.KindWatched)+
		e.Count(blacklist.KindAttribute) > 0
}

// after returns the session's auth_time, or the second after all that is over if that is later.
func (e *entries) after(session sessions.Session, against standing) int64 {
	authTime := session.AuthTime
	if against.revoked {
		authTime = max(authTime, against.second+1)
	}
	for _, subject := range []blacklist.Subject{
		endOf(session.Key), blacklist.FlushedRealm(session.Realm), blacklist.FlushedAll(),
	} {
		if second, inForce := e.Second(subject); inForce {
			authTime = max(authTime, second+1)
		}
	}
	for e.isLineageOver(session.Realm, Lineage{session.User, authTime}) {
		authTime++
	}
	return authTime
}

// standing is what is in force against a user in a realm.
type standing struct {
	subject blacklist.Subject // of the user, revoked in the realm
	watched bool
	revoked bool
	// second is the last auth_time of a revoked user that is refused.
	second int64
	// since is the moment at which the latest of these came into force.
	since Moment
	// attributes are the subjects by which he is revoked for what an attribute of his holds.
	attributes []blacklist.Subject
}

// standingWith is like standingOf, of a user with these attributes. It costs next to nothing if no attribute is revoked.
func (e *entries) standingWith(realm, user string, attributes sessions.Attributes) standing {
	found := e.standingOf(realm, user)
	if e.Count(blacklist.KindAttribute) == 0 {
		return found
	}
	for name, attribute := range attributes {
		for _, text := range attribute.Texts() {
			for _, subject := range attributeSubjects(realm, name, text) {
				if second, revoked := e.Second(subject); revoked {
					found.second = max(found.second, second)
					found.revoked = true
					found.since = max(found.since, e.revokedAt.of(subject))
					found.attributes = append(found.attributes, subject)
				}
			}
		}
	}
	return found
}

func (e *entries) standingOf(realm, user string) standing {
	found := standing{subject: blacklist.RevokedUser(realm, user)}
	for _, subject := range []blacklist.Subject{found.subject, found.subject.Everywhere()} {
		if second, revoked := e.Second(subject); revoked {
			found.second = max(found.second, second)
			found.revoked = true
			found.since = max(found.since, e.revokedAt.of(subject))
		}
	}
	if watched := found.subject.Watched(); e.Contains(watched) {
		found.watched = true
		found.since = max(found.since, e.revokedAt.of(watched))
	}
	return found
}

// isFlagged reports whether the user is revoked or watched.
func (s standing) isFlagged() bool { return s.revoked || s.watched }
