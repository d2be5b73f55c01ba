package storage

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Shared is implemented by a [Place] that several gateways use at the same time. Its journal is a [blacklist.SharedJournal].
//
// What one gateway writes to the journal is in force on the others a moment later: the order of all writes is the same for
// all gateways. A gateway that can't reach the place goes on with what it knows; see [Link].
type Shared interface {
	// Follow tells the follower what other gateways write, in the order of the writes, until ctx is done. It connects again by
	// itself, and first of all writes back what this gateway has and the place has lost. Follow is called once, after the
	// journal was loaded.
	Follow(ctx context.Context, follower Follower)

	// Position returns the place in the order of all writes up to which the follower knows every write. It is 0 as long as the
	// place was never reached. Position waits for nothing.
	Position() uint64

	// CatchUp returns nil once the follower knows every write that another gateway made before CatchUp was called. The error
	// wraps [blacklist.ErrUnavailable]. It must not be called from a method of the follower, nor with a lock that the
	// follower takes.
	CatchUp(ctx context.Context) error

	// Link returns how this gateway is connected to the place. Link waits for nothing.
	Link() Link

	// Gateways returns the gateways that have used the place lately, this one included, in the order of their names.
	Gateways(ctx context.Context) ([]Gateway, error)

	// Notes returns the notes of all gateways, the same ones every time.
	Notes() Notes

	// Files returns the files of all gateways, the same ones every time.
	Files() Files
}

// Follower is told what other gateways have written. Its methods are called one after the other.
type Follower interface {
	// Apply is called with changes in the order in which they were written. All of them are in force when it returns. Some may
	// be known already.
	Apply(changes []Change)

	// Linked is called when the gateway has lost the place or has reached it again, with the new state.
	Linked(link Link)

	// Stored is called after another gateway has stored the file of this name.
	Stored(name string)
}

// Change is what has become of the entry of one subject.
type Change struct {
	// Entry is what holds from now on. If Lifted is true, only its subject and its At are set.
	Entry blacklist.Entry
	// Lifted reports whether the entry was taken back.
	Lifted bool
}

// Link is how a gateway is connected to a place that it shares. The zero value has never been connected.
type Link struct {
	// Connected reports whether the gateway can write, as far as it knows.
	Connected bool
	// Synced is the last time at which the gateway is sure to have known every write. It is zero if there was none, and it is
	// kept over restarts.
	Synced time.Time
}

// Gateway is one of the gateways that share a place.
type Gateway struct {
	// ID is different for every process.
	ID string
	// Host is the name of the machine.
	Host string
	// Self reports whether it is this gateway.
	Self bool
	// Started is when the gateway began to use the place, and Seen is when it last said that it is there.
	Started, Seen time.Time
	// Lag is by how much the gateway was behind the others when it was last seen.
	Lag time.Duration
}

// Notes are small facts that gateways share, each with a name and an expiry. A name holds nothing secret. The methods are
// safe for concurrent use, and each is atomic. Errors wrap [sessions.ErrUnavailable].
type Notes interface {
	// Claim writes the note unless there is one of this name, and reports whether it did.
	Claim(ctx context.Context, name, value string, life time.Duration) (bool, error)
	// Put writes the note in the place of any other.
	Put(ctx context.Context, name, value string, life time.Duration) error
	// Get returns the value of the note, and false if there is none.
	Get(ctx context.Context, name string) (string, bool, error)
	// Drop removes the note if it has this value.
	Drop(ctx context.Context, name, value string) error
}

// Files are files that gateways share, such as that of their keys. Load returns an error that is [fs.ErrNotExist] if there is
// no such file. Store replaces the whole file or nothing, and calls [Follower.Stored] on the other gateways. Lock excludes
// all other gateways, for at most a minute if it is not given back.
type Files interface {
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
	Load(ctx context.Context, name string) ([]byte, error)
	Store(ctx context.Context, name string, value []byte) error
}
