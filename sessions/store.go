package sessions

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable is returned, wrapped or as it is, by every method of a [Store] that could not do its work because the disk
// is full, the store is closed or the network is down, for example. It means "could not tell", never "no such session".
var ErrUnavailable = errors.New("session store unavailable")

// ErrBehind is returned by Put and Update of a [Store] that gateways share if another gateway has changed what is in force
// about the session or its user, and this gateway has not heard of it yet. Nothing was written.
var ErrBehind = errors.New("another gateway has changed what is in force about the session")

// Store keeps the active sessions of all realms.
//
// A session is absent if it was never put, was deleted, or has expired at the given time. A record that can't be read is an
// error, not an absence. Expiry is that of the record and is compared with the time that the caller passes. A store may drop
// a record at any time after it has expired, and must not drop it sooner.
//
// A store does not bound the records of one user. The caller does, with List and Delete. So these must cost no more than
// that user has records. The same is true of the sessions that were opened with one session of an identity provider.
//
// The methods are safe for concurrent use. Each is atomic for its one session, and a method that starts after another has
// returned sees what that one did. Errors wrap [ErrUnavailable], except [ErrBehind], and name no key, hash or user. A store keeps no reference
// to what it is given and returns nothing that it will change. Times come back as the same instants, in any zone. Empty
// attributes may come back as nil. A method whose ctx is done may give up: its error then wraps that of ctx as well, and
// what it was to write has been written or not.
type Store interface {
	// Get returns the session and true, or false if it is absent.
	Get(ctx context.Context, key Key, now time.Time) (Session, bool, error)

	// Put writes the session in the place of any other with its key. A session that has expired at now is not written, but
	// what was there before is gone all the same.
	Put(ctx context.Context, session Session, now time.Time) error

	// Update writes the session only if one with its key and its AuthTime is present at now, and reports whether it did.
	// This is how a session is touched or confirmed, so that an end in between is never undone. A session that has expired
	// at now is not written, as with Put.
	Update(ctx context.Context, session Session, now time.Time) (bool, error)

	// Delete removes the session and reports whether one was there. A session that has expired may be there or not. To
	// delete an absent session is no error.
	Delete(ctx context.Context, key Key) (bool, error)

	// List returns one page of the realm's sessions, in the order of their hashes.
	List(ctx context.Context, query Query, now time.Time) (Page, error)

	// Count returns the number of records, including expired ones that have not been dropped yet.
	Count(ctx context.Context) (int, error)
}

// Query asks for a page of sessions.
type Query struct {
	Realm string
	// User narrows the page to the sessions of one user. If it is empty, the page is not narrowed.
	User string
	// Provider narrows the page to the sessions that were opened with this session of an identity provider. If it is zero,
	// the page is not narrowed.
	Provider ProviderSession
	// After leaves out the hashes up to and including this one. The zero hash leaves out none.
	After Hash
	// Limit is the greatest number of sessions in a page. It is at least 1.
	Limit int
}

// Page is a part of a list.
type Page struct {
	Sessions []Session
	// More reports whether there are sessions after the last one of this page.
	More bool
}
