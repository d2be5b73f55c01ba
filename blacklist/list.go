package blacklist

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"time"
)

// batch is how many entries of many go to the journal at once: they share one sync, and no lock is held for long.
const batch = 1024

// List is the blacklist in memory with its journal behind it. Its methods are safe for concurrent use.
type List struct {
	journal SharedJournal
	memory  memory
	pending pending

	// changed is called with the subject of each entry that has come into force or hits more than before.
	changed func(Subject)

	// writing is held shared while entries are appended and exclusively while others are removed. So an entry that was
	// appended is not removed in the place of one that has expired or was lifted, and a lifted one is not appended again.
	writing sync.RWMutex
	// underWay holds what other gateways have lifted while entries are being written.
	underWay underWay
	// tidies reports whether the journal drops by itself what has expired.
	tidies bool
	// dropping is held exclusively while entries that have expired are dropped from the journal, and shared while others are
	// adopted. Unlike writing, it is not held while a shared place is waited for.
	dropping sync.RWMutex
}

// Open returns a list with every entry of the journal that has not expired. If the journal fails, Open returns its error and
// no list. The list reads the time from now.
func Open(ctx context.Context, journal Journal, now func() time.Time) (*List, error) {
	_, tidies := journal.(TidyJournal)
	list := &List{
		journal: sharedForm(journal), memory: memory{now: now, generations: newGenerations()}, pending: pending{entries: make(map[Subject]debt)},
		changed: func(Subject) {}, tidies: tidies,
	}
	err := journal.Load(ctx, now(), func(entry Entry) error {
		list.memory.merge(entry)
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
	found, ok := l.memory.get(&subject)
	return found.second, ok
}

// Entry returns the entry for the subject, and false if none is in force. There is none for the zero subject.
func (l *List) Entry(subject Subject) (Entry, bool) { return l.memory.entry(subject) }

// Entries returns an iterator over the entries of a kind that are in force, in no order. The list may be changed meanwhile.
// An entry that is added or removed then may be yielded or not.
func (l *List) Entries(kind Kind) iter.Seq[Entry] { return l.memory.inForce(kind) }

// Since returns an iterator over the entries of the kinds that are in force and whose second is the given one or later, in no
// order. It is quick for a second that is not past. The list may be changed meanwhile. An entry that is added or removed then
// may be yielded or not.
func (l *List) Since(second int64, of ...Kind) iter.Seq[Entry] { return l.memory.since(second, of) }

// Generation returns a number that is never 0, and that no other list returns. It is another one as soon as an entry has come
// into force, or hits more than before, that may be about a token with these parts: a method that puts an entry in force does not
// return before. So an answer "no entry hits it" holds as long as the number is the one from before all the questions. To compare
// them, load what was remembered first, and the present number after that. Generation does not allocate.
func (l *List) Generation(parts Parts) uint64 { return l.memory.generations.of(parts) }

// Page returns up to limit entries in force of the given kinds, and reports whether there are more after them. The kinds
// must be in ascending order. The page begins after the given subject, or with the first one for the zero subject.
func (l *List) Page(limit int, after Subject, of ...Kind) (entries []Entry, more bool) {
	return l.memory.page(limit, after, of)
}

// RevokesIn reports whether a session or a user of the realm is revoked, or a user everywhere. Entries that have expired
// count until they are swept. RevokesIn does not allocate.
func (l *List) RevokesIn(realm string) bool {
	return l.memory.counts.of(KindUserEverywhere) > 0 || l.memory.counts.inRealm(realm) > 0
}

// Count returns the number of entries of the kind in memory, including expired ones that have not been swept yet.
func (l *List) Count(kind Kind) int { return int(l.memory.counts.of(kind)) }

// Len returns the number of entries in memory, including expired ones that have not been swept yet.
func (l *List) Len() int {
	var total int
	for kind := range Kind(kinds) {
		total += l.Count(kind)
	}
	return total
}

// Pending reports whether an entry for the subject is in force that would not survive a crash.
func (l *List) Pending(subject Subject) bool { return l.pending.has(subject) }

// PendingLen returns the number of entries that are in force and would not survive a crash.
func (l *List) PendingLen() int { return l.pending.len() }

// Revoke makes the entries durable and then puts them in force. It returns them as they are in the journal. Revoke ignores
// entries that have expired already.
//
// After an error, none of the entries is acknowledged. None is in force before the next start, unless the journal is a
// [SharedJournal]: it may have an entry all the same, which then comes into force on every gateway, on this one at the latest
// when it reconciles its copy with the shared place.
func (l *List) Revoke(ctx context.Context, entries ...Entry) ([]Entry, error) {
	now := l.memory.now()
	entries = slices.Clone(entries)
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return hitOf(e).expired(now) })
	if len(entries) == 0 {
		return nil, nil
	}
	for i, entry := range entries {
		entries[i] = hitOf(entry).entry(entry.Subject)
	}
	l.writing.RLock()
	defer l.writing.RUnlock()
	written, err := l.write(ctx, entries)
	if err != nil {
		return nil, fmt.Errorf("writing revocation: %w", err)
	}
	return written, nil
}

// write writes the entries to the journal and puts them in force, except those that another gateway has lifted since.
func (l *List) write(ctx context.Context, entries []Entry) ([]Entry, error) {
	l.underWay.begin()
	defer l.underWay.end()
	written, err := l.journal.Write(ctx, entries...)
	if err != nil {
		return nil, err
	}
	// Nothing is lifted meanwhile.
	l.pending.Lock()
	defer l.pending.Unlock()
	for _, entry := range written {
		if !l.underWay.isLifted(entry) {
			l.putInForce(entry)
		}
	}
	return written, nil
}

// Adopt puts entries in force that were written to a [SharedJournal], most of them by another gateway. They are durable. It
// returns those that this list did not know, or knew from an earlier place in the order of all writes. The caller leaves out
// what this list has lifted since, or calls [List.AdoptLift] with that once more.
func (l *List) Adopt(entries ...Entry) (news []Entry) {
	// So that a sweep drops none of them from the journal's copy in the place of one that has expired.
	l.dropping.RLock()
	defer l.dropping.RUnlock()
	for _, entry := range entries {
		known, isKnown := l.memory.find(&entry.Subject)
		if _, changed := l.putInForce(entry); changed || !isKnown || known.at < entry.At {
			news = append(news, entry)
		}
	}
	return news
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
	l.pending.Lock()
	defer l.pending.Unlock()
	if merged, changed := l.putInForce(entry); changed {
		l.pending.entries[entry.Subject] = debt{merged, stated}
	}
}

// Persist makes the pending entries for the subjects durable. After an error, they are still pending.
func (l *List) Persist(ctx context.Context, subjects ...Subject) error {
	if len(l.pending.of(subjects)) == 0 {
		return nil
	}
	l.writing.RLock()
	defer l.writing.RUnlock()
	debts := l.pending.of(subjects) // without what was lifted meanwhile; from now on nothing can be lifted
	if err := l.state(ctx, entriesOf(debts, false)); err != nil {
		return fmt.Errorf("writing to blacklist: %w", err)
	}
	if err := l.prolong(ctx, entriesOf(debts, true)); err != nil {
		return fmt.Errorf("writing to blacklist: %w", err)
	}
	return nil
}

// state writes pending entries that state something new.
func (l *List) state(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if _, err := l.write(ctx, entries); err != nil {
		return err
	}
	l.pending.written(entries)
	return nil
}

// prolong writes pending entries that only expire later than before.
func (l *List) prolong(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.journal.Prolong(ctx, entries...); err != nil {
		return err
	}
	l.pending.written(entries)
	return nil
}

// Retry makes all pending entries durable. It stops at the first error and returns it.
func (l *List) Retry(ctx context.Context) error {
	for part := range slices.Chunk(l.pending.subjects(), batch) {
		if err := l.Persist(ctx, part...); err != nil {
			return err
		}
	}
	return nil
}

// putInForce merges an entry and calls changed. It returns what is in force for the subject now and reports whether that is
// new.
func (l *List) putInForce(entry Entry) (Entry, bool) {
	merged, changed := l.memory.merge(entry)
	if changed {
		l.changed(entry.Subject)
	}
	return merged, changed
}
