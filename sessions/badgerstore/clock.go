package badgerstore

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
)

// clockEvery is how often the time is written, in seconds.
const clockEvery = 60

// clock remembers in the store how late it has been. A clock that was far ahead has let entries of the blacklist be
// dropped too early, which nobody would notice once it is right again.
type clock struct {
	latest atomic.Int64 // seconds since 1970, as written last
}

// read warns where the clock has been set back since the store was last in use. The warning comes once: the next write
// begins anew.
func (c *clock) read(db *DB) error {
	var latest int64
	err := db.badger.View(func(txn *badger.Txn) error {
		return readValue(txn, clockKey, func(payload []byte) error {
			value, size := binary.Varint(payload)
			if size != len(payload) {
				return errDamaged
			}
			latest = value
			return nil
		})
	})
	if ignoreMissing(err) != nil {
		return err
	}
	now := db.settings.now()
	if at := time.Unix(latest, 0); err == nil && now.Before(at.Add(-clockMargin)) {
		db.logger.Warn("the clock was later when the session store was last in use: while it was ahead, revocations may "+
			"have been dropped too early", zap.Time("now", now), zap.Time("store", at))
		latest = 0
	}
	c.latest.Store(latest)
	return nil
}

// write adds the time to a transaction, at most once a minute.
func (c *clock) write(db *DB, txn *badger.Txn) error {
	now, latest := db.settings.now().Unix(), c.latest.Load()
	if now < latest+clockEvery || !c.latest.CompareAndSwap(latest, now) {
		return nil
	}
	value := binary.AppendVarint(newValue(binary.MaxVarintLen64), now)
	return txn.Set(clockKey, seal(clockKey, value))
}
