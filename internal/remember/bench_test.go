package remember

import (
	"fmt"
	"testing"
	"time"
)

// benchKey is like the key of a session.
type benchKey struct {
	realm string
	hash  [32]byte
}

const benchEntries = 65536

func benchKeys(n int) []benchKey {
	keys := make([]benchKey, n)
	for i := range keys {
		keys[i] = benchKey{realm: "shop", hash: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}}
	}
	return keys
}

// kinds are memories that hold the first half of the keys.
func kinds(keys []benchKey) map[string]*Memory[benchKey, int] {
	made := map[string]*Memory[benchKey, int]{
		"one-lock": New[benchKey, int](benchEntries),
		"sharded":  NewSharded[benchKey, int](benchEntries),
		"weighed":  NewWeighed(benchEntries, 2, func(benchKey, int) int { return 1 }),
	}
	for _, m := range made {
		for i, key := range keys[:len(keys)/2] {
			m.Put(key, i)
		}
	}
	return made
}

func BenchmarkGet(b *testing.B) {
	keys := benchKeys(4096)
	for name, m := range kinds(keys) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Get(keys[i%len(keys)])
			}
		})
	}
}

func BenchmarkGetParallel(b *testing.B) {
	keys := benchKeys(4096)
	for name, m := range kinds(keys) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(each *testing.PB) {
				for i := 0; each.Next(); i++ {
					m.Get(keys[i%len(keys)])
				}
			})
		})
	}
}

// Every key is new and pushes an older one out.
func BenchmarkPutIntoFull(b *testing.B) {
	keys := benchKeys(4 * benchEntries)
	for name, m := range kinds(keys) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Put(keys[i%len(keys)], i)
			}
		})
	}
}

func BenchmarkLock(b *testing.B) {
	keys := benchKeys(4096)
	m := NewSharded[benchKey, int](benchEntries)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := m.Lock(keys[i%len(keys)])
		count, _ := at.Get()
		at.Put(count + 1)
		at.Unlock()
	}
}

func BenchmarkUntilHas(b *testing.B) {
	keys, now := benchKeys(4096), time.Unix(1_700_000_000, 0)
	for _, held := range []int{0, 1, 4096} {
		u := NewShardedUntil[benchKey](benchEntries)
		for _, key := range keys[:held] {
			u.Put(key, now.Add(time.Minute))
		}
		b.Run(fmt.Sprint(held, "-held"), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u.Has(keys[i%len(keys)], now)
			}
		})
	}
}
