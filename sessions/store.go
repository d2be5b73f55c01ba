package sessions

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable is returned, wrapped or as it is, by every method of a [Store] that could not do its work: the disk is
// full, the store is closed, the network is down. It means "could not tell", never "no such session".
var ErrUnavailable = errors.New("session store unavailable")

// Store keeps the active sessions of all realms.
//
// A session is absent when it was never put, was deleted, or has expired at the given time; a record that can't be read
// is an error, not an absence. Expiry is the record's own and is compared with the time that the caller passes; a store
// may drop expired records whenever it likes, and must not drop any sooner.
//
// How many records there are of one user is no matter of a store: who writes them sees to it, by List and Delete, which
// must therefore cost no more than that user has records.
//
// Methods are safe for concurrent use. Each is atomic for its one session, and a method that starts after another has
// returned sees what that one did. Errors wrap [ErrUnavailable] and name no key, hash or user. A store keeps no reference
// to what it is given and returns nothing that it will change. Times come back as the same instants, in whatever zone;
// attributes that are empty may come back as nil. A method whose ctx is done may give up, with an error that wraps that of
// ctx as well; what it was to write has been written or not.
type Store interface {
	// Get returns the session and true, or false where it is absent.
	Get(ctx context.Context, key Key, now time.Time) (Session, bool, error)

	// Put writes the session, whether or not there is one with its key. One that has expired at now is not written; what
	// was there before is gone all the same.
	Put(ctx context.Context, session Session, now time.Time) error

	// Update writes the session only where one with its key and its AuthTime is present at now, and says whether it did.
	// It is how a session is touched or confirmed: an end in between is never undone. One that has expired at now is not
	// written, as with Put.
	Update(ctx context.Context, session Session, now time.Time) (bool, error)

	// Delete removes the session and says whether one was there; one that has expired may be there or not. Deleting an
	// absent one is fine.
	Delete(ctx context.Context, key Key) (bool, error)

	// List returns one page of the realm's sessions, in the order of their hashes.
	List(ctx context.Context, query Query, now time.Time) (Page, error)

	// Count returns how many records there are, expired ones that have not been dropped yet included.
	Count(ctx context.Context) (int, error)
}

// Query asks for a page of sessions.
type Query struct {
	Realm string
	// User narrows the page to one user's sessions, where not empty.
	User string
	// After leaves out hashes up to and including this one. The zero hash leaves out none.
	After Hash
	// Limit is how many sessions a page holds at most: 1 and up.
	Limit int
}

// Page is a part of a list.
type Page struct {
	Sessions []Session
	// More says that there are sessions after the last one of this page.
	More bool
}
