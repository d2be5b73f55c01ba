package blacklist

import (
	"sync"
	"sync/atomic"
)

// shard holds a part of the entries under a lock of its own.
//
// Questions never wait while the table grows, shrinks or is read from end to end: that takes change alone. They wait for mu,
// which is held exclusively for the change of one entry.
type shard struct {
	// kinds has a bit for each kind of which the table may have entries. Most questions are about a kind of which there are
	// few, and cost one load.
	kinds atomic.Uint32
	mu    sync.RWMutex // guards table, for reading; it is held with change for writing
	table table
	// change is held by whoever changes the table, from before the look at it, and by whoever reads all of it. It is taken
	// before mu.
	change sync.Mutex
	_      [16]byte // two shards on one cache line would slow each other down
}

func (s *shard) get(subject *Subject) (hit, bool) {
	if s.kinds.Load()&bitOf(subject.kind) == 0 {
		return hit{}, false
	}
	hash := hashOf(subject)
	s.mu.RLock()
	defer s.mu.RUnlock()
	place, found := s.table.find(subject, hash)
	if !found {
		return hit{}, false
	}
	return s.table.hit(place), true
}

// merge merges the entry into the shard. It returns the entry that holds afterwards and reports whether that is more than
// before.
func (s *shard) merge(entry Entry, counts *counters) (Entry, bool) {
	added, subject := hitOf(entry), entry.Subject
	hash := hashOf(&subject)
	s.change.Lock()
	defer s.change.Unlock()
	place, known := s.table.find(&subject, hash)
	if !known {
		s.add(&subject, hash, added, counts)
		return added.entry(subject), true
	}
	old := s.table.hit(place)
	merged, more := old.merged(added)
	if merged != old {
		s.mu.Lock()
		s.table.set(place, &subject, merged)
		s.mu.Unlock()
		s.tidy()
	}
	return merged.entry(subject), more
}

// add adds an entry for a subject that is not there. It is called with change held.
func (s *shard) add(subject *Subject, hash uint64, added hit, counts *counters) {
	if !s.table.hasRoom() {
		s.rebuild()
	}
	counts.add(*subject, 1)
	s.kinds.Or(bitOf(subject.kind))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.add(subject, hash, added)
}

// drop removes the subject if its entry meets the condition.
func (s *shard) drop(subject Subject, condition func(hit) bool, counts *counters) {
	hash := hashOf(&subject)
	s.change.Lock()
	defer s.change.Unlock()
	place, found := s.table.find(&subject, hash)
	if !found || !condition(s.table.hit(place)) {
		return
	}
	s.mu.Lock()
	s.table.remove(place)
	s.mu.Unlock()
	counts.add(subject, -1)
	if s.table.live == 0 {
		s.kinds.Store(0)
	}
	s.tidy()
}

// tidy gives memory back if there is much to give. It is called with change held.
func (s *shard) tidy() {
	if s.table.isWasteful() {
		s.rebuild()
	}
}

// rebuild makes a table with room and without waste beside the one that questions read, and puts it in its place. It is
// called with change held.
func (s *shard) rebuild() {
	rebuilt, kinds := s.table.rebuilt()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = rebuilt
	s.kinds.Store(kinds)
}

// bitOf returns the bit of a kind among kinds.
func bitOf(kind Kind) uint32 { return 1 << kind }

// entries appends the entries that meet the condition.
func (s *shard) entries(entries []Entry, condition func(Kind, hit) bool) []Entry {
	s.change.Lock()
	defer s.change.Unlock()
	s.table.each(func(_ uint32, r row, h hit, user []byte) {
		if condition(r.kind(), h) {
			entries = append(entries, h.entry(s.table.subject(r, user)))
		}
	})
	return entries
}
