package blacklist

import (
	"maps"
	"sync"
	"sync/atomic"
)

// few holds the entries of kinds of which there are few and which every request asks for: no reader waits for another.
// Whoever changes something makes a new map.
type few struct {
	mu   sync.Mutex
	hits atomic.Pointer[map[Subject]hit]
}

func (f *few) get(subject Subject) (hit, bool) {
	hits := f.hits.Load()
	if hits == nil {
		return hit{}, false
	}
	found, ok := (*hits)[subject]
	return found, ok
}

// clone returns a copy to be changed.
func (f *few) clone() map[Subject]hit {
	hits := make(map[Subject]hit)
	if current := f.hits.Load(); current != nil {
		maps.Copy(hits, *current)
	}
	return hits
}

func (f *few) merge(entry Entry, counts *counters) (Entry, bool) {
	added, subject := hitOf(entry), entry.Subject
	f.mu.Lock()
	defer f.mu.Unlock()
	old, known := f.get(subject)
	if known {
		if added = old.merged(added); added == old {
			return old.entry(subject), false
		}
	} else {
		counts.add(subject, 1)
	}
	hits := f.clone()
	hits[subject] = added
	f.hits.Store(&hits)
	return added.entry(subject), true
}

func (f *few) drop(subject Subject, condition func(hit) bool, counts *counters) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.get(subject); ok && condition(found) {
		hits := f.clone()
		delete(hits, subject)
		f.hits.Store(&hits)
		counts.add(subject, -1)
	}
}

func (f *few) entries(entries []Entry, kind Kind, condition func(hit) bool) []Entry {
	hits := f.hits.Load()
	if hits == nil {
		return entries
	}
	for subject, found := range *hits {
		if subject.kind == kind && condition(found) {
			entries = append(entries, found.entry(subject))
		}
	}
	return entries
}
