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
	recent  recent

	generations generations
}

// part holds some of the entries: a shard, or the few that every request asks for and that readers take no lock for.
type part interface {
	merge(entry Entry, counts *counters) (Entry, bool)
	drop(subject Subject, condition func(hit) bool, counts *counters)
	entries(entries []Entry, condition func(Kind, hit) bool) []Entry
}

// part returns the part that the subject is in. The first byte of a digest chooses the shard, so that the shards are in the
// order of the digests. Only who may choose very many digests can let a shard be larger than the others, and no question
// waits for that.
func (m *memory) part(subject *Subject) part {
	if subject.kind.isFew() {
		return &m.flushes
	}
	return &m.shards[subject.digest[0]]
}

// parts returns all parts.
func (m *memory) parts() iter.Seq[part] {
	return func(yield func(part) bool) {
		if !yield(&m.flushes) {
			return
		}
		for i := range m.shards {
			if !yield(&m.shards[i]) {
				return
			}
		}
	}
}

// partsOf returns all parts that entries of the kind may be in, in the order of the digests. It returns none for a kind
// without entries.
func (m *memory) partsOf(kind Kind) iter.Seq[part] {
	return func(yield func(part) bool) {
		switch {
		case m.counts.of(kind) == 0:
		case kind.isFew():
			yield(&m.flushes)
		default:
			for i := range m.shards {
				if !yield(&m.shards[i]) {
					return
				}
			}
		}
	}
}

// find returns the hit of the subject, which may have expired.
func (m *memory) find(subject *Subject) (hit, bool) {
	if subject.kind.isFew() {
		return m.flushes.get(subject)
	}
	return m.shards[subject.digest[0]].get(subject)
}

// get looks up what is in force for the subject. It reads the clock only if there is an entry.
func (m *memory) get(subject *Subject) (hit, bool) {
	if m.counts.of(subject.kind) == 0 {
		return hit{}, false
	}
	found, ok := m.find(subject)
	if !ok || found.expired(m.now()) {
		return hit{}, false
	}
	return found, true
}

// entry returns the entry for the subject, and false if none is in force.
func (m *memory) entry(subject Subject) (Entry, bool) {
	found, ok := m.get(&subject)
	if !ok {
		return Entry{}, false
	}
	return found.entry(subject), true
}

// merge merges an entry. It returns the entry that holds afterwards and reports whether that is more than before.
func (m *memory) merge(entry Entry) (Entry, bool) {
	m.recent.note(entry, func() int64 { return m.now().Unix() })
	merged, more := m.part(&entry.Subject).merge(entry, &m.counts)
	if more {
		m.generations.note(&entry.Subject)
	}
	return merged, more
}

// drop removes the subject if its entry meets the condition.
func (m *memory) drop(subject Subject, condition func(hit) bool) {
	m.part(&subject).drop(subject, condition, &m.counts)
}

// inForce returns an iterator over the entries of a kind that are in force. See [List.Entries].
func (m *memory) inForce(kind Kind) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		now := m.now()
		var entries []Entry
		for part := range m.partsOf(kind) {
			entries = part.entries(entries[:0], func(k Kind, h hit) bool { return k == kind && !h.expired(now) })
			for _, entry := range entries {
				if !yield(entry) {
					return
				}
			}
		}
	}
}

// since returns an iterator over the entries in force of a second or later. See [List.Since].
func (m *memory) since(second int64, of []Kind) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		subjects, all := m.recent.since(second, of)
		if !all {
			for entry := range m.walk(second, of) {
				if !yield(entry) {
					return
				}
			}
			return
		}
		for _, subject := range subjects {
			if entry, ok := m.entry(subject); ok && entry.Second >= second && !yield(entry) {
				return
			}
		}
	}
}

// walk is since for what is not recent: it looks at all entries of the kinds.
func (m *memory) walk(second int64, of []Kind) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		now := m.now()
		var entries []Entry
		for part := range m.parts() {
			entries = part.entries(entries[:0], func(k Kind, h hit) bool {
				return h.second >= second && slices.Contains(of, k) && !h.expired(now)
			})
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
		for part := range m.partsOf(kind) {
			from := len(entries)
			entries = part.entries(entries, func(k Kind, h hit) bool { return k == kind && !h.expired(now) })
			found := slices.DeleteFunc(entries[from:], func(e Entry) bool { return e.Subject.compare(after) <= 0 })
			slices.SortFunc(found, func(a, b Entry) int { return a.Subject.compare(b.Subject) })
			if entries = entries[:from+len(found)]; len(entries) > limit {
				return entries[:limit], true
			}
		}
	}
	return entries, false
}
