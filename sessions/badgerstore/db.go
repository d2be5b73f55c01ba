package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// DB is an open store. Its methods are safe for concurrent use.
type DB struct {
	dir      string
	id       string
	badger   *badger.DB
	logger   *zap.Logger
	settings settings

	leases *leases
	ending ending

	// writing is held exclusively by the journal from its commit until that is synced, and shared by all others that write:
	// Badger syncs only the newest of its logs, and begins a new one when somebody writes. So nobody's write waits inside
	// Badger for a sync either, where it would make readers wait.
	writing sync.RWMutex
	// sessionLocks keep apart the calls that read a session and then write it.
	sessionLocks [64]sync.Mutex

	clock    clock
	records  atomic.Int64 // how many there are
	house    house
	sessions store
	journal  journal
}

// ending is the end of a store, which comes once.
type ending struct {
	once   sync.Once
	failed error         // what the first Close returned
	closed chan struct{} // closed when the database is, even if that is after Close has returned
}

func newDB(dir string, database *badger.DB, logger *zap.Logger, settings settings) *DB {
	db := &DB{
		dir: dir, badger: database, logger: logger, settings: settings, leases: newLeases(),
		ending: ending{closed: make(chan struct{})},
	}
	db.sessions.db, db.journal.db, db.house.db = db, db, db
	return db
}

// ID returns the id of the store, which no other store has.
func (db *DB) ID() string { return db.id }

// Sessions returns the sessions in the store.
func (db *DB) Sessions() sessions.Store { return &db.sessions }

// Journal returns the blacklist's journal in the store.
func (db *DB) Journal() blacklist.Journal { return &db.journal }

// Close refuses all further use, waits for the calls that are under way, and closes the database. If they take more than five
// seconds, Close returns an error: then all that was written is on disk, and the database is closed when the last call has
// returned, unless the process has ended by then. Further calls return what the first one returned.
func (db *DB) Close() error {
	db.ending.once.Do(func() { db.ending.failed = db.close() })
	return db.ending.failed
}

func (db *DB) close() error {
	drained := db.leases.close()
	db.house.stop()
	patience := time.NewTimer(db.settings.closeWait)
	defer patience.Stop()
	select {
	case <-drained:
		return db.closeBadger()
	case <-patience.C:
	}
	err := db.settings.sync(db.badger)
	go func() {
		<-drained
		if err := db.closeBadger(); err != nil {
			db.logger.Error("closing session store", zap.Error(err))
		}
	}()
	return errors.Join(fmt.Errorf("closing the database in %q: it is still in use, and is closed later", db.dir),
		reason(err))
}

// closeBadger closes the database. Nobody may hold a lease.
func (db *DB) closeBadger() error {
	defer close(db.ending.closed)
	<-db.house.stopped
	if err := errors.Join(db.badger.Close(), db.journal.count.file.Close()); err != nil {
		return fmt.Errorf("closing the database in %q: %w", db.dir, reason(err))
	}
	return nil
}

// enter takes a lease. The caller gives it back with leave.
func (db *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !db.leases.acquire() {
		return errClosed
	}
	return nil
}

func (db *DB) leave() { db.leases.release() }

// change runs a transaction that writes, and counts by how many records it changed the store. The caller holds a lease, and
// the lock of the session if the transaction reads one first.
func (db *DB) change(write func(*badger.Txn) (records int64, err error)) error {
	db.writing.RLock()
	defer db.writing.RUnlock()
	if err := checkSpace(db.settings.freeSpace, db.dir); err != nil {
		return err
	}
	txn := db.badger.NewTransaction(true)
	defer txn.Discard()
	records, err := write(txn)
	if err != nil {
		return err
	}
	if err := db.clock.write(db, txn); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return err
	}
	db.records.Add(records)
	return nil
}

// lock locks the lock of the session and returns it.
func (db *DB) lock(key sessions.Key) *sync.Mutex {
	lock := &db.sessionLocks[int(key.Hash[0])%len(db.sessionLocks)]
	lock.Lock()
	return lock
}

// readValue calls read with the payload of a key's value, which is good only during the call.
func readValue(txn *badger.Txn, key []byte, read func(payload []byte) error) error {
	item, err := txn.Get(key)
	if err != nil {
		return err
	}
	return item.Value(func(value []byte) error {
		payload, err := unseal(key, value)
		if err != nil {
			return err
		}
		return read(payload)
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	return err
}
