package jwtsession_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/provider"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testkey"
)

// identityProvider is an OpenID provider on loopback that can be taken down.
type identityProvider struct {
	*provider.Provider

	url  string
	down atomic.Bool
}

const testRedirect = "http://client.example/callback"

func newIdentityProvider(t *testing.T) *identityProvider {
	t.Helper()
	idp := new(identityProvider)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if idp.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		idp.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	idp.url = server.URL
	var err error
	idp.Provider, err = provider.New(provider.Options{Issuer: server.URL, NewKey: testkey.Maker(t), Clients: []provider.Client{
		{ID: "api-client", Secret: "api-secret", RedirectURI: testRedirect, Audience: "https://api.example"},
		{ID: "other-client", Secret: "other-secret", RedirectURI: testRedirect, Audience: "https://other.example"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return idp
}

// providerTokens are what a client of the provider gets for its user.
type providerTokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
}

// signIn goes through the code flow as a client of the provider.
func (p *identityProvider) signIn(t *testing.T, client, user string) providerTokens {
	t.Helper()
	const verifier = "a-code-verifier-of-the-length-that-rfc-7636-wants"
	challenge := sha256.Sum256([]byte(verifier))
	secret := strings.TrimSuffix(client, "-client") + "-secret"
	query := url.Values{
		"client_id": {client}, "redirect_uri": {testRedirect}, "response_type": {"code"}, "scope": {"openid profile buy stock"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"}, "nonce": {"n"},
	}
	response, err := http.Get(p.url + provider.AuthorizePath + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	page := readAll(t, response)
	field := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(page)
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err = stay.PostForm(p.url+provider.AuthorizePath, url.Values{
		"request": {html.UnescapeString(field[1])}, "user": {user}, "password": {user + "-pass-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, response)
	location, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	response, err = http.PostForm(p.url+provider.TokenPath, url.Values{
		"grant_type": {"authorization_code"}, "code": {location.Query().Get("code")}, "redirect_uri": {testRedirect},
		"code_verifier": {verifier}, "client_id": {client}, "client_secret": {secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	var tokens providerTokens
	if err := json.Unmarshal([]byte(readAll(t, response)), &tokens); err != nil || tokens.Access == "" {
		t.Fatalf("the provider gave no token: %v", err)
	}
	return tokens
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// issuerSite takes access tokens of the provider beside sessions and tokens of ours.
func issuerSite(idp *identityProvider, options, rest string) harness.Options {
	return harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
			}
			issuer ` + idp.url + ` {
				audience https://api.example
				attribute scope scope
				` + options + `
			}
			identity_header X-Scope scope
			` + rest + `
		}
		request_header X-Via {http.jwt_session.via}
		request_header X-Reason {http.jwt_session.reason}
		reverse_proxy LEGACY`}
}

// reasonIn returns the reason that the application was told; a placeholder that is not set is sent as it is written.
func reasonIn(header http.Header) string {
	return header.Get("X-Reason")
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	g := harness.NewWith(t, issuerSite(idp, "", ""))
	tokens := idp.signIn(t, "api-client", "alice")
	b := g.Browser()
	b.Headers.Set("Authorization", "Bearer "+tokens.Access)
	response := b.Get("/api")
	header := response.Received.Header
	if response.StatusCode != http.StatusOK || header.Get("OurApp-User-ID") != "alice" || header.Get("X-Via") != "issuer" ||
		header.Get("X-Scope") != "openid,profile,buy" {
		t.Fatalf("status %d, received %v", response.StatusCode, header)
	}
	if header.Get("Authorization") != "Bearer "+tokens.Access {
		t.Error("the application does not get the access token any more")
	}
	if len(response.Header["Set-Cookie"]) > 0 || g.Legacy.Questions() > 0 {
		t.Errorf("a token was minted, or the application was asked: %v", response.Header["Set-Cookie"])
	}
}

// Each line is a token that must not open anything, and the reason that the log gives.
func TestIssuerRefuses(t *testing.T) {
	t.Parallel()
	idp, stranger := newIdentityProvider(t), newIdentityProvider(t)
	g := harness.NewWith(t, issuerSite(idp, "", "unauthenticated pass"))
	good := idp.signIn(t, "api-client", "alice")
	for name, test := range map[string]struct{ authorization, reason string }{
		"no token":                 {"", "no_credentials"},
		"another scheme":           {"Basic YWxpY2U6YWxpY2U=", "no_credentials"},
		"an ID token":              {"Bearer " + good.ID, "token_no_access"},
		"for another audience":     {"Bearer " + idp.signIn(t, "other-client", "alice").Access, "token_wrong_audience"},
		"of another provider":      {"Bearer " + stranger.signIn(t, "api-client", "alice").Access, "token_unknown_key"},
		"opaque":                   {"Bearer 2YotnFZFEjr1zCsicMWpAA", "token_malformed"},
		"with another signature":   {"Bearer " + good.Access[:len(good.Access)-8] + "AAAAAAAA", "token_bad_signature"},
		"our own, without session": {"Bearer " + g.MintFor("alice", g.Legacy.SignIn("alice")), "token_unknown_key"},
	} {
		b := g.Browser()
		if test.authorization != "" {
			b.Headers.Set("Authorization", test.authorization)
		}
		header := b.Get("/api").Received.Header
		if got := reasonIn(header); header.Get("OurApp-User-ID") != "" || got != test.reason {
			t.Errorf("%s: user %q, reason %q, want %q", name, header.Get("OurApp-User-ID"), got, test.reason)
		}
	}
}

func TestIssuerPlaces(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	token := idp.signIn(t, "api-client", "alice").Access
	for from, place := range map[string]func(*harness.Browser, string){
		"from header X-Access-Token": func(b *harness.Browser, token string) { b.Headers.Set("X-Access-Token", token) },
		"from cookie access_token":   func(b *harness.Browser, token string) { b.Cookies["access_token"] = token },
		"":                           func(b *harness.Browser, token string) { b.Headers.Set("Authorization", "bearer "+token) },
	} {
		g := harness.NewWith(t, issuerSite(idp, from, ""))
		for _, other := range []func(*harness.Browser, string){
			func(b *harness.Browser, token string) { b.Headers.Set("X-Access-Token", token) },
			func(b *harness.Browser, token string) { b.Cookies["access_token"] = token },
			func(b *harness.Browser, token string) { b.Headers.Set("Authorization", "bearer "+token) },
		} {
			here, there := g.Browser(), g.Browser()
			place(here, token)
			other(there, token)
			same := here.Headers.Get("X-Access-Token") == there.Headers.Get("X-Access-Token") &&
				here.Headers.Get("Authorization") == there.Headers.Get("Authorization") &&
				here.Cookies["access_token"] == there.Cookies["access_token"]
			if got := there.Get("/api").StatusCode; (got == http.StatusOK) != same {
				t.Errorf("%q: status %d, in the place: %v", from, got, same)
			}
		}
	}
}

// Beside a session: the same user's counts with it, another user's is a conflict, and no session of nobody is in the way.
func TestIssuerBesideASession(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	alice := idp.signIn(t, "api-client", "alice").Access
	for _, mode := range []string{"mixed", "stateful", "shadow"} {
		g := harness.NewWith(t, issuerSite(idp, "from cookie access_token", "mode "+mode+"\nidentity_header X-Role role\nunauthenticated pass"))
		for _, test := range []struct{ session, user, via, reason string }{
			{"alice", "alice", "issuer", ""},
			{"bob", "", "none", "conflict"},
			{"", "alice", "issuer", ""},
		} {
			b := g.Browser()
			b.Cookies["session"] = g.Legacy.SignIn(test.session)
			b.Cookies["access_token"] = alice
			for visit := range 2 { // by the session, and then by our own token if there is one
				header := b.Get("/page").Received.Header
				if header.Get("OurApp-User-ID") != test.user || header.Get("X-Via") != test.via || reasonIn(header) != test.reason {
					t.Errorf("%s, session of %q, visit %d: user %q via %q, reason %q", mode, test.session, visit,
						header.Get("OurApp-User-ID"), header.Get("X-Via"), reasonIn(header))
				}
				if test.session == "alice" && (header.Get("X-Role") != "customer" || header.Get("X-Scope") == "") {
					t.Errorf("%s: attributes of the session and the token: %v", mode, header)
				}
				if header.Get("Cookie") == "" || strings.Contains(header.Get("Cookie"), "jwt_shop") {
					t.Errorf("%s: cookies upstream: %q", mode, header.Get("Cookie"))
				}
			}
			_, minted := b.Cookies[harness.TokenName]
			if want := test.session == "alice" && mode != "stateful"; minted != want {
				t.Errorf("%s, session of %q: a token was minted: %v", mode, test.session, minted)
			}
		}
	}
}

// A token that stands for its session cookies brings them to the application with its user alone: not where another user's
// access token is in conflict with it.
func TestIssuerBesideARestoredSession(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	g := harness.New(t, "restore_session on\nunauthenticated pass\nissuer "+idp.url+" {\naudience https://api.example\n}")
	for user, restored := range map[string]bool{"alice": true, "bob": false} {
		b := g.Browser()
		session := g.Legacy.SignIn("alice")
		b.Cookies[harness.TokenName] = g.MintFor("alice", session)
		b.Headers.Set("Authorization", "Bearer "+idp.signIn(t, "api-client", user).Access)
		header := b.Get("/page").Received.Header
		if got := strings.Contains(header.Get("Cookie"), session); got != restored || (header.Get("OurApp-User-ID") == "alice") != restored {
			t.Errorf("an access token of %s beside a token of alice: her session is restored: %v, user %q", user, got,
				header.Get("OurApp-User-ID"))
		}
	}
}

// What an access token grants ends with it: it must not become the session's where the application names the user.
func TestIssuerAttributesStayOutOfTheSession(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			response_user X-User
			issuer ` + idp.url + ` {
				audience https://api.example
				from cookie access_token
				attribute scope scope
			}
			identity_header X-Scope scope
			unauthenticated pass
		}
		reverse_proxy LEGACY`})
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-User", "alice")
		return false
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page") // of itself: beside an access token a response teaches no session
	b.Cookies["access_token"] = idp.signIn(t, "api-client", "alice").Access
	if header := b.Get("/page").Received.Header; header.Get("X-Scope") == "" { // the response names the user
		t.Fatalf("the access token grants nothing: %v", header)
	}
	delete(b.Cookies, "access_token")
	for range 2 {
		header := b.Get("/page").Received.Header
		if header.Get("OurApp-User-ID") != "alice" || header.Get("X-Scope") != "" {
			t.Errorf("without the access token: user %q, scope %q", header.Get("OurApp-User-ID"), header.Get("X-Scope"))
		}
	}
}

// Two access tokens of two users in two places are a conflict; a bad one beside a good one is passed over.
func TestTwoIssuers(t *testing.T) {
	t.Parallel()
	first, second := newIdentityProvider(t), newIdentityProvider(t)
	g := harness.NewWith(t, issuerSite(first, "", `
		issuer `+second.url+` {
			audience https://api.example
			from cookie access_token
		}
		unauthenticated pass`))
	alice, bob := first.signIn(t, "api-client", "alice").Access, second.signIn(t, "api-client", "bob").Access
	for name, test := range map[string]struct{ bearer, cookie, user, reason string }{
		"the first":                 {alice, "", "alice", ""},
		"the second":                {"", bob, "bob", ""},
		"the same user":             {alice, second.signIn(t, "api-client", "alice").Access, "alice", ""},
		"two users":                 {alice, bob, "", "conflict"},
		"a bad one beside":          {alice, "garbage", "alice", ""},
		"each in the other's place": {bob, alice, "", "token_unknown_key"},
	} {
		b := g.Browser()
		if test.bearer != "" {
			b.Headers.Set("Authorization", "Bearer "+test.bearer)
		}
		if test.cookie != "" {
			b.Cookies["access_token"] = test.cookie
		}
		header := b.Get("/api").Received.Header
		if header.Get("OurApp-User-ID") != test.user || reasonIn(header) != test.reason {
			t.Errorf("%s: user %q, reason %q", name, header.Get("OurApp-User-ID"), reasonIn(header))
		}
	}
}

func TestIssuerRevocations(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	g := harness.NewWith(t, issuerSite(idp, "", ""))
	status := func(token string) int {
		b := g.Browser()
		b.Headers.Set("Authorization", "Bearer "+token)
		return b.Get("/api").StatusCode
	}
	first, second := idp.signIn(t, "api-client", "alice").Access, idp.signIn(t, "api-client", "alice").Access
	bob := idp.signIn(t, "api-client", "bob").Access
	g.Clock.Advance(time.Minute) // the provider has a clock of its own, which went on since the gateway's was set
	expect := func(what string, want ...int) {
		t.Helper()
		for i, token := range []string{first, second, bob} {
			if got := status(token); got != want[i] {
				t.Errorf("%s: token %d: status %d, want %d", what, i, got, want[i])
			}
		}
	}
	ledger := g.App.Opened().Ledger
	expect("before", 200, 200, 200)
	if err := ledger.RevokeToken(t.Context(), claimOf(t, first, "jti"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect("one token", 401, 200, 200)
	if err := ledger.RevokeUser(t.Context(), "shop", "alice"); err != nil {
		t.Fatal(err)
	}
	expect("the user", 401, 401, 200)
	if err := ledger.FlushAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("a flush", 401, 401, 401)
}

// claimOf reads a claim of a token without verifying it.
func claimOf(t *testing.T, token, name string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	text, _ := claims[name].(string)
	return text
}

// A provider that changes its key, goes down, and was down when the gateway started.
func TestIssuerThroughAnOutage(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	token := idp.signIn(t, "api-client", "alice").Access
	idp.down.Store(true)
	g := harness.NewWith(t, issuerSite(idp, "refresh_min 2ms", ""))
	b := g.Browser()
	b.Headers.Set("Authorization", "Bearer "+token)
	response := b.Get("/api")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("down at the start: status %d", response.StatusCode)
	}
	if other := g.Browser(); true {
		other.Cookies["session"] = g.Legacy.SignIn("bob")
		if got := other.Get("/page").StatusCode; got != http.StatusOK {
			t.Errorf("a session meanwhile: status %d", got)
		}
	}
	idp.down.Store(false)
	await(t, "the provider is back", func() bool { return b.Get("/api").StatusCode == http.StatusOK })
	if err := idp.Rotate(); err != nil {
		t.Fatal(err)
	}
	b.Headers.Set("Authorization", "Bearer "+idp.signIn(t, "api-client", "bob").Access)
	await(t, "the new key is found", func() bool { return b.Get("/api").StatusCode == http.StatusOK })
	idp.down.Store(true)
	for range 3 {
		if got := b.Get("/api").StatusCode; got != http.StatusOK {
			t.Errorf("down, with keys that are known: status %d", got)
		}
	}
	g.Load(issuerSite(idp, "refresh_min 2ms\nstale_max 48h", "")) // what an operator does who sees that
	again := g.Browser()
	again.Headers = b.Headers
	if got := again.Get("/api").StatusCode; got != http.StatusOK {
		t.Errorf("down, after a reload with a longer stale_max: status %d", got)
	}
}

// await asks until it is so, or the test has taken too long.
func await(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if isSo() {
			return
		}
	}
	t.Fatalf("%s: not within 20 s", what)
}
