package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// migrationSite has routes of one application in different modes.
const migrationSite = `
	@stateless path /new*
	@stateful path /old*
	@shadow path /shadow*
	route @stateless {
		jwt_session shop {
			mode stateless
			whoami /whoami json user
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}
	route @stateful {
		jwt_session shop {
			mode stateful
			whoami /whoami json user
		}
		reverse_proxy LEGACY
	}
	route @shadow {
		jwt_session shop {
			mode shadow
			whoami /whoami json user
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}`

func TestStatelessTakesTheTokenAlone(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: migrationSite})
	b := g.signedIn()
	g.expectRefused(b.get("/new"), "") // no token yet, and the session does not count here
	g.expect(b.get("/page"), "alice", "set", 1)
	session := b.cookies["session"]
	delete(b.cookies, "session")
	// The mixed route's token has a minute; on this route, where tokens live longer, it is near its end from the start.
	response := b.get("/new")
	g.expect(response, "alice", "set", 1)
	if line := strings.Join(response.Header["Set-Cookie"], ""); !strings.Contains(line, "; Max-Age=1800;") {
		t.Error("a token that stands alone does not last as long as it lives")
	}
	b.cookies["session"] = "any-0123456789abcdef"
	g.expect(b.get("/new"), "alice", "", 1)
	delete(b.cookies, "session")
	g.clock.advance(14 * time.Minute)
	g.expect(b.get("/new"), "alice", "", 1)
	g.clock.advance(2 * time.Minute)
	g.expect(b.get("/new"), "alice", "set", 1)
	g.clock.advance(time.Minute)
	b.cookies["session"] = session
	g.expect(b.get("/page"), "alice", "set", 2) // it is too old for the mixed route
}

func TestStatelessEndsWithTheMaximumAge(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: migrationSite})
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	delete(b.cookies, "session")
	g.clock.advance(50 * time.Second)
	for elapsed := 50 * time.Second; elapsed < 24*time.Hour; elapsed += 20 * time.Minute {
		response := b.get("/new")
		if response.StatusCode != http.StatusOK {
			t.Fatalf("after %s: status %d", elapsed, response.StatusCode)
		}
		life := g.claims(b).Expires() - g.clock.Now().Unix() // less than the route's lifetime in the end
		if line := strings.Join(response.Header["Set-Cookie"], ""); line != "" &&
			!strings.Contains(line, fmt.Sprintf("; Max-Age=%d;", life)) {
			t.Errorf("after %s: the token lives for %d s, the cookie otherwise", elapsed, life)
		}
		g.clock.advance(20 * time.Minute)
	}
	g.expectRefused(b.get("/new"), "cleared")
}

func TestGoingBackToStatefulKeepsUsersSignedIn(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: migrationSite})
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	g.expect(b.get("/old"), "alice", "", 1)
	g.clock.advance(time.Minute)
	g.expect(b.get("/old"), "alice", "", 2)
	if b.cookies[tokenName] == "" {
		t.Error("stateful mode touched the token cookie")
	}
}

func TestShadowLetsTheSessionSpeakAndCountsDifferences(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: migrationSite})
	b := g.signedIn()
	session := b.cookies["session"]
	before := g.mismatches()
	response := b.get("/shadow")
	g.expect(response, "alice", "set", 1)
	if via := response.received.Header.Get("X-Via"); via != "session" {
		t.Errorf("in shadow mode %q speaks", via)
	}
	g.expect(b.get("/shadow"), "alice", "", 1)
	g.clock.advance(31 * time.Second)
	g.expect(b.get("/shadow"), "alice", "set", 1) // due; the session was confirmed half a minute ago
	if got := g.mismatches(); got != before {
		t.Errorf("%v differences were counted where there are none", got-before)
	}
	b.cookies[tokenName] = g.mintFor("mallory", session) // signed by us, for another user
	g.expect(b.get("/shadow"), "alice", "", 1)
	if got := g.mismatches(); got != before+1 {
		t.Errorf("%v differences were counted, want 1", got-before)
	}
	delete(b.cookies, "session")
	g.expectRefused(b.get("/shadow"), "") // never restores
}

// mismatches sums the counter over its reasons.
func (g *testGateway) mismatches() float64 {
	g.Helper()
	sum := 0.0
	for _, what := range []telemetry.Mismatch{telemetry.MismatchSignedOut, telemetry.MismatchUser, telemetry.MismatchAttributes, telemetry.MismatchUndetermined} {
		var metric dto.Metric
		if err := telemetry.ShadowMismatchesTotal.WithLabelValues(string(what)).Write(&metric); err != nil {
			g.Fatal(err)
		}
		sum += metric.GetCounter().GetValue()
	}
	return sum
}

func TestShareOfSessionsIsTheSameEverywhere(t *testing.T) {
	site := "jwt_session shop {\n whoami /whoami json user\n mode mixed 30%\n}\nreverse_proxy LEGACY"
	first, second := newTestGatewayWith(t, gatewayOptions{site: site}), newTestGatewayWith(t, gatewayOptions{site: site})
	inside := 0
	for range 60 {
		b := first.signedIn()
		second.legacy.set(b.cookies["session"], "alice")
		got := b.get("/page").tokenSet()
		other := second.browser()
		other.cookies["session"] = b.cookies["session"]
		if again := other.get("/page").tokenSet(); again != got {
			t.Errorf("one gateway says %q, the other %q", got, again)
		}
		if got == "set" {
			inside++
			continue
		}
		b.cookies[tokenName] = first.mintFor("alice", b.cookies["session"]) // from the time when all had tokens
		if got := change(t, "requests_total", string(validator.TokenOutsideShare), func() {
			if response := b.get("/page"); response.tokenSet() != "cleared" || response.received.user(t) != "alice" {
				t.Errorf("outside of the share: token cookie %q", response.tokenSet())
			}
		}); got != 1 {
			t.Errorf("outside of the share: counted %g times", got)
		}
	}
	if inside < 6 || inside > 32 {
		t.Errorf("%d of 60 sessions are in a share of 30%%", inside)
	}
}

func TestRestoreSession(t *testing.T) {
	t.Parallel()
	for _, restore := range []string{"on", "off"} {
		g := newTestGateway(t, "restore_session "+restore)
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		session := b.cookies["session"]
		delete(b.cookies, "session")
		if restore == "off" {
			g.expectRefused(b.get("/page"), "")
			continue
		}
		for _, fetchSite := range []string{"", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"} {
			for _, empty := range []string{"", "session=; "} { // one without a value is none
				response := b.get("/page", fetchSite, "Cookie: "+empty+"a=b; "+tokenName+"="+b.cookies[tokenName])
				g.expect(response, "alice", "", 1)
				if got := response.received.Header["Cookie"]; len(got) != 1 || got[0] != "a=b; session="+session {
					t.Errorf("%q, %q: the application did not receive its session cookie behind the others", fetchSite, empty)
				}
			}
		}
		for _, fetchSite := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: x"} {
			g.expectRefused(b.get("/page", fetchSite), "")
		}
		g.expectRefused(b.get("/page", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"), "")
		g.clock.advance(45 * time.Second)
		g.expect(b.get("/page"), "alice", "", 1) // due, but never renewed without its session
	}
}

func TestRestoreSessionOfLongID(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "restore_session on")
	b := g.browser()
	long := strings.Repeat("x", 257) // only its hash is in the token
	g.legacy.set(long, "alice")
	b.cookies["session"] = long
	g.expect(b.get("/page"), "alice", "set", 1)
	g.expect(b.get("/page"), "alice", "", 1)
	delete(b.cookies, "session")
	g.expectRefused(b.get("/page"), "")
}

func TestRealmOfEachHost(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session app-{host} {
			whoami /whoami json user
		}
		request_header X-Realm {http.jwt_session.realm}
		reverse_proxy LEGACY`})
	b := g.browser()
	session := g.legacy.signIn("alice")
	tokens := make(map[string]string)
	for _, host := range []string{"a.example", "B.Example"} {
		response := b.hostGet(host, "session="+session)
		realm := "app-" + strings.ToLower(host)
		if got := response.received.Header.Get("X-Realm"); got != realm {
			t.Errorf("%s: the realm is %q", host, got)
		}
		tokens[host] = b.cookies["jwt_"+realm]
		if tokens[host] == "" {
			t.Errorf("%s: no token", host)
		}
	}
	if g.legacy.questions() != 2 {
		t.Errorf("%d questions: the realms share a session", g.legacy.questions())
	}
	// The token of the one in the place of the other's: ignored, and not cleared.
	response := b.hostGet("a.example", "jwt_app-a.example="+tokens["B.Example"])
	if response.StatusCode != http.StatusUnauthorized || len(response.Header["Set-Cookie"]) != 0 {
		t.Errorf("status %d with %d cookies", response.StatusCode, len(response.Header["Set-Cookie"]))
	}
	response = b.hostGet("a.example", "session="+session+"; jwt_app-b.example="+tokens["B.Example"]+
		"; __Host-jwt_app-c.example="+tokens["a.example"]+"; jwt_other=z")
	if got := response.received.Header.Get("Cookie"); got != "session="+session+"; jwt_other=z" {
		t.Error("the application received tokens of other realms, or lost a cookie that is none")
	}
}

// A realm's name is in lower case wherever it has placeholders, also in what is fixed of it. By that name its tokens are kept
// from the application, and operators revoke; by a name that no request has, nothing would be revoked.
func TestRealmWithPlaceholdersIsInLowerCase(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: "jwt_session Shop-{host}-EU {\nwhoami /whoami json user\n}\nreverse_proxy LEGACY"})
	b := g.browser()
	cookies := "session=" + g.legacy.signIn("alice")
	const realm = "shop-a.example-eu"
	if b.hostGet("a.example", cookies); b.cookies["jwt_"+realm] == "" {
		t.Fatal("no token")
	}
	response := b.hostGet("a.example", cookies+"; jwt_"+realm+"="+b.cookies["jwt_"+realm])
	if response.received.Header.Get("Cookie") != cookies {
		t.Error("the application received the token")
	}
	for _, none := range []string{"Shop-a.example-EU", "shop-A.example-eu", "Shop-{host}-EU", "shop-{host}-eu", "shop--eu", "shop-a b-eu"} {
		if status, _ := g.admin(http.MethodPost, "revocations", `{"realm": "`+none+`", "user": "alice"}`); status != http.StatusNotFound {
			t.Errorf("realm %s: status %d, want 404", none, status)
		}
	}
	g.mustAdmin("revocations", map[string]any{"realm": realm, "user": "alice"})
	if response := b.hostGet("a.example", cookies); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the revocation: status %d", response.StatusCode)
	}
}

// Placeholders that are empty make no realm: its tokens would not be known for tokens, and would go upstream.
func TestRealmOfEmptyPlaceholders(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session app-{http.request.header.X-App} {
			whoami /whoami json user
		}
		reverse_proxy LEGACY`})
	b := g.browser()
	session := "Cookie: session=" + g.legacy.signIn("alice")
	if user := b.get("/page", "X-App: One", session).received.user(t); user != "alice" {
		t.Errorf("user %q", user)
	}
	if response := b.get("/page", session); response.StatusCode != http.StatusBadRequest {
		t.Errorf("an empty placeholder: status %d", response.StatusCode)
	}
}

func (b *browser) hostGet(host, cookies string) reply {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.url+"/page", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Cookie", cookies)
	response, err := b.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	return b.take(response)
}

func TestSeveralHandlersDecideOncePerRealm(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		route {
			jwt_session shop {
				whoami /whoami json user
				unauthenticated pass
			}
			jwt_session /inner* shop {
				whoami /whoami json user
				identity_header X-Inner-User
			}
			jwt_session /other* blog {
				session_cookie session
				whoami /whoami json user
				identity_header X-Blog-User
			}
			request_header X-Realm {http.jwt_session.realm}
			reverse_proxy LEGACY
		}`})
	b := g.signedIn()
	response := b.get("/inner")
	if got := response.received; got.Header.Get("X-Inner-User") != "alice" || g.legacy.questions() != 1 || response.tokenSet() != "set" {
		t.Errorf("the inner handler: user %q, %d questions, token cookie %q", got.Header.Get("X-Inner-User"), g.legacy.questions(), response.tokenSet())
	}
	response = b.get("/other")
	if got := response.received; got.Header.Get("X-Blog-User") != "alice" || got.Header.Get("X-Realm") != "blog" || g.legacy.questions() != 2 {
		t.Errorf("another realm: user %q, realm %q, %d questions", got.Header.Get("X-Blog-User"), got.Header.Get("X-Realm"), g.legacy.questions())
	}
	if got := response.received.Header.Get(identity.DefaultIdentityHeader); got != "" {
		t.Errorf("the identity of the realm before came along: %q", got)
	}
	visitor := g.browser()
	if response := visitor.get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("a visitor outside: status %d", response.StatusCode)
	}
	g.expectRefused(visitor.get("/inner"), "")
}

func TestPreflightGoesOnWithoutCredentials(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	preflight := []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT"}
	response := b.do(http.MethodOptions, "/page", append(preflight, "Authorization: Basic YTpi", "OurApp-User-ID: mallory")...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	for _, name := range []string{"Cookie", "Authorization", identity.DefaultIdentityHeader} {
		if response.received.Header.Get(name) != "" {
			t.Errorf("%s reached the application with a preflight", name)
		}
	}
	if g.legacy.questions() != 0 || response.received.Header.Get("Origin") == "" {
		t.Errorf("%d questions, Origin %q", g.legacy.questions(), response.received.Header.Get("Origin"))
	}
	visitor := g.browser()
	for _, c := range []struct {
		method string
		lines  []string
	}{
		{http.MethodOptions, preflight[:1]},
		{http.MethodOptions, preflight[1:]},
		{http.MethodGet, preflight},
		{"options", preflight},
	} {
		if response := visitor.do(c.method, "/page", c.lines...); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %v: status %d, want 401: it is no preflight", c.method, c.lines, response.StatusCode)
		}
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated pass\n csrf https://trusted.example")
	b := g.signedIn()
	host := strings.TrimPrefix(g.url, "http://")
	handshake := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"}
	for _, c := range []struct {
		method string
		lines  []string
		want   int
	}{
		{http.MethodPost, nil, 200},
		{http.MethodPost, []string{"Origin: http://" + host}, 200},
		{http.MethodPost, []string{"Sec-Fetch-Site: same-origin"}, 200},
		{http.MethodPost, []string{"Origin: https://evil.example"}, 403},
		{http.MethodPost, []string{"Origin: null"}, 403},
		{http.MethodDelete, []string{"Sec-Fetch-Site: cross-site"}, 403},
		{http.MethodPost, []string{"Sec-Fetch-Site: same-site", "Origin: https://other." + host}, 403},
		{http.MethodPost, []string{"Sec-Fetch-Site: cross-site", "Origin: https://trusted.example"}, 200},
		{http.MethodPost, []string{"Origin: https://evil.example", "Authorization: Bearer abc"}, 200},
		{http.MethodPost, []string{"Origin: https://evil.example", "Authorization: Basic abc"}, 403},
		{http.MethodPost, []string{"Origin: https://evil.example", "Authorization: Bearer "}, 403},
		{http.MethodGet, []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 200},
		{http.MethodGet, append([]string{"Origin: https://evil.example"}, handshake...), 403},
		{http.MethodGet, append([]string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, handshake...), 403},
		{http.MethodGet, append([]string{"Origin: http://" + host}, handshake...), 200},
		{http.MethodGet, append([]string{"Origin: https://trusted.example"}, handshake...), 200},
	} {
		if response := b.do(c.method, "/page", c.lines...); response.StatusCode != c.want {
			t.Errorf("%s %v: status %d, want %d", c.method, c.lines, response.StatusCode, c.want)
		}
	}
}

func TestStripInErrorRoutes(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		route {
			@broken path /broken*
			error @broken "early" 500
			jwt_session shop {
				whoami /whoami json user
				identity_header X-Our-User
			}
			reverse_proxy LEGACY
		}
		handle_errors {
			jwt_session_strip X-More
			rewrite * /error
			reverse_proxy LEGACY
		}`})
	b := g.signedIn()
	b.cookies[tokenName] = "x"
	for _, path := range []string{"/broken", "/page"} {
		if path == "/page" {
			delete(b.cookies, "session")
		}
		response := b.get(path, "X-Our-User: mallory", "x_more: mallory", "OurApp-User-ID: mallory")
		if response.received == nil || response.received.Path != "/error" {
			t.Fatalf("%s: status %d: the error route was not reached", path, response.StatusCode)
		}
		for name, values := range response.received.Header {
			if text := strings.Join(values, ""); strings.Contains(text, "mallory") || strings.Contains(text, tokenName) {
				t.Errorf("%s: %s reached the error route", path, name)
			}
		}
	}
}

// In one route with it, jwt_session_strip stands first; the token is read all the same.
func TestStripBeforeTheHandler(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session_strip
		jwt_session shop {
			mode stateless
		}
		reverse_proxy LEGACY`})
	b := g.browser()
	b.cookies[tokenName] = g.mintFor("alice", "any")
	if response := b.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestModeErrors(t *testing.T) {
	for _, c := range []struct{ option, want string }{
		{"mode stateful\n restore_session on", "restore_session"},
		{"mode shadow\n restore_session on", "restore_session"},
		{"csrf not-an-origin", "csrf"},
	} {
		err := validateSite(t, "", fmt.Sprintf("jwt_session shop {\n %s\n }\n respond ok", c.option))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that names %s", c.option, err, c.want)
		}
	}
}

// validateText says what is wrong with a configuration, without starting it.
func validateText(t *testing.T, text string) error {
	t.Helper()
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adaptText(t, text), config); err != nil {
		return err
	}
	return caddy.Validate(config)
}
