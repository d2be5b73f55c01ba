package blacklist

import "sync"

// underWay holds what other gateways lift while this list writes: a write may stand before the lift in the order of all writes,
// and be acknowledged after the lift was heard of. The zero value is ready for use.
type underWay struct {
	mu     sync.Mutex
	writes int
	lifts  map[Subject]uint64 // the places of the lifts
}

func (u *underWay) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writes++
}

// end ends a write. When none is under way any more, no lift is remembered.
func (u *underWay) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writes--; u.writes == 0 {
		u.lifts = nil
	}
}

// lifted notes a lift of another gateway.
func (u *underWay) lifted(subject Subject, at uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writes == 0 {
		return
	}
	if u.lifts == nil {
		u.lifts = make(map[Subject]uint64)
	}
	u.lifts[subject] = max(u.lifts[subject], at)
}

// isLifted reports whether another gateway has lifted what was written.
func (u *underWay) isLifted(written Entry) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return written.At < u.lifts[written.Subject]
}
