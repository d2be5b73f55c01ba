package scale

import (
	"slices"
	"time"
)

const (
	// pause is the time between two requests of a watcher.
	pause = 200 * time.Microsecond
	// second is how many requests there are in one.
	second = int(time.Second / pause)
)

// watcher sends requests in a goroutine of its own, and keeps how long each of them took.
type watcher struct {
	stopping chan struct{}
	stopped  chan struct{}
	took     waits
	failed   error
}

// watch begins to send requests, each at its time. One that is late since another one took long has waited for that, too, as
// users do, unless each is to come after the one before.
func watch(inTurn bool, request func() error) *watcher {
	w := &watcher{stopping: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		timer := time.NewTimer(0)
		for due := time.Now(); w.failed == nil; due = due.Add(pause) {
			timer.Reset(time.Until(due))
			select {
			case <-w.stopping:
				return
			case <-timer.C:
			}
			if inTurn {
				due = time.Now()
			}
			w.failed = request()
			w.took = append(w.took, time.Since(due))
		}
	}()
	return w
}

// stop ends the requests and returns how long they took.
func (w *watcher) stop() (waits, error) {
	close(w.stopping)
	<-w.stopped
	return w.took, w.failed
}

// waits are in the order of the requests.
type waits []time.Duration

func (w waits) longest() time.Duration {
	if len(w) == 0 {
		return 0
	}
	return slices.Max(w)
}

// worst returns the 99th percentile of the worst second.
func (w waits) worst() time.Duration {
	worst := time.Duration(0)
	for part := range slices.Chunk(w, second) {
		sorted := slices.Sorted(slices.Values(part))
		worst = max(worst, sorted[len(sorted)*99/100])
	}
	return worst
}
