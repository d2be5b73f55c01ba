package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// errUnsynced is returned from the first sync that failed until the store is opened again: what the disk has lost then
// the kernel won't write once more, so that a later sync that succeeds proves nothing.
var errUnsynced = errors.New("the disk failed to keep what was written: see to the disk, then restart")

// journal is the blacklist.Journal in a DB.
//
// Calls that write at the same time are one group. The first one writes for all of them, with one sync.
type journal struct {
	db *DB

	mu   sync.Mutex
	next *group // the one that is still open to others, or nil

	// DB.writing, held exclusively, guards what follows.
	failed bool // a sync has failed
	count  journalCount
}

var _ blacklist.TidyJournal = (*journal)(nil)

// DropsExpired implements [blacklist.TidyJournal]: every entry is written with the time from which Badger may drop it.
func (j *journal) DropsExpired() {}

// change is what is to become of one subject's entry.
type change struct {
	entry  blacklist.Entry // of a removal: its subject, and its place if it is ordered
	remove bool
	// ordered reports whether the change takes the place of the entry that is there, unless that has a later place.
	ordered bool
}

type group struct {
	changes []change
	done    chan struct{} // closed when err stands
	err     error
}

// Append implements [blacklist.Journal].
func (j *journal) Append(ctx context.Context, entries ...blacklist.Entry) error {
	changes := make([]change, len(entries))
	for i, entry := range entries {
		changes[i] = change{entry: entry}
	}
	return unavailable(blacklist.ErrUnavailable, "writing to the blacklist's journal", j.apply(ctx, changes))
}

// Remove implements [blacklist.Journal].
func (j *journal) Remove(ctx context.Context, subjects ...blacklist.Subject) error {
	changes := make([]change, len(subjects))
	for i, subject := range subjects {
		changes[i] = change{entry: blacklist.Entry{Subject: subject}, remove: true}
	}
	return unavailable(blacklist.ErrUnavailable, "removing from the blacklist's journal", j.apply(ctx, changes))
}

func (j *journal) apply(ctx context.Context, changes []change) error {
	for i := range changes {
		if err := checkSubject(changes[i].entry.Subject); err != nil {
			return err
		}
	}
	if err := j.db.enter(ctx); err != nil {
		return err
	}
	defer j.db.leave()
	if len(changes) == 0 {
		return nil
	}
	joined, first := j.join(changes)
	if first {
		j.lead(joined)
		return joined.err
	}
	select {
	case <-joined.done:
		return joined.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join adds the changes to the group that is about to be written, and reports whether the caller is its first.
func (j *journal) join(changes []change) (*group, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.next == nil
	if first {
		j.next = &group{done: make(chan struct{}), err: errBadger}
	}
	j.next.changes = append(j.next.changes, changes...)
	return j.next, first
}

// lead writes the group once the one before it is written. Until then others may join it.
func (j *journal) lead(g *group) {
	defer close(g.done) // deferred, so that nobody waits for ever after a panic
	j.db.writing.Lock()
	defer j.db.writing.Unlock()
	j.mu.Lock()
	j.next = nil
	j.mu.Unlock()
	g.err = j.write(g.changes)
}

// write makes the changes durable. It is called with DB.writing held exclusively.
func (j *journal) write(changes []change) error {
	if j.failed {
		return errUnsynced
	}
	for len(changes) > 0 {
		if err := checkSpace(j.db.settings.freeSpace, j.db.dir); err != nil {
			return err
		}
		done, err := j.commit(changes)
		if err != nil {
			return err
		}
		changes = changes[done:]
		if err := j.db.settings.sync(j.db.badger); err != nil {
			j.failed = true
			return fmt.Errorf("%w: %w", errUnsynced, err)
		}
		j.count.acknowledge()
	}
	return nil
}

// commit writes as many of the changes as one transaction holds, and returns how many.
func (j *journal) commit(changes []change) (int, error) {
	txn := j.db.badger.NewTransaction(true)
	defer txn.Discard()
	if err := j.db.clock.write(j.db, txn); err != nil {
		return 0, err
	}
	if err := j.count.add(txn); err != nil {
		return 0, err
	}
	done := 0
	for _, change := range changes {
		err := j.add(txn, change)
		if errors.Is(err, badger.ErrTxnTooBig) && done > 0 {
			break
		}
		if err != nil {
			return 0, err
		}
		done++
	}
	if err := txn.Commit(); err != nil {
		return 0, err
	}
	j.count.count++
	return done, nil
}

// add adds one change to a transaction. An entry is written even where it changes nothing: the one that is there may
// stem from an Append that failed before it was durable.
func (j *journal) add(txn *badger.Txn, change change) error {
	subject := change.entry.Subject
	key := entryKey(subject)
	if change.remove && !change.ordered {
		return txn.Delete(key)
	}
	merged := change.entry
	var old blacklist.Entry
	err := readValue(txn, key, func(payload []byte) (err error) {
		old, err = record.ParseEntry(subject, payload)
		return err
	})
	if ignoreMissing(err) != nil {
		return err
	}
	switch {
	case err != nil: // there is none
	case !change.ordered:
		merged = merged.Merged(old)
	case old.At > change.entry.At:
		return nil
	}
	if change.remove {
		return txn.Delete(key)
	}
	left := max(time.Until(merged.Expires), 0)
	return txn.SetEntry(&badger.Entry{Key: key, Value: entryValue(key, merged), ExpiresAt: dropAt(left)})
}

func entryValue(key []byte, entry blacklist.Entry) []byte {
	return seal(key, record.AppendEntry(newValue(3*binary.MaxVarintLen64), entry))
}

// Load implements [blacklist.Journal].
func (j *journal) Load(ctx context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	const doing = "reading the blacklist's journal"
	if err := j.db.enter(ctx); err != nil {
		return unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer j.db.leave()
	txn := j.db.badger.NewTransaction(false)
	defer txn.Discard()
	options := badger.IteratorOptions{Prefix: []byte{entryKind}, PrefetchValues: true, PrefetchSize: prefetched}
	iterator := txn.NewIterator(options)
	defer iterator.Close()
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		if err := ctx.Err(); err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
		entry, err := readEntry(iterator.Item())
		if err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
		if entry.Expired(now) {
			continue
		}
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

func readEntry(item *badger.Item) (blacklist.Entry, error) {
	subject, err := blacklist.ParseSubject(item.Key()[1:])
	if err != nil {
		err = errVersion // where the value is sound the key is as it was written: the checksum covers it
	}
	var entry blacklist.Entry
	damaged := item.Value(func(value []byte) error {
		payload, err := unseal(item.Key(), value)
		if err != nil {
			return err
		}
		entry, err = record.ParseEntry(subject, payload)
		return err
	})
	if damaged != nil {
		return blacklist.Entry{}, damaged
	}
	if err != nil {
		return blacklist.Entry{}, err
	}
	return entry, nil
}
