package blacklist

import (
	"maps"
	"slices"
	"sync"
)

// Adopt puts entries in force that were written to a [SharedJournal], most of them by another gateway. They are durable. It
// returns those that this list did not know, or knew from an earlier place in the order of all writes.
func (l *List) Adopt(entries ...Entry) (news []Entry) {
	// So that a sweep drops none of them from the journal's copy in the place of one that has expired.
	l.writing.RLock()
	defer l.writing.RUnlock()
	for _, entry := range l.lifts.without(entries) {
		known, isKnown := l.memory.part(entry.Subject).get(entry.Subject)
		if _, changed := l.putInForce(entry); changed || !isKnown || known.at < entry.At {
			news = append(news, entry)
		}
	}
	return news
}

// AdoptLift drops the entry for a subject that another gateway has lifted, a pending extension of it included, and reports
// whether it was there. at is the place of the lift in the order of all writes. An entry whose last change is later stays, and
// so does one that this list has stated and not written yet.
func (l *List) AdoptLift(subject Subject, at uint64) (dropped bool) {
	// After the writes that are under way, which may bring an entry from before the lift.
	l.writing.Lock()
	defer l.writing.Unlock()
	l.pending.Lock()
	defer l.pending.Unlock()
	if owed, pending := l.pending.entries[subject]; pending && owed.cause == stated {
		return false
	}
	l.memory.drop(subject, func(h hit) bool {
		dropped = h.at <= at
		return dropped
	})
	if dropped {
		delete(l.pending.entries, subject)
	}
	return dropped
}

// lifts holds where the lifts of this list are in the order of a [SharedJournal]. An entry from before may still be on its way
// to [List.Adopt] when it has been lifted here. The zero value is ready for use.
type lifts struct {
	mu sync.Mutex
	at map[Subject]uint64
}

func (l *lifts) note(at uint64, subjects []Subject) {
	if at == 0 {
		return // nobody else writes the journal
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = make(map[Subject]uint64)
	}
	for _, subject := range subjects {
		l.at[subject] = max(l.at[subject], at)
	}
}

// without returns the entries that were not lifted after they were written. The entries come in the order of their places, so
// that it forgets the lifts from before all of them.
func (l *lifts) without(entries []Entry) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.at) == 0 || len(entries) == 0 {
		return entries
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.At < l.at[e.Subject] })
	if len(entries) > 0 {
		maps.DeleteFunc(l.at, func(_ Subject, at uint64) bool { return at < entries[0].At })
	}
	return entries
}
