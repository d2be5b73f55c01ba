package badgerstore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// restoreBatch is how many bytes are restored between two looks at the free space.
const restoreBatch = 4 << 20

// loader writes what a backup holds to a database that nobody else uses. Nothing of it counts before the backup was read to
// its end.
type loader struct {
	dir      string
	database *badger.DB
	free     func(dir string) (uint64, error)
	now      time.Time

	batch     *badger.WriteBatch
	unchecked int               // bytes since the last look at the free space
	over      []blacklist.Entry // entries that are not restored
}

// all writes all of a backup, and returns the id of the store.
func (l *loader) all(r *backup.Reader) (string, error) {
	l.batch, l.unchecked = l.database.NewWriteBatch(), restoreBatch // it looks at the start too
	defer func() { l.batch.Cancel() }()
	id := restoredID(r.Origin())
	if err := l.origin(id, r.Origin()); err != nil {
		return "", err
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = l.item(item)
		}
		if err != nil {
			return "", err
		}
	}
	if err := l.failed(l.batch.Flush()); err != nil {
		return "", err
	}
	l.batch = l.database.NewWriteBatch()
	if err := l.failed(l.dropEnded()); err != nil {
		return "", err
	}
	return id, l.failed(l.batch.Flush())
}

func (l *loader) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing to %q: %w", l.dir, reason(err))
}

// restoredID returns the id of the store that was backed up, or a new one if that had none of this form.
func restoredID(origin backup.Origin) string {
	if raw, err := hex.DecodeString(origin.ID); err != nil || len(raw) != idSize {
		return newID()
	}
	return origin.ID
}

// origin writes what the store knows of itself.
func (l *loader) origin(id string, origin backup.Origin) error {
	if err := l.set(idKey, append(newValue(len(id)), id...), 0); err != nil || origin.Clock.IsZero() {
		return err
	}
	return l.set(clockKey, binary.AppendVarint(newValue(binary.MaxVarintLen64), origin.Clock.Unix()), 0)
}

func (l *loader) item(item backup.Item) error {
	switch item := item.(type) {
	case backup.Session:
		if checkRealm(item.Realm) != nil {
			return l.failed(errRealm)
		}
		if l.isOver(item.Expires) {
			return nil
		}
		return l.session(item)
	case backup.Entry:
		if checkSubject(item.Subject) != nil {
			return l.failed(errRealm)
		}
		if l.isOver(item.Expires) {
			l.over = append(l.over, item.Entry)
			return nil
		}
		key := entryKey(item.Subject)
		return l.put(key, entryValue(key, item.Entry), l.dropAt(item.Expires))
	default:
		panic("a backup holds neither a session nor an entry")
	}
}

// session writes a record, and the keys that lead to it.
func (l *loader) session(session backup.Session) error {
	dropAt := l.dropAt(session.Expires)
	err := l.set(recordKey(session.Key), append(newValue(len(session.Record)), session.Record...), dropAt)
	for _, key := range leadingKeys(session.Session) {
		if err == nil {
			err = l.put(key, nil, dropAt)
		}
	}
	return err
}

// isOver reports whether Badger would drop at once what has expired at the time.
func (l *loader) isOver(expires time.Time) bool { return expires.Before(l.now.Add(-dropAfter)) }

// dropAt returns when Badger may drop what expires at the time.
func (l *loader) dropAt(expires time.Time) uint64 { return dropAt(expires.Sub(l.now)) }

// set writes a value that has no checksum yet. It keeps what it is given.
func (l *loader) set(key, value []byte, dropAt uint64) error {
	return l.put(key, seal(key, value), dropAt)
}

func (l *loader) put(key, value []byte, dropAt uint64) error {
	if l.unchecked += len(key) + len(value); l.unchecked > restoreBatch {
		if err := checkSpace(l.free, l.dir); err != nil {
			return err
		}
		l.unchecked = 0
	}
	return l.failed(l.batch.SetEntry(&badger.Entry{Key: key, Value: value, ExpiresAt: dropAt}))
}

// dropEnded deletes the records of sessions that have ended.
func (l *loader) dropEnded() error {
	txn := l.database.NewTransaction(false)
	defer txn.Discard()
	for _, entry := range l.over {
		if err := l.dropEndedBy(txn, entry); err != nil {
			return err
		}
	}
	options := badger.IteratorOptions{Prefix: []byte{entryKind}, PrefetchValues: true, PrefetchSize: prefetched}
	iterator := txn.NewIterator(options)
	defer iterator.Close()
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		entry, err := readEntry(iterator.Item())
		if err == nil {
			err = l.dropEndedBy(txn, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropEndedBy deletes the record that is gone because of the entry, if there is one.
func (l *loader) dropEndedBy(txn *badger.Txn, entry blacklist.Entry) error {
	key, ends := backup.Ended(entry)
	if !ends {
		return nil
	}
	session, found, err := readSession(txn, recordKey(key), key)
	if err != nil || !found || session.AuthTime > entry.Second {
		return err
	}
	for _, key := range append(leadingKeys(session), recordKey(session.Key)) {
		if err := l.batch.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
