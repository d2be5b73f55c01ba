package ledger

import (
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxUndeleted is how many deletions a stripe remembers to try again. While the store can't be read, any cookie may be that
// of a session, and a flood of them must not fill the memory. Beyond the bound, an end that nothing proves is kept no longer
// than the longest token life. It is no memory of package remember, which would forget an older deletion instead of
// refusing the newer one.
const maxUndeleted = 1024

// stripe holds what is in flight for the sessions whose hash begins with its byte. Its lock is held while one session is
// changed, during calls of the store too, and never while the application is asked.
type stripe struct {
	mu sync.Mutex
	flights
	// undeleted holds the ended sessions whose record could not be deleted, each with the second of the end.
	undeleted map[sessions.Key]int64
}

// stripes holds the stripes of all sessions.
type stripes [256]stripe

// of returns the session's stripe.
func (all *stripes) of(key sessions.Key) *stripe { return &all[key.Hash[0]] }

// lock locks the session's stripe and returns it.
func (all *stripes) lock(key sessions.Key) *stripe {
	s := all.of(key)
	s.mu.Lock()
	return s
}

// lockBoth locks the stripes of two sessions, the lower one first. It returns the second session's stripe and the function
// that unlocks both.
func (all *stripes) lockBoth(from, to sessions.Key) (second *stripe, unlock func()) {
	first, last := min(from.Hash[0], to.Hash[0]), max(from.Hash[0], to.Hash[0])
	all[first].mu.Lock()
	if first != last {
		all[last].mu.Lock()
	}
	return &all[to.Hash[0]], func() {
		if first != last {
			all[last].mu.Unlock()
		}
		all[first].mu.Unlock()
	}
}

// lockAll locks all stripes, in ascending order, and returns the function that unlocks them.
func (all *stripes) lockAll() (unlock func()) {
	for i := range all {
		all[i].mu.Lock()
	}
	return func() {
		for i := range all {
			all[i].mu.Unlock()
		}
	}
}

// deleteLater remembers to delete the record of a session. It reports whether there was room.
func (s *stripe) deleteLater(key sessions.Key, second int64) bool {
	if s.undeleted == nil {
		s.undeleted = make(map[sessions.Key]int64)
	}
	if len(s.undeleted) >= maxUndeleted && !s.isUndeleted(key) {
		return false
	}
	s.undeleted[key] = second
	return true
}

func (s *stripe) isUndeleted(key sessions.Key) bool {
	_, undeleted := s.undeleted[key]
	return undeleted
}

// undeletedKeys returns the sessions whose record is to be deleted.
func (s *stripe) undeletedKeys() []sessions.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]sessions.Key, 0, len(s.undeleted))
	for key := range s.undeleted {
		keys = append(keys, key)
	}
	return keys
}
