package jwtsession_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// publishedKeys reads the key set as a service does that verifies tokens.
func publishedKeys(t *testing.T, response harness.Reply) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(response.Text), &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// A service verifies our tokens with what is published, and a library of another maker.
func TestJWKSVerifiesTokens(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			g := newKeysGateway(t, "algorithm "+algorithm)
			b := g.WithToken()
			token, err := jwt.ParseSigned(b.Cookies[harness.TokenName], []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			var claims jwt.Claims
			if err := token.Claims(publishedKeys(t, b.Get("/jwks.json")), &claims); err != nil || claims.Subject != "alice" {
				t.Errorf("%v: the claims are %+v", err, claims)
			}
		})
	}
}

func TestJWKSHeaders(t *testing.T) {
	g := newKeysGateway(t, "algorithm EdDSA")
	b := g.Browser()
	got := b.Get("/jwks.json")
	etag := got.Header.Get("ETag")
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/jwk-set+json" ||
		got.Header.Get("Cache-Control") != "public, max-age=145, must-revalidate" || len(etag) < 10 || got.Received != nil {
		t.Errorf("GET: status %d, header %v", got.StatusCode, got.Header)
	}
	if head := b.Do(http.MethodHead, "/jwks.json"); head.StatusCode != http.StatusOK || head.Text != "" ||
		head.Header.Get("ETag") != etag || head.Header.Get("Content-Length") != fmt.Sprint(len(got.Text)) {
		t.Errorf("HEAD: status %d, header %v", head.StatusCode, head.Header)
	}
	for _, known := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if again := b.Get("/jwks.json", "If-None-Match: "+known); again.StatusCode != http.StatusNotModified || again.Text != "" ||
			again.Header.Get("Cache-Control") == "" {
			t.Errorf("If-None-Match %s: status %d", known, again.StatusCode)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if refused := b.Do(method, "/jwks.json"); refused.StatusCode != http.StatusMethodNotAllowed || refused.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, refused.StatusCode, refused.Header.Get("Allow"))
		}
	}
	if b.Get("/other.json").StatusCode != http.StatusUnauthorized {
		t.Error("another path is answered with the keys")
	}
	harness.AdminPost(t, "keys/rotate", `{}`)
	if again := b.Get("/jwks.json", "If-None-Match: "+etag); again.StatusCode != http.StatusOK || again.Header.Get("ETag") == etag {
		t.Errorf("after a change: status %d", again.StatusCode)
	}
}

// A new key is published before it signs, and no secret or private part ever.
func TestJWKSHoldsUpcomingKeysAndNothingPrivate(t *testing.T) {
	g := newKeysGateway(t, "algorithm RS256")
	b := g.Browser()
	var rotated admin.RotateAnswer
	harness.AdminPost(t, "keys/rotate", `{}`).Into(t, &rotated)
	response := b.Get("/jwks.json")
	set := publishedKeys(t, response)
	if len(set.Keys) != 2 || len(set.Key(rotated.ID)) != 1 || set.Keys[0].KeyID == rotated.ID {
		t.Errorf("published are %s", response.Text)
	}
	if header := joseHeaderOf(t, g.WithToken().Cookies[harness.TokenName]); header.Kid == rotated.ID {
		t.Error("the new key signs already")
	}
	g.Clock.Advance(time.Duration(app.DefaultKeyDelay))
	g.App.Opened().Keeper.Keys() // looks at the clock
	if header := joseHeaderOf(t, g.WithToken().Cookies[harness.TokenName]); header.Kid != rotated.ID {
		t.Error("the new key does not sign")
	}

	secret := keyJWK(t, []byte("0123456789abcdefghijklmnopqrstuv"), "hs", "HS256")
	private := newPrivateKey(t, "RS256")
	explicit := harness.NewWith(t, harness.Options{
		Global: "key file " + writeKeyFile(t, secret) + "\nkey file " + writeKeyFile(t, keyJWK(t, private, "rs", "RS256")),
		Site:   keysSiteFor("key file"),
	})
	body := explicit.Browser().Get("/jwks.json").Text
	for _, text := range []string{response.Text, body} {
		var keys struct{ Keys []map[string]string }
		if err := json.Unmarshal([]byte(text), &keys); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys.Keys {
			for member := range key {
				if !slices.Contains([]string{"kty", "kid", "alg", "use", "n", "e"}, member) {
					t.Errorf("published is the member %s", member)
				}
			}
		}
	}
	if set := publishedKeys(t, harness.Reply{Text: body}); len(set.Keys) != 1 || set.Keys[0].KeyID != "rs" {
		t.Errorf("of a secret and a private key are published: %s", body)
	}
}

func TestJWKSOfSecretsIsRefused(t *testing.T) {
	secretFile := writeKeyFile(t, keyJWK(t, []byte("0123456789abcdefghijklmnopqrstuv"), "hs", "HS256"))
	for _, global := range []string{"", "algorithm HS256", "key secret " + goodSecret(1), "key file " + secretFile} {
		err := validateSite(t, global, "jwt_session_jwks /jwks.json\njwt_session shop")
		checkInvalid(t, err, global, "set algorithm ES256, EdDSA or RS256")
	}
	for text, want := range map[string]string{
		"jwt_session_jwks /a /b":              `unexpected argument "/b"`,
		"jwt_session_jwks /a {\nmax_age 1\n}": `unknown option "max_age"`,
	} {
		checkAdaptError(t, "http:// {\n"+text+"\n}", want)
	}
}

// Wherever it stands in the site, it answers before the gate and before Caddy's own sign-in.
func TestJWKSIsOrderedFirst(t *testing.T) {
	t.Parallel()
	adapted := string(adaptText(t, "{\nadmin off\n}\nhttp:// {\nbasic_auth {\na b\n}\njwt_session_strip\njwt_session shop\njwt_session_jwks\n}"))
	last := -1
	for _, handler := range []string{`"jwt_session_jwks"`, `"jwt_session_strip"`, `"jwt_session"`, `"authentication"`} {
		at := strings.Index(adapted, handler)
		if at <= last {
			t.Errorf("%s stands at %d, want it behind %d: %s", handler, at, last, adapted)
		}
		last = at
	}
}

// What a cache may remember is fetched anew before a key signs that it does not know.
func TestJWKSMaxAge(t *testing.T) {
	t.Parallel()
	for delay, want := range map[string]time.Duration{
		"1s": 0, "10s": 0, "30s": 10 * time.Second, "5m": 145 * time.Second, "24h": 5 * time.Minute,
	} {
		header := newKeysGateway(t, "algorithm EdDSA\nkey_delay "+delay).Browser().Get("/jwks.json").Header
		if got := header.Get("Cache-Control"); got != fmt.Sprintf("public, max-age=%d, must-revalidate", want/time.Second) {
			t.Errorf("key_delay %s: %s, want max-age %s", delay, got, want)
		}
	}
}
