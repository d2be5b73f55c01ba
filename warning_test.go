package jwtsession_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
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

func TestWarnAs(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	now := time.Unix(1_800_000_000, 0)
	shop, err := realm.Parse("shop")
	if err != nil {
		t.Fatal(err)
	}
	p := &policy.Policy{App: new(app.App), Site: &app.Site{Realm: shop}, Logger: zap.New(core)}
	p.App.SetClock(func() time.Time { return now })
	p.Warn("first", zap.Int("n", 1))
	p.Warn("first", zap.Int("n", 2))
	p.WarnAs("a", "second")
	p.WarnAs("b", "second")
	now = now.Add(time.Minute)
	p.Warn("first", zap.Int("n", 3))
	var got []string
	for _, entry := range logs.AllUntimed() {
		if entry.Level != zap.WarnLevel || entry.ContextMap()["realm"] != "shop" {
			t.Errorf("%s: level %s, fields %v", entry.Message, entry.Level, entry.ContextMap())
		}
		got = append(got, entry.Message)
	}
	if len(got) != 4 || got[0] != "first" || got[1] != "second" || got[2] != "second" || got[3] != "first" {
		t.Errorf("logged were %q", got)
	}
	if n := logs.FilterMessage("first").AllUntimed()[1].ContextMap()["n"]; n != int64(3) {
		t.Errorf("the second one is number %v", n)
	}
}
