package ledger

import (
	"maps"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// accepts reports whether the user that the application names in a session is accepted. A revocation outranks the
// application, which has not heard of it. So a session of a user who is revoked or watched is accepted only if it was known
// to be his before and is not revoked itself, or if the application was seen to set its id since.
func (b *book) accepts(found *finding, user string, against standing) bool {
	if !against.isFlagged() || found.active && found.User == user {
		return true
	}
	second, isAdmitted := b.blacklist.Second(admitted(found.Key, user))
	if isAdmitted && !b.blacklist.isLineageOver(found.Realm, Lineage{user, second}) &&
		(!against.revoked || second > against.second) {
		return true
	}
	return b.recentlySet.since(found.Key, against.since)
}

// admit notes that a session of a revoked or watched user is accepted, for when its record is gone. It returns the subjects
// that are pending with that.
func (b *book) admit(session sessions.Session, against standing) []blacklist.Subject {
	if !against.isFlagged() {
		return nil
	}
	subject := admitted(session.Key, session.User)
	if entry, ok := b.blacklist.Entry(subject); ok && entry.Second >= session.AuthTime {
		if b.blacklist.prolong(time.Time{}, subject) {
			return []blacklist.Subject{subject}
		}
		return nil
	}
	b.blacklist.Enforce(blacklist.Entry{
		Subject: subject, Second: session.AuthTime, Expires: b.blacklist.expiryOf(session.AuthTime, b.now()),
	})
	return []blacklist.Subject{subject}
}

// beganAnew reports whether the application set the session's id once more after its user was revoked. Applications do that
// whose ids stem from the user. Then the application is to be asked.
func (b *book) beganAnew(found *finding) bool {
	against := b.blacklist.standingWith(found.Realm, found.User, found.Attributes)
	return b.recentlySet.since(found.Key, against.since) && !b.blacklist.Contains(revokedSession(found.Key))
}

// isRefused reports whether the record is that of a revoked session or user and nothing shows that the user signed in since.
func (b *book) isRefused(found *finding) bool {
	return found.revoked && !found.ended && !b.beganAnew(found)
}

// prolongAgainst prolongs the revocation that has refused a session, at least for as long as the record of the session lasts.
func (b *book) prolongAgainst(found *finding) {
	user := blacklist.RevokedUser(found.Realm, found.User)
	b.blacklist.prolong(found.Expires.Add(margin), user, user.Everywhere())
}

// newSession returns a session that begins now.
func (b *book) newSession(
	key sessions.Key, identity Identity, lifetimes Lifetimes, source sessions.Source, now time.Time,
) sessions.Session {
	session := sessions.Session{
		Key: key, User: identity.User, Attributes: maps.Clone(identity.Attributes), Source: source,
		Provider: identity.Provider, AuthTime: now.Unix(), Confirmed: now, Ends: now.Add(lifetimes.MaxAge),
	}
	raise(&b.blacklist.latest, session.AuthTime)
	raise(&b.blacklist.longestIdle, int64(min(lifetimes.Idle, lifetimes.MaxAge)))
	return session.Touched(now, lifetimes.Idle)
}

// rejoin returns a session that is being learned. If the application gave the session's id to a session of the same user
// that still goes on, the result is a part of that session: the application knows more ids of it than the gateway has
// records, and what ends one of them must end this one too.
func (b *book) rejoin(session sessions.Session) sessions.Session {
	seen, ok := b.givenIDs.Peek(session.Key)
	if !ok || seen.User != session.User || seen.ends.IsZero() || !session.Seen.Before(seen.ends) {
		return session
	}
	joined := session
	joined.AuthTime, joined.Rolling = seen.AuthTime, true
	if seen.ends.Before(joined.Ends) {
		joined.Ends = seen.ends
	}
	if joined.Ends.Before(joined.Expires) {
		joined.Expires = joined.Ends
	}
	against := b.blacklist.standingWith(session.Realm, session.User, session.Attributes)
	if b.blacklist.isLineageOver(session.Realm, seen.Lineage) || b.blacklist.after(joined, against) != seen.AuthTime {
		return session // something is over that it would go on from
	}
	return joined
}
