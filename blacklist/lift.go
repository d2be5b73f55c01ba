package blacklist

import (
	"context"
	"fmt"
	"time"
)

// Lift takes back the entries for the subjects, pending ones included, and reports whether any of them was in force. When
// it returns nil, this is durable. After an error, every entry is in force as before.
//
// Lift also removes subjects that are not in force from the journal, where a failed revocation may have left a trace.
func (l *List) Lift(ctx context.Context, subjects ...Subject) (bool, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	var inForce bool
	for _, subject := range subjects {
		inForce = inForce || l.Contains(subject)
	}
	if err := l.journal.Remove(ctx, subjects...); err != nil {
		l.keep(subjects)
		return inForce, fmt.Errorf("lifting revocation: %w", err)
	}
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for _, subject := range subjects {
		delete(l.pending, subject)
		l.part(subject).drop(subject, func(hit) bool { return true }, &l.counts)
	}
	return inForce, nil
}

// keep makes the entries pending that are in force and may be gone from the journal.
func (l *List) keep(subjects []Subject) {
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for _, subject := range subjects {
		if entry, ok := l.Entry(subject); ok {
			l.pending[subject] = entry
		}
	}
}

// Extend makes an entry that is in force expire later. The change is pending afterwards. Extend does nothing if no entry for
// the subject is in force, or if the entry expires later anyway.
func (l *List) Extend(subject Subject, expires time.Time) {
	// Lift drops an entry under the same lock: what is lifted is not extended.
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	entry, ok := l.Entry(subject)
	if !ok {
		return
	}
	entry.Expires = expires
	if merged, changed := l.part(subject).merge(entry, &l.counts); changed {
		l.pending[subject] = merged
	}
}
