package policy

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
)

func TestWarnAs(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	now := time.Unix(1_800_000_000, 0)
	shop, err := realm.Parse("shop")
	if err != nil {
		t.Fatal(err)
	}
	p := &Policy{App: new(app.App), Site: &app.Site{Realm: shop}, Logger: zap.New(core)}
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
