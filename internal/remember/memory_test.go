package remember

import (
	"fmt"
	"strings"
	"testing"
)

// run carries out steps on a memory and returns what they answer. A step is a letter for what it does and a key: "+a1" puts
// 1 for a, "?a" gets a, ".a" peeks at a, "-a" drops a, "!a9" replaces the value of a by 9 if it is known.
func run(m *Memory[string, string], steps string) string {
	var answers []string
	for step := range strings.FieldsSeq(steps) {
		key, value := step[1:2], step[2:]
		var got string
		known := true
		switch step[0] {
		case '+':
			m.Put(key, value)
			continue
		case '-':
			m.Drop(key)
			continue
		case '?':
			got, known = m.Get(key)
		case '.':
			got, known = m.Peek(key)
		case '!':
			at := m.Lock(key)
			if got, known = at.Peek(); known {
				at.Put(value)
			}
			at.Unlock()
		}
		if !known {
			got = "none"
		}
		answers = append(answers, got)
	}
	return strings.Join(answers, " ")
}

func TestMemory(t *testing.T) {
	for name, test := range map[string]struct {
		steps, want string
		length      int
	}{
		"empty":                            {"?a .a -a !a1 ?a", "none none none none", 0},
		"put":                              {"+a1 ?a .a ?b", "1 1 none", 1},
		"put again":                        {"+a1 +a2 ?a", "2", 1},
		"dropped":                          {"+a1 -a -a ?a", "none", 0},
		"replaced":                         {"+a1 !a2 ?a", "1 2", 1},
		"the oldest goes":                  {"+a1 +b2 +c3 +d4 ?a ?b ?c ?d", "none 2 3 4", 3},
		"what was got stays":               {"+a1 +b2 +c3 ?a +d4 ?a ?b", "1 1 none", 3},
		"what was peeked at goes":          {"+a1 +b2 +c3 .a +d4 .a .b", "1 none 2", 3},
		"what was put again stays":         {"+a1 +b2 +c3 +a9 +d4 .a .b", "9 none", 3},
		"what was replaced stays":          {"+a1 +b2 +c3 !a9 +d4 .a .b", "1 9 none", 3},
		"a miss moves nothing":             {"+a1 +b2 +c3 ?x +d4 .a .b", "none none 2", 3},
		"a dropped one leaves room":        {"+a1 +b2 +c3 -b +d4 .a .c .d", "1 3 4", 3},
		"put after a drop is the youngest": {"+a1 +b2 +c3 -a +a1 +d4 .a .b", "1 none", 3},
	} {
		m := New[string, string](3)
		if got := run(m, test.steps); got != test.want || m.Len() != test.length {
			t.Errorf("%s: got %q, %d remembered; want %q, %d", name, got, m.Len(), test.want, test.length)
		}
	}
}

func TestMemoryThatIsOff(t *testing.T) {
	weigh := func(string, string) int { return 1 }
	for _, entries := range []int{0, -1} {
		for name, m := range map[string]*Memory[string, string]{
			"one lock": New[string, string](entries), "sharded": NewSharded[string, string](entries),
			"weighed": NewWeighed(entries, 1, weigh),
		} {
			if m != nil {
				t.Errorf("%s: %d entries make a memory", name, entries)
			}
			m.DropIf(func(string, string) bool { return true })
			m.Clear()
			if got := run(m, "+a1 ?a .a -a !a2 ?a"); got != "none none none none" || m.Len() != 0 {
				t.Errorf("%s: it remembers %q", name, got)
			}
		}
	}
}

// The place of a nil memory behaves as any other until it is unlocked.
func TestLockOfMemoryThatIsOff(t *testing.T) {
	var m *Memory[string, int]
	at := m.Lock("a")
	at.Put(1)
	if got, known := at.Get(); !known || got != 1 {
		t.Errorf("got %d, %v", got, known)
	}
	at.Drop()
	at.Unlock()
	if m.Len() != 0 {
		t.Error("it remembers")
	}
}

func TestDropIf(t *testing.T) {
	for name, m := range map[string]*Memory[int, string]{"one lock": New[int, string](100), "sharded": NewSharded[int, string](6400)} {
		for i := range 100 {
			m.Put(i, fmt.Sprint(i))
		}
		m.DropIf(func(key int, value string) bool {
			if value != fmt.Sprint(key) {
				t.Errorf("%s: asked about %d with %q", name, key, value)
			}
			return key%4 != 0
		})
		for i := range 100 {
			if _, known := m.Peek(i); known != (i%4 == 0) {
				t.Errorf("%s: %d is known: %v", name, i, known)
			}
		}
		if m.Len() != 25 {
			t.Errorf("%s: %d are left", name, m.Len())
		}
		m.Clear()
		if _, known := m.Get(4); known || m.Len() != 0 {
			t.Errorf("%s: %d are left when cleared", name, m.Len())
		}
	}
}

// Keys spread over all parts, so that the memory holds about as much as it should.
func TestShardedMemoryFills(t *testing.T) {
	const entries = 100 * shardCount
	m := NewSharded[string, int](entries)
	for i := range 4 * entries {
		m.Put(fmt.Sprint("key ", i), i)
	}
	if n := m.Len(); n > entries || n < entries*99/100 {
		t.Errorf("%d are remembered, want %d", n, entries)
	}
	small := NewSharded[string, int](1)
	for i := range entries {
		small.Put(fmt.Sprint("key ", i), i)
		if got, known := small.Get(fmt.Sprint("key ", i)); !known || got != i {
			t.Fatalf("the last one is forgotten")
		}
	}
	if n := small.Len(); n > shardCount {
		t.Errorf("%d are remembered, want %d at most", n, shardCount)
	}
}

func TestWeighedMemory(t *testing.T) {
	m := NewWeighed(2, 10, func(_ string, value string) int { return len(value) })
	m.shards = m.shards[:1] // so that all keys meet
	ten, eleven := strings.Repeat("x", 10), strings.Repeat("x", 11)
	for i, step := range []struct {
		put, value string
		length     int
	}{
		{"a", "xxxxx", 1},
		{"a", ten, 1},
		{"a", eleven, 0}, // alone heavier than the part may be; what it had before is gone
		{"b", "", 1},
		{"c", ten, 1}, // one value is room for each part
	} {
		m.Put(step.put, step.value)
		if m.Len() != step.length {
			t.Errorf("step %d: %d are remembered, want %d", i, m.Len(), step.length)
		}
	}
	if weight := m.shards[0].weight; weight != 10 {
		t.Errorf("the books say %d", weight)
	}
}

func TestQuestionsDoNotAllocate(t *testing.T) {
	type key struct {
		realm string
		hash  [32]byte
	}
	known, unknown := key{realm: "shop", hash: [32]byte{1}}, key{realm: "shop", hash: [32]byte{2}}
	for name, m := range map[string]*Memory[key, int]{
		"off": nil, "empty": NewSharded[key, int](100), "one lock": New[key, int](100), "sharded": NewSharded[key, int](100),
	} {
		if name != "empty" {
			m.Put(known, 1)
		}
		if allocs := testing.AllocsPerRun(100, func() {
			m.Get(known)
			m.Get(unknown)
			m.Peek(known)
			if m != nil {
				at := m.Lock(known)
				at.Get()
				at.Unlock()
			}
		}); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
