// Package testclock is the clock of tests: it stands still until a test moves it.
package testclock

import (
	"sync"
	"time"
)

// Clock is a clock that moves when it is told to. It may be used by several goroutines.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

// New returns a clock that stands at the present time, a bit after the full second.
func New() *Clock { return At(time.Now().Truncate(time.Second).Add(300 * time.Millisecond)) }

// At returns a clock that stands at that time.
func At(now time.Time) *Clock { return &Clock{now: now} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}
