package signout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestRepeats(t *testing.T) {
	r, now := newRepeats(), time.Unix(1_800_000_000, 0)
	key, until := newTokenKey("https://id.example", "1"), now.Add(time.Minute)
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
		if got := r.begin(newTokenKey(other[0], other[1]), until, now); got != fresh {
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
		key := newTokenKey("https://id.example", fmt.Sprint(i))
		r.begin(key, now.Add(time.Hour), now)
		r.finish(key, true)
	}
	if got := r.seen.Len(); got != maxRepeats {
		t.Errorf("%d are remembered", got)
	}
	if r.begin(newTokenKey("https://id.example", fmt.Sprint(maxRepeats)), now.Add(time.Hour), now) != repeated {
		t.Error("one of the last is forgotten")
	}
}

// notes are those of all gateways of a test.
type notes struct {
	values map[string]string
	lost   bool
}

func (n *notes) Claim(_ context.Context, name, value string, _ time.Duration) (bool, error) {
	if n.lost {
		return false, sessions.ErrUnavailable
	}
	if _, there := n.values[name]; there {
		return false, nil
	}
	n.values[name] = value
	return true, nil
}

func (n *notes) Put(_ context.Context, name, value string, _ time.Duration) error {
	if n.lost {
		return sessions.ErrUnavailable
	}
	n.values[name] = value
	return nil
}

func (n *notes) Get(_ context.Context, name string) (string, bool, error) {
	if n.lost {
		return "", false, sessions.ErrUnavailable
	}
	value, there := n.values[name]
	return value, there, nil
}

func (n *notes) Drop(_ context.Context, name, value string) error {
	if n.lost {
		return sessions.ErrUnavailable
	}
	if n.values[name] == value {
		delete(n.values, name)
	}
	return nil
}

// A token counts once on all gateways together, and on none if that can't be told.
func TestRepeatsOnSeveralGateways(t *testing.T) {
	all := &notes{values: make(map[string]string)}
	a, b, now := newRepeats(), newRepeats(), time.Unix(1_800_000_000, 0)
	key, until := newTokenKey("https://id.example", "1"), now.Add(time.Minute)
	begin := func(step string, on *repeats, want standing, wantErr error) *noted {
		t.Helper()
		token, got, err := on.beginEverywhere(t.Context(), all, key, until, now)
		if got != want || !errors.Is(err, wantErr) {
			t.Errorf("%s: %d, %v, want %d, %v", step, got, err, want, wantErr)
		}
		return token
	}
	finish := func(step string, token *noted, done bool, want error) {
		t.Helper()
		if err := token.finish(t.Context(), done, until, now); !errors.Is(err, want) {
			t.Errorf("%s: %v", step, err)
		}
	}
	all.lost = true
	begin("the store is out of reach", a, underWay, sessions.ErrUnavailable)
	all.lost = false
	token := begin("it is back", a, fresh, nil)
	begin("meanwhile", b, underWay, nil)
	finish("a failure", token, false, nil)
	token = begin("after a failure elsewhere", b, fresh, nil)
	all.lost = true
	finish("done, and the store is lost", token, true, sessions.ErrUnavailable)
	all.lost = false
	begin("as long as the claim holds", b, underWay, nil)
	clear(all.values)
	token = begin("after the claim", b, fresh, nil)
	finish("done", token, true, nil)
	begin("it comes again elsewhere", a, repeated, nil)
	all.lost = true
	begin("once more, and the store is lost", a, repeated, nil)
}
