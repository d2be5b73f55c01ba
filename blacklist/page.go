package blacklist

import (
	"iter"
	"slices"
)

// Count returns the number of entries of the kind in memory, including expired ones that have not been swept yet.
func (l *List) Count(kind Kind) int { return int(l.counts.of(kind)) }

// RevokesIn reports whether a session or a user of the realm is revoked, or a user everywhere. Entries that have expired
// count until they are swept. RevokesIn does not allocate.
func (l *List) RevokesIn(realm string) bool {
	return l.counts.of(KindUserEverywhere) > 0 || l.counts.inRealm(realm) > 0
}

// Entries returns an iterator over the entries of a kind that are in force, in no order. The list may be changed meanwhile.
// An entry that is added or removed then may be yielded or not.
func (l *List) Entries(kind Kind) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if l.Count(kind) == 0 {
			return
		}
		now := l.now()
		var entries []Entry
		for _, part := range l.partsOf(kind) {
			entries = part.entries(entries[:0], kind, func(h hit) bool { return !h.expired(now) })
			for _, entry := range entries {
				if !yield(entry) {
					return
				}
			}
		}
	}
}

// Page returns up to limit entries in force of the given kinds, and reports whether there are more after them. The kinds
// must be in ascending order. The page begins after the given subject, or with the first one for the zero subject.
func (l *List) Page(limit int, after Subject, of ...Kind) (entries []Entry, more bool) {
	now := l.now()
	for _, kind := range of {
		if kind < after.kind || l.Count(kind) == 0 {
			continue
		}
		for _, part := range l.partsOf(kind) { // which are in the order of the digests
			from := len(entries)
			entries = part.entries(entries, kind, func(h hit) bool { return !h.expired(now) })
			found := slices.DeleteFunc(entries[from:], func(e Entry) bool { return e.Subject.compare(after) <= 0 })
			slices.SortFunc(found, func(a, b Entry) int { return a.Subject.compare(b.Subject) })
			if entries = entries[:from+len(found)]; len(entries) > limit {
				return entries[:limit], true
			}
		}
	}
	return entries, false
}
