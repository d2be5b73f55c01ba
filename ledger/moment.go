package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Moment is a place in the order of requests and revocations of this process. The zero value is before all of them.
type Moment uint64

// revocationMoments holds when the revocations of this process came into force. A revocation from before the process began
// has the zero moment: no request is from before it. They are no memory of package remember, because none may be forgotten
// while its revocation is in force.
type revocationMoments struct {
	last atomic.Uint64
	mu   sync.RWMutex
	at   map[blacklist.Subject]Moment
	// latest holds when the last session or user of a realm was revoked. The realm "" stands for users everywhere.
	latest map[string]Moment
}

func newRevocationMoments() *revocationMoments {
	return &revocationMoments{at: make(map[blacklist.Subject]Moment), latest: make(map[string]Moment)}
}

// mark notes that an entry has come into force. It is called with the user locked and the entry in the list. So a request
// from an earlier moment may have missed the entry, and one from this moment on can't have.
func (m *revocationMoments) mark(subject blacklist.Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[subject] = Moment(m.last.Add(1))
	m.latest[subject.Realm()] = m.at[subject]
}

// markRealm notes that a session of the realm was revoked. Nobody asks when a single session was revoked.
func (m *revocationMoments) markRealm(realm string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latest[realm] = Moment(m.last.Add(1))
}

// inRealm returns when the last revocation of a session or user came into force in the realm.
func (m *revocationMoments) inRealm(realm string) Moment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return max(m.latest[realm], m.latest[""])
}

func (m *revocationMoments) of(subject blacklist.Subject) Moment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.at[subject]
}

// sweep drops the moments of revocations that are no longer in force.
func (m *revocationMoments) sweep(list *blacklist.List) {
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
