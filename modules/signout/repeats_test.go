package signout

import (
	"fmt"
	"testing"
	"time"
)

func TestRepeats(t *testing.T) {
	r, now := newRepeats(), time.Unix(1_800_000_000, 0)
	key, until := tokenKey("https://id.example", "1"), now.Add(time.Minute)
	expect := func(step string, at time.Time, want standing) {
		t.Helper()
		if got := r.begin(key, until, at); got != want {
			t.Errorf("%s: got %d, want %d", step, got, want)
		}
	}
	expect("first", now, fresh)
	expect("while it is under way", now, underWay)
	r.finish(key, false)
	expect("after a failure", now, fresh)
	r.finish(key, true)
	expect("once it is done", now, repeated)
	expect("right before the end", until.Add(-1), repeated)
	for _, other := range [][2]string{{"https://id.example", "2"}, {"https://other.example", "1"}} {
		if got := r.begin(tokenKey(other[0], other[1]), until, now); got != fresh {
			t.Errorf("%q: %d", other, got)
		}
	}
	expect("when the rules accept no such token any more", until, fresh)
	var zero standing
	if zero == fresh {
		t.Error("the zero value lets a token count")
	}
}

// Others that come meanwhile don't let a token count again.
func TestRepeatsAreBounded(t *testing.T) {
	r, now := newRepeats(), time.Unix(1_800_000_000, 0)
	for i := range maxRepeats + 10 {
		key := tokenKey("https://id.example", fmt.Sprint(i))
		r.begin(key, now.Add(time.Hour), now)
		r.finish(key, true)
	}
	if got := r.seen.Len(); got != maxRepeats {
		t.Errorf("%d are remembered", got)
	}
	if r.begin(tokenKey("https://id.example", fmt.Sprint(maxRepeats)), now.Add(time.Hour), now) != repeated {
		t.Error("one of the last is forgotten")
	}
}
