package telemetry

import (
	"sync"
	"time"
)

// Warnings keeps one condition from filling the log: each message is written once a minute at most. The zero value is
// ready to use.
type Warnings struct {
	mutex sync.Mutex
	last  map[string]time.Time
}

// Due reports whether the message may be written now. There are as many messages as there are calls in the code, and for
// each as many keys as there are reasons.
func (w *Warnings) Due(message string, now time.Time) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if last, written := w.last[message]; written && now.Sub(last) < time.Minute && !now.Before(last) {
		return false
	}
	if w.last == nil {
		w.last = make(map[string]time.Time)
	}
	w.last[message] = now
	return true
}
