package blacklist

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable is returned, wrapped or as it is, by every method of a [Journal] that could not do its work: the disk is
// full, the journal is closed, the network is down.
var ErrUnavailable = errors.New("blacklist journal unavailable")

// Journal keeps entries where a crash, a kill and a loss of power can't reach them. A [List] is its only user.
//
// Methods are safe for concurrent use. Errors wrap [ErrUnavailable], but for the one that a yield function returned, and
// name no subject. An entry that is appended expires at a whole second. A journal may drop an entry whose Expires has
// passed, by the clock on the wall, whenever it likes, and must not drop one any sooner. It keeps no reference to a slice
// that it is given.
type Journal interface {
	// Load calls yield once for each subject whose entry has not expired at now, in any order. It ends at the first
	// error of yield and returns it as it is. An entry that can't be read is an error, never passed over.
	Load(ctx context.Context, now time.Time, yield func(Entry) error) error

	// Append returns nil once all entries are durable: synced to disk, or the like. An entry for a subject that is there
	// already leaves the later Second and the later Expires of both, as [Entry.Merged] says. After an error any of the
	// entries may be there or not.
	Append(ctx context.Context, entries ...Entry) error

	// Remove returns nil once the removal of these subjects is durable. A subject that is not there is fine.
	Remove(ctx context.Context, subjects ...Subject) error
}
