package jwtsession

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

const forwardSecret = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY"

// forwardSite sends a service tokens of its own.
func forwardSite(options string) gatewayOptions {
	return gatewayOptions{global: "key secret " + forwardSecret, site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
				attribute group json group
			}
			token_issuer https://shop.example
			` + options + `
		}
		reverse_proxy LEGACY`}
}

// service verifies what it received as a service does, and returns the claims.
func (r *received) service(t *testing.T, g *testGateway, audience string) jwt.MapClaims {
	t.Helper()
	if r == nil {
		t.Fatal("the request did not reach the service")
	}
	lines := r.Header.Values("Authorization")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "Bearer ") {
		t.Fatalf("the service received %d lines of Authorization", len(lines))
	}
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(strings.TrimPrefix(lines[0], "Bearer "), claims, func(*jwt.Token) (any, error) {
		return base64.RawStdEncoding.DecodeString(forwardSecret)
	}, jwt.WithAudience(audience), jwt.WithIssuer("https://shop.example"), jwt.WithExpirationRequired(),
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(g.clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["typ"] != "at+jwt" {
		t.Errorf("typ %v", token.Header["typ"])
	}
	return claims
}

func TestForwardToken(t *testing.T) {
	t.Parallel()
	for options, audience := range map[string]string{
		"forward_token": "shop", "forward_token https://api.example": "https://api.example",
		"forward_token api\ntoken_encrypt": "api",
	} {
		g := newTestGatewayWith(t, forwardSite(options))
		b := g.browser()
		b.cookies["session"] = g.legacy.signIn("alice")
		bySession := b.get("/page", "Authorization: Bearer forged", "Authorization: Basic YTpi").received
		first := bySession.service(t, g, audience)
		if text, _ := json.Marshal(first["role"]); first["sub"] != "alice" || first["client_id"] != "shop" || string(text) != `"customer"` {
			t.Errorf("%s: the service reads %v", options, first)
		}
		if group, there := first["group"]; !there || group != nil {
			t.Errorf("%s: the attribute without a value is %v", options, group)
		}
		if _, there := first["sid"]; there {
			t.Errorf("%s: it has a sid", options)
		}
		if life := first["exp"].(float64) - float64(g.clock.Now().Unix()); life != 60 {
			t.Errorf("%s: it lives %g s", options, life)
		}
		g.clock.advance(10 * time.Second)
		again := b.get("/page").received
		byToken := again.service(t, g, audience)
		if byToken["sub"] != "alice" || byToken["role"] != "customer" || byToken["exp"] != first["exp"] || g.legacy.questions() != 1 {
			t.Errorf("%s: on the token path the service reads %v", options, byToken)
		}
		if !slices.Equal(again.Header["Authorization"], b.get("/page").received.Header["Authorization"]) {
			t.Errorf("%s: the token was made anew for the same token", options)
		}
	}
}

// With every way in, the token for the service lives as long as what it is made from, and is made once for it.
func TestForwardTokenBySession(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, forwardSite("forward_token\nmode stateful"))
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	var made []string
	for range 120 {
		got := b.get("/page").received
		got.service(t, g, "shop") // which would refuse one that is over
		if line := got.Header.Get("Authorization"); !slices.Contains(made, line) {
			made = append(made, line)
		}
		g.clock.advance(time.Second)
	}
	// The answer of the application is good for 60 seconds, of which the last leaves no whole one for a token.
	if asked := g.legacy.questions(); asked != 3 || len(made) != 3 {
		t.Errorf("%d questions and %d tokens in two minutes, want 3 of each", asked, len(made))
	}
}

// A session that the operator added is confirmed all the time; its tokens are renewed when half of their life is over.
func TestForwardTokenOfAddedSession(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, forwardSite("forward_token\nmode stateful"))
	_, err := g.app.Opened().Ledger.Add(t.Context(), keyOf(g, "added-0123456789abcdef"),
		ledger.Identity{User: "alice"}, ledger.Lifetimes{Idle: time.Hour, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b := g.browser()
	b.cookies["session"] = "added-0123456789abcdef"
	var made []string
	for range 60 {
		got := b.get("/page").received
		got.service(t, g, "shop")
		if line := got.Header.Get("Authorization"); !slices.Contains(made, line) {
			made = append(made, line)
		}
		g.clock.advance(time.Second)
	}
	if len(made) != 2 {
		t.Errorf("%d tokens in a minute, want 2", len(made))
	}
}

func TestForwardTokenWithoutMemory(t *testing.T) {
	t.Parallel()
	options := forwardSite("forward_token")
	options.global += "\ntoken_cache off"
	g := newTestGatewayWith(t, options)
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	for range 3 {
		if claims := b.get("/page").received.service(t, g, "shop"); claims["sub"] != "alice" {
			t.Errorf("the service reads %v", claims)
		}
	}
}

// A second handler of the realm sends its service a token, too; of another realm, its own.
func TestForwardTokenOfALaterHandler(t *testing.T) {
	t.Parallel()
	for _, site := range []string{
		`jwt_session shop {
			whoami /whoami json user
			mode stateful
		}
		jwt_session shop {
			token_issuer https://shop.example
			forward_token
		}`,
		`jwt_session blog {
			session_cookie blog
			unauthenticated pass
			token_issuer https://blog.example
			forward_token
		}
		jwt_session shop {
			whoami /whoami json user
			token_issuer https://shop.example
			forward_token
		}`,
	} {
		g := newTestGatewayWith(t, gatewayOptions{
			global: "key secret " + forwardSecret, site: "route {\n" + site + "\nreverse_proxy LEGACY\n}",
		})
		b := g.browser()
		b.cookies["session"] = g.legacy.signIn("alice")
		if claims := b.get("/page").received.service(t, g, "shop"); claims["sub"] != "alice" || claims["aud"] != "shop" {
			t.Errorf("the service reads %v", claims)
		}
	}
}

// The application is asked who the user is by his cookies alone.
func TestForwardTokenIsNotSentWithWhoami(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{
		global: "key secret " + forwardSecret, site: `
		route {
			jwt_session shop {
				whoami /whoami json user
				token_issuer https://shop.example
				forward_token
			}
			jwt_session blog {
				session_cookie session
				whoami /whoami json user
				unauthenticated pass
				token_cookie blog
			}
			reverse_proxy LEGACY
		}`,
	})
	g.legacy.respondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Error("the question carries a token")
		}
		return false
	})
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.get("/page", "Authorization: Bearer x").received.service(t, g, "shop")
	if g.legacy.questions() != 2 {
		t.Errorf("%d questions", g.legacy.questions())
	}
}

func TestForwardTokenInvalid(t *testing.T) {
	for options, want := range map[string]string{
		"forward_token": "set token_issuer too", "token_issuer i\nforward_token {host}": "placeholders do not work",
		"token_issuer i\nforward_token \"a\tb\"": "want an audience of visible ASCII",
	} {
		checkInvalid(t, validateSite(t, "", handlerWith(options)), options, want)
	}
	if err := validateSite(t, "", handlerWith("token_issuer i\nforward_token https://api.example/v1")); err != nil {
		t.Error(err)
	}
}

func TestForwardTokenWithSecretIsWarnedAbout(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]bool{"forward_token": true, "": false} {
		g := newTestGatewayWith(t, forwardSite(options))
		if got := strings.Contains(g.log(), "forward_token with HS256 alone"); got != want {
			t.Errorf("%q: warned: %v", options, got)
		}
	}
}

// Attacks on tokens for services, one each with its threat in a sentence.

// A client sends the service a credential of its own, in any spelling, and the service takes it for the gateway's.
func TestAttackOwnAuthorizationForService(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, forwardSite("forward_token\nunauthenticated pass"))
	b := g.browser()
	for _, user := range []string{"", "alice"} {
		if user != "" {
			b.cookies["session"] = g.legacy.signIn(user)
		}
		for _, line := range []string{
			"Authorization: Bearer mallory", "authorization: Bearer mallory", "AUTHORIZATION: Basic mallory",
			"HTTP-Authorization: Bearer mallory", "Http_Authorization: Bearer mallory", "Http~Authorization: Bearer mallory",
		} {
			got := b.get("/page", line).received
			for name, values := range got.Header {
				if strings.Contains(strings.Join(values, " "), "mallory") {
					t.Errorf("user %q: %s arrived as %s", user, line, name)
				}
			}
			if user != "" {
				got.service(t, g, "shop")
			} else if len(got.Header["Authorization"]) > 0 {
				t.Errorf("%s: without a user the service received an Authorization", line)
			}
		}
	}
	response := g.raw([]string{"GET /page HTTP/1.1", "Host: legacy", "Connection: Authorization, close", "Cookie: session=" + b.cookies["session"]}, "")
	receivedFrom(t, response).service(t, g, "shop")
}

// A service, or who robs one, comes to the gateway with the token that it was sent.
func TestAttackForwardedTokenAtOurDoor(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, forwardSite("forward_token\nmode stateless\naccept_bearer"))
	b := g.browser()
	b.cookies[tokenName] = g.mintIssued("alice")
	forwarded := strings.TrimPrefix(b.get("/page").received.Header.Get("Authorization"), "Bearer ")
	if strings.Count(forwarded, ".") != 2 {
		t.Fatal("there is no token to steal")
	}
	thief := g.browser()
	if response := thief.get("/page", "Authorization: Bearer "+forwarded); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("as a Bearer token: status %d", response.StatusCode)
	}
	thief.cookies[tokenName] = forwarded
	if response := thief.get("/page"); response.StatusCode != http.StatusUnauthorized || response.tokenSet() != "cleared" {
		t.Errorf("as a cookie: status %d, token cookie %q", response.StatusCode, response.tokenSet())
	}
}

// mintIssued mints a token as forwardSite does, with its issuer and attributes.
func (g *testGateway) mintIssued(user string) string {
	g.Helper()
	other := newTestGatewayWith(g.T, forwardSite(""))
	b := other.browser()
	b.cookies["session"] = other.legacy.signIn(user)
	b.get("/page")
	return b.cookies[tokenName]
}

// A page of another origin makes the browser send an unsafe request: that an earlier handler has put a token for services
// into it makes it none of a client of an API.
func TestAttackCrossSiteBehindForwardToken(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		route {
			jwt_session shop {
				whoami /whoami json user
				token_issuer https://shop.example
				forward_token
			}
			jwt_session blog {
				csrf
				unauthenticated pass
			}
			reverse_proxy LEGACY
		}`})
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	if response := b.do(http.MethodPost, "/page", "Sec-Fetch-Site: cross-site"); response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.StatusCode)
	}
}

// A user was signed out, and the service still gets his token because it was remembered.
func TestAttackForwardedTokenAfterSignOut(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, forwardSite("forward_token\nunauthenticated pass"))
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.get("/page")
	kept := b.cookies["session"]
	token := b.cookies[tokenName]
	b.get("/page").received.service(t, g, "shop")
	b.get("/logout")
	b.cookies["session"], b.cookies[tokenName] = kept, token
	if got := b.get("/page").received; got.user(t) != "" || len(got.Header["Authorization"]) > 0 {
		t.Errorf("the service sees %q, and %d lines of Authorization", got.user(t), len(got.Header["Authorization"]))
	}
}

// A service verifies with what the gateway publishes, and with another library than the gateway's.
func TestForwardTokenVerifiedByPublishedKeys(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		g := newTestGatewayWith(t, gatewayOptions{global: "algorithm " + algorithm, site: `
			jwt_session_jwks /keys
			jwt_session shop {
				whoami /whoami json user
				token_issuer https://shop.example
				forward_token orders
			}
			reverse_proxy LEGACY`})
		b := g.browser()
		b.cookies["session"] = g.legacy.signIn("alice")
		var published jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(b.get("/keys").body), &published); err != nil {
			t.Fatal(err)
		}
		line := b.get("/page").received.Header.Get("Authorization")
		token, err := josejwt.ParseSigned(strings.TrimPrefix(line, "Bearer "), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
		if err != nil {
			t.Fatal(err)
		}
		var claims josejwt.Claims
		if err := token.Claims(published, &claims); err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if err := claims.Validate(josejwt.Expected{
			Issuer: "https://shop.example", Subject: "alice", AnyAudience: josejwt.Audience{"orders"}, Time: g.clock.Now(),
		}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if strings.Contains(g.log(), "forward_token with HS256 alone") {
			t.Errorf("%s: warned of a secret", algorithm)
		}
	}
}

// What a token for services costs on the token path, besides that path itself.
func BenchmarkForwardToken(b *testing.B) {
	for _, option := range []string{"", "forward_token"} {
		b.Run("option="+option, func(b *testing.B) {
			handler := benchHandler(b, "mixed\ntoken_issuer https://shop.example\n"+option, 0)
			token := benchToken(b, handler, benchSession)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := benchServe(b, handler, benchSession+"; "+token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
