package jwtsession_test

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

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

const forwardSecret = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY"

// forwardSite sends a service tokens of its own.
func forwardSite(options string) harness.Options {
	return harness.Options{Global: "key secret " + forwardSecret, Site: `
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

func TestForwardToken(t *testing.T) {
	t.Parallel()
	for options, audience := range map[string]string{
		"forward_token": "shop", "forward_token https://api.example": "https://api.example",
		"forward_token api\ntoken_encrypt": "api",
	} {
		g := harness.NewWith(t, forwardSite(options))
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		bySession := b.Get("/page", "Authorization: Bearer forged", "Authorization: Basic YTpi").Received
		first := servedTo(t, bySession, g, audience)
		if text, _ := json.Marshal(first["role"]); first["sub"] != "alice" || first["client_id"] != "shop" || string(text) != `"customer"` {
			t.Errorf("%s: the service reads %v", options, first)
		}
		if group, there := first["group"]; !there || group != nil {
			t.Errorf("%s: the attribute without a value is %v", options, group)
		}
		if _, there := first["sid"]; there {
			t.Errorf("%s: it has a sid", options)
		}
		if life := first["exp"].(float64) - float64(g.Clock.Now().Unix()); life != 60 {
			t.Errorf("%s: it lives %g s", options, life)
		}
		g.Clock.Advance(10 * time.Second)
		again := b.Get("/page").Received
		byToken := servedTo(t, again, g, audience)
		if byToken["sub"] != "alice" || byToken["role"] != "customer" || byToken["exp"] != first["exp"] || g.Legacy.Questions() != 1 {
			t.Errorf("%s: on the token path the service reads %v", options, byToken)
		}
		if !slices.Equal(again.Header["Authorization"], b.Get("/page").Received.Header["Authorization"]) {
			t.Errorf("%s: the token was made anew for the same token", options)
		}
	}
}

// With every way in, the token for the service lives as long as what it is made from, and is made once for it.
func TestForwardTokenBySession(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, forwardSite("forward_token\nmode stateful"))
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	var made []string
	for range 120 {
		got := b.Get("/page").Received
		servedTo(t, got, g, "shop") // which would refuse one that is over
		if line := got.Header.Get("Authorization"); !slices.Contains(made, line) {
			made = append(made, line)
		}
		g.Clock.Advance(time.Second)
	}
	// The answer of the application is good for 60 seconds, of which the last leaves no whole one for a token.
	if asked := g.Legacy.Questions(); asked != 3 || len(made) != 3 {
		t.Errorf("%d questions and %d tokens in two minutes, want 3 of each", asked, len(made))
	}
}

// A session that the operator added is confirmed all the time; its tokens are renewed when half of their life is over.
func TestForwardTokenOfAddedSession(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, forwardSite("forward_token\nmode stateful"))
	_, err := g.App.Opened().Ledger.Add(t.Context(), harness.KeyOf(g, "added-0123456789abcdef"),
		ledger.Identity{User: "alice"}, ledger.Lifetimes{Idle: time.Hour, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b := g.Browser()
	b.Cookies["session"] = "added-0123456789abcdef"
	var made []string
	for range 60 {
		got := b.Get("/page").Received
		servedTo(t, got, g, "shop")
		if line := got.Header.Get("Authorization"); !slices.Contains(made, line) {
			made = append(made, line)
		}
		g.Clock.Advance(time.Second)
	}
	if len(made) != 2 {
		t.Errorf("%d tokens in a minute, want 2", len(made))
	}
}

func TestForwardTokenWithoutMemory(t *testing.T) {
	t.Parallel()
	options := forwardSite("forward_token")
	options.Global += "\ntoken_cache off"
	g := harness.NewWith(t, options)
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	for range 3 {
		if claims := servedTo(t, b.Get("/page").Received, g, "shop"); claims["sub"] != "alice" {
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
		g := harness.NewWith(t, harness.Options{
			Global: "key secret " + forwardSecret, Site: "route {\n" + site + "\nreverse_proxy LEGACY\n}",
		})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		if claims := servedTo(t, b.Get("/page").Received, g, "shop"); claims["sub"] != "alice" || claims["aud"] != "shop" {
			t.Errorf("the service reads %v", claims)
		}
	}
}

// The application is asked who the user is by his cookies alone.
func TestForwardTokenIsNotSentWithWhoami(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{
		Global: "key secret " + forwardSecret, Site: `
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
	g.Legacy.RespondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Error("the question carries a token")
		}
		return false
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	servedTo(t, b.Get("/page", "Authorization: Bearer x").Received, g, "shop")
	if g.Legacy.Questions() != 2 {
		t.Errorf("%d questions", g.Legacy.Questions())
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
		g := harness.NewWith(t, forwardSite(options))
		if got := strings.Contains(g.Logged(), "forward_token with HS256 alone"); got != want {
			t.Errorf("%q: warned: %v", options, got)
		}
	}
}

// Attacks on tokens for services, one each with its threat in a sentence.

// A client sends the service a credential of its own, in any spelling, and the service takes it for the gateway's.
func TestAttackOwnAuthorizationForService(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, forwardSite("forward_token\nunauthenticated pass"))
	b := g.Browser()
	for _, user := range []string{"", "alice"} {
		if user != "" {
			b.Cookies["session"] = g.Legacy.SignIn(user)
		}
		for _, line := range []string{
			"Authorization: Bearer mallory", "authorization: Bearer mallory", "AUTHORIZATION: Basic mallory",
			"HTTP-Authorization: Bearer mallory", "Http_Authorization: Bearer mallory", "Http~Authorization: Bearer mallory",
		} {
			got := b.Get("/page", line).Received
			for name, values := range got.Header {
				if strings.Contains(strings.Join(values, " "), "mallory") {
					t.Errorf("user %q: %s arrived as %s", user, line, name)
				}
			}
			if user != "" {
				servedTo(t, got, g, "shop")
			} else if len(got.Header["Authorization"]) > 0 {
				t.Errorf("%s: without a user the service received an Authorization", line)
			}
		}
	}
	response := g.Raw([]string{"GET /page HTTP/1.1", "Host: legacy", "Connection: Authorization, close", "Cookie: session=" + b.Cookies["session"]}, "")
	servedTo(t, harness.ReceivedFrom(t, response), g, "shop")
}

// A service, or who robs one, comes to the gateway with the token that it was sent.
func TestAttackForwardedTokenAtOurDoor(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, forwardSite("forward_token\nmode stateless\naccept_bearer"))
	b := g.Browser()
	b.Cookies[harness.TokenName] = mintIssued(t, "alice")
	forwarded := strings.TrimPrefix(b.Get("/page").Received.Header.Get("Authorization"), "Bearer ")
	if strings.Count(forwarded, ".") != 2 {
		t.Fatal("there is no token to steal")
	}
	thief := g.Browser()
	if response := thief.Get("/page", "Authorization: Bearer "+forwarded); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("as a Bearer token: status %d", response.StatusCode)
	}
	thief.Cookies[harness.TokenName] = forwarded
	if response := thief.Get("/page"); response.StatusCode != http.StatusUnauthorized || response.TokenSet() != "cleared" {
		t.Errorf("as a cookie: status %d, token cookie %q", response.StatusCode, response.TokenSet())
	}
}

// mintIssued mints a token as forwardSite does, with its issuer and attributes.
func mintIssued(t *testing.T, user string) string {
	t.Helper()
	other := harness.NewWith(t, forwardSite(""))
	b := other.Browser()
	b.Cookies["session"] = other.Legacy.SignIn(user)
	b.Get("/page")
	return b.Cookies[harness.TokenName]
}

// A page of another origin makes the browser send an unsafe request: that an earlier handler has put a token for services
// into it makes it none of a client of an API.
func TestAttackCrossSiteBehindForwardToken(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
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
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if response := b.Do(http.MethodPost, "/page", "Sec-Fetch-Site: cross-site"); response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.StatusCode)
	}
}

// A user was signed out, and the service still gets his token because it was remembered.
func TestAttackForwardedTokenAfterSignOut(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, forwardSite("forward_token\nunauthenticated pass"))
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page")
	kept := b.Cookies["session"]
	token := b.Cookies[harness.TokenName]
	servedTo(t, b.Get("/page").Received, g, "shop")
	b.Get("/logout")
	b.Cookies["session"], b.Cookies[harness.TokenName] = kept, token
	if got := b.Get("/page").Received; got.User(t) != "" || len(got.Header["Authorization"]) > 0 {
		t.Errorf("the service sees %q, and %d lines of Authorization", got.User(t), len(got.Header["Authorization"]))
	}
}

// A service verifies with what the gateway publishes, and with another library than the gateway's.
func TestForwardTokenVerifiedByPublishedKeys(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		g := harness.NewWith(t, harness.Options{Global: "algorithm " + algorithm, Site: `
			jwt_session_jwks /keys
			jwt_session shop {
				whoami /whoami json user
				token_issuer https://shop.example
				forward_token orders
			}
			reverse_proxy LEGACY`})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		var published jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(b.Get("/keys").Text), &published); err != nil {
			t.Fatal(err)
		}
		line := b.Get("/page").Received.Header.Get("Authorization")
		token, err := josejwt.ParseSigned(strings.TrimPrefix(line, "Bearer "), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
		if err != nil {
			t.Fatal(err)
		}
		var claims josejwt.Claims
		if err := token.Claims(published, &claims); err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if err := claims.Validate(josejwt.Expected{
			Issuer: "https://shop.example", Subject: "alice", AnyAudience: josejwt.Audience{"orders"}, Time: g.Clock.Now(),
		}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if strings.Contains(g.Logged(), "forward_token with HS256 alone") {
			t.Errorf("%s: warned of a secret", algorithm)
		}
	}
}

// What a token for services costs on the token path, besides that path itself.
func BenchmarkForwardToken(b *testing.B) {
	for _, option := range []string{"", "forward_token"} {
		b.Run("option="+option, func(b *testing.B) {
			handler := benchHandler(b, "mixed\ntoken_issuer https://shop.example\n"+option, 0, "")
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

// servedTo verifies what a service received as it does itself, and returns the claims.
func servedTo(t *testing.T, r *harness.Received, g *harness.Gateway, audience string) jwt.MapClaims {
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
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(g.Clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["typ"] != "at+jwt" {
		t.Errorf("typ %v", token.Header["typ"])
	}
	return claims
}
