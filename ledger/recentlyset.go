package ledger

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxRecentlySet is the greatest number of ids in recentlySet.
const maxRecentlySet = 131072

// recentlySet holds the session ids that the application set lately, each with the moment at which the answered request
// began. It is bounded: with more of them the oldest are forgotten, and a user who has not used his by then signs in once
// more.
type recentlySet struct {
	*remember.Memory[sessions.Key, Moment]
}

// since reports whether the id was set in answer to a request that began at the moment or later.
func (s recentlySet) since(key sessions.Key, moment Moment) bool {
	at, seen := s.Peek(key)
	return seen && at >= moment
}

// SawSet notes that the application set the id of a session, in its answer to a request that began at the given moment. So a
// user who is revoked, or who has a revoked session, is accepted again when he signs in. An answer to a request from before
// the revocation has no effect: the request may have come with a session that is revoked now.
//
// Call SawSet only if the request came without a session, or with one in which the application knew nobody. Otherwise the id
// may go on from a session that the gateway has not decided about.
func (l *Ledger) SawSet(key sessions.Key, began Moment) {
	if !l.RevokesIn(key.Realm) && !l.hasFlagged() {
		return // what was set before a revocation does not count
	}
	s := l.lock(key)
	defer s.mu.Unlock()
	if at, seen := l.recentlySet.Peek(key); !seen || at < began {
		l.recentlySet.Put(key, began)
	}
	l.refusals.Drop(key)
}

// Places returns the memory of where the values of session cookies were seen set. It is lost with a restart.
func (l *Ledger) Places() *cookie.Places { return l.places }

// hasFlagged reports whether any user is revoked or watched.
func (l *Ledger) hasFlagged() bool {
	return l.hasRevokedUsers() || l.blacklist.Count(blacklist.KindWatched) > 0
}

// hasRevokedUsers reports whether any user is revoked, in a realm or everywhere.
func (l *Ledger) hasRevokedUsers() bool {
	return l.blacklist.Count(blacklist.KindUser)+l.blacklist.Count(blacklist.KindUserEverywhere) > 0
}

// RevokesIn reports whether a revocation of a session or a user is in force in the realm. While one is, a session that the
// gateway has not decided about may be the revoked one under another spelling of its id. RevokesIn answers from memory and
// does not allocate.
func (l *Ledger) RevokesIn(realm string) bool { return l.blacklist.RevokesIn(realm) }

// WasSetSince reports whether [Ledger.SawSet] saw the application set the session's id after the last revocation of a
// session or user in its realm. Then the session is not a revoked one.
func (l *Ledger) WasSetSince(key sessions.Key) bool {
	return l.recentlySet.since(key, l.revokedAt.inRealm(key.Realm))
}

// IsUserRevoked reports whether the user is revoked, in the realm or everywhere, whenever he signed in. IsUserRevoked answers
// from memory.
func (l *Ledger) IsUserRevoked(realm, user string) bool {
	subject := blacklist.RevokedUser(realm, user)
	return l.blacklist.Contains(subject) || l.blacklist.Contains(subject.Everywhere())
}
