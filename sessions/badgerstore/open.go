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

// settings are what tests replace.
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
	if err := begin(db); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	db.house.start()
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
func begin(db *DB) (err error) {
	if db.id, err = identify(db.dir, db.badger, db.settings.sync); err != nil {
		return err
	}
	if err := db.clock.read(db); err != nil {
		return fmt.Errorf("opening the database in %q: %w", db.dir, reason(err))
	}
	if err := db.house.recount(); err != nil {
		return fmt.Errorf("counting sessions in %q: %w", db.dir, reason(err))
	}
	return db.journal.count.open(db)
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
