package redisstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// serverClock is what a gateway knows of the server's clock. So what is sent can say until when it counts, although the clocks
// differ. The zero value knows nothing. It is safe for concurrent use.
type serverClock struct{ last atomic.Pointer[clockReading] }

// clockReading is one look at the server's clock.
type clockReading struct {
	asked  time.Time // by the clock of this machine
	server time.Time
}

// note notes what the server's clock said after it was asked at the given moment.
func (c *serverClock) note(asked, server time.Time) { c.last.Store(&clockReading{asked, server}) }

// at returns what the server's clock will say at the given moment, or a little more. It returns false if nothing is known.
func (c *serverClock) at(moment time.Time) (time.Time, bool) {
	last := c.last.Load()
	if last == nil {
		return time.Time{}, false
	}
	return last.server.Add(moment.Sub(last.asked)), true
}

// read looks at the server's clock.
func (c *serverClock) read(ctx context.Context, server rueidis.CommandClient) error {
	asked := time.Now()
	parts, err := server.Do(ctx, server.B().Time().Build()).AsIntSlice()
	if err != nil {
		return err
	}
	if len(parts) != 2 {
		return errAnswer
	}
	c.note(asked, time.Unix(parts[0], parts[1]*int64(time.Microsecond)))
	return nil
}
