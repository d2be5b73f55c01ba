package jwtsession_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
)

func TestWarningsDue(t *testing.T) {
	t.Parallel()
	var w telemetry.Warnings
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		message string
		at      time.Duration
		want    bool
	}{
		{"a", 0, true},
		{"a", 0, false},
		{"b", time.Second, true},
		{"a", time.Minute - 1, false},
		{"a", time.Minute, true}, // what was kept back does not count
		{"a", time.Minute + time.Second, false},
		{"b", time.Minute + time.Second, true},
		{"a", -time.Hour, true}, // a clock that was set back must not silence it for as long
		{"a", -time.Hour + time.Second, false},
	} {
		if got := w.Due(step.message, start.Add(step.at)); got != step.want {
			t.Errorf("%s after %s: %v", step.message, step.at, got)
		}
	}
}

func TestWarningsDueOnceForAll(t *testing.T) {
	t.Parallel()
	var w telemetry.Warnings
	var due atomic.Int32
	var all sync.WaitGroup
	now := time.Unix(1_800_000_000, 0)
	for i := range 40 {
		all.Go(func() {
			if w.Due(strconv.Itoa(i%2), now) {
				due.Add(1)
			}
		})
	}
	all.Wait()
	if due.Load() != 2 {
		t.Errorf("two messages were due %d times", due.Load())
	}
}
