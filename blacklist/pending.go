package blacklist

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// pending holds the entries that are in force and not durable yet.
type pending struct {
	sync.RWMutex

	entries map[Subject]Entry
}

// of returns the pending entries for the subjects.
func (p *pending) of(subjects []Subject) []Entry {
	p.RLock()
	defer p.RUnlock()
	var entries []Entry
	for _, subject := range subjects {
		if entry, pending := p.entries[subject]; pending {
			entries = append(entries, entry)
		}
	}
	return entries
}

// subjects returns the subjects of all pending entries.
func (p *pending) subjects() []Subject {
	p.RLock()
	defer p.RUnlock()
	return slices.Collect(maps.Keys(p.entries))
}

// has reports whether an entry for the subject is pending.
func (p *pending) has(subject Subject) bool {
	p.RLock()
	defer p.RUnlock()
	_, pending := p.entries[subject]
	return pending
}

func (p *pending) len() int {
	p.RLock()
	defer p.RUnlock()
	return len(p.entries)
}

// written drops the entries, which are durable now. It keeps a subject for which more has become pending meanwhile.
func (p *pending) written(entries []Entry) {
	p.Lock()
	defer p.Unlock()
	for _, entry := range entries {
		if p.entries[entry.Subject].Equal(entry) {
			delete(p.entries, entry.Subject)
		}
	}
}

// giveUp drops the entries that have expired before they could be written.
func (p *pending) giveUp(now time.Time) {
	p.Lock()
	defer p.Unlock()
	for subject, entry := range p.entries {
		if entry.Expired(now) {
			delete(p.entries, subject)
		}
	}
}
