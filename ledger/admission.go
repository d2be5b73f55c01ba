package ledger

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// counts says whether it counts that the application names the user in the session that was found. What the operator
// said no to must not come back by the application's word alone, since it has not heard of it: so, of a user who is
// revoked or watched, only a session counts that was known to be his before, and is not revoked itself, or whose beginning
// was seen since.
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

// refuse settles that it does not count who the application named, and remembers this for a while. That it is not the
// user whose session it was counts: that one has ended, and replaced is what is pending with that.
func (l *Ledger) refuse(
	ctx context.Context, s *stripe, found finding, user string, against standing, now time.Time,
) (replaced []blacklist.Subject, err error) {
	if found.present && !found.ended && found.User != user {
		replaced, err = l.end(ctx, s, found, nil, Lineage{}, now)
	}
	l.refusals.remember(found.Key, now.Add(refusalTime))
	l.prolong(time.Time{}, against.subject, against.subject.Everywhere())
	l.prolongWatch(against.subject.Watched())
	if err != nil {
		l.report(err)
	}
	return replaced, ErrRevoked
}

// admit keeps in mind that a session of a revoked or watched user counts, for when its record is gone. It returns what it
// left pending.
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

// refused keeps in force what has refused a session whose record was found, for as long as the record lasts at least.
func (l *Ledger) refused(found finding) {
	user := blacklist.RevokedUser(found.Realm, found.User)
	l.prolong(found.Expires.Add(margin), user, user.Everywhere())
}
