package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	memTableSize = 8 << 20
	// closeWait is how long [DB.Close] waits for those who use the database.
	closeWait = 5 * time.Second
	// clockMargin is how far the clock may have been set back without a word.
	clockMargin = time.Hour
)

// settings is what tests replace.
type settings struct {
	now       func() time.Time
	freeSpace func(dir string) (uint64, error)
	sync      func(*badger.DB) error
	closeWait time.Duration
}

// Open opens the store in the directory. It creates the store if the directory is empty or does not exist. Open returns an
// error, which names a way out, if another process has the directory open, if the directory holds anything else, if the store
// is damaged or was exchanged, or if less than 64 MiB are free.
//
// The logger is used until the store is closed.
func Open(dir string, logger *zap.Logger) (*DB, error) {
	return open(dir, logger, production())
}

// Reopen opens the store with the given id and no other. It never creates a store. The error wraps [storage.ErrOtherStore] if
// the directory has gone, is empty or holds another store.
func Reopen(dir, id string, logger *zap.Logger) (*DB, error) {
	dir, err := canonical(dir)
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, fmt.Errorf("directory %q: %w: it is missing. Is its file system mounted? Bring it back",
			dir, storage.ErrOtherStore)
	}
	db, err := Open(dir, logger)
	if err != nil {
		return nil, err
	}
	if db.ID() != id {
		err := fmt.Errorf("directory %q: %w: it was exchanged. Bring the former one back", dir, storage.ErrOtherStore)
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func production() settings {
	return settings{now: time.Now, freeSpace: freeSpace, sync: (*badger.DB).Sync, closeWait: closeWait}
}

func open(dir string, logger *zap.Logger, settings settings) (*DB, error) {
	dir, err := canonical(dir)
	if err != nil {
		return nil, err
	}
	if err := checkSpace(settings.freeSpace, existing(dir)); err != nil {
		return nil, err
	}
	if err := prepareDirectory(dir); err != nil {
		return nil, err
	}
	if err := prepareFiles(dir); err != nil {
		return nil, err
	}
	warnOfReaders(logger, dir)
	database, err := openBadger(dir, logger)
	if err != nil {
		return nil, err
	}
	db := newDB(dir, database, logger, settings)
	if err := db.begin(); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	db.house.start(db)
	return db, nil
}

// prepareFiles does what has to be done about the files before Badger opens them, while nobody has the database open.
func prepareFiles(dir string) error {
	unlock, err := lockDirectory(dir)
	if err != nil {
		if locked := lockError(dir, err); locked != nil {
			return locked
		}
		return fmt.Errorf("locking directory %q: %w", dir, err)
	}
	defer unlock()
	if err := removeEmptyLogs(dir); err != nil {
		return err
	}
	return checkTables(dir)
}

// begin checks and completes what a fresh database needs before it is used.
func (db *DB) begin() error {
	if err := db.identify(); err != nil {
		return err
	}
	if err := db.clock.read(db); err != nil {
		return fmt.Errorf("opening the database in %q: %w", db.dir, reason(err))
	}
	if err := db.recount(); err != nil {
		return fmt.Errorf("counting sessions in %q: %w", db.dir, reason(err))
	}
	return db.journalCount.open(db)
}

// identify compares the store's id in the database with the one in the marker. Where the marker has none yet it completes
// the creation of the store.
func (db *DB) identify() error {
	// Read once more: only now has nobody else the directory.
	marked, err := readMarker(db.dir)
	if err != nil {
		return err
	}
	db.id = marked
	held, err := db.readID()
	if err != nil {
		return fmt.Errorf("reading the store's id from the database in %q: %w", db.dir, reason(err))
	}
	switch {
	case marked == "":
		return db.create(held)
	case held == "":
		return fmt.Errorf("the database in directory %q has lost the store's id, and so maybe more: %s", db.dir, wayOut)
	case held != marked:
		return fmt.Errorf("directory %q holds the database of another store than its file %s names: %s",
			db.dir, markerName, wayOut)
	default:
		return nil
	}
}

// create completes a store that was never in use. The database gets its id first.
func (db *DB) create(held string) error {
	used, err := db.inUse()
	if err != nil {
		return fmt.Errorf("reading the database in %q: %w", db.dir, reason(err))
	}
	if used {
		return fmt.Errorf("directory %q holds a database in use but an empty file %s: %s", db.dir, markerName, wayOut)
	}
	if held == "" {
		held = newID()
		if err := db.writeID(held); err != nil {
			return fmt.Errorf("creating the database in %q: %w", db.dir, reason(err))
		}
	}
	db.id = held
	return completeMarker(db.dir, held)
}

func (db *DB) readID() (string, error) {
	id := ""
	err := db.badger.View(func(txn *badger.Txn) error {
		return readValue(txn, idKey, func(payload []byte) error {
			id = string(payload)
			return nil
		})
	})
	return id, ignoreMissing(err)
}

func (db *DB) writeID(id string) error {
	err := db.badger.Update(func(txn *badger.Txn) error {
		return txn.Set(idKey, seal(idKey, append(newValue(len(id)), id...)))
	})
	if err != nil {
		return err
	}
	return db.settings.sync(db.badger)
}

// inUse says whether the database holds anything but its id.
func (db *DB) inUse() (bool, error) {
	used := false
	err := db.badger.View(func(txn *badger.Txn) error {
		iterator := txn.NewIterator(badger.IteratorOptions{})
		defer iterator.Close()
		for iterator.Rewind(); iterator.Valid() && !used; iterator.Next() {
			used = string(iterator.Item().Key()) != string(idKey)
		}
		return nil
	})
	return used, err
}

// openBadger opens the database. A panic of Badger's over a damaged file becomes an error where it comes in this
// goroutine: a server that is only being reconfigured goes on.
func openBadger(dir string, logger *zap.Logger) (database *badger.DB, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("opening the database in %q: it is damaged (%v): %s", dir, recovered, wayOut)
		}
	}()
	database, err = badger.Open(badgerOptions(dir, logger))
	if err == nil {
		return database, nil
	}
	if locked := lockError(dir, err); locked != nil {
		return nil, locked
	}
	return nil, fmt.Errorf("opening the database in %q: %w: if it is damaged, %s", dir, err, wayOut)
}

// badgerOptions trades Badger's defaults, which are for big data, for 64 MiB of files and little memory.
func badgerOptions(dir string, logger *zap.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLogger{logger.Named("badger")}).
		WithMemTableSize(memTableSize).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(0).
		WithCompression(options.None).
		WithMetricsEnabled(false).
		// A damaged table is found at once. The modes that check at every read answer "not found" for what is damaged.
		WithChecksumVerificationMode(options.OnTableRead).
		// No two transactions that read what the other writes ever run at once: see DB.change and journal.write.
		WithDetectConflicts(false).
		// The journal syncs by itself, once for all who wait.
		WithSyncWrites(false)
}
