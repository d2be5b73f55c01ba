package shop

import (
	"crypto/rand"
	"crypto/subtle"
	"maps"
	"sync"
	"time"
)

// idleTimeout is how long a session lives after its last request.
const idleTimeout = 2 * time.Hour

// session is what the shop remembers of one browser. Its zero value is nobody's.
type session struct {
	id   string
	csrf string // what this session's forms must bring
	user User   // zero while nobody is signed in
	cart map[string]int
	seen time.Time
}

func (s session) signedIn() bool { return s.user.Name != "" }

// accepts reports whether a form's token is this session's.
func (s session) accepts(csrf string) bool {
	return s.csrf != "" && subtle.ConstantTimeCompare([]byte(s.csrf), []byte(csrf)) == 1
}

// sessions keeps the sessions in memory. What it hands out are copies.
type sessions struct {
	mu    sync.Mutex
	byID  map[string]*session
	swept time.Time
}

// find returns the session with that id and moves its idle clock. It never makes one: an id that the shop did not
// choose must not become a session.
func (s *sessions) find(id string, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.live(id, now)
	if found == nil {
		return session{}, false
	}
	found.seen = now
	return found.copy(), true
}

// open makes a session in which nobody is signed in.
func (s *sessions) open(now time.Time) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(session{cart: map[string]int{}}, now).copy()
}

// signIn puts a new session, with a new id, in the place of the one named. The cart comes along where it was nobody's.
func (s *sessions) signIn(id string, user User, now time.Time) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	signedIn := session{user: user, cart: map[string]int{}}
	if earlier := s.live(id, now); earlier != nil && (!earlier.signedIn() || earlier.user == user) {
		signedIn.cart = earlier.cart
	}
	delete(s.byID, id)
	return s.add(signedIn, now).copy()
}

// signOut drops the session.
func (s *sessions) signOut(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// change sets how many of a product are in the cart of the session; none takes it out.
func (s *sessions) change(id, product string, count func(before int) int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.live(id, now)
	if found == nil {
		return
	}
	if after := count(found.cart[product]); after > 0 {
		found.cart[product] = after
	} else {
		delete(found.cart, product)
	}
}

// live returns the session itself unless it has idled too long. The caller holds the lock.
func (s *sessions) live(id string, now time.Time) *session {
	found := s.byID[id]
	if found == nil || now.Sub(found.seen) >= idleTimeout {
		return nil
	}
	return found
}

// add gives the session its secrets and keeps it. The caller holds the lock.
func (s *sessions) add(added session, now time.Time) *session {
	s.sweep(now)
	added.id, added.csrf, added.seen = rand.Text(), rand.Text(), now
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	s.byID[added.id] = &added
	return &added
}

// sweep drops what has idled too long, at most once a minute. The caller holds the lock.
func (s *sessions) sweep(now time.Time) {
	if now.Sub(s.swept) < time.Minute {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.byID, func(_ string, kept *session) bool { return now.Sub(kept.seen) >= idleTimeout })
}

func (s *session) copy() session {
	copied := *s
	copied.cart = maps.Clone(s.cart)
	return copied
}
