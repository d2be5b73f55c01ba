package blacklist

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sweep drops the entries that have expired, from the journal, or this gateway's copy of it, and from memory. It stops at the
// first error and returns it. What is left hits nobody and is dropped by a later sweep.
func (l *List) Sweep(ctx context.Context) error {
	now := l.memory.now()
	l.pending.giveUp(now)
	for part := range slices.Chunk(l.memory.expired(now), batch) {
		if err := l.remove(ctx, part, now); err != nil {
			return err
		}
	}
	return nil
}

// remove drops those of the entries that have expired and were not renewed meanwhile.
func (l *List) remove(ctx context.Context, entries []Entry, now time.Time) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.dropping.Lock()
	defer l.dropping.Unlock()
	subjects := make([]Subject, 0, len(entries))
	for _, entry := range entries {
		if found, ok := l.memory.part(entry.Subject).get(entry.Subject); ok && found.expired(now) {
			subjects = append(subjects, entry.Subject)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	if err := l.journal.Drop(ctx, subjects...); err != nil {
		return fmt.Errorf("removing expired entries from blacklist: %w", err)
	}
	for _, subject := range subjects {
		// An entry that was merged a moment ago has not expired.
		l.memory.drop(subject, func(h hit) bool { return h.expired(now) })
	}
	return nil
}
