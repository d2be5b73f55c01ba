package remember

import (
	"hash/maphash"
	"sync/atomic"
)

// shardCount is the number of parts of a memory that several goroutines use all the time.
const shardCount = 64

// Memory remembers values by key. The zero value is not ready to use; a nil Memory remembers nothing.
type Memory[K comparable, V any] struct {
	seed   maphash.Seed
	shards []shard[K, V]
	length atomic.Int64 // no less than the number of values whose Put has returned, so that 0 is certain
}

// New returns a memory for exactly the given number of values, with one lock. If the number is below one, New returns nil.
func New[K comparable, V any](entries int) *Memory[K, V] {
	return newMemory[K, V](entries, 1, 0, nil)
}

// NewSharded returns a memory for about the given number of values, in parts that are locked separately. If the number is
// below one, NewSharded returns nil.
func NewSharded[K comparable, V any](entries int) *Memory[K, V] {
	return newMemory[K, V](entries, shardCount, 0, nil)
}

// NewWeighed is like [NewSharded] for values whose weights differ. The memory is bounded by the weight of its values as
// well: it may be as great as if each value had the usual weight. The function weigh must always return the same weight for
// a key and its value.
func NewWeighed[K comparable, V any](entries, usual int, weigh func(K, V) int) *Memory[K, V] {
	return newMemory(entries, shardCount, usual, weigh)
}

func newMemory[K comparable, V any](entries, shards, usual int, weigh func(K, V) int) *Memory[K, V] {
	if entries < 1 {
		return nil
	}
	m := &Memory[K, V]{seed: maphash.MakeSeed(), shards: make([]shard[K, V], shards)}
	for i := range m.shards {
		perShard := (entries + shards - 1) / shards
		m.shards[i].init(perShard, perShard*usual, weigh)
	}
	return m
}

// Len returns the number of values.
func (m *Memory[K, V]) Len() int {
	if m == nil {
		return 0
	}
	return int(m.length.Load())
}

// Get returns the value of the key and reports whether there is one. The value is the last to be forgotten from then on.
func (m *Memory[K, V]) Get(key K) (value V, known bool) {
	if m.Len() == 0 {
		return value, false
	}
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values.Get(key)
}

// Peek is like [Memory.Get], but the value keeps its place in the order of forgetting.
func (m *Memory[K, V]) Peek(key K) (value V, known bool) {
	if m.Len() == 0 {
		return value, false
	}
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values.Peek(key)
}

// Put remembers the value of the key instead of what it had before. It forgets what there is no room for. A value that is
// heavier than a whole part may be is not remembered.
func (m *Memory[K, V]) Put(key K, value V) {
	if m == nil {
		return
	}
	at := m.Lock(key)
	defer at.Unlock()
	at.Put(value)
}

// Drop forgets the value of the key.
func (m *Memory[K, V]) Drop(key K) {
	if m.Len() == 0 {
		return
	}
	at := m.Lock(key)
	defer at.Unlock()
	at.Drop()
}

// DropIf forgets the values that meet the condition. A value that is put meanwhile may stay. The condition is called under
// a lock and must not use the memory.
func (m *Memory[K, V]) DropIf(condition func(K, V) bool) {
	if m.Len() == 0 {
		return
	}
	for i := range m.shards {
		m.length.Add(int64(-m.shards[i].dropIf(condition)))
	}
}

// Clear forgets all values.
func (m *Memory[K, V]) Clear() { m.DropIf(func(K, V) bool { return true }) }

func (m *Memory[K, V]) shard(key K) *shard[K, V] {
	if len(m.shards) == 1 {
		return &m.shards[0]
	}
	return &m.shards[maphash.Comparable(m.seed, key)%shardCount]
}

// Lock locks the place of the key, so that its value can be read and changed in one step, and returns it. The caller must
// unlock it and must not use the memory otherwise until then. The place of a nil memory is forgotten when it is unlocked.
func (m *Memory[K, V]) Lock(key K) Locked[K, V] {
	if m == nil {
		m = New[K, V](1)
	}
	s := m.shard(key)
	s.mu.Lock()
	return Locked[K, V]{memory: m, shard: s, key: key}
}

// Locked is the locked place of one key in a memory.
type Locked[K comparable, V any] struct {
	memory *Memory[K, V]
	shard  *shard[K, V]
	key    K
}

// Unlock unlocks the place, which must not be used any more.
func (l *Locked[K, V]) Unlock() { l.shard.mu.Unlock() }

// Get is like [Memory.Get].
func (l *Locked[K, V]) Get() (value V, known bool) { return l.shard.values.Get(l.key) }

// Peek is like [Memory.Peek].
func (l *Locked[K, V]) Peek() (value V, known bool) { return l.shard.values.Peek(l.key) }

// Put is like [Memory.Put].
func (l *Locked[K, V]) Put(value V) {
	if more := l.shard.put(l.key, value); more != 0 {
		l.memory.length.Add(int64(more))
	}
}

// Drop is like [Memory.Drop].
func (l *Locked[K, V]) Drop() {
	if l.shard.values.Remove(l.key) {
		l.memory.length.Add(-1)
	}
}
