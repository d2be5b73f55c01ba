package badgerstore

import (
	"math"
	"sync"
	"sync/atomic"
)

// leases counts who uses the database. The zero value is open.
//
// It is not a sync.RWMutex since whoever comes after the close must be refused at once, not wait for those who came
// before it.
type leases struct {
	state   atomic.Int64 // how many hold a lease, plus closedState once closed
	once    sync.Once
	drained chan struct{} // closed when all leases are back after the close
}

const closedState = math.MinInt64

func newLeases() *leases { return &leases{drained: make(chan struct{})} }

// acquire takes a lease, and returns false once closed.
func (l *leases) acquire() bool {
	if l.state.Add(1) > 0 {
		return true
	}
	l.release()
	return false
}

// release gives back one lease that acquire gave.
func (l *leases) release() {
	if l.state.Add(-1) == closedState {
		l.once.Do(func() { close(l.drained) })
	}
}

// close refuses new leases, and returns a channel that is closed when none is left. It must be called once.
func (l *leases) close() <-chan struct{} {
	l.state.Add(closedState + 1) // the 1 is a lease of its own, so that release finds out whether there are others
	l.release()
	return l.drained
}
