package jwtsession_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The move from sessions to tokens, one step after another and back, over HTTP: nobody signs in again on the way, and
// nobody is taken for somebody else.

// stepSite is the site of one step: the legacy application in one mode, and the service that has moved in another.
func stepSite(legacy, moved string) string {
	return fmt.Sprintf(`
	@moved path /api*
	route @moved {
		jwt_session shop {
			whoami /whoami json user
			mode %s
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
			mode %s
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}`, moved, legacy)
}

func TestMigrationStepByStepAndBack(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: stepSite("stateful", "stateful")})
	const users = 20
	var browsers []*harness.Browser
	for i := range users {
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn(fmt.Sprint("user", i))
		browsers = append(browsers, b)
	}
	for _, step := range []struct {
		name, legacy, moved string
		restart             bool
		// who speaks for a session once it has been seen, on the legacy routes and on the moved one
		wantLegacy, wantMoved func(key sessions.Key) string
	}{
		{"stateful", "stateful", "stateful", false, bySessions, bySessions},
		{"shadow", "shadow", "shadow", false, bySessions, bySessions},
		{"a tenth", "mixed 10%", "mixed 10%", true, byShare, byShare},
		{"mixed", "mixed", "mixed", false, byTokens, byTokens},
		{"one service without sessions", "mixed", "stateless", true, byTokens, byTokens},
		{"back to mixed", "mixed", "mixed", false, byTokens, byTokens},
		{"back to a tenth", "mixed 10%", "mixed 10%", false, byShare, byShare},
		{"none of them", "mixed 0%", "mixed 0%", false, bySessions, bySessions},
		{"back to stateful", "stateful", "stateful", true, bySessions, bySessions},
		{"and mixed again", "mixed", "mixed", false, byTokens, byTokens},
	} {
		g.Reload(stepSite(step.legacy, step.moved), step.restart)
		mismatches := g.Mismatches()
		for i, b := range browsers {
			b.URL, b.Client = g.URL, g.Server.Client()
			key := harness.KeyOf(g, b.Cookies["session"])
			for round := range 3 {
				for path, want := range map[string]func(sessions.Key) string{"/page": step.wantLegacy, "/api/orders": step.wantMoved} {
					if round == 0 && path != "/page" {
						continue // the first page of each step brings what the step needs
					}
					response := b.Get(path)
					if response.StatusCode != http.StatusOK || response.Received.User(t) != fmt.Sprint("user", i) {
						t.Fatalf("%s: user%d at %s: status %d", step.name, i, path, response.StatusCode)
					}
					if via := response.Received.Header.Get("X-Via"); round > 0 && via != want(key) {
						t.Errorf("%s: %q speaks at %s, want %q", step.name, via, path, want(key))
					}
				}
			}
		}
		if got := g.Mismatches(); got != mismatches {
			t.Errorf("%s: %v differences where there are none", step.name, got-mismatches)
		}
		g.Clock.Advance(20 * time.Second)
	}
}

func bySessions(sessions.Key) string { return "session" }
func byTokens(sessions.Key) string   { return "token" }
func byShare(key sessions.Key) string {
	if validator.InShare(key, 10) {
		return "token"
	}
	return "session"
}

// Routes of one application in different modes share sessions and tokens, and an end on any of them is one on all.
func TestRoutesInDifferentModesShareSessions(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: migrationSite})
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil && strings.HasSuffix(r.URL.Path, "/logout") {
			g.Legacy.Set(cookie.Value, "")
			http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		}
		return false
	})
	for _, path := range []string{"/logout", "/new/logout", "/old/logout", "/shadow/logout"} {
		b := g.SignedIn()
		asked := g.Legacy.Questions()
		g.ExpectRolling(b.Get("/page"), "alice", "session", "set", asked+1)
		g.ExpectRolling(b.Get("/new"), "alice", "token", "set", asked+1)
		g.ExpectRolling(b.Get("/shadow"), "alice", "session", "", asked+1)
		g.Expect(b.Get("/old"), "alice", "", asked+1)
		g.ExpectRolling(b.Get("/page"), "alice", "token", "", asked+1) // the stateless route's token counts here as well
		session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
		if response := b.Get(path); response.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s: status %d", path, response.StatusCode)
		}
		for _, path := range []string{"/page", "/new", "/shadow", "/old"} {
			b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
			if response := b.Get(path); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s after the sign-out: status %d", path, response.StatusCode)
			}
		}
	}
}

func TestShadowCountsDifferencesByReason(t *testing.T) {
	const site = `
	jwt_session shop {
		mode shadow
		whoami /whoami json user {
			attribute role json role
		}
	}
	reverse_proxy LEGACY`
	token := func(user, role string) func(*harness.Gateway, *harness.Browser) {
		return func(g *harness.Gateway, b *harness.Browser) {
			g.Clock.Advance(59 * time.Second) // the session is to be asked about again soon
			b.Cookies[harness.TokenName] = g.MintRole(user, role, b.Cookies["session"])
		}
	}
	for want, arrange := range map[telemetry.Mismatch]func(*harness.Gateway, *harness.Browser){
		telemetry.MismatchUser:       token("mallory", "customer"),
		telemetry.MismatchAttributes: token("alice", "admin"),
		telemetry.MismatchSignedOut: both(token("alice", "customer"), func(g *harness.Gateway, b *harness.Browser) {
			g.Legacy.Set(b.Cookies["session"], "")
			g.Clock.Advance(time.Second)
		}),
		telemetry.MismatchUndetermined: both(token("alice", "customer"), func(g *harness.Gateway, _ *harness.Browser) {
			g.Clock.Advance(time.Second)
			g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
		}),
		"": token("alice", "customer"),
	} {
		g := harness.NewWith(t, harness.Options{Site: site})
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		arrange(g, b)
		before := mismatchCounts(t)
		b.Get("/page")
		for what, count := range mismatchCounts(t) {
			if got := count - before[what]; got != map[bool]float64{true: 1}[what == want] {
				t.Errorf("where the difference is %q, %v of %q were counted", want, got, what)
			}
		}
	}
}

func mismatchCounts(t *testing.T) map[telemetry.Mismatch]float64 {
	t.Helper()
	counts := make(map[telemetry.Mismatch]float64)
	for _, what := range []telemetry.Mismatch{telemetry.MismatchSignedOut, telemetry.MismatchUser, telemetry.MismatchAttributes, telemetry.MismatchUndetermined} {
		var metric dto.Metric
		if err := telemetry.ShadowMismatchesTotal.WithLabelValues(string(what)).Write(&metric); err != nil {
			t.Fatal(err)
		}
		counts[what] = metric.GetCounter().GetValue()
	}
	return counts
}

// The tenth of the sessions that gets tokens is the same one on every gateway and after every restart.
func TestShareSticksAcrossGatewaysAndRestarts(t *testing.T) {
	t.Parallel()
	site := stepSite("mixed 10%", "mixed 10%")
	first := harness.NewWith(t, harness.Options{Site: site})
	second := &harness.Gateway{T: t, Legacy: first.Legacy, Clock: first.Clock, Dir: t.TempDir()}
	second.Load(harness.Options{Site: site})
	var before map[string]string
	var ids []string
	for range 150 {
		ids = append(ids, first.Legacy.SignIn("alice"))
	}
	for i, g := range []*harness.Gateway{first, second, first} {
		if i == 2 {
			g.Reload(site, true)
		}
		got := make(map[string]string)
		for _, id := range ids {
			b := g.Browser()
			b.Cookies["session"] = id
			got[id] = b.Get("/page").TokenSet()
		}
		if i > 0 && !maps.Equal(got, before) {
			t.Errorf("look %d: the share is another one", i)
		}
		before = got
	}
	if inside := strings.Count(fmt.Sprint(before), ":set"); inside < 4 || inside > 30 {
		t.Errorf("%d of 150 sessions are in a share of 10%%", inside)
	}
}
