package remember

import (
	"testing"
	"time"
)

func TestUntil(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	for name, u := range map[string]Until[string]{"one lock": NewUntil[string](10), "sharded": NewShardedUntil[string](640)} {
		u.Put("a", start.Add(time.Minute))
		u.Put("b", start.Add(time.Hour))
		u.Put("c", time.Time{})
		for _, test := range []struct {
			key  string
			at   time.Duration
			want bool
		}{
			{"a", 0, true},
			{"a", time.Minute - 1, true},
			{"a", time.Minute, false},
			{"a", time.Hour, false},
			{"a", 0, true}, // the clock was set back
			{"a", -time.Hour, true},
			{"b", time.Minute, true},
			{"b", time.Hour, false},
			{"c", 0, false}, // no time is no time to come
			{"x", 0, false},
		} {
			if got := u.Has(test.key, start.Add(test.at)); got != test.want {
				t.Errorf("%s: %s after %v: got %v", name, test.key, test.at, got)
			}
		}
		u.Sweep(start.Add(time.Minute - 1))
		if u.Len() != 2 {
			t.Errorf("%s: %d are left, want a and b", name, u.Len())
		}
		u.Sweep(start.Add(time.Minute))
		if u.Len() != 1 || u.Has("a", start) || !u.Has("b", start) {
			t.Errorf("%s: %d are left, want b", name, u.Len())
		}
		u.Put("b", start.Add(time.Second))
		if u.Has("b", start.Add(time.Second)) || !u.Has("b", start) {
			t.Errorf("%s: the former time counts", name)
		}
		u.Drop("b")
		if u.Has("b", start) || u.Len() != 0 {
			t.Errorf("%s: it is not dropped", name)
		}
		u.Put("d", start.Add(time.Hour))
		u.Clear()
		if u.Has("d", start) || u.Len() != 0 {
			t.Errorf("%s: it is not cleared", name)
		}
	}
}

// Who is asked about stays, and who is not is forgotten.
func TestUntilForgetsTheLeastRecentlyUsed(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	u := NewUntil[int](2)
	for i := range 100 {
		u.Put(i, start.Add(time.Minute))
		if !u.Has(i, start) || !u.Has(0, start) || i > 1 && u.Has(i-1, start) {
			t.Fatalf("with %d: the wrong one is forgotten", i)
		}
	}
	if u.Len() != 2 {
		t.Errorf("%d are remembered", u.Len())
	}
}

func TestUntilThatIsOff(t *testing.T) {
	for _, u := range []Until[string]{{}, NewUntil[string](0), NewShardedUntil[string](-1)} {
		u.Put("a", time.Unix(1<<40, 0))
		u.Sweep(time.Time{})
		u.Drop("a")
		u.Clear()
		if u.Has("a", time.Time{}) || u.Len() != 0 {
			t.Error("it remembers")
		}
	}
}
