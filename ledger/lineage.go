package ledger

import (
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Lineage names a session whose id the application changes with every answer. It is what the records and tokens of the
// session have in common under all its ids; they end together. Two sessions of one user that began in the same second have
// the same lineage and end together.
type Lineage struct {
	// User is the user id inside the realm.
	User string
	// AuthTime is that of the session, in seconds since 1970.
	AuthTime int64
}

func lineageOf(session sessions.Session) Lineage { return Lineage{session.User, session.AuthTime} }

func (of Lineage) subject(realm string) blacklist.Subject {
	return blacklist.LineageOf(realm, of.User, of.AuthTime)
}

// isLineageOver reports whether the session has ended under all its ids. It costs next to nothing if no session with
// changing ids has ended lately.
func (l *Ledger) isLineageOver(realm string, of Lineage) bool {
	return l.blacklist.Count(blacklist.KindLineage) > 0 && l.blacklist.Contains(of.subject(realm))
}

// lineagesOf returns the lineages that the session is known to have: by its record, by what was seen of its id before, and
// by what the request proves. It leaves out lineages that have ended.
func (l *Ledger) lineagesOf(found finding, proven ...Lineage) []Lineage {
	if found.present && found.Rolling {
		proven = append(proven, lineageOf(found.Session))
	}
	if given, ok := l.givenIDs.Peek(found.Key); ok {
		proven = append(proven, given.Lineage)
	}
	var known []Lineage
	for _, of := range proven {
		if of.User != "" && !slices.Contains(known, of) && !l.isLineageOver(found.Realm, of) {
			known = append(known, of)
		}
	}
	return known
}

// enforceAll ends the session and its lineages and returns the subjects that are pending with that.
func (l *Ledger) enforceAll(found finding, lineages []Lineage, at int64, now time.Time) []blacklist.Subject {
	l.enforce(found.Key, at, time.Time{})
	ended := []blacklist.Subject{endOf(found.Key)}
	for _, entry := range l.lineageEntries(found, lineages, now) {
		l.blacklist.Enforce(entry)
		ended = append(ended, entry.Subject)
	}
	return ended
}

// lineageEntries returns the ends of the lineages. They last as long as there may be tokens or records of the lineages. No
// record lasts beyond the end of its session, nor beyond its idle time, since an ended session is not touched any more.
func (l *Ledger) lineageEntries(found finding, lineages []Lineage, now time.Time) []blacklist.Entry {
	var entries []blacklist.Entry
	for _, of := range lineages {
		expires := l.expiryOfEnd(max(now.Unix(), of.AuthTime))
		for _, lasts := range []time.Time{found.Ends, now.Add(time.Duration(l.longestIdle.Load()))} {
			if lasts = lasts.Add(margin); lasts.After(expires) {
				expires = lasts
			}
		}
		entries = append(entries, blacklist.Entry{Subject: of.subject(found.Realm), Second: of.AuthTime, Expires: expires})
	}
	return entries
}

// maxGivenIDs is the greatest number of ids in givenIDs. Of an id that was forgotten it is not known which others it led to.
const maxGivenIDs = 65536

// givenID is the session with changing ids to which the application gave an id lately, for when the record of that id is
// gone.
type givenID struct {
	Lineage
	ends time.Time // of the session; zero if it is not known
}

// rejoin returns a session that is being learned. If the application gave the session's id to a session of the same user
// that still goes on, the result is a part of that session: the application knows more ids of it than the gateway has
// records, and what ends one of them must end this one too.
func (l *Ledger) rejoin(session sessions.Session) sessions.Session {
	seen, ok := l.givenIDs.Peek(session.Key)
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
	if l.isLineageOver(session.Realm, seen.Lineage) || l.after(joined, l.standingOf(session.Realm, session.User)) != seen.AuthTime {
		return session // something is over that it would go on from
	}
	return joined
}
