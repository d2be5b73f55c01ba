package badgerstore

import (
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
)

const (
	housekeepingEvery = time.Hour
	// discardable is how much of a value log must be garbage before it is written anew.
	discardable = 0.5
)

// house is the goroutine that cleans up behind Badger.
type house struct {
	stopping chan struct{}
	stopped  chan struct{}
}

// start starts the goroutine, once, before the store is used.
func (h *house) start(db *DB) {
	h.stopping, h.stopped = make(chan struct{}), make(chan struct{})
	ticker := time.NewTicker(housekeepingEvery)
	go func() {
		defer close(h.stopped)
		defer ticker.Stop()
		db.keepHouse(ticker.C, h.stopping)
	}()
}

// stop tells the goroutine to end. Its work holds leases: who waits for those waits for its last step too.
func (h *house) stop() { close(h.stopping) }

func (db *DB) keepHouse(tick <-chan time.Time, stopping <-chan struct{}) {
	for {
		select {
		case <-stopping:
			return
		case <-tick:
			db.cleanUp(stopping)
		}
	}
}

// cleanUp frees what the value log holds in vain, and counts the sessions anew.
func (db *DB) cleanUp(stopping <-chan struct{}) {
	if !db.leases.acquire() {
		return
	}
	defer db.leave()
	for db.collect() {
		select {
		case <-stopping:
			return
		default:
		}
	}
	if err := db.recount(); err != nil {
		db.logger.Error("counting sessions", zap.Error(reason(err)))
	}
}

// collect rewrites at most one file of the value log, and says whether it did. Only values of a MiB and more are there, so
// that there is hardly ever one.
func (db *DB) collect() bool {
	db.writing.RLock()
	defer db.writing.RUnlock()
	if err := checkSpace(db.settings.freeSpace, db.dir); err != nil {
		return false
	}
	err := db.badger.RunValueLogGC(discardable)
	if err != nil && !errors.Is(err, badger.ErrNoRewrite) && !errors.Is(err, badger.ErrRejected) {
		db.logger.Error("collecting garbage of session store", zap.Error(reason(err)))
	}
	return err == nil
}

// recount counts the records: Badger drops some without a word.
func (db *DB) recount() error {
	// Nobody may write between the look at the counter and the beginning of the transaction.
	db.writing.Lock()
	before := db.records.Load()
	txn := db.badger.NewTransaction(false)
	db.writing.Unlock()
	defer txn.Discard()
	iterator := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{recordKind}})
	defer iterator.Close()
	var records int64
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		records++
	}
	db.records.Add(records - before)
	return nil
}
