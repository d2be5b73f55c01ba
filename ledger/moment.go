package ledger

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// Moment is a place in the order of requests and revocations: of this process, or of all gateways that share a place. The zero
// value is before all of them.
type Moment uint64

// momentClock tells the moments. A request of a moment can't have missed a revocation of that moment or an earlier one.
type momentClock interface {
	// now returns the present moment.
	now() Moment
	// of returns the moment of a revocation that has just come into force here, and stands at the place in the journal.
	of(at uint64) Moment
}

// counter counts the revocations of this process.
type counter struct{ last atomic.Uint64 }

func (c *counter) now() Moment      { return Moment(c.last.Load()) }
func (c *counter) of(uint64) Moment { return Moment(c.last.Add(1)) }

// position tells the moments by the order of all writes to a place that gateways share.
type position struct{ place storage.Shared }

func (p position) now() Moment         { return Moment(p.place.Position()) }
func (p position) of(at uint64) Moment { return Moment(at) }

// lastPlace returns the last place of the entries in the journal.
func lastPlace(written []blacklist.Entry) uint64 {
	last := uint64(0)
	for _, entry := range written {
		last = max(last, entry.At)
	}
	return last
}

// revocationMoments holds when the revocations came into force. A revocation from before the process began has the zero moment
// if nobody shares the place: no request is from before it. They are no memory of package remember, because none may be
// forgotten while its revocation is in force.
type revocationMoments struct {
	clock momentClock
	// adopting is held shared from the mark of an entry until the list has it, and exclusively while moments are swept.
	adopting sync.RWMutex

	mu sync.RWMutex
	at map[blacklist.Subject]Moment
	// latest holds when the last session or user of a realm was revoked. The realm "" stands for users everywhere.
	latest map[string]Moment
}

func newRevocationMoments(clock momentClock) *revocationMoments {
	return &revocationMoments{clock: clock, at: make(map[blacklist.Subject]Moment), latest: make(map[string]Moment)}
}

// mark notes that an entry has come into force, which stands at the place in the journal. It is called with the user locked
// and the entry in the list, or before [revocationMoments.now] comes to that place. So a request from an earlier moment may
// have missed the entry, and one from this moment on can't have.
func (m *revocationMoments) mark(subject blacklist.Subject, at uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	moment := m.clock.of(at)
	m.at[subject] = max(m.at[subject], moment)
	m.latest[subject.Realm()] = max(m.latest[subject.Realm()], moment)
}

// markRealm notes that a session of the realm was revoked. Nobody asks when a single session was revoked.
func (m *revocationMoments) markRealm(realm string, at uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latest[realm] = max(m.latest[realm], m.clock.of(at))
}

// adopt marks entries of other gateways, and puts them in force. It returns what [blacklist.List.Adopt] does.
func (m *revocationMoments) adopt(list *blacklist.List, entries []blacklist.Entry) (news []blacklist.Entry) {
	m.adopting.RLock()
	defer m.adopting.RUnlock()
	for _, entry := range entries {
		m.markNew(list, entry)
	}
	return list.Adopt(entries...)
}

// markNew marks an entry that is about to come into force, unless it is known and only expires later.
func (m *revocationMoments) markNew(list *blacklist.List, entry blacklist.Entry) {
	subject := entry.Subject
	if second, known := list.Second(subject); known && entry.Second <= second {
		return
	}
	switch subject.Kind() {
	case blacklist.KindUser, blacklist.KindUserEverywhere, blacklist.KindWatched, blacklist.KindAttribute:
		m.mark(subject, entry.At)
	case blacklist.KindSession:
		m.markRealm(subject.Realm(), entry.At)
	default: // is no revocation of a session or a user
	}
}

// load marks what the list holds at the start, which other gateways have seen come into force.
func (m *revocationMoments) load(list *blacklist.List) {
	for _, kind := range []blacklist.Kind{
		blacklist.KindUser, blacklist.KindUserEverywhere, blacklist.KindWatched, blacklist.KindAttribute,
	} {
		for entry := range list.Entries(kind) {
			m.mark(entry.Subject, entry.At)
		}
	}
	for entry := range list.Entries(blacklist.KindSession) {
		m.markRealm(entry.Subject.Realm(), entry.At)
	}
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

// sweptAtOnce is how many moments are swept while others wait.
const sweptAtOnce = 256

// sweep drops the moments of revocations that are no longer in force.
func (m *revocationMoments) sweep(list *blacklist.List) {
	m.adopting.Lock()
	defer m.adopting.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	swept := 0
	for subject := range m.at {
		if !list.Contains(subject) {
			delete(m.at, subject)
		}
		if swept++; swept%sweptAtOnce == 0 { // the iteration goes on with what others add or drop meanwhile
			m.mu.Unlock()
			m.adopting.Unlock()
			m.adopting.Lock()
			m.mu.Lock()
		}
	}
	if left := len(m.at); left <= sweptAtOnce && left < swept/2 { // a map of Go keeps the memory of what was deleted
		m.at = maps.Clone(m.at)
	}
	for realm := range m.latest {
		if !list.RevokesIn(realm) {
			delete(m.latest, realm)
		}
	}
}
