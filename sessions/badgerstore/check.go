package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// ErrNoStore is returned by [Check], wrapped, if there is no store.
var ErrNoStore = errors.New("there is no session store")

// Check opens the store in the directory as [Open] does, reads every value in it, and returns what it holds. It creates no
// store. Nobody else may have the directory open.
//
// Badger may end the process over damage that nobody has thought of. So call Check in a process of its own.
func Check(dir string, logger *zap.Logger) (contents backup.Contents, err error) {
	if _, err := os.Lstat(filepath.Join(dir, markerName)); errors.Is(err, fs.ErrNotExist) {
		if err := checkAbsent(dir); err != nil {
			return backup.Contents{}, err
		}
	}
	db, err := Open(dir, logger)
	if err != nil {
		return backup.Contents{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return readAll(db)
}

// checkAbsent returns an error where nothing is in the directory that could be a store. What looks like one is left to Open.
func checkAbsent(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading directory %q: %w", dir, err)
	}
	return fmt.Errorf("%w in %q: the directory is empty or does not exist", ErrNoStore, dir)
}

// readAll reads every value.
func readAll(db *DB) (backup.Contents, error) {
	var contents backup.Contents
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	iterator := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: prefetched})
	defer iterator.Close()
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		item := iterator.Item()
		if err := checkItem(item); err != nil {
			return backup.Contents{}, fmt.Errorf("reading %s in %q: %w", kindName(item.Key()), db.dir, reason(err))
		}
		switch item.Key()[0] {
		case recordKind:
			contents.Sessions++
		case entryKind:
			contents.Entries++
		}
	}
	return contents, nil
}

// checkItem reads a value as it is read when it is used.
func checkItem(item *badger.Item) error {
	switch item.Key()[0] {
	case recordKind:
		return item.Value(func(value []byte) error {
			payload, err := unseal(item.Key(), value)
			if err != nil {
				return err
			}
			_, err = record.ParseSession(sessions.Key{}, payload)
			return err
		})
	case entryKind:
		_, err := readEntry(item)
		return err
	case userKind, signInKind, metaKind:
		return item.Value(func(value []byte) error { return checkValue(item.Key(), value) })
	default:
		return errVersion
	}
}

// kindName returns what a value is, for errors.
func kindName(key []byte) string {
	switch key[0] {
	case recordKind:
		return "a session"
	case entryKind:
		return "a revocation or an end"
	case userKind, signInKind, metaKind:
		return "what the store keeps of itself"
	default:
		return "an unknown value"
	}
}

// checkValue returns an error for a value that is not as it was written. Keys that only lead to others have no value.
func checkValue(key, value []byte) error {
	if key[0] == userKind || key[0] == signInKind {
		if len(value) > 0 {
			return errDamaged
		}
		return nil
	}
	_, err := unseal(key, value)
	return err
}
