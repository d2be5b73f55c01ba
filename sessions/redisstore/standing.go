package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
)

// standing is how far this gateway has read the log, and whether that is the beginning of what the server has. Its methods are
// safe for concurrent use.
type standing struct {
	published atomic.Uint64

	mu        sync.Mutex
	following bool
	trusted   bool          // this gateway knows all that the server has up to the cursor, and the server has all that it knows
	cursor    uint64        // up to where the log was read
	changed   chan struct{} // closed at the next change of the fields
}

func newStanding() *standing { return &standing{changed: make(chan struct{})} }

// position returns the place up to which this gateway knows every write. It waits for nothing.
func (s *standing) position() uint64 { return s.published.Load() }

// publish makes the place the position, unless that is later.
func (s *standing) publish(place uint64) {
	for {
		old := s.published.Load()
		if place <= old {
			return
		}
		if s.published.CompareAndSwap(old, place) {
			s.update(func(*standing) {})
			return
		}
	}
}

// update changes the fields and wakes all who wait for that.
func (s *standing) update(change func(*standing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
	close(s.changed)
	s.changed = make(chan struct{})
}

// follow notes that the log is read from now on. What was written before by a gateway that did not follow says nothing of what
// the server has lost: both are compared first.
func (s *standing) follow() { s.update(func(s *standing) { s.following, s.trusted = true, false }) }

func (s *standing) trust(at uint64)   { s.update(func(s *standing) { s.trusted, s.cursor = true, at }) }
func (s *standing) advance(at uint64) { s.update(func(s *standing) { s.cursor = at }) }

// distrust notes that the server may lack what this gateway knows, or the other way round.
func (s *standing) distrust() { s.update(func(s *standing) { s.trusted = false }) }

// now returns the fields.
func (s *standing) now() (following, trusted bool, cursor uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.following, s.trusted, s.cursor
}

// wait waits until the condition holds.
func (s *standing) wait(ctx context.Context, condition func(*standing) bool) error {
	for {
		s.mu.Lock()
		holds, changed := condition(s), s.changed
		s.mu.Unlock()
		if holds {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
