package remember

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// pair is a key with its value in the model.
type pair struct{ key, value int }

// model is what a memory must hold, by the simplest means: a list for each part, the one to be forgotten first in front.
type model struct {
	memory   *Memory[int, int]
	perShard int
	limit    int // of the weight; 0 if values have none
	lists    map[*shard[int, int]][]pair
}

func (m *model) weight(list []pair) int {
	total := 0
	for _, p := range list {
		total += weightOf(p.key, p.value)
	}
	return total
}

func weightOf(key, value int) int { return key%3 + value }

func (m *model) find(key int) (value int, known bool) {
	list := m.lists[m.memory.shard(key)]
	i := slices.IndexFunc(list, func(p pair) bool { return p.key == key })
	if i < 0 {
		return 0, false
	}
	return list[i].value, true
}

func (m *model) drop(key int) {
	s := m.memory.shard(key)
	m.lists[s] = slices.DeleteFunc(m.lists[s], func(p pair) bool { return p.key == key })
}

func (m *model) put(key, value int) {
	m.drop(key)
	if m.limit > 0 && weightOf(key, value) > m.limit {
		return
	}
	s := m.memory.shard(key)
	list := append(m.lists[s], pair{key, value})
	for len(list) > m.perShard || m.limit > 0 && m.weight(list) > m.limit {
		list = list[1:]
	}
	m.lists[s] = list
}

func (m *model) get(key int) (value int, known bool) {
	if value, known = m.find(key); known {
		m.put(key, value)
	}
	return value, known
}

// A memory of any kind holds what a plain list holds, in the same order.
func TestMemoryIsAPlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, usual := rapid.IntRange(1, 3*shardCount).Draw(t, "entries"), rapid.IntRange(1, 6).Draw(t, "usual")
		m := &model{perShard: (entries + shardCount - 1) / shardCount, lists: make(map[*shard[int, int]][]pair)}
		switch rapid.SampledFrom([]string{"one lock", "sharded", "weighed", "weighed, one lock"}).Draw(t, "kind") {
		case "one lock":
			m.perShard = entries%8 + 1
			m.memory = New[int, int](m.perShard)
		case "sharded":
			m.memory = NewSharded[int, int](entries)
		case "weighed":
			m.memory, m.limit = NewWeighed(entries, usual, weightOf), m.perShard*usual
		default:
			m.perShard = entries%8 + 1
			m.memory, m.limit = newMemory(m.perShard, 1, usual, weightOf), m.perShard*usual
		}
		key, value := rapid.IntRange(0, 30), rapid.IntRange(0, 9)
		expect := func(t *rapid.T, got int, known bool, want int, wantKnown bool) {
			if got != want || known != wantKnown {
				t.Fatalf("got %d, %v; want %d, %v", got, known, want, wantKnown)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), value.Draw(t, "value")
				m.memory.Put(k, v)
				m.put(k, v)
			},
			"get": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, known := m.memory.Get(k)
				want, wantKnown := m.get(k)
				expect(t, got, known, want, wantKnown)
			},
			"peek": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, known := m.memory.Peek(k)
				want, wantKnown := m.find(k)
				expect(t, got, known, want, wantKnown)
			},
			"drop": func(t *rapid.T) {
				k := key.Draw(t, "key")
				m.memory.Drop(k)
				m.drop(k)
			},
			"lock": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), value.Draw(t, "value")
				at := m.memory.Lock(k)
				defer at.Unlock()
				if got, known := at.Get(); known && got == v {
					at.Drop()
				} else {
					at.Put(v)
				}
				if got, known := m.get(k); known && got == v {
					m.drop(k)
				} else {
					m.put(k, v)
				}
				got, known := at.Peek()
				want, wantKnown := m.find(k)
				expect(t, got, known, want, wantKnown)
			},
			"drop if": func(t *rapid.T) {
				v := value.Draw(t, "value")
				m.memory.DropIf(func(_, held int) bool { return held == v })
				for s := range m.lists {
					m.lists[s] = slices.DeleteFunc(m.lists[s], func(p pair) bool { return p.value == v })
				}
			},
			"clear": func(*rapid.T) {
				m.memory.Clear()
				clear(m.lists)
			},
			"": func(t *rapid.T) { m.check(t) },
		})
	})
}

func (m *model) check(t *rapid.T) {
	total := 0
	for i := range m.memory.shards {
		s := &m.memory.shards[i]
		var held []pair
		for _, key := range s.values.Keys() {
			value, _ := s.values.Peek(key)
			held = append(held, pair{key, value})
		}
		if !slices.Equal(held, m.lists[s]) {
			t.Fatalf("part %d holds %v, want %v", i, held, m.lists[s])
		}
		if m.limit > 0 && (s.weight != m.weight(held) || s.weight > m.limit) {
			t.Fatalf("part %d: the books say %d, it is %d, and at most %d", i, s.weight, m.weight(held), m.limit)
		}
		total += len(held)
	}
	if m.memory.Len() != total {
		t.Fatalf("it says it holds %d, and holds %d", m.memory.Len(), total)
	}
}
