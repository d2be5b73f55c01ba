package blacklist

import (
	"sync"
	"time"
)

// hit is an entry without its subject, small since there may be millions: both in seconds since 1970.
type hit struct{ second, expires int64 }

func (h hit) expired(now time.Time) bool { return now.Unix() >= h.expires }

func (h hit) entry(subject Subject) Entry {
	return Entry{Subject: subject, Second: h.second, Expires: time.Unix(h.expires, 0)}
}

// hitOf rounds the expiry up: an entry holds a little longer rather than a little too short.
func hitOf(entry Entry) hit {
	expires := entry.Expires.Unix()
	if entry.Expires.Nanosecond() > 0 {
		expires++
	}
	return hit{second: entry.Second, expires: expires}
}

// shard holds a part of the entries under a lock of its own.
type shard struct {
	mu   sync.RWMutex
	hits map[Subject]hit
	_    [32]byte // two shards on one cache line would slow each other down
}

func (s *shard) get(subject Subject) (hit, bool) {
	s.mu.RLock()
	found, ok := s.hits[subject]
	s.mu.RUnlock()
	return found, ok
}

// merge returns what holds afterwards, and whether that is more than held before.
func (s *shard) merge(entry Entry) (Entry, bool) {
	added := hitOf(entry)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.hits[entry.Subject]
	if known {
		added = hit{second: max(old.second, added.second), expires: max(old.expires, added.expires)}
		if added == old {
			return old.entry(entry.Subject), false
		}
	}
	if s.hits == nil {
		s.hits = make(map[Subject]hit)
	}
	s.hits[entry.Subject] = added
	return added.entry(entry.Subject), true
}

// expired appends the subjects whose entries have expired.
func (s *shard) expired(subjects []Subject, now time.Time) []Subject {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for subject, found := range s.hits {
		if found.expired(now) {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// drop removes the subject if its entry has expired, which one that was merged a moment ago has not.
func (s *shard) drop(subject Subject, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.hits[subject]; ok && found.expired(now) {
		delete(s.hits, subject)
	}
}

func (s *shard) len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.hits)
}
