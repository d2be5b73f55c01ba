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

// reread is the reading that requests wait for whose token bears an unknown key id. The zero value is ready to use.
type reread struct {
	mutex  sync.Mutex
	last   time.Time     // when the last one began
	ended  chan struct{} // closed when the one under way ends; nil: none is
	closed bool
	all    sync.WaitGroup
}

// Reread reads the file because a token has an unknown key id, and reports whether the token is to be verified again. It
// begins at most one reading a second, however many such tokens come. Requests that come during the reading wait for it too,
// for a short time. If Reread returns false, the key is not known.
func (k *Keeper) Reread(ctx context.Context) bool {
	ended := k.beginReread()
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

// beginReread returns what is closed when the reading under way ends, and begins one first if it may; else nil.
func (k *Keeper) beginReread() <-chan struct{} {
	r, now := &k.reread, k.options.Now()
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
		err := k.read(context.Background())
		r.mutex.Lock()
		r.ended = nil
		r.mutex.Unlock()
		close(ended)
		// Requests wait no longer; who listens may take his time.
		if err != nil {
			k.options.Report(err)
		}
		k.tell()
	})
	return ended
}

// Close waits for the last reading that a request began. No reading begins afterwards. The keys stay in the ring, because
// requests may still be under way.
func (k *Keeper) Close() {
	k.reread.mutex.Lock()
	k.reread.closed = true
	k.reread.mutex.Unlock()
	k.reread.all.Wait()
}
