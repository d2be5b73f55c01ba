package jwtsession_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Somebody invents more hosts than the status keeps apart, before and after the real ones are asked about. The operator must
// still see those: the realms that the configuration names, and the hosts whose users the application knows.
func TestAttackInventedHostsInTheStatus(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: `
		route /fixed* {
			jwt_session flooded-shop {
				whoami /whoami json user
			}
			reverse_proxy LEGACY
		}
		route {
			jwt_session flooded.{host} {
				whoami /whoami json user
			}
			request_header X-Realm {http.jwt_session.realm}
			reverse_proxy LEGACY
		}`})
	invent := func(from string) {
		for i := range telemetry.MaxTallies + 100 {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s-%d.example/page", from, i), nil)
			request.Header.Set("Cookie", "session=invented-session-id")
			g.Server.Config.Handler.ServeHTTP(httptest.NewRecorder(), request)
		}
	}
	session := "session=" + g.Legacy.SignIn("alice")
	invent("before")
	for range 2 { // they must come in, and must stay
		g.Browser().HostGet("real.example", session)
		g.Browser().Get("/fixed", "Cookie: "+session)
		status, _ := g.Status()
		for _, name := range []string{"flooded-shop", "flooded.real.example"} {
			if realm := status.Realms[name]; realm.Whoami == nil || realm.Whoami.Outcomes["identified"] == 0 {
				t.Errorf("the status does not show %s", name)
			}
		}
		if len(status.Realms) > telemetry.MaxTallies+100 {
			t.Errorf("the status shows %d realms", len(status.Realms))
		}
		invent("after")
	}
}

// Among realms that requests name, those without any user give way first, the ones used longest ago before others.
func TestWhoamiTalliesThatGiveWay(t *testing.T) {
	t.Parallel()
	counts, now := telemetry.NewTallies(), time.Unix(1, 0)
	ann := whoami.Identified{User: "ann"}
	counts.Note("fixed", false, nil, now)
	counts.Note("real", true, ann, now)
	counts.Note("old", true, nil, now)
	counts.Note("used", true, nil, now)
	for i := range telemetry.MaxTallies - 3 {
		counts.Note(strings.Repeat("x", i+1), true, nil, now)
	}
	counts.Note("used", true, nil, now)
	counts.Note("new", true, nil, now)
	names := counts.Realms()
	for name, want := range map[string]bool{"fixed": true, "real": true, "old": false, "used": true, "new": true} {
		if slices.Contains(names, name) != want {
			t.Errorf("%s is kept: want %v", name, want)
		}
	}
	for i := range telemetry.MaxTallies {
		counts.Note(strings.Repeat("y", i+1), true, ann, now)
	}
	if names := counts.Realms(); len(names) != telemetry.MaxTallies+1 || slices.Contains(names, "real") || !slices.Contains(names, "fixed") {
		t.Errorf("%d names, the one used longest ago among them: %v", len(names), slices.Contains(names, "real"))
	}
	if got := counts.Of("fixed").Outcomes["could_not_tell"]; got != 1 {
		t.Errorf("the fixed realm was counted %d times", got)
	}
}
