package blacklist

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	shards = 256
	// batch is how many entries go to the journal at once where many do: one sync for all, and no endless lock.
	batch = 1024
)

// List is the blacklist in memory with its journal behind it. Its methods are safe for concurrent use.
type List struct {
	journal Journal
	now     func() time.Time
	shards  [shards]shard

	// pending holds what is in force and not durable yet.
	pendingLock sync.RWMutex
	pending     map[Subject]Entry

	// writing is held shared while entries are appended and exclusively while expired ones are removed, so that no entry
	// that was appended for an expired one's subject is removed in its place.
	writing sync.RWMutex
}

// Open returns the list with every entry of the journal that has not expired. A list that could not be filled is none:
// the journal's error is returned.
func Open(ctx context.Context, journal Journal, now func() time.Time) (*List, error) {
	list := &List{journal: journal, now: now, pending: make(map[Subject]Entry)}
	err := journal.Load(ctx, now(), func(entry Entry) error {
		list.shard(entry.Subject).merge(entry)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("loading blacklist: %w", err)
	}
	return list, nil
}

// shard chooses by the first byte of a digest, which is as good as random.
func (l *List) shard(subject Subject) *shard { return &l.shards[subject.digest[0]] }

// Contains says whether an entry for the subject is in force, and yes for the zero subject. It does not allocate.
func (l *List) Contains(subject Subject) bool {
	_, contained := l.Second(subject)
	return contained
}

// Second returns the last auth_time that is hit, in seconds since 1970, and false where no entry for the subject is in
// force. The zero subject is hit at any time. It does not allocate.
func (l *List) Second(subject Subject) (int64, bool) {
	if subject.kind == 0 {
		return math.MaxInt64, true
	}
	found, ok := l.shard(subject).get(subject)
	if !ok || found.expired(l.now()) {
		return 0, false
	}
	return found.second, true
}

// Revoke makes the entries durable, then puts them in force. After an error none of them is acknowledged, and none is in
// force before the next start. Entries that have expired already are passed over.
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
		l.shard(entry.Subject).merge(entry)
	}
	return nil
}

// End puts the entry in force, then makes it durable: [List.Enforce] and [List.Persist]. After an error it is in force
// and pending.
func (l *List) End(ctx context.Context, entry Entry) error {
	l.Enforce(entry)
	return l.Persist(ctx, entry.Subject)
}

// Enforce puts the entry in force, and leaves it pending unless all that it says is durable already.
func (l *List) Enforce(entry Entry) {
	// Under one lock, so that no end is ever seen in force while it is neither durable nor pending.
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	if merged, changed := l.shard(entry.Subject).merge(entry); changed {
		l.pending[entry.Subject] = merged
	}
}

// Persist makes durable what is pending for the subject. After an error it is still pending.
func (l *List) Persist(ctx context.Context, subject Subject) error {
	l.pendingLock.RLock()
	entry, pending := l.pending[subject]
	l.pendingLock.RUnlock()
	if !pending {
		return nil
	}
	return l.persist(ctx, entry)
}

// Pending says whether an entry for the subject is in force that would not survive a crash.
func (l *List) Pending(subject Subject) bool {
	l.pendingLock.RLock()
	defer l.pendingLock.RUnlock()
	_, pending := l.pending[subject]
	return pending
}

// Retry makes durable what is pending, and ends at the first error.
func (l *List) Retry(ctx context.Context) error {
	l.pendingLock.RLock()
	entries := make([]Entry, 0, len(l.pending))
	for _, entry := range l.pending {
		entries = append(entries, entry)
	}
	l.pendingLock.RUnlock()
	for part := range slices.Chunk(entries, batch) {
		if err := l.persist(ctx, part...); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) persist(ctx context.Context, entries ...Entry) error {
	l.writing.RLock()
	defer l.writing.RUnlock()
	if err := l.journal.Append(ctx, entries...); err != nil {
		return fmt.Errorf("writing end of session: %w", err)
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

// Len returns how many entries are in memory, expired ones that have not been swept yet included.
func (l *List) Len() int {
	var total int
	for i := range l.shards {
		total += l.shards[i].len()
	}
	return total
}

// PendingLen returns how many entries are in force that would not survive a crash.
func (l *List) PendingLen() int {
	l.pendingLock.RLock()
	defer l.pendingLock.RUnlock()
	return len(l.pending)
}
