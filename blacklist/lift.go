package blacklist

import (
	"context"
	"fmt"
	"time"
)

// Lift takes back what is said of the subjects, and says whether any of it was in force. When it returns nil this is
// durable and holds for what was pending too. After an error everything is in force as before.
//
// The journal forgets a subject that is not in force as well: a revocation that failed may have left a trace there.
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

// keep makes pending what may be gone from the journal though it is in force.
func (l *List) keep(subjects []Subject) {
	l.pendingLock.Lock()
	defer l.pendingLock.Unlock()
	for _, subject := range subjects {
		if entry, ok := l.Entry(subject); ok {
			l.pending[subject] = entry
		}
	}
}

// Extend lets an entry that is in force expire later. It leaves this pending, and does nothing where no entry for the
// subject is in force or it expires later anyway.
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
