package blacklist

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sweep drops the entries that have expired, from the journal and from memory. It stops at the first error and returns it.
// What is left hits nobody and is dropped by a later sweep.
func (l *List) Sweep(ctx context.Context) error {
	now := l.now()
	l.giveUp(now)
	var expired []Entry
	for kind := range Kind(kinds) {
		if l.Count(kind) == 0 {
			continue
		}
		for _, part := range l.partsOf(kind) {
			expired = part.entries(expired, kind, func(h hit) bool { return h.expired(now) })
		}
	}
	for part := range slices.Chunk(expired, batch) {
		if err := l.remove(ctx, part, now); err != nil {
			return err
		}
	}
	return nil
}

// giveUp drops the pending entries that have expired before they could be written.
func (l *List) giveUp(now time.Time) {
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for subject, entry := range l.pending {
		if entry.Expired(now) {
			delete(l.pending, subject)
		}
	}
}

func (l *List) remove(ctx context.Context, entries []Entry, now time.Time) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	subjects := make([]Subject, 0, len(entries))
	for _, entry := range entries {
		if found, ok := l.part(entry.Subject).get(entry.Subject); ok && found.expired(now) { // not renewed meanwhile
			subjects = append(subjects, entry.Subject)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	if err := l.journal.Remove(ctx, subjects...); err != nil {
		return fmt.Errorf("removing expired entries from blacklist: %w", err)
	}
	for _, subject := range subjects {
		// One that was merged a moment ago has not expired.
		l.part(subject).drop(subject, func(h hit) bool { return h.expired(now) }, &l.counts)
	}
	return nil
}
