package blacklist

import (
	"maps"
	"slices"
	"sync"
)

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
