package blacklist

import (
	"iter"
	"slices"
	"time"
)

const shards = 256

// memory holds the entries of a list, in parts with a lock each.
type memory struct {
	now     func() time.Time
	shards  [shards]shard
	flushes few
	counts  counters
}

// part holds some of the entries: a shard, or the few that every request asks for and that readers take no lock for.
type part interface {
	get(subject Subject) (hit, bool)
	merge(entry Entry, counts *counters) (Entry, bool)
	drop(subject Subject, condition func(hit) bool, counts *counters)
	entries(entries []Entry, kind Kind, condition func(hit) bool) []Entry
}

// part returns the part that the subject is in. The first byte of a digest, which is as good as random, chooses the shard.
func (m *memory) part(subject Subject) part {
	if subject.kind == KindRealm || subject.kind == KindAll {
		return &m.flushes
	}
	return &m.shards[subject.digest[0]]
}

// partsOf returns all parts that entries of the kind may be in, in the order of the digests. It returns none for a kind
// without entries.
func (m *memory) partsOf(kind Kind) []part {
	if m.counts.of(kind) == 0 {
		return nil
	}
	if kind == KindRealm || kind == KindAll {
		return []part{&m.flushes}
	}
	parts := make([]part, len(m.shards))
	for i := range m.shards {
		parts[i] = &m.shards[i]
	}
	return parts
}

// get looks up what is in force for the subject. It reads the clock only if there is an entry.
func (m *memory) get(subject Subject) (hit, bool) {
	if m.counts.of(subject.kind) == 0 {
		return hit{}, false
	}
	found, ok := m.part(subject).get(subject)
	if !ok || found.expired(m.now()) {
		return hit{}, false
	}
	return found, true
}

// entry returns the entry for the subject, and false if none is in force.
func (m *memory) entry(subject Subject) (Entry, bool) {
	found, ok := m.get(subject)
	if !ok {
		return Entry{}, false
	}
	return found.entry(subject), true
}

// merge merges an entry. It returns the entry that holds afterwards and reports whether that is more than before.
func (m *memory) merge(entry Entry) (Entry, bool) {
	return m.part(entry.Subject).merge(entry, &m.counts)
}

// drop removes the subject if its entry meets the condition.
func (m *memory) drop(subject Subject, condition func(hit) bool) {
	m.part(subject).drop(subject, condition, &m.counts)
}

// inForce returns an iterator over the entries of a kind that are in force. See [List.Entries].
func (m *memory) inForce(kind Kind) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		now := m.now()
		var entries []Entry
		for _, part := range m.partsOf(kind) {
			entries = part.entries(entries[:0], kind, func(h hit) bool { return !h.expired(now) })
			for _, entry := range entries {
				if !yield(entry) {
					return
				}
			}
		}
	}
}

// page returns up to limit entries in force. See [List.Page].
func (m *memory) page(limit int, after Subject, of []Kind) (entries []Entry, more bool) {
	now := m.now()
	for _, kind := range of {
		if kind < after.kind {
			continue
		}
		for _, part := range m.partsOf(kind) {
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

// expired returns the entries of all kinds that have expired.
func (m *memory) expired(now time.Time) []Entry {
	var expired []Entry
	for kind := range Kind(kinds) {
		for _, part := range m.partsOf(kind) {
			expired = part.entries(expired, kind, func(h hit) bool { return h.expired(now) })
		}
	}
	return expired
}
