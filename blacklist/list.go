package blacklist

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	shards = 256
	// batch is how many entries of many go to the journal at once: they share one sync, and no lock is held for long.
	batch = 1024
)

// List is the blacklist in memory with its journal behind it. Its methods are safe for concurrent use.
type List struct {
	journal Journal
	now     func() time.Time
	shards  [shards]shard
	flushes few
	counts  counters

	// pending holds the entries that are in force and not durable yet.
	pendingLock sync.RWMutex
	pending     map[Subject]Entry

	// changed is called with the subject of each entry that has come into force or hits more than before.
	changed func(Subject)

	// writing is held shared while entries are appended and exclusively while others are removed. So an entry that was
	// appended is not removed in the place of one that has expired or was lifted, and a lifted one is not appended again.
	writing sync.RWMutex
}

// Open returns a list with every entry of the journal that has not expired. If the journal fails, Open returns its error and
// no list. The list reads the time from now.
func Open(ctx context.Context, journal Journal, now func() time.Time) (*List, error) {
	list := &List{journal: journal, now: now, pending: make(map[Subject]Entry), changed: func(Subject) {}}
	err := journal.Load(ctx, now(), func(entry Entry) error {
		list.part(entry.Subject).merge(entry, &list.counts)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("loading blacklist: %w", err)
	}
	return list, nil
}

// OnChange sets the function that is called with the subject of each entry that has come into force or hits more than
// before. The function must not wait for anything and must not change the list. There is only one such function. Set it
// before the list is shared.
func (l *List) OnChange(changed func(Subject)) { l.changed = changed }

// putInForce merges an entry and calls changed. It returns what is in force for the subject now and reports whether that is
// new.
func (l *List) putInForce(entry Entry) (Entry, bool) {
	merged, changed := l.part(entry.Subject).merge(entry, &l.counts)
	if changed {
		l.changed(entry.Subject)
	}
	return merged, changed
}

// part holds some of the entries: a shard, or the few that every request asks for and that readers take no lock for.
type part interface {
	get(subject Subject) (hit, bool)
	merge(entry Entry, counts *counters) (Entry, bool)
	drop(subject Subject, condition func(hit) bool, counts *counters)
	entries(entries []Entry, kind Kind, condition func(hit) bool) []Entry
}

// part returns the part that the subject is in. A shard is chosen by the first byte of a digest, which is as good as random.
func (l *List) part(subject Subject) part {
	if subject.kind == KindRealm || subject.kind == KindAll {
		return &l.flushes
	}
	return &l.shards[subject.digest[0]]
}

// partsOf returns all parts that entries of the kind may be in.
func (l *List) partsOf(kind Kind) []part {
	if kind == KindRealm || kind == KindAll {
		return []part{&l.flushes}
	}
	parts := make([]part, len(l.shards))
	for i := range l.shards {
		parts[i] = &l.shards[i]
	}
	return parts
}

// Contains reports whether an entry for the subject is in force. It is true for the zero subject. It does not allocate.
func (l *List) Contains(subject Subject) bool {
	_, contained := l.Second(subject)
	return contained
}

// Second returns the last auth_time that is hit, in seconds since 1970, and false if no entry for the subject is in force.
// The zero subject is hit at any time. Second does not allocate.
func (l *List) Second(subject Subject) (int64, bool) {
	if subject.kind == 0 {
		return math.MaxInt64, true
	}
	found, ok := l.get(subject)
	return found.second, ok
}

// Entry returns the entry for the subject, and false if none is in force. There is none for the zero subject.
func (l *List) Entry(subject Subject) (Entry, bool) {
	found, ok := l.get(subject)
	if !ok {
		return Entry{}, false
	}
	return found.entry(subject), true
}

// get looks up what is in force. It reads the clock only if there is an entry.
func (l *List) get(subject Subject) (hit, bool) {
	if l.counts.of(subject.kind) == 0 {
		return hit{}, false
	}
	found, ok := l.part(subject).get(subject)
	if !ok || found.expired(l.now()) {
		return hit{}, false
	}
	return found, true
}

// Revoke makes the entries durable and then puts them in force. After an error, none of them is acknowledged, and none is in
// force before the next start. Revoke ignores entries that have expired already.
func (l *List) Revoke(ctx context.Context, entries ...Entry) error {
	now := l.now()
	entries = slices.Clone(entries)
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return hitOf(e).expired(now) })
	if len(entries) == 0 {
		return nil
	}
	for i, entry := range entries {
		entries[i] = hitOf(entry).entry(entry.Subject)
	}
	l.writing.RLock()
	defer l.writing.RUnlock()
	if err := l.journal.Append(ctx, entries...); err != nil {
		return fmt.Errorf("writing revocation: %w", err)
	}
	for _, entry := range entries {
		l.putInForce(entry)
	}
	return nil
}

// End puts the entry in force and then makes it durable, as [List.Enforce] and [List.Persist] do. After an error, the entry
// is in force and pending.
func (l *List) End(ctx context.Context, entry Entry) error {
	l.Enforce(entry)
	return l.Persist(ctx, entry.Subject)
}

// Enforce puts the entry in force. The entry is pending afterwards, unless a durable one hits as much.
func (l *List) Enforce(entry Entry) {
	// Under one lock, so that no end is ever seen in force while it is neither durable nor pending.
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	if merged, changed := l.putInForce(entry); changed {
		l.pending[entry.Subject] = merged
	}
}

// Persist makes the pending entries for the subjects durable. After an error, they are still pending.
func (l *List) Persist(ctx context.Context, subjects ...Subject) error {
	if len(l.pendingOf(subjects)) == 0 {
		return nil
	}
	l.writing.RLock()
	defer l.writing.RUnlock()
	entries := l.pendingOf(subjects) // of what has not been lifted meanwhile, which it can't be from now on
	if len(entries) == 0 {
		return nil
	}
	if err := l.journal.Append(ctx, entries...); err != nil {
		return fmt.Errorf("writing to blacklist: %w", err)
	}
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for _, entry := range entries {
		if l.pending[entry.Subject].Equal(entry) { // otherwise more has become pending meanwhile
			delete(l.pending, entry.Subject)
		}
	}
	return nil
}

func (l *List) pendingOf(subjects []Subject) []Entry {
	l.pendingLock.RLock()
	defer l.pendingLock.RUnlock()
	var entries []Entry
	for _, subject := range subjects {
		if entry, pending := l.pending[subject]; pending {
			entries = append(entries, entry)
		}
	}
	return entries
}

// Pending reports whether an entry for the subject is in force that would not survive a crash.
func (l *List) Pending(subject Subject) bool {
	l.pendingLock.RLock()
	defer l.pendingLock.RUnlock()
	_, pending := l.pending[subject]
	return pending
}

// Retry makes all pending entries durable. It stops at the first error and returns it.
func (l *List) Retry(ctx context.Context) error {
	l.pendingLock.RLock()
	subjects := slices.Collect(maps.Keys(l.pending))
	l.pendingLock.RUnlock()
	for part := range slices.Chunk(subjects, batch) {
		if err := l.Persist(ctx, part...); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of entries in memory, including expired ones that have not been swept yet.
func (l *List) Len() int {
	var total int
	for kind := range l.counts.kinds {
		total += l.Count(Kind(kind))
	}
	return total
}

// PendingLen returns the number of entries that are in force and would not survive a crash.
func (l *List) PendingLen() int {
	l.pendingLock.RLock()
	defer l.pendingLock.RUnlock()
	return len(l.pending)
}
