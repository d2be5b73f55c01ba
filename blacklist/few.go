package blacklist

import "sync"

// few holds the entries of kinds of which there are few and which every request asks for. Readers take no lock.
type few struct {
	mu   sync.Mutex // held by whoever changes something
	hits sync.Map   // from Subject to hit
}

func (f *few) get(subject *Subject) (hit, bool) {
	found, ok := f.hits.Load(*subject)
	if !ok {
		return hit{}, false
	}
	return found.(hit), true
}

func (f *few) merge(entry Entry, counts *counters) (Entry, bool) {
	added, subject := hitOf(entry), entry.Subject
	f.mu.Lock()
	defer f.mu.Unlock()
	old, known := f.get(&subject)
	more := true
	if known {
		added, more = old.merged(added)
	} else {
		counts.add(subject, 1)
	}
	if added != old || !known {
		f.hits.Store(subject, added)
	}
	return added.entry(subject), more
}

func (f *few) drop(subject Subject, condition func(hit) bool, counts *counters) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.get(&subject); ok && condition(found) {
		f.hits.Delete(subject)
		counts.add(subject, -1)
	}
}

func (f *few) entries(entries []Entry, condition func(Kind, hit) bool) []Entry {
	f.hits.Range(func(key, value any) bool {
		if subject, found := key.(Subject), value.(hit); condition(subject.kind, found) {
			entries = append(entries, found.entry(subject))
		}
		return true
	})
	return entries
}
