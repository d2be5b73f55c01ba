package badgerstore

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// identify compares the store's id in the database with the one in the marker, and returns it. If the marker has none yet,
// identify completes the creation of the store.
func identify(dir string, database *badger.DB, sync func(*badger.DB) error) (string, error) {
	// Read once more: only now has nobody else the directory.
	marked, err := readMarker(dir)
	if err != nil {
		return "", err
	}
	held, err := readID(database)
	if err != nil {
		return "", fmt.Errorf("reading the store's id from the database in %q: %w", dir, reason(err))
	}
	switch {
	case marked == "":
		return completeStore(dir, database, held, sync)
	case held == "":
		return "", fmt.Errorf("the database in directory %q has lost the store's id, and so maybe more: %s", dir, wayOut)
	case held != marked:
		return "", fmt.Errorf("directory %q holds the database of another store than its file %s names: %s", dir, markerName, wayOut)
	default:
		return marked, nil
	}
}

// completeStore completes a store that was never in use, and returns its id. The database gets the id first. It may hold one
// already, from a start that was killed.
func completeStore(dir string, database *badger.DB, held string, sync func(*badger.DB) error) (string, error) {
	used, err := inUse(database)
	if err != nil {
		return "", fmt.Errorf("reading the database in %q: %w", dir, reason(err))
	}
	if used {
		return "", fmt.Errorf("directory %q holds a database in use but an empty file %s: %s", dir, markerName, wayOut)
	}
	if held == "" {
		held = newID()
		if err := writeID(database, held, sync); err != nil {
			return "", fmt.Errorf("creating the database in %q: %w", dir, reason(err))
		}
	}
	return held, completeMarker(dir, held)
}

// readID returns the id in the database, or nothing if it has none.
func readID(database *badger.DB) (string, error) {
	id := ""
	err := database.View(func(txn *badger.Txn) error {
		return readValue(txn, idKey, func(payload []byte) error {
			id = string(payload)
			return nil
		})
	})
	return id, ignoreMissing(err)
}

// writeID writes the id to the database, and syncs it.
func writeID(database *badger.DB, id string, sync func(*badger.DB) error) error {
	err := database.Update(func(txn *badger.Txn) error {
		return txn.Set(idKey, seal(idKey, append(newValue(len(id)), id...)))
	})
	if err != nil {
		return err
	}
	return sync(database)
}

// inUse reports whether the database holds anything but its id.
func inUse(database *badger.DB) (bool, error) {
	used := false
	err := database.View(func(txn *badger.Txn) error {
		iterator := txn.NewIterator(badger.IteratorOptions{})
		defer iterator.Close()
		for iterator.Rewind(); iterator.Valid() && !used; iterator.Next() {
			used = string(iterator.Item().Key()) != string(idKey)
		}
		return nil
	})
	return used, err
}
