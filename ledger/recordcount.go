package ledger

import (
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

// maxRecordCounts is about the greatest number of users in recordCounts. The records of a user who was forgotten are listed once
// more.
const maxRecordCounts = 16384

// realmUser is a user in a realm.
type realmUser struct{ realm, user string }

// recordCounts holds how many records users have at most, so that these need not be listed with each one that is written.
type recordCounts struct {
	*remember.Memory[realmUser, *recordCount]
}

func newRecordCounts() recordCounts {
	return recordCounts{remember.NewSharded[realmUser, *recordCount](maxRecordCounts)}
}

// of returns the count of the user.
func (r recordCounts) of(user realmUser) *recordCount {
	place := r.Lock(user)
	defer place.Unlock()
	count, known := place.Get()
	if !known {
		count = new(recordCount)
		place.Put(count)
	}
	return count
}

// recordCount is an upper bound of the number of a user's records. Records go without being counted, and none comes.
type recordCount struct {
	mu     sync.Mutex
	writes int       // of new records, since this began
	listed int       // how many records there were when they were listed last
	before int       // how many of the writes came before that
	at     time.Time // when that was; zero: never
}

// wrote notes that a new record was written. It returns how many there were so far, and whether the user has no more records
// than the bound.
func (c *recordCount) wrote(now time.Time, bound int) (writes int, isWithin bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	// With a clock that is set back, records count again that had expired.
	isKnown := !c.at.IsZero() && !now.Before(c.at)
	return c.writes, isKnown && c.listed+c.writes-c.before <= bound
}

// list notes how many records there were when they were listed, after so many writes.
func (c *recordCount) list(records, writes int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if writes > c.before || c.at.IsZero() {
		c.listed, c.before, c.at = records, writes, now
	}
}
