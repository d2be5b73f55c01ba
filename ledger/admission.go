package ledger

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// accepts reports whether the user that the application names in a session is accepted. A revocation outranks the
// application, which has not heard of it. So a session of a user who is revoked or watched is accepted only if it was known
// to be his before and is not revoked itself, or if the application was seen to set its id since.
func (l *Ledger) accepts(found finding, user string, against standing) bool {
	if !against.isFlagged() || found.active && found.User == user {
		return true
	}
	second, isAdmitted := l.blacklist.Second(admitted(found.Key, user))
	if isAdmitted && !l.isLineageOver(found.Realm, Lineage{user, second}) && (!against.revoked || second > against.second) {
		return true
	}
	return l.recentlySet.since(found.Key, against.since)
}

// refuse refuses the user that the application named, and remembers this for a while. If the session was another user's, it
// has ended all the same; replaced holds the subjects that are pending with that end.
func (l *Ledger) refuse(
	ctx context.Context, s *stripe, found finding, user string, against standing, now time.Time,
) (replaced []blacklist.Subject, err error) {
	if found.present && !found.ended && found.User != user {
		replaced, err = l.end(ctx, s, found, nil, Lineage{}, now)
	}
	l.refusals.Put(found.Key, now.Add(refusalTime))
	l.prolong(time.Time{}, against.subject, against.subject.Everywhere())
	l.prolongWatch(against.subject.Watched())
	if err != nil {
		l.report(err)
	}
	return replaced, ErrRevoked
}

// admit notes that a session of a revoked or watched user is accepted, for when its record is gone. It returns the subjects
// that are pending with that.
func (l *Ledger) admit(session sessions.Session, against standing) []blacklist.Subject {
	if !against.isFlagged() {
		return nil
	}
	subject := admitted(session.Key, session.User)
	if entry, ok := l.blacklist.Entry(subject); ok && entry.Second >= session.AuthTime {
		if l.prolong(time.Time{}, subject) {
			return []blacklist.Subject{subject}
		}
		return nil
	}
	l.blacklist.Enforce(blacklist.Entry{
		Subject: subject, Second: session.AuthTime, Expires: l.expiryOf(session.AuthTime, l.now()),
	})
	return []blacklist.Subject{subject}
}

// refused prolongs the revocation that has refused a session, at least for as long as the record of the session lasts.
func (l *Ledger) refused(found finding) {
	user := blacklist.RevokedUser(found.Realm, found.User)
	l.prolong(found.Expires.Add(margin), user, user.Everywhere())
}
