package ledger

import (
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxSightings is how many session ids are remembered that the application has set.
const maxSightings = 131072

// Moment is a place in the order of requests and revocations of this process. The zero value is before all of them.
type Moment uint64

// Moment returns the present one. A request takes it before it is decided, for [Ledger.SawSet].
func (l *Ledger) Moment() Moment { return Moment(l.moments.last.Load()) }

// moments are when the revocations of this process came into force. What is in force since before the process began has
// the zero moment: no request is from before it.
type moments struct {
	last atomic.Uint64
	mu   sync.RWMutex
	at   map[blacklist.Subject]Moment
	// latest is when the last session or user of a realm was revoked. The realm "" stands for users everywhere.
	latest map[string]Moment
}

func newMoments() *moments {
	return &moments{at: make(map[blacklist.Subject]Moment), latest: make(map[string]Moment)}
}

// mark notes that an entry has come into force. It is called under the lock of the user, after the entry is in the list,
// so that a request from an earlier moment may have missed the entry, and one from this moment on can't have.
func (m *moments) mark(subject blacklist.Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[subject] = Moment(m.last.Add(1))
	m.latest[subject.Realm()] = m.at[subject]
}

// markRealm notes that a session of the realm was revoked. Nobody asks when a single session was.
func (m *moments) markRealm(realm string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latest[realm] = Moment(m.last.Add(1))
}

// inRealm returns when the last revocation of a session or user came into force that is about the realm.
func (m *moments) inRealm(realm string) Moment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return max(m.latest[realm], m.latest[""])
}

func (m *moments) of(subject blacklist.Subject) Moment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.at[subject]
}

// sweep forgets when that came into force which is in force no longer.
func (m *moments) sweep(list *blacklist.List) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for subject := range m.at {
		if !list.Contains(subject) {
			delete(m.at, subject)
		}
	}
	for realm := range m.latest {
		if !list.RevokesIn(realm) {
			delete(m.latest, realm)
		}
	}
}

// sightings are the session ids that the application set lately, with the moment at which the request began that it
// answered. They are bounded: with more of them the oldest are forgotten, and a user who has not used his by then signs
// in once more.
type sightings struct {
	at *lru.Cache[sessions.Key, Moment]
}

func newSightings() *sightings {
	at, _ := lru.New[sessions.Key, Moment](maxSightings) // fails for a size below 1 only
	return &sightings{at: at}
}

// since says whether the id was set in answer to a request that began at the moment or later.
func (s *sightings) since(key sessions.Key, moment Moment) bool {
	at, seen := s.at.Peek(key)
	return seen && at >= moment
}

// SawSet notes that the application set the id of a session, in its answer to a request that began at the given moment.
// It is how a user who is revoked, or one of whose sessions is, comes in again: by signing in. An answer to a request from
// before the revocation does not count, for what it answers may have been a session that is revoked now.
//
// Call it only where the request came without a session, or with one that the application said nobody is signed in with:
// otherwise what was set may go on from a session that the gateway could not judge.
func (l *Ledger) SawSet(key sessions.Key, began Moment) {
	if !l.RevokesIn(key.Realm) && !l.hasFlagged() {
		return // what was set before a revocation does not count
	}
	s := l.settle(key)
	defer s.mu.Unlock()
	if at, seen := l.sightings.at.Peek(key); !seen || at < began {
		l.sightings.at.Add(key, began)
	}
	l.refusals.drop(key)
}

// Places returns where the values of session cookies were seen set. A restart forgets that.
func (l *Ledger) Places() *cookie.Places { return l.places }

// hasFlagged says whether any user is revoked or watched.
func (l *Ledger) hasFlagged() bool {
	return l.hasRevokedUsers() || l.blacklist.Count(blacklist.KindWatched) > 0
}

// hasRevokedUsers reports whether any user is revoked, in a realm or everywhere.
func (l *Ledger) hasRevokedUsers() bool {
	return l.blacklist.Count(blacklist.KindUser)+l.blacklist.Count(blacklist.KindUserEverywhere) > 0
}

// RevokesIn reports whether a revocation of a session or a user is in force in the realm. While one is, a session that
// nobody has judged may be the revoked one under another spelling of its id. It answers from memory and does not allocate.
func (l *Ledger) RevokesIn(realm string) bool { return l.blacklist.RevokesIn(realm) }

// WasSetSince reports whether [Ledger.SawSet] saw the application set the session's id after the last revocation of a
// session or user in its realm, so that the session is none of those.
func (l *Ledger) WasSetSince(key sessions.Key) bool {
	return l.sightings.since(key, l.moments.inRealm(key.Realm))
}

// IsUserRevoked reports whether the user is revoked, in the realm or everywhere, whenever he signed in. It answers from
// memory.
func (l *Ledger) IsUserRevoked(realm, user string) bool {
	subject := blacklist.RevokedUser(realm, user)
	return l.blacklist.Contains(subject) || l.blacklist.Contains(subject.Everywhere())
}
