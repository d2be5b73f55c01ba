package blacklist

import (
	"sync"
	"sync/atomic"
)

// counters hold how many entries there are, so that a kind without entries costs no look-up. An entry is counted under the
// lock of its part, so that a count is never less than what is in force.
type counters struct {
	kinds [kinds]struct {
		atomic.Int64
		_ [56]byte // ends come and go all the time; this must not slow down questions about the rest
	}
	// realms counts the revocations of sessions and users of each realm, and what they bring along, as *atomic.Int64.
	realms sync.Map
}

// of returns the number of entries of the kind.
func (c *counters) of(kind Kind) int64 { return c.kinds[kind].Load() }

// add counts entries for a subject that come or, where delta is negative, go.
func (c *counters) add(subject Subject, delta int64) {
	c.kinds[subject.kind].Add(delta)
	switch subject.kind {
	case KindSession, KindUser, KindWatched, KindAttribute:
	default:
		return
	}
	count, found := c.realms.Load(subject.realm)
	if !found {
		count, _ = c.realms.LoadOrStore(subject.realm, new(atomic.Int64))
	}
	count.(*atomic.Int64).Add(delta)
}

// inRealm returns the number of entries that revoke a session or a user of the realm, and of what they bring along.
func (c *counters) inRealm(realm string) int64 {
	count, found := c.realms.Load(realm)
	if !found {
		return 0
	}
	return count.(*atomic.Int64).Load()
}
