package jwtsession_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// claimsProvider is an identity provider on loopback that signs whatever claims a test wants.
type claimsProvider struct {
	url    string
	signer jose.Signer
}

func newClaimsProvider(t *testing.T) *claimsProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{
			Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}},
		})
	}))
	t.Cleanup(server.Close)
	return &claimsProvider{url: server.URL, signer: signer}
}

// token returns an access token with these claims besides the usual ones.
func (p *claimsProvider) token(t *testing.T, more map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": p.url, "aud": "https://api.example", "sub": "248289761001",
		"iat": time.Now().Unix() - 1, "exp": time.Now().Unix() + 300,
	}
	maps.Copy(claims, more)
	text, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Somebody enters another user's address at the provider and is that user here.
func TestIssuerEmailMustBeVerified(t *testing.T) {
	t.Parallel()
	provider := newClaimsProvider(t)
	site := func(claim string) harness.Options {
		return harness.Options{Site: `
			jwt_session shop {
				issuer ` + provider.url + ` {
					audience https://api.example
					jwks_url ` + provider.url + `/keys
					user_claim ` + claim + `
				}
				unauthenticated pass
			}
			request_header X-Reason {http.jwt_session.reason}
			reverse_proxy LEGACY`}
	}
	const address, unverified = "alice@shop.example", "token_unverified_email"
	for _, group := range []struct {
		claim string
		rows  map[string]struct {
			claims       map[string]any
			user, reason string
		}
	}{
		{"email", map[string]struct {
			claims       map[string]any
			user, reason string
		}{
			"verified":              {map[string]any{"email": address, "email_verified": true}, address, ""},
			"verified, as a text":   {map[string]any{"email": address, "email_verified": "true"}, address, ""},
			"not verified":          {map[string]any{"email": address, "email_verified": false}, "", unverified},
			"not verified, as text": {map[string]any{"email": address, "email_verified": "false"}, "", unverified},
			"nothing said":          {map[string]any{"email": address}, "", unverified},
			"null":                  {map[string]any{"email": address, "email_verified": nil}, "", unverified},
			"one":                   {map[string]any{"email": address, "email_verified": 1}, "", unverified},
			"one as a text":         {map[string]any{"email": address, "email_verified": "1"}, "", unverified},
			"in capitals":           {map[string]any{"email": address, "email_verified": "True"}, "", unverified},
			"empty":                 {map[string]any{"email": address, "email_verified": ""}, "", unverified},
			"a list":                {map[string]any{"email": address, "email_verified": []bool{true}}, "", unverified},
			"an object":             {map[string]any{"email": address, "email_verified": map[string]bool{"true": true}}, "", unverified},
			"another claim says it": {map[string]any{"email": address, "verified": true, "emailVerified": true}, "", unverified},
			"no address":            {map[string]any{"email_verified": true}, "", "token_malformed"},
		}},
		{"sub", map[string]struct {
			claims       map[string]any
			user, reason string
		}{
			"the address is not asked for": {map[string]any{"email": address, "email_verified": false}, "248289761001", ""},
		}},
	} {
		g := harness.NewWith(t, site(group.claim))
		for name, test := range group.rows {
			b := g.Browser()
			b.Headers.Set("Authorization", "Bearer "+provider.token(t, test.claims))
			header := b.Get("/api").Received.Header
			if user, reason := header.Get("OurApp-User-ID"), reasonIn(header); user != test.user || reason != test.reason {
				t.Errorf("%s, %s: user %q, reason %q; want %q, %q", group.claim, name, user, reason, test.user, test.reason)
			}
		}
	}
}
