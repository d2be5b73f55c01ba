package keyring

import (
	"context"
	"sync"
	"time"
)

const (
	// rereadEvery is how often the file is read at most because of tokens with an unknown key id, which anybody can send.
	rereadEvery = time.Second

	// rereadPatience is how long a request waits for that.
	rereadPatience = 500 * time.Millisecond
)

// reread is the reading that requests wait for if their tokens have an unknown key id.
type reread struct {
	read  func(context.Context) error
	after func(error) // called with the error of a reading when the requests wait no longer; it may take its time

	mutex  sync.Mutex
	last   time.Time     // when the last one began
	ended  chan struct{} // closed when the one under way ends; nil: none is
	closed bool
	all    sync.WaitGroup
}

// wait waits for the reading under way, and begins one first if it may. It reports whether a reading ended in time.
func (r *reread) wait(ctx context.Context, now time.Time) bool {
	ended := r.begin(now)
	if ended == nil {
		return false
	}
	timer := time.NewTimer(rereadPatience)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// begin returns a channel that is closed when the reading under way ends, and begins one first if it may. It returns nil if
// there is none and none may begin.
func (r *reread) begin(now time.Time) <-chan struct{} {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ended != nil {
		return r.ended
	}
	// A clock that was put back must not keep the file from being read.
	if since := now.Sub(r.last); r.closed || 0 <= since && since < rereadEvery {
		return nil
	}
	ended := make(chan struct{})
	r.last, r.ended = now, ended
	r.all.Go(func() {
		err := r.read(context.Background())
		r.mutex.Lock()
		r.ended = nil
		r.mutex.Unlock()
		close(ended)
		r.after(err)
	})
	return ended
}

// close waits for the reading under way. No reading begins afterwards.
func (r *reread) close() {
	r.mutex.Lock()
	r.closed = true
	r.mutex.Unlock()
	r.all.Wait()
}
