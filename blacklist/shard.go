package blacklist

import (
	"sync"
	"sync/atomic"
	"time"
)

// hit is an entry without its subject, small since there may be millions: both in seconds since 1970.
type hit struct{ second, expires int64 }

func (h hit) expired(now time.Time) bool { return now.Unix() >= h.expires }

func (h hit) entry(subject Subject) Entry {
	return Entry{Subject: subject, Second: h.second, Expires: time.Unix(h.expires, 0)}
}

// merged is what holds where both hold.
func (h hit) merged(other hit) hit {
	return hit{second: max(h.second, other.second), expires: max(h.expires, other.expires)}
}

// hitOf rounds the expiry up: an entry holds a little longer rather than a little too short.
func hitOf(entry Entry) hit {
	expires := entry.Expires.Unix()
	if entry.Expires.Nanosecond() > 0 {
		expires++
	}
	return hit{second: entry.Second, expires: expires}
}

// counters say how many entries of each kind there are, so that a kind without any costs no look-up.
type counters [kinds]struct {
	atomic.Int64
	_ [56]byte // ends come and go all the time, which must not slow down asking about the rest
}

// shard holds a part of the entries under a lock of its own.
type shard struct {
	mu   sync.RWMutex
	hits [kinds]map[Subject]hit
	_    [24]byte // two shards on one cache line would slow each other down
}

func (s *shard) get(subject Subject) (hit, bool) {
	s.mu.RLock()
	found, ok := s.hits[subject.kind][subject]
	s.mu.RUnlock()
	return found, ok
}

// merge returns what holds afterwards, and whether that is more than held before.
func (s *shard) merge(entry Entry, counts *counters) (Entry, bool) {
	added, subject := hitOf(entry), entry.Subject
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.hits[subject.kind][subject]
	if known {
		if added = old.merged(added); added == old {
			return old.entry(subject), false
		}
	} else {
		counts[subject.kind].Add(1) // under the lock, so that it never says less than what is in force
	}
	if s.hits[subject.kind] == nil {
		s.hits[subject.kind] = make(map[Subject]hit)
	}
	s.hits[subject.kind][subject] = added
	return added.entry(subject), true
}

// drop removes the subject if the condition holds of its entry.
func (s *shard) drop(subject Subject, condition func(hit) bool, counts *counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.hits[subject.kind][subject]; ok && condition(found) {
		delete(s.hits[subject.kind], subject)
		counts[subject.kind].Add(-1)
	}
}

// entries appends the entries of a kind that the condition holds of.
func (s *shard) entries(entries []Entry, kind Kind, condition func(hit) bool) []Entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for subject, found := range s.hits[kind] {
		if condition(found) {
			entries = append(entries, found.entry(subject))
		}
	}
	return entries
}
