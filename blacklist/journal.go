package blacklist

import (
	"context"
	"errors"
	"math"
	"time"
)

// ErrUnavailable is returned, wrapped or as it is, by every method of a [Journal] that could not do its work because the
// disk is full, the journal is closed or the network is down, for example.
var ErrUnavailable = errors.New("blacklist journal unavailable")

// Journal keeps entries where a crash, a kill and a loss of power can't reach them. A [List] is its only user.
//
// The methods are safe for concurrent use. Errors wrap [ErrUnavailable], except an error of a yield function, and name no
// subject. An appended entry expires at a whole second. A journal may drop an entry at any time after its Expires, by the
// wall clock, and must not drop it sooner. It keeps no reference to a slice that it is given.
type Journal interface {
	// Load calls yield once for each subject whose entry has not expired at now, in any order. It stops at the first
	// error of yield and returns that error as it is. An entry that can't be read is an error; it is never skipped.
	Load(ctx context.Context, now time.Time, yield func(Entry) error) error

	// Append returns nil once all entries are durable, which means synced to disk or the like. An entry for a subject that
	// has one already is merged with it, as by [Entry.Merged]. After an error, each of the entries may be there or not.
	Append(ctx context.Context, entries ...Entry) error

	// Remove returns nil once the removal of these subjects is durable. It ignores a subject that is not there.
	Remove(ctx context.Context, subjects ...Subject) error
}

// TidyJournal is a [Journal] that drops by itself what has expired, a while after its Expires. A [List] does not tell it to.
type TidyJournal interface {
	Journal

	// DropsExpired does nothing. It says that the journal is a TidyJournal.
	DropsExpired()
}

// SharedJournal is a [Journal] that the lists of several gateways write at the same time. Every write has a place in the
// order of all writes, which is the same for all gateways ([Entry.At]).
//
// An entry is durable once the shared place and this gateway's own copy have it. Load yields the entries of the copy, and
// those of the shared place if that answers in time.
type SharedJournal interface {
	Journal

	// Write is like Append, and returns the entries as they are in the journal now, in the same order. The second of an entry
	// for a user, a realm, an attribute or everything may be later than it was given: it is at least that of the newest
	// session of all gateways. An entry is written also if its subject was removed before.
	Write(ctx context.Context, entries ...Entry) ([]Entry, error)

	// Prolong is like Append for entries that this gateway had before. It leaves out those that were removed by another
	// gateway.
	Prolong(ctx context.Context, entries ...Entry) error

	// Lift is like Remove, and returns the place of the removal in the order of all writes.
	Lift(ctx context.Context, subjects ...Subject) (at uint64, err error)

	// Drop returns nil once the subjects, whose entries have expired, are gone from this gateway's own copy.
	Drop(ctx context.Context, subjects ...Subject) error
}

// alone is a journal that one list writes, in the form of a shared one.
type alone struct{ Journal }

func (a alone) Write(ctx context.Context, entries ...Entry) ([]Entry, error) {
	return entries, a.Append(ctx, entries...)
}

func (a alone) Prolong(ctx context.Context, entries ...Entry) error { return a.Append(ctx, entries...) }

func (a alone) Lift(ctx context.Context, subjects ...Subject) (uint64, error) {
	return math.MaxUint64, a.Remove(ctx, subjects...) // nobody has written anything since
}

func (a alone) Drop(ctx context.Context, subjects ...Subject) error {
	return a.Remove(ctx, subjects...)
}

// sharedForm returns the journal as a shared one.
func sharedForm(journal Journal) SharedJournal {
	if shared, ok := journal.(SharedJournal); ok {
		return shared
	}
	return alone{journal}
}
