package jwtsession

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

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

// reload goes on with another configuration: a reload, or a restart.
func (g *testGateway) reload(site string, restart bool) {
	g.Helper()
	before, server := g.app, g.server
	if restart {
		server.Close()
		if err := before.Cleanup(); err != nil {
			g.Fatal(err)
		}
	}
	g.load(gatewayOptions{site: site})
	if !restart {
		server.Close()
		if err := before.Cleanup(); err != nil {
			g.Fatal(err)
		}
	}
}

func TestMigrationStepByStepAndBack(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: stepSite("stateful", "stateful")})
	const users = 20
	var browsers []*browser
	for i := range users {
		b := g.browser()
		b.cookies["session"] = g.legacy.signIn(fmt.Sprint("user", i))
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
		{"back to stateful", "stateful", "stateful", true, bySessions, bySessions},
		{"and mixed again", "mixed", "mixed", false, byTokens, byTokens},
	} {
		g.reload(stepSite(step.legacy, step.moved), step.restart)
		mismatches := g.mismatches()
		for i, b := range browsers {
			b.url, b.client = g.url, g.server.Client()
			key := keyOf(g, b.cookies["session"])
			for round := range 3 {
				for path, want := range map[string]func(sessions.Key) string{"/page": step.wantLegacy, "/api/orders": step.wantMoved} {
					if round == 0 && path != "/page" {
						continue // the first page of each step brings what the step needs
					}
					response := b.get(path)
					if response.StatusCode != http.StatusOK || response.received.user(t) != fmt.Sprint("user", i) {
						t.Fatalf("%s: user%d at %s: status %d", step.name, i, path, response.StatusCode)
					}
					if via := response.received.Header.Get("X-Via"); round > 0 && via != want(key) {
						t.Errorf("%s: %q speaks at %s, want %q", step.name, via, path, want(key))
					}
				}
			}
		}
		if got := g.mismatches(); got != mismatches {
			t.Errorf("%s: %v differences where there are none", step.name, got-mismatches)
		}
		g.clock.advance(20 * time.Second)
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
	g := newTestGatewayWith(t, gatewayOptions{site: migrationSite})
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil && strings.HasSuffix(r.URL.Path, "/logout") {
			g.legacy.set(cookie.Value, "")
			http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		}
		return false
	})
	for _, path := range []string{"/logout", "/new/logout", "/old/logout", "/shadow/logout"} {
		b := g.signedIn()
		asked := g.legacy.questions()
		g.expectRolling(b.get("/page"), "alice", "session", "set", asked+1)
		g.expectRolling(b.get("/new"), "alice", "token", "set", asked+1)
		g.expectRolling(b.get("/shadow"), "alice", "session", "", asked+1)
		g.expect(b.get("/old"), "alice", "", asked+1)
		g.expectRolling(b.get("/page"), "alice", "token", "", asked+1) // the stateless route's token counts here as well
		session, token := b.cookies["session"], b.cookies[tokenName]
		if response := b.get(path); response.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s: status %d", path, response.StatusCode)
		}
		for _, path := range []string{"/page", "/new", "/shadow", "/old"} {
			b.cookies["session"], b.cookies[tokenName] = session, token
			if response := b.get(path); response.StatusCode != http.StatusUnauthorized {
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
	token := func(user, role string) func(*testGateway, *browser) {
		return func(g *testGateway, b *browser) {
			g.clock.advance(59 * time.Second) // the session is to be asked about again soon
			b.cookies[tokenName] = g.mintRole(user, role, b.cookies["session"])
		}
	}
	for want, arrange := range map[telemetry.Mismatch]func(*testGateway, *browser){
		telemetry.MismatchUser:       token("mallory", "customer"),
		telemetry.MismatchAttributes: token("alice", "admin"),
		telemetry.MismatchSignedOut: both(token("alice", "customer"), func(g *testGateway, b *browser) {
			g.legacy.set(b.cookies["session"], "")
			g.clock.advance(time.Second)
		}),
		telemetry.MismatchUndetermined: both(token("alice", "customer"), func(g *testGateway, _ *browser) {
			g.clock.advance(time.Second)
			g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
		}),
		"": token("alice", "customer"),
	} {
		g := newTestGatewayWith(t, gatewayOptions{site: site})
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		arrange(g, b)
		before := mismatchCounts(t)
		b.get("/page")
		for what, count := range mismatchCounts(t) {
			if got := count - before[what]; got != map[bool]float64{true: 1}[what == want] {
				t.Errorf("where the difference is %q, %v of %q were counted", want, got, what)
			}
		}
	}
}

// mintRole mints a token that says the user's role too.
func (g *testGateway) mintRole(user, role, session string) string {
	g.Helper()
	names, err := validator.NewSessionCookies("session")
	if err != nil {
		g.Fatal(err)
	}
	credential := names.Read(validator.Cookies{{Name: "session", Value: session}})
	now := g.clock.Now()
	token, err := validator.Minter{Keys: g.app.Opened().Keys.Current(), Lifetime: time.Minute}.Mint(sessions.Session{
		Key: keyOf(g, session), User: user, Attributes: sessions.Attributes{"role": sessions.Text(role)},
		AuthTime: now.Unix(), Seen: now, Confirmed: now, Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		g.Fatal(err)
	}
	return token
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
	first := newTestGatewayWith(t, gatewayOptions{site: site})
	second := &testGateway{T: t, legacy: first.legacy, clock: first.clock, dir: t.TempDir()}
	second.load(gatewayOptions{site: site})
	var before map[string]string
	var ids []string
	for range 150 {
		ids = append(ids, first.legacy.signIn("alice"))
	}
	for i, g := range []*testGateway{first, second, first} {
		if i == 2 {
			g.reload(site, true)
		}
		got := make(map[string]string)
		for _, id := range ids {
			b := g.browser()
			b.cookies["session"] = id
			got[id] = b.get("/page").tokenSet()
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
