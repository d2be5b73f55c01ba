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

// house cleans up behind Badger, in a goroutine.
type house struct {
	db       *DB
	stopping chan struct{}
	stopped  chan struct{}
}

// start starts the goroutine, once, before the store is used.
func (h *house) start() {
	h.stopping, h.stopped = make(chan struct{}), make(chan struct{})
	ticker := time.NewTicker(housekeepingEvery)
	go func() {
		defer close(h.stopped)
		defer ticker.Stop()
		h.keep(ticker.C, h.stopping)
	}()
}

// stop tells the goroutine to end. Its work holds leases: a caller that waits for the leases waits for its last step too.
func (h *house) stop() { close(h.stopping) }

func (h *house) keep(tick <-chan time.Time, stopping <-chan struct{}) {
	for {
		select {
		case <-stopping:
			return
		case <-tick:
			h.cleanUp(stopping)
		}
	}
}

// cleanUp frees the garbage in the value log, and counts the sessions anew.
func (h *house) cleanUp(stopping <-chan struct{}) {
	if !h.db.leases.acquire() {
		return
	}
	defer h.db.leave()
	for h.collect() {
		select {
		case <-stopping:
			return
		default:
		}
	}
	if err := h.recount(); err != nil {
		h.db.logger.Error("counting sessions", zap.Error(reason(err)))
	}
}

// collect rewrites at most one file of the value log, and reports whether it did. Only values of a MiB and more are there, so
// that there is hardly ever one.
func (h *house) collect() bool {
	h.db.writing.RLock()
	defer h.db.writing.RUnlock()
	if err := checkSpace(h.db.settings.freeSpace, h.db.dir); err != nil {
		return false
	}
	err := h.db.badger.RunValueLogGC(discardable)
	if err != nil && !errors.Is(err, badger.ErrNoRewrite) && !errors.Is(err, badger.ErrRejected) {
		h.db.logger.Error("collecting garbage of session store", zap.Error(reason(err)))
	}
	return err == nil
}

// recount counts the records. Badger drops expired ones without telling.
func (h *house) recount() error {
	// Nobody may write between the look at the counter and the beginning of the transaction.
	h.db.writing.Lock()
	before := h.db.records.Load()
	txn := h.db.badger.NewTransaction(false)
	h.db.writing.Unlock()
	defer txn.Discard()
	iterator := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{recordKind}})
	defer iterator.Close()
	var records int64
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		records++
	}
	h.db.records.Add(records - before)
	return nil
}
