package remember

import (
	"sync"
	"testing"
)

// Several goroutines use few keys of a memory that is too small for them; the race detector watches.
func TestMemoryConcurrency(t *testing.T) {
	const keys, workers, rounds = 200, 8, 2000
	for name, m := range map[string]*Memory[int, [2]int]{
		"one lock": New[int, [2]int](50), "sharded": NewSharded[int, [2]int](1),
		"weighed": NewWeighed(64, 100, func(_ int, value [2]int) int { return value[0] % 150 }),
	} {
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() {
				for i := range rounds {
					key := (i*7 + worker*13) % keys
					switch i % 9 {
					case 0, 1, 2:
						m.Put(key, [2]int{key, i})
					case 3:
						at := m.Lock(key)
						if value, known := at.Peek(); known {
							at.Put([2]int{key, value[1] + 1})
						}
						at.Unlock()
					case 4:
						m.Drop(key)
					case 5:
						if i%99 == 5 {
							m.DropIf(func(key int, _ [2]int) bool { return key%2 == 0 })
						}
					default:
						if got, known := m.Get(key); known && got[0] != key {
							t.Errorf("%s: asked about %d and got %v", name, key, got)
							return
						}
						m.Peek(key)
					}
				}
			})
		}
		group.Wait()
		held := 0
		m.DropIf(func(key int, value [2]int) bool {
			held++
			return false
		})
		if m.Len() != held {
			t.Errorf("%s: it says it holds %d, and holds %d", name, m.Len(), held)
		}
		m.Clear()
		for i := range m.shards {
			if m.Len() != 0 || m.shards[i].weight != 0 {
				t.Errorf("%s: when cleared it holds %d of weight %d", name, m.Len(), m.shards[i].weight)
			}
		}
	}
}

// What is read and changed under Lock is one step, and a value that was put is known at once.
func TestLockIsOneStep(t *testing.T) {
	const workers, rounds = 8, 1000
	for name, m := range map[string]*Memory[int, int]{"one lock": New[int, int](10), "sharded": NewSharded[int, int](640)} {
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() {
				for range rounds {
					at := m.Lock(1)
					count, _ := at.Get()
					at.Put(count + 1)
					at.Unlock()
					m.Put(100+worker, worker)
					if got, known := m.Get(100 + worker); !known || got != worker {
						t.Errorf("%s: what was put is not known", name)
						return
					}
					m.Drop(100 + worker)
				}
			})
		}
		group.Wait()
		if got, _ := m.Get(1); got != workers*rounds || m.Len() != 1 {
			t.Errorf("%s: counted %d, want %d; %d are remembered", name, got, workers*rounds, m.Len())
		}
	}
}
