package cluster

import (
	"sync"
	"testing"
	"time"
)

// span is a stretch of time. One without an end goes on.
type span struct{ from, to time.Time }

// meets reports whether the span has a time in common with that from one time to another.
func (s span) meets(from, to time.Time) bool {
	return s.from.Before(to) && (s.to.IsZero() || s.to.After(from))
}

// covers reports whether the span lasted all the time from one time to another.
func (s span) covers(from, to time.Time) bool {
	return s.from.Before(from) && (s.to.IsZero() || s.to.After(to))
}

// trouble is what a gateway suffers.
type trouble uint8

const (
	// dead: the process was killed and does not answer yet.
	dead trouble = iota
	// severed: nothing from the server reaches the gateway.
	severed
	// apart: the gateway was severed or killed, and does not say yet that it is connected.
	apart
	// unsettled: something happened after which the gateway has not found a session in the store yet.
	unsettled
	// slowed: all that the gateway and the server send to one another takes a while.
	slowed
	troubles
)

// weather is all that a gateway has suffered. Its methods are safe for concurrent use.
type weather struct {
	mutex  sync.Mutex
	spans  [troubles][]span
	joined chan struct{} // closed when the gateway is no longer apart
}

// begin notes that a trouble begins. It is called before that.
func (w *weather) begin(kinds ...trouble) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, kind := range kinds {
		if w.lasts(kind) {
			continue
		}
		w.spans[kind] = append(w.spans[kind], span{from: time.Now()})
		if kind == apart {
			w.joined = make(chan struct{})
		}
	}
}

// end notes that a trouble is over.
func (w *weather) end(kind trouble) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.lasts(kind) {
		return
	}
	w.spans[kind][len(w.spans[kind])-1].to = time.Now()
	if kind == apart {
		close(w.joined)
	}
}

func (w *weather) lasts(kind trouble) bool {
	spans := w.spans[kind]
	return len(spans) > 0 && spans[len(spans)-1].to.IsZero()
}

// now reports whether a trouble lasts.
func (w *weather) now(kind trouble) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.lasts(kind)
}

// together returns a channel that is closed as soon as the gateway is no longer apart, and nil if it is not.
func (w *weather) together() <-chan struct{} {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.lasts(apart) {
		return nil
	}
	return w.joined
}

// met reports whether there was any of these troubles between two times.
func (w *weather) met(from, to time.Time, kinds ...trouble) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, kind := range kinds {
		for _, s := range w.spans[kind] {
			if s.meets(from, to) {
				return true
			}
		}
	}
	return false
}

// during returns the span of a trouble that lasted all the time from one time to another.
func (w *weather) during(kind trouble, from, to time.Time) (span, bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, s := range w.spans[kind] {
		if s.covers(from, to) {
			return s, true
		}
	}
	return span{}, false
}

// ended returns when the gateway was last rid of a trouble before a time, which is zero if it never had it.
func (w *weather) ended(kind trouble, before time.Time) time.Time {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var last time.Time
	for _, s := range w.spans[kind] {
		if !s.to.IsZero() && s.to.Before(before) {
			last = later(last, s.to)
		}
	}
	return last
}

// deadline returns until when the gateway may not know what was acknowledged elsewhere at a time: until it has been connected
// for as long as the bound since then. It returns a time that never comes if the gateway is apart.
func (w *weather) deadline(acknowledged time.Time, bound time.Duration) time.Time {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	from := acknowledged
	for _, s := range w.spans[apart] { // in their order
		if !s.meets(from, from.Add(bound)) {
			continue
		}
		if s.to.IsZero() {
			return time.Now().Add(time.Hour)
		}
		from = later(from, s.to)
	}
	return from.Add(bound)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var w weather
	w.spans[apart] = []span{{at(10), at(20)}, {at(20.5), at(30)}, {at(50), time.Time{}}}
	for _, test := range []struct{ acknowledged, deadline float64 }{
		{1, 2}, {8.9, 9.9}, {9.5, 31}, {15, 31}, {20.2, 31}, {30.5, 31.5}, {40, 41},
	} {
		if got := w.deadline(at(test.acknowledged), time.Second); !got.Equal(at(test.deadline)) {
			t.Errorf("acknowledged at %v: %s, want %v", test.acknowledged, got.Sub(start), test.deadline)
		}
	}
	if got := w.deadline(at(49.5), time.Second); got.Before(at(1000)) {
		t.Errorf("a gateway that is apart: %s", got.Sub(start))
	}
}
