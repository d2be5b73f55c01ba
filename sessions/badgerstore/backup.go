package badgerstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// Backup writes all that the store holds at one moment, in the form of package backup. What is written to the store meanwhile
// is not in it. Backup returns an error if a value is damaged or if the store is closed. After an error, what was written is no
// backup. [Restore] reads a backup.
//
// Badger's own backup is none of this: its readers don't begin at one moment, and it leaves out what it can't read.
func (db *DB) Backup(ctx context.Context, to io.Writer) error {
	if err := db.enter(ctx); err != nil {
		return fmt.Errorf("backing up: %w", reason(err))
	}
	defer db.leave()
	if err := db.backup(ctx, to); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return nil
}

func (db *DB) backup(ctx context.Context, to io.Writer) error {
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	origin := backup.Origin{ID: db.id}
	if latest := db.clock.latest.Load(); latest != 0 {
		origin.Clock = time.Unix(latest, 0)
	}
	w := backup.NewWriter(to, origin)
	for _, kind := range []byte{entryKind, recordKind} {
		if err := db.backUpAll(ctx, txn, kind, w); err != nil {
			return err
		}
	}
	return w.Close()
}

// backUpAll writes all values of a kind.
func (db *DB) backUpAll(ctx context.Context, txn *badger.Txn, kind byte, w *backup.Writer) error {
	options := badger.IteratorOptions{Prefix: []byte{kind}, PrefetchValues: true, PrefetchSize: prefetched}
	iterator := txn.NewIterator(options)
	defer iterator.Close()
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-db.house.stopping:
			return errClosed
		default:
		}
		if err := backUp(iterator.Item(), w); err != nil {
			return err
		}
	}
	return nil
}

// backUp writes a session or an entry.
func backUp(item *badger.Item, w *backup.Writer) error {
	if item.Key()[0] == entryKind {
		entry, err := readEntry(item)
		if err != nil {
			return err
		}
		return w.Entry(entry)
	}
	return item.Value(func(value []byte) error {
		payload, err := unseal(item.Key(), value)
		if err != nil {
			return err
		}
		key, ok := keyOfRecord(item.Key())
		if !ok {
			return errVersion // the checksum covers the key, which is as it was written
		}
		return w.Session(key, payload)
	})
}

// keyOfRecord returns the session that a key of a record names.
func keyOfRecord(key []byte) (sessions.Key, bool) {
	const before = 3 // the kind, and the length of the realm
	if len(key) < before+hashSize || len(key) != before+int(binary.BigEndian.Uint16(key[1:]))+hashSize {
		return sessions.Key{}, false
	}
	return sessions.Key{Realm: string(key[before : len(key)-hashSize]), Hash: hashAtEnd(key)}, true
}
