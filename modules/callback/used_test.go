package callback

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// notes are those of all gateways of a test.
type notes struct {
	storage.Notes

	names map[string]bool
	lost  bool
}

func (n *notes) Claim(_ context.Context, name, _ string, life time.Duration) (bool, error) {
	if n.lost {
		return false, sessions.ErrUnavailable
	}
	first := !n.names[name] && life >= SignInTime
	n.names[name] = true
	return first, nil
}

func TestUsedStates(t *testing.T) {
	used := newUsedStates()
	expect := func(in *usedStates, all storage.Notes, state string, want bool, wantErr error) {
		t.Helper()
		if got, err := in.use(t.Context(), all, state); got != want || !errors.Is(err, wantErr) {
			t.Errorf("%s: %t, %v", state, got, err)
		}
	}
	expect(used, nil, "a", true, nil)
	expect(used, nil, "a", false, nil)
	expect(used, nil, "b", true, nil)

	// On several gateways a state counts once, and never if that can't be told.
	all, other := &notes{names: make(map[string]bool)}, newUsedStates()
	expect(used, all, "c", true, nil)
	expect(used, all, "c", false, nil)
	expect(other, all, "c", false, nil)
	all.lost = true
	expect(used, all, "c", false, nil)
	expect(used, all, "d", false, sessions.ErrUnavailable)
	all.lost = false
	expect(used, all, "d", true, nil)
	expect(other, all, "d", false, nil)
	for name := range all.names {
		if name == noteOf("c") || name == noteOf("d") {
			continue
		}
		t.Errorf("the name %q shows the state, or is not the one of the state", name)
	}
}
