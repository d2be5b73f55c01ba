package blacklist

import (
	"sync"
	"sync/atomic"
	"time"
)

// hit is an entry without its subject: both times are in seconds since 1970. It is small because there may be millions.
type hit struct {
	second, expires int64
	at              uint64 // the place of the last change in a shared journal
}

func (h hit) expired(now time.Time) bool { return now.Unix() >= h.expires }

func (h hit) entry(subject Subject) Entry {
	return Entry{Subject: subject, Second: h.second, Expires: time.Unix(h.expires, 0), At: h.at}
}

// merged returns the hit with the later second and the later expiry, and reports whether that hits more than h does.
func (h hit) merged(other hit) (merged hit, more bool) {
	merged = hit{second: max(h.second, other.second), expires: max(h.expires, other.expires), at: max(h.at, other.at)}
	return merged, merged.second != h.second || merged.expires != h.expires
}

// hitOf returns the hit of an entry. It rounds the expiry up, so that an entry holds too long rather than too short.
func hitOf(entry Entry) hit {
	expires := entry.Expires.Unix()
	if entry.Expires.Nanosecond() > 0 {
		expires++
	}
	return hit{second: entry.Second, expires: expires, at: entry.At}
}

// counters hold how many entries there are, so that a kind without entries costs no look-up. An entry is counted under the
// lock of its part, so that a count is never less than what is in force.
type counters struct {
	kinds [kinds]struct {
		atomic.Int64
		_ [56]byte // ends come and go all the time; this must not slow down questions about the rest
	}
	// realms counts the revocations of sessions and users of each realm, and what they bring along, as *atomic.Int64.
	realms sync.Map
}

// of returns the number of entries of the kind.
func (c *counters) of(kind Kind) int64 { return c.kinds[kind].Load() }

// add counts entries for a subject that come or, where delta is negative, go.
func (c *counters) add(subject Subject, delta int64) {
	c.kinds[subject.kind].Add(delta)
	switch subject.kind {
	case KindSession, KindUser, KindWatched, KindAttribute:
	default:
		return
	}
	count, found := c.realms.Load(subject.realm)
	if !found {
		count, _ = c.realms.LoadOrStore(subject.realm, new(atomic.Int64))
	}
	count.(*atomic.Int64).Add(delta)
}

// inRealm returns the number of entries that revoke a session or a user of the realm, and of what they bring along.
func (c *counters) inRealm(realm string) int64 {
	count, found := c.realms.Load(realm)
	if !found {
		return 0
	}
	return count.(*atomic.Int64).Load()
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

// merge merges the entry into the shard. It returns the entry that holds afterwards and reports whether that is more than
// before.
func (s *shard) merge(entry Entry, counts *counters) (Entry, bool) {
	added, subject := hitOf(entry), entry.Subject
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.hits[subject.kind][subject]
	more := true
	if known {
		added, more = old.merged(added)
	} else {
		counts.add(subject, 1)
	}
	if s.hits[subject.kind] == nil {
		s.hits[subject.kind] = make(map[Subject]hit)
	}
	s.hits[subject.kind][subject] = added
	return added.entry(subject), more
}

// drop removes the subject if its entry meets the condition.
func (s *shard) drop(subject Subject, condition func(hit) bool, counts *counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.hits[subject.kind][subject]; ok && condition(found) {
		delete(s.hits[subject.kind], subject)
		counts.add(subject, -1)
	}
}

// entries appends the entries of a kind that meet the condition.
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
