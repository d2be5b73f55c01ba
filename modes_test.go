package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	shadow "github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
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
	g := harness.NewWith(t, harness.Options{Site: migrationSite})
	b := g.SignedIn()
	g.ExpectRefused(b.Get("/new"), "") // no token yet, and the session does not count here
	g.Expect(b.Get("/page"), "alice", "set", 1)
	session := b.Cookies["session"]
	delete(b.Cookies, "session")
	// The mixed route's token has a minute; on this route, where tokens live longer, it is near its end from the start.
	response := b.Get("/new")
	g.Expect(response, "alice", "set", 1)
	if line := strings.Join(response.Header["Set-Cookie"], ""); !strings.Contains(line, "; Max-Age=1800;") {
		t.Error("a token that stands alone does not last as long as it lives")
	}
	b.Cookies["session"] = "any-0123456789abcdef"
	g.Expect(b.Get("/new"), "alice", "", 1)
	delete(b.Cookies, "session")
	g.Clock.Advance(14 * time.Minute)
	g.Expect(b.Get("/new"), "alice", "", 1)
	g.Clock.Advance(2 * time.Minute)
	g.Expect(b.Get("/new"), "alice", "set", 1)
	g.Clock.Advance(time.Minute)
	b.Cookies["session"] = session
	g.Expect(b.Get("/page"), "alice", "set", 2) // it is too old for the mixed route
}

func TestStatelessEndsWithTheMaximumAge(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: migrationSite})
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	delete(b.Cookies, "session")
	g.Clock.Advance(50 * time.Second)
	for elapsed := 50 * time.Second; elapsed < 24*time.Hour; elapsed += 20 * time.Minute {
		response := b.Get("/new")
		if response.StatusCode != http.StatusOK {
			t.Fatalf("after %s: status %d", elapsed, response.StatusCode)
		}
		life := g.Claims(b).Expires() - g.Clock.Now().Unix() // less than the route's lifetime in the end
		if line := strings.Join(response.Header["Set-Cookie"], ""); line != "" &&
			!strings.Contains(line, fmt.Sprintf("; Max-Age=%d;", life)) {
			t.Errorf("after %s: the token lives for %d s, the cookie otherwise", elapsed, life)
		}
		g.Clock.Advance(20 * time.Minute)
	}
	g.ExpectRefused(b.Get("/new"), "cleared")
}

func TestGoingBackToStatefulKeepsUsersSignedIn(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: migrationSite})
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Expect(b.Get("/old"), "alice", "", 1)
	g.Clock.Advance(time.Minute)
	g.Expect(b.Get("/old"), "alice", "", 2)
	if b.Cookies[harness.TokenName] == "" {
		t.Error("stateful mode touched the token cookie")
	}
}

func TestShadowLetsTheSessionSpeakAndCountsDifferences(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: migrationSite})
	b := g.SignedIn()
	session := b.Cookies["session"]
	before := g.Mismatches()
	response := b.Get("/shadow")
	g.Expect(response, "alice", "set", 1)
	if via := response.Received.Header.Get("X-Via"); via != "session" {
		t.Errorf("in shadow mode %q speaks", via)
	}
	g.Expect(b.Get("/shadow"), "alice", "", 1)
	g.Clock.Advance(31 * time.Second)
	g.Expect(b.Get("/shadow"), "alice", "set", 1) // due; the session was confirmed half a minute ago
	if got := g.Mismatches(); got != before {
		t.Errorf("%v differences were counted where there are none", got-before)
	}
	b.Cookies[harness.TokenName] = g.MintFor("mallory", session) // signed by us, for another user
	g.Expect(b.Get("/shadow"), "alice", "", 1)
	if got := g.Mismatches(); got != before+1 {
		t.Errorf("%v differences were counted, want 1", got-before)
	}
	delete(b.Cookies, "session")
	g.ExpectRefused(b.Get("/shadow"), "") // never restores
}

func TestShareOfSessionsIsTheSameEverywhere(t *testing.T) {
	site := "jwt_session shop {\n whoami /whoami json user\n mode mixed 30%\n}\nreverse_proxy LEGACY"
	first, second := harness.NewWith(t, harness.Options{Site: site}), harness.NewWith(t, harness.Options{Site: site})
	inside := 0
	for range 60 {
		b := first.SignedIn()
		second.Legacy.Set(b.Cookies["session"], "alice")
		got := b.Get("/page").TokenSet()
		other := second.Browser()
		other.Cookies["session"] = b.Cookies["session"]
		if again := other.Get("/page").TokenSet(); again != got {
			t.Errorf("one gateway says %q, the other %q", got, again)
		}
		if got == "set" {
			inside++
			continue
		}
		b.Cookies[harness.TokenName] = first.MintFor("alice", b.Cookies["session"]) // from the time when all had tokens
		if got := change(t, "requests_total", string(validator.TokenOutsideShare), func() {
			if response := b.Get("/page"); response.TokenSet() != "cleared" || response.Received.User(t) != "alice" {
				t.Errorf("outside of the share: token cookie %q", response.TokenSet())
			}
		}); got != 1 {
			t.Errorf("outside of the share: counted %g times", got)
		}
	}
	if inside < 6 || inside > 32 {
		t.Errorf("%d of 60 sessions are in a share of 30%%", inside)
	}
}

// A share of nothing is no default: no session gets a token, and tokens from before are ignored and cleared.
func TestShareOfNothing(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"mode mixed 0%", "mode mixed 0.0%"} {
		g := harness.NewWith(t, harness.Options{Site: "jwt_session shop {\n whoami /whoami json user\n" + options +
			"\n}\nrequest_header X-Via {http.jwt_session.via}\nreverse_proxy LEGACY"})
		for range 8 {
			b := g.SignedIn()
			g.ExpectVia(b.Get("/page"), "session", "")
			b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"]) // from the time when all had tokens
			g.ExpectVia(b.Get("/page"), "session", "cleared")
			g.ExpectVia(b.Get("/page"), "session", "")
		}
	}
}

func TestShareErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ options, want string }{
		{`"mixed_percent": 0`, ""},
		{`"mixed_percent": 100`, ""},
		{`"mixed_percent": null`, ""},
		{`"mixed_percent": -1`, "want a share from 0% to 100%"},
		{`"mixed_percent": 100.5`, "want a share from 0% to 100%"},
		{`"mode": "stateful", "mixed_percent": 0`, "mode stateful takes no share of sessions"},
		{`"mode": "stateless", "mixed_percent": 10`, "mode stateless takes no share of sessions"},
	} {
		text := `{"admin": {"disabled": true}, "apps": {"http": {"servers": {"x": {"routes": [{"handle": [{"handler": "jwt_session",
			"realm": "shop", ` + test.options + `}]}]}}}}}`
		if err := validateJSON(t, []byte(text)); test.want != "" {
			checkInvalid(t, err, test.options, test.want)
		} else if err != nil {
			t.Errorf("%s: %v", test.options, err)
		}
	}
}

func TestRestoreSession(t *testing.T) {
	t.Parallel()
	for _, restore := range []string{"on", "off"} {
		g := harness.New(t, "restore_session "+restore)
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		session := b.Cookies["session"]
		delete(b.Cookies, "session")
		if restore == "off" {
			g.ExpectRefused(b.Get("/page"), "")
			continue
		}
		for _, fetchSite := range []string{"", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"} {
			for _, empty := range []string{"", "session=; "} { // one without a value is none
				response := b.Get("/page", fetchSite, "Cookie: "+empty+"a=b; "+harness.TokenName+"="+b.Cookies[harness.TokenName])
				g.Expect(response, "alice", "", 1)
				if got := response.Received.Header["Cookie"]; len(got) != 1 || got[0] != "a=b; session="+session {
					t.Errorf("%q, %q: the application did not receive its session cookie behind the others", fetchSite, empty)
				}
			}
		}
		for _, fetchSite := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: x"} {
			g.ExpectRefused(b.Get("/page", fetchSite), "")
		}
		g.ExpectRefused(b.Get("/page", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"), "")
		g.Clock.Advance(45 * time.Second)
		g.Expect(b.Get("/page"), "alice", "", 1) // due, but never renewed without its session
	}
}

func TestRestoreSessionOfLongID(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "restore_session on")
	b := g.Browser()
	long := strings.Repeat("x", 257) // only its hash is in the token
	g.Legacy.Set(long, "alice")
	b.Cookies["session"] = long
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Expect(b.Get("/page"), "alice", "", 1)
	delete(b.Cookies, "session")
	g.ExpectRefused(b.Get("/page"), "")
}

func TestRealmOfEachHost(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session app-{host} {
			whoami /whoami json user
		}
		request_header X-Realm {http.jwt_session.realm}
		reverse_proxy LEGACY`})
	b := g.Browser()
	session := g.Legacy.SignIn("alice")
	tokens := make(map[string]string)
	for _, host := range []string{"a.example", "B.Example"} {
		response := b.HostGet(host, "session="+session)
		realm := "app-" + strings.ToLower(host)
		if got := response.Received.Header.Get("X-Realm"); got != realm {
			t.Errorf("%s: the realm is %q", host, got)
		}
		tokens[host] = b.Cookies["jwt_"+realm]
		if tokens[host] == "" {
			t.Errorf("%s: no token", host)
		}
	}
	if g.Legacy.Questions() != 2 {
		t.Errorf("%d questions: the realms share a session", g.Legacy.Questions())
	}
	// The token of the one in the place of the other's: ignored, and not cleared.
	response := b.HostGet("a.example", "jwt_app-a.example="+tokens["B.Example"])
	if response.StatusCode != http.StatusUnauthorized || len(response.Header["Set-Cookie"]) != 0 {
		t.Errorf("status %d with %d cookies", response.StatusCode, len(response.Header["Set-Cookie"]))
	}
	response = b.HostGet("a.example", "session="+session+"; jwt_app-b.example="+tokens["B.Example"]+
		"; __Host-jwt_app-c.example="+tokens["a.example"]+"; jwt_other=z")
	if got := response.Received.Header.Get("Cookie"); got != "session="+session+"; jwt_other=z" {
		t.Error("the application received tokens of other realms, or lost a cookie that is none")
	}
}

// A realm's name is in lower case wherever it has placeholders, also in what is fixed of it. By that name its tokens are kept
// from the application, and operators revoke; by a name that no request has, nothing would be revoked.
func TestRealmWithPlaceholdersIsInLowerCase(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: "jwt_session Shop-{host}-EU {\nwhoami /whoami json user\n}\nreverse_proxy LEGACY"})
	b := g.Browser()
	cookies := "session=" + g.Legacy.SignIn("alice")
	const realm = "shop-a.example-eu"
	if b.HostGet("a.example", cookies); b.Cookies["jwt_"+realm] == "" {
		t.Fatal("no token")
	}
	response := b.HostGet("a.example", cookies+"; jwt_"+realm+"="+b.Cookies["jwt_"+realm])
	if response.Received.Header.Get("Cookie") != cookies {
		t.Error("the application received the token")
	}
	for _, none := range []string{"Shop-a.example-EU", "shop-A.example-eu", "Shop-{host}-EU", "shop-{host}-eu", "shop--eu", "shop-a b-eu"} {
		if status, _ := g.Admin(http.MethodPost, "revocations", `{"realm": "`+none+`", "user": "alice"}`); status != http.StatusNotFound {
			t.Errorf("realm %s: status %d, want 404", none, status)
		}
	}
	g.MustAdmin("revocations", map[string]any{"realm": realm, "user": "alice"})
	if response := b.HostGet("a.example", cookies); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the revocation: status %d", response.StatusCode)
	}
}

// Placeholders that are empty make no realm: its tokens would not be known for tokens, and would go upstream.
func TestRealmOfEmptyPlaceholders(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session app-{http.request.header.X-App} {
			whoami /whoami json user
		}
		reverse_proxy LEGACY`})
	b := g.Browser()
	session := "Cookie: session=" + g.Legacy.SignIn("alice")
	if user := b.Get("/page", "X-App: One", session).Received.User(t); user != "alice" {
		t.Errorf("user %q", user)
	}
	if response := b.Get("/page", session); response.StatusCode != http.StatusBadRequest {
		t.Errorf("an empty placeholder: status %d", response.StatusCode)
	}
}

func TestSeveralHandlersDecideOncePerRealm(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
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
	b := g.SignedIn()
	response := b.Get("/inner")
	if got := response.Received; got.Header.Get("X-Inner-User") != "alice" || g.Legacy.Questions() != 1 || response.TokenSet() != "set" {
		t.Errorf("the inner handler: user %q, %d questions, token cookie %q", got.Header.Get("X-Inner-User"), g.Legacy.Questions(), response.TokenSet())
	}
	response = b.Get("/other")
	if got := response.Received; got.Header.Get("X-Blog-User") != "alice" || got.Header.Get("X-Realm") != "blog" || g.Legacy.Questions() != 2 {
		t.Errorf("another realm: user %q, realm %q, %d questions", got.Header.Get("X-Blog-User"), got.Header.Get("X-Realm"), g.Legacy.Questions())
	}
	if got := response.Received.Header.Get(identity.DefaultIdentityHeader); got != "" {
		t.Errorf("the identity of the realm before came along: %q", got)
	}
	visitor := g.Browser()
	if response := visitor.Get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("a visitor outside: status %d", response.StatusCode)
	}
	g.ExpectRefused(visitor.Get("/inner"), "")
}

func TestPreflightGoesOnWithoutCredentials(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	preflight := []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT"}
	response := b.Do(http.MethodOptions, "/page", append(preflight, "Authorization: Basic YTpi", "OurApp-User-ID: mallory")...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	for _, name := range []string{"Cookie", "Authorization", identity.DefaultIdentityHeader} {
		if response.Received.Header.Get(name) != "" {
			t.Errorf("%s reached the application with a preflight", name)
		}
	}
	if g.Legacy.Questions() != 0 || response.Received.Header.Get("Origin") == "" {
		t.Errorf("%d questions, Origin %q", g.Legacy.Questions(), response.Received.Header.Get("Origin"))
	}
	visitor := g.Browser()
	for _, c := range []struct {
		method string
		lines  []string
	}{
		{http.MethodOptions, preflight[:1]},
		{http.MethodOptions, preflight[1:]},
		{http.MethodGet, preflight},
		{"options", preflight},
	} {
		if response := visitor.Do(c.method, "/page", c.lines...); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %v: status %d, want 401: it is no preflight", c.method, c.lines, response.StatusCode)
		}
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass\n csrf https://trusted.example")
	b := g.SignedIn()
	host := strings.TrimPrefix(g.URL, "http://")
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
		if response := b.Do(c.method, "/page", c.lines...); response.StatusCode != c.want {
			t.Errorf("%s %v: status %d, want %d", c.method, c.lines, response.StatusCode, c.want)
		}
	}
}

func TestStripInErrorRoutes(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
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
	b := g.SignedIn()
	b.Cookies[harness.TokenName] = "x"
	for _, path := range []string{"/broken", "/page"} {
		if path == "/page" {
			delete(b.Cookies, "session")
		}
		response := b.Get(path, "X-Our-User: mallory", "x_more: mallory", "OurApp-User-ID: mallory")
		if response.Received == nil || response.Received.Path != "/error" {
			t.Fatalf("%s: status %d: the error route was not reached", path, response.StatusCode)
		}
		for name, values := range response.Received.Header {
			if text := strings.Join(values, ""); strings.Contains(text, "mallory") || strings.Contains(text, harness.TokenName) {
				t.Errorf("%s: %s reached the error route", path, name)
			}
		}
	}
}

// In one route with it, jwt_session_strip stands first; the token is read all the same.
func TestStripBeforeTheHandler(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session_strip
		jwt_session shop {
			mode stateless
		}
		reverse_proxy LEGACY`})
	b := g.Browser()
	b.Cookies[harness.TokenName] = g.MintFor("alice", "any")
	if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
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
	return harness.Validate(config)
}

func TestCompareShadow(t *testing.T) {
	t.Parallel()
	session := sessions.Session{User: "alice", Attributes: sessions.Attributes{"role": sessions.Text("customer")}}
	token := func(user string) validator.Token {
		claims, reason := mintedFor(t, user)
		if reason != "" {
			t.Fatal(reason)
		}
		return validator.Token{State: validator.TokenUsable, Claims: claims}
	}
	for _, c := range []struct {
		name    string
		token   validator.Token
		binding validator.Binding
		verdict validator.Verdict
		session sessions.Session
		want    telemetry.Mismatch
	}{
		{"agreement", token("alice"), validator.SameSession, validator.BySession{}, sessions.Session{User: "alice"}, ""},
		{"another user", token("bob"), validator.SameSession, validator.BySession{}, sessions.Session{User: "alice"}, telemetry.MismatchUser},
		{"other attributes", token("alice"), validator.SameSession, validator.BySession{}, session, telemetry.MismatchAttributes},
		{"signed out", token("alice"), validator.SameSession, validator.Unauthenticated{}, sessions.Session{}, telemetry.MismatchSignedOut},
		{"could not tell", token("alice"), validator.SameSession, validator.CouldNotTell{}, sessions.Session{}, telemetry.MismatchUndetermined},
		{"no token", validator.Token{State: validator.TokenAbsent}, validator.SameSession, validator.BySession{}, session, ""},
		{"a token of another session", token("bob"), validator.OtherSession, validator.BySession{}, session, ""},
		{"no verdict", token("alice"), validator.SameSession, nil, sessions.Session{}, telemetry.MismatchSignedOut},
	} {
		if got := shadow.Compare(c.token, c.binding, c.verdict, c.session); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// mintedFor returns the claims of a token of the user.
func mintedFor(t *testing.T, user string) (*validator.Claims, validator.Reason) {
	t.Helper()
	key, err := validator.NewSecretKey("test", []byte("32 bytes of a secret for a test!"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	now, id := time.Now(), validator.Cookies{{Name: "session", Value: "0123456789abcdef"}}
	names, err := validator.NewSessionCookies("session")
	if err != nil {
		t.Fatal(err)
	}
	credential := names.Read(id)
	token, err := validator.Minter{Keys: keys, Lifetime: time.Minute}.Mint(sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: credential.Hash}, User: user, AuthTime: now.Unix(), Confirmed: now,
		Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		t.Fatal(err)
	}
	return validator.NewVerifier(validator.NewKeyRing(keys), nil).Authenticate(token)
}
