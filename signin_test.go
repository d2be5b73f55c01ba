package jwtsession_test

import (
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// withSecret is the secret of most clients.
const withSecret = "client_secret shop-secret\n"

// A client proves who it is in the way that the provider accepts, and in no other.
func TestClientAuthentication(t *testing.T) {
	_, der, err := validator.GenerateKey(validator.ES256)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	basic := func(r *http.Request) bool {
		id, secret, ok := r.BasicAuth()
		return ok && id == "shop" && secret == "shop-secret" && !r.PostForm.Has("client_secret") && !r.PostForm.Has("client_id")
	}
	inForm := func(r *http.Request) bool {
		return r.Header["Authorization"] == nil && r.PostForm.Get("client_id") == "shop" && r.PostForm.Get("client_secret") == "shop-secret" &&
			len(r.PostForm["client_secret"]) == 1
	}
	for _, test := range []struct {
		name    string
		methods any
		options string
		accepts func(*http.Request) bool
	}{
		{"nothing is said", nil, withSecret, basic},
		{"the header", []string{"client_secret_basic"}, withSecret, basic},
		{"the form alone", []string{"client_secret_post"}, withSecret, inForm},
		{"the form and a key", []string{"private_key_jwt", "client_secret_post"}, withSecret, inForm},
		{"both", []string{"client_secret_post", "client_secret_basic"}, withSecret, basic},
		{"both, the operator wants the form", []string{"client_secret_post", "client_secret_basic"}, "client_secret shop-secret post", inForm},
		{"nothing is said, the operator wants the form", nil, "client_secret shop-secret post", inForm},
		{"the form alone, the operator wants the header", []string{"client_secret_post"}, "client_secret shop-secret basic", basic},
		{"a public client", []string{"none"}, "", func(r *http.Request) bool {
			return r.Header["Authorization"] == nil && r.PostForm.Get("client_id") == "shop" && !r.PostForm.Has("client_secret") &&
				r.PostForm.Get("code_verifier") != ""
		}},
		{"a key", []string{"private_key_jwt"}, "client_key file " + file, func(r *http.Request) bool {
			token, err := jwt.ParseSigned(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
			var claims jwt.Claims
			return err == nil && token.UnsafeClaimsWithoutVerification(&claims) == nil && claims.Issuer == "shop" &&
				claims.Subject == "shop" && len(claims.Audience) == 1 && claims.Audience[0] == "http://"+r.Host &&
				r.PostForm.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
				r.Header["Authorization"] == nil && r.PostForm.Get("client_id") == "shop"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			idp := newShapedProvider(t)
			idp.metadata = map[string]any{"token_endpoint_auth_methods_supported": test.methods}
			idp.refuses = func(r *http.Request) bool { return !test.accepts(r) }
			g := newShapedGateway(t, idp, test.options, "", "")
			b := g.visitor()
			if got := g.signIn(b, "/auth/login", "alice").StatusCode; got != http.StatusSeeOther || b.Cookies["session"] == "" {
				t.Errorf("status %d", got)
			}
		})
	}
}

// Three tabs begin, one after the other or at the same moment, and all end where they wanted to go, with one session. The
// button that leads back to a callback leads on again; in another browser, and once the session is over, it does not.
func TestThreeTabs(t *testing.T) {
	for _, response := range bothResponses {
		for _, atOnce := range []bool{false, true} {
			g := newSignInGateway(t, response, "")
			b := g.visitor()
			var answers []url.Values
			before := maps.Clone(b.Cookies)
			after := maps.Clone(b.Cookies)
			for _, page := range []string{"/one", "/two", "/three"} {
				if atOnce {
					b.Cookies = maps.Clone(before)
				}
				answers = append(answers, g.begin(b, "/auth/login?return="+page, "alice"))
				maps.Copy(after, b.Cookies)
			}
			b.Cookies = after
			for i, page := range []string{"/one", "/two", "/three"} {
				result := g.finish(b, response, answers[i])
				if result.StatusCode != http.StatusSeeOther || result.Header.Get("Location") != page {
					t.Fatalf("%s, at once %v, tab %s: status %d, location %q", response, atOnce, page, result.StatusCode, result.Header.Get("Location"))
				}
			}
			if got := g.RecordsOf("alice"); got != 1 {
				t.Errorf("%s, at once %v: %d sessions", response, atOnce, got)
			}
			session := b.Cookies["session"]
			for i, page := range []string{"/one", "/two", "/three"} {
				result := g.finish(b, response, answers[i])
				if result.StatusCode != http.StatusSeeOther || result.Header.Get("Location") != page || len(result.Cookies()) > 0 {
					t.Errorf("%s, back to %s: status %d, cookies %v", response, page, result.StatusCode, result.Cookies())
				}
			}
			if b.Cookies["session"] != session || g.RecordsOf("alice") != 1 {
				t.Errorf("%s: going back opened a session", response)
			}
			checkNoWayBack(t, g, b, answers[2])
		}
	}
}

// checkNoWayBack brings an answer that was used in other browsers, and then after the session is over.
func checkNoWayBack(t *testing.T, g *signInGateway, b *harness.Browser, answer url.Values) {
	t.Helper()
	signedIn := g.visitor() // a browser of the same user
	g.finish(signedIn, g.response, g.begin(signedIn, "/auth/login", "alice"))
	for _, other := range []*harness.Browser{g.visitor(), signedIn} {
		had := other.Cookies["session"]
		if got := g.finish(other, g.response, answer); got.StatusCode != http.StatusBadRequest || other.Cookies["session"] != had {
			t.Errorf("%s, in another browser: status %d", g.response, got.StatusCode)
		}
	}
	b.Get("/logout")
	if got := g.finish(b, g.response, answer); got.StatusCode != http.StatusBadRequest || g.RecordsOf("alice") != 1 {
		t.Errorf("%s, after the session: status %d", g.response, got.StatusCode)
	}
}

// A browser that begins again and again keeps five sign-ins and a bounded size, and the newest count.
func TestManyTabs(t *testing.T) {
	for _, test := range []struct {
		name, page string
		kept       int
	}{{"short", "/page", 5}, {"long", "/" + strings.Repeat("p", 1800), 2}} {
		g := newSignInGateway(t, callback.ResponseCode, "")
		b := g.visitor()
		var answers []url.Values
		for range 8 {
			answers = append(answers, g.begin(b, "/auth/login?return="+test.page, "alice"))
			g.Clock.Advance(time.Second)
		}
		if got := len(signInCookies(b.Cookies, callback.StateCookie+"_")); got != test.kept || len(b.CookieLine()) > 6<<10+400 {
			t.Errorf("%s: %d sign-ins under way in %d bytes", test.name, got, len(b.CookieLine()))
		}
		for i, answer := range answers {
			want := http.StatusBadRequest
			if i >= len(answers)-test.kept {
				want = http.StatusSeeOther
			}
			if got := g.finish(b, callback.ResponseCode, answer); got.StatusCode != want {
				t.Errorf("%s, sign-in %d: status %d, want %d", test.name, i, got.StatusCode, want)
			}
		}
	}
}

// A cancelled sign-in is an error that error routes can show, with the reason and a way to begin again; and a page without
// them. The sign-in is over only if the answer is to it.
func TestCancelledSignIn(t *testing.T) {
	const errorRoutes = `handle_errors {
		respond "sorry {http.jwt_session.sign_in.reason} {http.jwt_session.sign_in.start}"
	}`
	for _, test := range []struct{ name, errors, state, code, want string }{
		{"cancelled", errorRoutes, "", "access_denied", "sorry cancelled /auth/login?return=%2Fcart%3Fa%3D%3Cb%3E"},
		{"not asked", errorRoutes, "", "login_required", "sorry interaction_required /auth/login?return=%2Fcart%3Fa%3D%3Cb%3E"},
		{"another error", errorRoutes, "", "server_error", "sorry provider_error /auth/login?return=%2Fcart%3Fa%3D%3Cb%3E"},
		{"an error of its own", errorRoutes, "", "<script>", "sorry provider_error /auth/login?return=%2Fcart%3Fa%3D%3Cb%3E"},
		{"another sign-in", errorRoutes, "other", "access_denied", "sorry not_begun /auth/login"},
		{"no sign-in", errorRoutes, "-", "access_denied", "sorry not_begun /auth/login"},
		{"without error routes", "", "", "access_denied", `<a href="/auth/login?return=%2Fcart%3Fa%3D%3Cb%3E">Sign in again</a>`},
	} {
		g := newShapedGateway(t, newShapedProvider(t), withSecret, "", test.errors)
		b := g.visitor()
		request := g.start(b, "/auth/login?return="+url.QueryEscape("/cart?a=<b>"))
		answer := url.Values{"error": {test.code}, "state": {request.Get("state")}}
		switch test.state {
		case "-":
			answer.Del("state")
		case "other":
			answer.Set("state", "another")
		}
		result := b.Get("/auth/callback?" + answer.Encode())
		if result.StatusCode != http.StatusBadRequest || !strings.Contains(result.Text, test.want) || strings.Contains(result.Text, "<script>") {
			t.Errorf("%s: status %d, %q", test.name, result.StatusCode, result.Text)
		}
		isOver := len(signInCookies(b.Cookies, callback.StateCookie+"_")) == 0
		if isOver != (test.state == "") {
			t.Errorf("%s: the sign-in is over: %v", test.name, isOver)
		}
		if !isOver {
			if got := b.Get("/auth/callback?" + g.idp.answer(request, "alice").Encode()).StatusCode; got != http.StatusSeeOther {
				t.Errorf("%s, and then the answer: status %d", test.name, got)
			}
		}
	}
}

// Whoever comes as soon as the gateway listens waits for the provider, which may be starting too.
func TestFirstRequestAfterStart(t *testing.T) {
	t.Parallel() // it waits for the provider
	idp := newShapedProvider(t)
	idp.failures = 1
	idp.expectAccess(t)
	idp = newShapedProvider(t)
	idp.failures = 1
	again := newShapedGateway(t, idp, withSecret, "", "")
	if got := again.visitor().Get("/auth/login").StatusCode; got != http.StatusFound {
		t.Errorf("a sign-in: status %d", got)
	}
}

// expectAccess expects an access token of the provider to be enough for the first request of a gateway that starts.
func (p *shapedProvider) expectAccess(t *testing.T) {
	t.Helper()
	access, err := jwt.Signed(p.signer).Claims(map[string]any{
		"iss": p.url, "sub": "alice", "aud": "https://api.example", "iat": time.Now().Unix(), "exp": time.Now().Unix() + 300,
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			unauthenticated deny
			issuer ` + p.url + ` {
				audience https://api.example
			}
		}
		reverse_proxy LEGACY`})
	if got := g.Browser().Get("/page", "Authorization: Bearer "+access); got.StatusCode != http.StatusOK || got.Received.User(t) != "alice" {
		t.Errorf("an access token: status %d", got.StatusCode)
	}
}

// The user and the attributes come from the claims that the options name.
func TestClaimsOfASignIn(t *testing.T) {
	for _, test := range []struct {
		name   string
		claims map[string]any
		user   string // empty: refused
	}{
		{"verified", map[string]any{"email": "a@b.example", "email_verified": true, "acr": "gold", "groups": []string{"x", "y"}}, "a@b.example"},
		{"not verified", map[string]any{"email": "a@b.example", "email_verified": false}, ""},
		{"not said", map[string]any{"email": "a@b.example"}, ""},
		{"no address", map[string]any{"email_verified": true}, ""},
	} {
		idp := newShapedProvider(t)
		g := newShapedGateway(t, idp, withSecret+"user_claim email\nattribute level acr\nattribute teams groups",
			"identity_header OurApp-User-ID\nidentity_header X-Level level", "")
		idp.says(test.claims)
		b := g.visitor()
		result := g.signIn(b, "/auth/login", "7")
		if (result.StatusCode == http.StatusSeeOther) != (test.user != "") {
			t.Errorf("%s: status %d", test.name, result.StatusCode)
		}
		got := b.Get("/page").Received
		if got.User(t) != test.user || test.user != "" && got.Header.Get("X-Level") != "gold" {
			t.Errorf("%s: user %q, level %q", test.name, got.User(t), got.Header.Get("X-Level"))
		}
	}
}

// What the provider is asked besides the usual.
func TestAuthorizationRequest(t *testing.T) {
	idp := newShapedProvider(t)
	idp.metadata = map[string]any{"authorization_endpoint": idp.url + "/authorize?tenant=7&state=theirs"}
	g := newShapedGateway(t, idp, withSecret+`prompt login consent
		max_age 5m
		acr_values gold silver
		authorization_parameter domain_hint "shop & co"`, "", "")
	request := g.start(g.visitor(), "/auth/login")
	for name, want := range map[string]string{
		"prompt": "login consent", "max_age": "300", "acr_values": "gold silver", "domain_hint": "shop & co", "tenant": "7",
		"scope": "openid", "client_id": "shop", "code_challenge_method": "S256", "redirect_uri": "https://shop.example/auth/callback",
	} {
		if got := request[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := request["state"]; len(got) != 1 || got[0] == "theirs" {
		t.Errorf("state %q", got)
	}
	for asked, want := range map[string]string{"10": "10", "0": "0", "900": "300", "": "300", "-1": "0", "x": "0"} {
		if got := g.start(g.visitor(), "/auth/login?max_age="+asked).Get("max_age"); got != want {
			t.Errorf("the start with max_age=%s asks for %s, want %s", asked, got, want)
		}
	}
}

// With max_age the ID token says when the user signed in, which is not long ago.
func TestMaxAge(t *testing.T) {
	for _, test := range []struct {
		name, option, start string
		ago                 time.Duration // negative: not said
		want                int
	}{
		{"not said", "max_age 5m", "", -1, http.StatusBadRequest},
		{"lately", "max_age 5m", "", time.Minute, http.StatusSeeOther},
		{"long ago", "max_age 5m", "", 6 * time.Minute, http.StatusBadRequest},
		{"not asked for", "", "", -1, http.StatusSeeOther},
		{"asked for at the start", "", "?max_age=60", 2 * time.Minute, http.StatusBadRequest},
		{"asked for at the start, not said", "", "?max_age=60", -1, http.StatusBadRequest},
		{"asked for at the start, lately", "", "?max_age=60", 50 * time.Second, http.StatusSeeOther},
		{"no longer by the start", "max_age 1m", "?max_age=3600", 5 * time.Minute, http.StatusBadRequest},
		{"afresh", "max_age 0s", "", 2 * time.Minute, http.StatusBadRequest},
		{"afresh, and so it is", "max_age 0s", "", 0, http.StatusSeeOther},
	} {
		idp := newShapedProvider(t)
		g := newShapedGateway(t, idp, withSecret+test.option, "", "")
		if test.ago >= 0 {
			idp.says(map[string]any{"auth_time": time.Now().Add(-test.ago).Unix()})
		}
		if got := g.signIn(g.visitor(), "/auth/login"+test.start, "alice").StatusCode; got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
}

// The application sees no cookie of the callback, unless the operator wants it to see the tokens.
func TestCookiesOfASignInStayHere(t *testing.T) {
	for _, test := range []struct {
		options string
		want    bool
	}{{"", false}, {"forward_cookies", true}} {
		g := newSignInGateway(t, callback.ResponseCode, test.options)
		b := g.visitor()
		g.begin(b, "/auth/login", "alice") // stays under way
		g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
		b.Cookies["theme"] = "dark"
		line := b.Get("/page").Received.Header.Get("Cookie")
		if !strings.Contains(line, "theme=dark") || !strings.Contains(line, "session=") || strings.Contains(line, carrier.SignInPrefix) {
			t.Errorf("the application's cookies are not right, or it sees the sign-in: %q", test.options)
		}
		for _, name := range []string{"id_token=", "access_token="} {
			if got := strings.Contains(line, name); got != test.want {
				t.Errorf("%q: the application sees %s: %v", test.options, name, got)
			}
		}
	}
}
