package badgerstore

import (
	"context"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// Copy is a journal that holds what its gateway knows of a [blacklist.SharedJournal]. Errors wrap
// [blacklist.ErrUnavailable].
type Copy struct{ *journal }

// CopyIn returns the copy in the store. It is the store's journal.
func CopyIn(db *DB) Copy { return Copy{&db.journal} }

// Put returns nil once the changes are durable. Each takes the place of the entry that is there, unless that has a later
// [blacklist.Entry.At].
func (c Copy) Put(ctx context.Context, changes ...storage.Change) error {
	ordered := make([]change, len(changes))
	for i, changed := range changes {
		ordered[i] = change{entry: changed.Entry, remove: changed.Lifted, ordered: true}
	}
	return unavailable(blacklist.ErrUnavailable, "writing to the copy of the blacklist", c.apply(ctx, ordered))
}

// Find returns the entry for the subject, and false if there is none. The entry may have expired.
func (c Copy) Find(ctx context.Context, subject blacklist.Subject) (blacklist.Entry, bool, error) {
	const doing = "reading the copy of the blacklist"
	if err := c.db.enter(ctx); err != nil {
		return blacklist.Entry{}, false, unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer c.db.leave()
	var entry blacklist.Entry
	err := c.db.badger.View(func(txn *badger.Txn) error {
		return readValue(txn, entryKey(subject), func(payload []byte) (err error) {
			entry, err = record.ParseEntry(subject, payload)
			return err
		})
	})
	if ignoreMissing(err) != nil {
		return blacklist.Entry{}, false, unavailable(blacklist.ErrUnavailable, doing, err)
	}
	return entry, err == nil, nil
}
