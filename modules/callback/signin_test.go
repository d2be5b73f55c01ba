package callback

import "testing"

func TestUsedStates(t *testing.T) {
	used := newUsedStates()
	if !used.use("a") || used.use("a") || !used.use("b") {
		t.Error("a state counts once, each for itself")
	}
}
