package repeats

import (
	"fmt"
	"testing"
	"time"
)

func TestRepeats(t *testing.T) {
	r, now := New(), time.Unix(1_800_000_000, 0)
	key, until := KeyOf("https://id.example", "1"), now.Add(time.Minute)
	expect := func(step string, at time.Time, want Standing) {
		t.Helper()
		if got := r.Begin(key, until, at); got != want {
			t.Errorf("%s: got %d, want %d", step, got, want)
		}
	}
	expect("first", now, Fresh)
	expect("while it is under way", now, UnderWay)
	r.Finish(key, false)
	expect("after a failure", now, Fresh)
	r.Finish(key, true)
	expect("once it is done", now, Repeated)
	expect("right before the end", until.Add(-1), Repeated)
	for _, other := range [][2]string{{"https://id.example", "2"}, {"https://other.example", "1"}} {
		if got := r.Begin(KeyOf(other[0], other[1]), until, now); got != Fresh {
			t.Errorf("%q: %d", other, got)
		}
	}
	expect("when the rules accept no such token any more", until, Fresh)
	var zero Standing
	if zero == Fresh {
		t.Error("the zero value lets a token count")
	}
}

// Others that come meanwhile don't let a token count again.
func TestRepeatsAreBounded(t *testing.T) {
	r, now := New(), time.Unix(1_800_000_000, 0)
	for i := range maxRepeats + 10 {
		key := KeyOf("https://id.example", fmt.Sprint(i))
		r.Begin(key, now.Add(time.Hour), now)
		r.Finish(key, true)
	}
	if got := r.seen.Len(); got != maxRepeats {
		t.Errorf("%d are remembered", got)
	}
	if r.Begin(KeyOf("https://id.example", fmt.Sprint(maxRepeats)), now.Add(time.Hour), now) != Repeated {
		t.Error("one of the last is forgotten")
	}
}
