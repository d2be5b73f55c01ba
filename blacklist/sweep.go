package blacklist

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sweep drops the entries that have expired, from the journal and from memory. It ends at the first error; what is left
// hits nobody and is dropped by a later sweep.
func (l *List) Sweep(ctx context.Context) error {
	now := l.now()
	l.giveUp(now)
	var expired []Subject
	for i := range l.shards {
		expired = l.shards[i].expired(expired, now)
	}
	for part := range slices.Chunk(expired, batch) {
		if err := l.remove(ctx, part, now); err != nil {
			return err
		}
	}
	return nil
}

// giveUp forgets to write what has expired before it could be written.
func (l *List) giveUp(now time.Time) {
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for subject, entry := range l.pending {
		if entry.Expired(now) {
			delete(l.pending, subject)
		}
	}
}

func (l *List) remove(ctx context.Context, subjects []Subject, now time.Time) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	subjects = slices.DeleteFunc(subjects, func(subject Subject) bool {
		found, ok := l.shard(subject).get(subject)
		return !ok || !found.expired(now) // renewed since it was found expired
	})
	if len(subjects) == 0 {
		return nil
	}
	if err := l.journal.Remove(ctx, subjects...); err != nil {
		return fmt.Errorf("removing expired entries from blacklist: %w", err)
	}
	for _, subject := range subjects {
		l.shard(subject).drop(subject, now)
	}
	return nil
}
