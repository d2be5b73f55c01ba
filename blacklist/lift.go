package blacklist

import (
	"context"
	"fmt"
	"time"
)

// Lift takes back the entries for the subjects, pending ones included, and reports whether any of them was in force. When
// it returns nil, this is durable. After an error, every entry is in force as before, and is written once more.
//
// Lift also removes subjects that are not in force from the journal, where a failed revocation may have left a trace.
func (l *List) Lift(ctx context.Context, subjects ...Subject) (bool, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	var inForce bool
	for _, subject := range subjects {
		inForce = inForce || l.Contains(subject)
	}
	at, err := l.journal.Lift(ctx, subjects...)
	if err != nil {
		l.keep(subjects)
		return inForce, fmt.Errorf("lifting revocation: %w", err)
	}
	l.lifts.note(at, subjects)
	l.pending.Lock()
	defer l.pending.Unlock()
	for _, subject := range subjects {
		delete(l.pending.entries, subject)
		l.memory.drop(subject, func(hit) bool { return true })
	}
	return inForce, nil
}

// keep makes the entries pending that are in force and may be gone from the journal.
func (l *List) keep(subjects []Subject) {
	l.pending.Lock()
	defer l.pending.Unlock()
	for _, subject := range subjects {
		if entry, ok := l.Entry(subject); ok {
			owed, pending := l.pending.entries[subject]
			if !pending || owed.cause == extended {
				owed.cause = kept
			}
			l.pending.entries[subject] = debt{entry, owed.cause}
		}
	}
}

// Extend makes an entry that is in force expire later. The change is pending afterwards. Extend does nothing if no entry for
// the subject is in force, or if the entry expires later anyway.
func (l *List) Extend(subject Subject, expires time.Time) {
	// Lift drops an entry under the same lock, so that an entry that was lifted is not extended.
	l.pending.Lock()
	defer l.pending.Unlock()
	entry, ok := l.Entry(subject)
	if !ok {
		return
	}
	entry.Expires = expires
	if merged, changed := l.memory.merge(entry); changed {
		owed, pending := l.pending.entries[subject]
		if !pending {
			owed.cause = extended
		}
		l.pending.entries[subject] = debt{merged, owed.cause}
	}
}

// AdoptLift drops the entry for a subject that another gateway has lifted, a pending extension of it included, and reports
// whether it was there. at is the place of the lift in the order of all writes. An entry whose last change is later stays, and
// so does one that this list has stated and not written yet.
func (l *List) AdoptLift(subject Subject, at uint64) (dropped bool) {
	// After the writes that are under way, which may bring an entry from before the lift.
	l.writing.Lock()
	defer l.writing.Unlock()
	l.pending.Lock()
	defer l.pending.Unlock()
	if owed, pending := l.pending.entries[subject]; pending && owed.cause == stated {
		return false
	}
	l.memory.drop(subject, func(h hit) bool {
		dropped = h.at <= at
		return dropped
	})
	if dropped {
		delete(l.pending.entries, subject)
	}
	return dropped
}
