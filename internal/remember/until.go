package remember

import "time"

// Until remembers keys, each until a time. The zero Until remembers nothing.
type Until[K comparable] struct {
	times *Memory[K, time.Time]
}

// NewUntil returns a memory for exactly the given number of keys, as [New] does.
func NewUntil[K comparable](entries int) Until[K] { return Until[K]{New[K, time.Time](entries)} }

// NewShardedUntil returns a memory for about the given number of keys, as [NewSharded] does.
func NewShardedUntil[K comparable](entries int) Until[K] {
	return Until[K]{NewSharded[K, time.Time](entries)}
}

// Len returns the number of keys, including those whose time is over.
func (u Until[K]) Len() int { return u.times.Len() }

// Has reports whether the key is remembered and its time is after now. The key is the last to be forgotten from then on.
func (u Until[K]) Has(key K, now time.Time) bool {
	until, known := u.times.Get(key)
	return known && now.Before(until)
}

// Put remembers the key until the time, whatever its time was before.
func (u Until[K]) Put(key K, until time.Time) { u.times.Put(key, until) }

// Drop forgets the key.
func (u Until[K]) Drop(key K) { u.times.Drop(key) }

// Sweep forgets the keys whose time is over.
func (u Until[K]) Sweep(now time.Time) {
	u.times.DropIf(func(_ K, until time.Time) bool { return !now.Before(until) })
}

// Clear forgets all keys.
func (u Until[K]) Clear() { u.times.Clear() }
