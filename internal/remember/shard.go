package remember

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// shard is a part of a memory with a lock of its own.
type shard[K comparable, V any] struct {
	mu     sync.Mutex
	values *simplelru.LRU[K, V]
	weigh  func(K, V) int // nil if the values have no weight
	weight int            // of all values
	limit  int            // of the weight
	_      [24]byte       // two shards on one cache line would slow each other down
}

func (s *shard[K, V]) init(entries, limit int, weigh func(K, V) int) {
	s.weigh, s.limit = weigh, limit
	var forgotten func(K, V)
	if weigh != nil {
		forgotten = func(key K, value V) { s.weight -= weigh(key, value) }
	}
	s.values, _ = simplelru.NewLRU(entries, forgotten) // fails for a size below 1 only
}

// put returns how many values more there are afterwards.
func (s *shard[K, V]) put(key K, value V) int {
	before := s.values.Len()
	if s.weigh == nil {
		s.values.Add(key, value)
		return s.values.Len() - before
	}
	s.values.Remove(key)
	weight := s.weigh(key, value)
	if weight > s.limit {
		return s.values.Len() - before
	}
	s.values.Add(key, value)
	s.weight += weight
	for s.weight > s.limit && s.values.Len() > 1 {
		s.values.RemoveOldest()
	}
	return s.values.Len() - before
}

// dropIf locks the shard and returns how many values it dropped.
func (s *shard[K, V]) dropIf(condition func(K, V) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.values.Len()
	for _, key := range s.values.Keys() {
		if value, _ := s.values.Peek(key); condition(key, value) {
			s.values.Remove(key)
		}
	}
	return before - s.values.Len()
}
