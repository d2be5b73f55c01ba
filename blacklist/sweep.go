package blacklist

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sweep drops the entries that have expired, from the journal, or this gateway's copy of it, and from memory. It does not tell
// a [TidyJournal]. It stops at the first error and returns it. What is left hits nobody and is dropped by a later sweep.
//
// However many entries have expired, no question waits for more than the removal of one, and no write for more than that of
// a batch.
func (l *List) Sweep(ctx context.Context) error {
	now := l.memory.now()
	l.pending.giveUp(now)
	expired := func(_ Kind, h hit) bool { return h.expired(now) }
	var found []Entry
	for part := range l.memory.parts() {
		found = part.entries(found, expired)
		whole := len(found) / batch * batch
		if err := l.removeAll(ctx, found[:whole], now); err != nil {
			return err
		}
		found = slices.Delete(found, 0, whole)
	}
	return l.removeAll(ctx, found, now)
}

// removeAll drops those of the entries that have expired, batch by batch.
func (l *List) removeAll(ctx context.Context, entries []Entry, now time.Time) error {
	for part := range slices.Chunk(entries, batch) {
		if err := l.remove(ctx, part, now); err != nil {
			return fmt.Errorf("removing expired entries from blacklist: %w", err)
		}
	}
	return nil
}

// remove drops those of the entries that have expired and were not renewed meanwhile.
func (l *List) remove(ctx context.Context, entries []Entry, now time.Time) error {
	if l.tidies {
		for _, entry := range entries {
			l.forget(entry.Subject, now)
		}
		return ctx.Err()
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.dropping.Lock()
	defer l.dropping.Unlock()
	subjects := make([]Subject, 0, len(entries))
	for _, entry := range entries {
		if found, ok := l.memory.find(&entry.Subject); ok && found.expired(now) {
			subjects = append(subjects, entry.Subject)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	if err := l.journal.Drop(ctx, subjects...); err != nil {
		return err
	}
	for _, subject := range subjects {
		l.forget(subject, now)
	}
	return nil
}

// forget drops the entry from memory if it has expired. One that was merged a moment ago has not.
func (l *List) forget(subject Subject, now time.Time) {
	l.memory.drop(subject, func(h hit) bool { return h.expired(now) })
}
