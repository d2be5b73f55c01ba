package ledger

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// scope is what a revocation of a user, or a flush, is about.
//
// The revocation has to name a second that nothing known in the scope is after. A session has the auth_time of the clock
// when it began, unless an entry made it begin later. Then its auth_time is one second after that entry, and the entry is in
// the list until that second has come. So the entries tell how far ahead of the clock an auth_time can be.
type scope struct {
	everywhere bool
	realm      string // unless everywhere
	user       string // empty: all
}

func (s scope) includes(subject blacklist.Subject) bool {
	inRealm := s.everywhere || subject.Realm() == s.realm
	switch subject.Kind() {
	case blacklist.KindUserEverywhere, blacklist.KindAll, blacklist.KindLifted:
		inRealm = true
	default:
	}
	return inRealm && (s.user == "" || subject.User() == "" || subject.User() == s.user)
}

// latestOf returns a second that nothing in the scope is after. It does not consider what began after the end of a session;
// see endsFrom.
func (l *Ledger) latestOf(scope scope, now time.Time) int64 {
	second := max(now.Unix(), l.latest.Load())
	for _, kind := range []blacklist.Kind{
		blacklist.KindUser, blacklist.KindUserEverywhere, blacklist.KindRealm, blacklist.KindAll, blacklist.KindLifted,
		blacklist.KindLineage,
	} {
		for entry := range l.blacklist.Entries(kind) {
			if scope.includes(entry.Subject) {
				second = max(second, entry.Second+1)
			}
		}
	}
	return second
}

// endsFrom returns the ends in the scope at or after the second. A session that began after one of them is after the second.
func (l *Ledger) endsFrom(scope scope, second int64) []blacklist.Entry {
	var ends []blacklist.Entry
	for end := range l.blacklist.Entries(blacklist.KindEnd) {
		if end.Second >= second && scope.includes(end.Subject) {
			ends = append(ends, end)
		}
	}
	return ends
}

// next returns the end of the session that began after the given end. It lasts as long as there may be a record of it.
func (l *Ledger) next(end blacklist.Entry, now time.Time) blacklist.Entry {
	end.Second++
	end.Expires = l.expiryOf(end.Second, now)
	return end
}

// known holds what is known of the user of a scope.
type known struct {
	scope  scope
	second int64 // the newest auth_time, or now if that is later
	lasts  time.Time
	// early holds the ends of sessions that have no record. What began after them may have been his.
	early []blacklist.Entry
}

func (k *known) note(session sessions.Session) {
	k.second = max(k.second, session.AuthTime)
	if session.Expires.After(k.lasts) {
		k.lasts = session.Expires
	}
}

// knownOf collects what is known of the scope's user. It is called with the user locked, so that nothing is added.
func (l *Ledger) knownOf(ctx context.Context, scope scope, now time.Time) (known, error) {
	found := known{scope: scope, second: l.latestOf(scope, now), lasts: now}
	if !scope.everywhere {
		if err := l.eachOf(ctx, scope.realm, scope.user, now, found.note); err != nil {
			return known{}, err
		}
	}
	for admitted := range l.blacklist.Entries(blacklist.KindAdmitted) {
		if scope.includes(admitted.Subject) { // its record may be gone
			found.second = max(found.second, admitted.Second)
		}
	}
	for _, end := range l.endsFrom(scope, found.second) {
		present, err := l.noteOne(ctx, &found, end.Subject, now)
		if err != nil {
			return known{}, err
		}
		if !present {
			found.early = append(found.early, end)
		}
	}
	return found, nil
}

// noteOne notes the session that the subject names if it is the user's. It reports whether there is a record of any user.
func (l *Ledger) noteOne(ctx context.Context, found *known, subject blacklist.Subject, now time.Time) (bool, error) {
	key := sessions.Key{Realm: subject.Realm(), Hash: subject.Digest()}
	record, err := l.find(ctx, key, now)
	if err != nil {
		return false, err
	}
	if record.present && record.User == found.scope.user {
		found.note(record.Session)
	}
	return record.present, nil
}
