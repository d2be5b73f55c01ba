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

	entries map[Subject]debt
}

// debt is an entry that is in force and must still be written.
type debt struct {
	Entry

	cause cause
}

// cause is why an entry is pending. It says what becomes of the entry if another gateway lifts the one that it is about.
type cause uint8

const (
	// stated means that the entry states something new. It is written whatever others lifted before.
	stated cause = iota
	// kept means that the entry was to be lifted and this failed. It is written anew, unless another gateway lifts it.
	kept
	// extended means that the entry only expires later than before. What another gateway has lifted is not written anew.
	extended
)

// entriesOf returns the entries that only expire later than before, or all others.
func entriesOf(debts []debt, later bool) []Entry {
	var entries []Entry
	for _, one := range debts {
		if (one.cause == extended) == later {
			entries = append(entries, one.Entry)
		}
	}
	return entries
}

// of returns the pending entries for the subjects.
func (p *pending) of(subjects []Subject) []debt {
	p.RLock()
	defer p.RUnlock()
	var debts []debt
	for _, subject := range subjects {
		if one, pending := p.entries[subject]; pending {
			debts = append(debts, one)
		}
	}
	return debts
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
	looked := 0
	for subject, entry := range p.entries {
		if entry.Expired(now) {
			delete(p.entries, subject)
		}
		if looked++; looked%batch == 0 { // let others in, who may add and drop entries
			p.Unlock()
			p.Lock()
		}
	}
}
