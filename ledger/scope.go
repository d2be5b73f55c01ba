package ledger

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// scope is what a revocation of a user, or a flush, is about.
//
// Its entry names a second, and everything known in the scope must be from that second or before. A session has the
// auth_time of the clock when it began, unless an entry made it begin later. Then its auth_time is one second after that
// entry, and the entry is in the list until that second has come. So the entries tell how far ahead of the clock an
// auth_time can be.
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

// latest returns a second that everything in the scope is from, or from before. It does not consider what began after the
// end of a session; see ends.
func (s scope) latest(list *entries, now time.Time) int64 {
	second := max(now.Unix(), list.latest.Load())
	for entry := range list.Since(second,
		blacklist.KindUser, blacklist.KindUserEverywhere, blacklist.KindRealm, blacklist.KindAll, blacklist.KindLifted,
		blacklist.KindLineage, blacklist.KindAttribute,
	) {
		if s.includes(entry.Subject) {
			second = max(second, entry.Second+1)
		}
	}
	return second
}

// ends returns the ends in the scope at or after the second. A session that began after one of them is after the second.
func (s scope) ends(list *entries, second int64) []blacklist.Entry {
	var ends []blacklist.Entry
	for end := range list.Since(second, blacklist.KindEnd) {
		if s.includes(end.Subject) {
			ends = append(ends, end)
		}
	}
	return ends
}

// known holds what is known of the user of a scope.
type known struct {
	scope  scope
	second int64 // the newest auth_time, or now if that is later
	lasts  time.Time
}

// knownOf collects what is known of the scope's user. It is called with the user locked, so that nothing is added.
func knownOf(ctx context.Context, b *book, scope scope, now time.Time) (known, error) {
	found := known{scope: scope, second: scope.latest(&b.blacklist, now), lasts: now}
	if !scope.everywhere {
		if err := b.eachOfUser(ctx, scope.realm, scope.user, now, found.note); err != nil {
			return known{}, err
		}
	}
	for admitted := range b.blacklist.Since(found.second, blacklist.KindAdmitted) {
		if scope.includes(admitted.Subject) { // its record may be gone
			found.second = max(found.second, admitted.Second)
		}
	}
	for _, end := range scope.ends(&b.blacklist, found.second) {
		key := sessions.Key{Realm: end.Subject.Realm(), Hash: end.Subject.Digest()}
		record, err := b.find(ctx, key, now)
		switch {
		case err != nil:
			return known{}, err
		case !record.present: // what began after the end may have been his
			found.second = max(found.second, end.Second+1)
		case record.User == scope.user:
			found.note(record.Session)
		}
	}
	return found, nil
}

func (k *known) note(session sessions.Session) {
	k.second = max(k.second, session.AuthTime)
	if session.Expires.After(k.lasts) {
		k.lasts = session.Expires
	}
}
