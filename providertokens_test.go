package jwtsession_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
)

// shapingProvider is a provider on loopback whose keys, headers, claims and answers are of the shapes that a test wants.
type shapingProvider struct {
	*testing.T

	url     string
	signing crypto.Signer // the key k1

	mutex  sync.Mutex
	keys   []map[string]any // as they are published
	tokens map[string]any   // what the token endpoint answers
}

func newShapingProvider(t *testing.T) *shapingProvider {
	t.Helper()
	p := &shapingProvider{T: t, signing: newElliptic(t)}
	p.keys = []map[string]any{p.published(p.signing.Public(), nil)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{
			"/.well-known/openid-configuration": map[string]any{
				"issuer": p.url, "jwks_uri": p.url + "/keys", "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			},
			"/keys":  map[string]any{"keys": p.keys},
			"/token": p.tokens,
		}[r.URL.Path]
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func newElliptic(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// published returns a public key under the kid k1, with changes. The value nil is written as null.
func (p *shapingProvider) published(public crypto.PublicKey, changes map[string]any) map[string]any {
	p.Helper()
	text, err := jose.JSONWebKey{Key: public, KeyID: "k1", Use: "sig"}.MarshalJSON()
	if err != nil {
		p.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		p.Fatal(err)
	}
	maps.Copy(members, changes)
	return members
}

// sign returns a token with these header members and claims beside the usual ones. The value nil takes one away.
func (p *shapingProvider) sign(header, claims map[string]any) string {
	p.Helper()
	return p.signWith(jose.SigningKey{Algorithm: jose.ES256, Key: p.signing}, header, claims)
}

func (p *shapingProvider) signWith(key jose.SigningKey, header, claims map[string]any) string {
	p.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", "k1")
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		p.Fatal(err)
	}
	all := map[string]any{
		"iss": p.url, "aud": "https://api.example", "sub": "alice", "iat": time.Now().Unix() - 1, "exp": time.Now().Unix() + 300,
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		p.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		p.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.Fatal(err)
	}
	return text
}

// site takes the provider's access tokens.
func (p *shapingProvider) site(options string) harness.Options {
	return harness.Options{Site: `
		jwt_session shop {
			issuer ` + p.url + ` {
				` + options + `
			}
			unauthenticated pass
		}
		request_header X-Reason {http.jwt_session.reason}
		reverse_proxy LEGACY`}
}

// checkAccess sends an access token and wants this reason; an empty one stands for alice.
func checkAccess(g *harness.Gateway, name, token, want string) {
	g.Helper()
	b := g.Browser()
	b.Headers.Set("Authorization", "Bearer "+token)
	response := b.Get("/api")
	if response.Received == nil {
		g.Errorf("%s: status %d", name, response.StatusCode)
		return
	}
	header := response.Received.Header
	if user, reason := header.Get("OurApp-User-ID"), reasonIn(header); reason != want || (user == "alice") != (want == "") {
		g.Errorf("%s: user %q, reason %q, want reason %q", name, user, reason, want)
	}
}

func TestIssuerTokensAsProvidersSendThem(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	g := harness.NewWith(t, p.site("audience https://api.example shop"))
	now := float64(time.Now().Unix())
	for name, test := range map[string]struct {
		header, claims map[string]any
		reason         string
	}{
		"header members of Auth0": {map[string]any{"typ": "at+jwt", "gty": "client_credentials", "cat": "cl_B7d4PD111AAA"}, nil, ""},
		"a header member as list": {map[string]any{"org": []any{"a", map[string]any{"b": nil}}}, nil, ""},
		"the nonce of Graph":      {map[string]any{"nonce": "n", "x5t": "x"}, nil, ""},
		"addresses of keys":       {map[string]any{"jku": "https://evil.example/keys", "x5u": "https://evil.example/c", "x5c": []string{"AA"}}, nil, ""},
		"critical members":        {map[string]any{"crit": []string{"exp"}, "exp": 1}, nil, "token_malformed"},
		"nbf 0":                   {nil, map[string]any{"nbf": 0}, ""},
		"auth_time 0":             {nil, map[string]any{"auth_time": 0}, ""},
		"iat 0":                   {nil, map[string]any{"iat": 0}, ""},
		"fractions of seconds":    {nil, map[string]any{"iat": now - 1.5, "nbf": now - 1.25, "exp": now + 60.75, "auth_time": now - 9.9}, ""},
		"exponents":               {nil, map[string]any{"exp": json.RawMessage("3e9")}, ""},
		"no number":               {nil, map[string]any{"nbf": "0"}, "token_malformed"},
		"no finite number":        {nil, map[string]any{"exp": json.RawMessage("1e999")}, "token_malformed"},
		"exp 0":                   {nil, map[string]any{"exp": 0}, "token_malformed"},
		"aud as list":             {nil, map[string]any{"aud": []string{"account", "https://api.example"}}, ""},
		"a nonce of Keycloak":     {map[string]any{"typ": "JWT"}, map[string]any{"typ": "Bearer", "nonce": "x", "azp": "web"}, ""},
		"a nonce, for a client":   {map[string]any{"typ": "JWT"}, map[string]any{"nonce": "x", "aud": "shop"}, "token_no_access"},
		"an ID token":             {map[string]any{"typ": "JWT"}, map[string]any{"typ": "ID", "nonce": "x", "azp": "shop", "aud": "shop"}, "token_no_access"},
		"an ID token, by at_hash": {map[string]any{"typ": "JWT"}, map[string]any{"at_hash": "x"}, "token_no_access"},
		"an ID token, by its use": {nil, map[string]any{"token_use": "id"}, "token_no_access"},
		"for its client alone":    {nil, map[string]any{"aud": "shop", "azp": "shop"}, "token_no_access"},
		"for its client, scoped":  {nil, map[string]any{"aud": "shop", "azp": "shop", "scope": "read"}, ""},
		"no audience":             {nil, map[string]any{"aud": nil, "client_id": "shop", "token_use": "access"}, "token_wrong_audience"},
	} {
		checkAccess(g, name, p.sign(test.header, test.claims), test.reason)
	}
}

// A key that a token brings along, or points to, verifies nothing.
func TestIssuerKeyInTheToken(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	g := harness.NewWith(t, p.site("audience https://api.example"))
	evil := newElliptic(t)
	own := jose.JSONWebKey{Key: evil.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the address in the token was asked")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own}})
	}))
	t.Cleanup(server.Close)
	for name, header := range map[string]map[string]any{
		"jwk": {"jwk": own},
		"jku": {"jku": server.URL},
		"x5u": {"x5u": server.URL},
		"x5c": {"x5c": []string{base64.StdEncoding.EncodeToString([]byte("certificate"))}},
	} {
		checkAccess(g, name, p.signWith(jose.SigningKey{Algorithm: jose.ES256, Key: evil}, header, nil), "token_bad_signature")
		checkAccess(g, name+" beside a good signature", p.sign(header, nil), "")
	}
}

// Our own tokens keep to exactly their header members, whatever those of providers may have.
func TestOurOwnHeaderStaysStrict(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	options := p.site("audience https://api.example\nfrom header X-Access")
	g := harness.NewWith(t, options)
	parts := strings.Split(g.MintFor("alice", g.Legacy.SignIn("alice")), ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	b := g.Browser()
	b.Cookies[harness.TokenName] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(header), "{", `{"cat":"x",`, 1))) + "." + parts[1] + "." + parts[2]
	if reason := reasonIn(b.Get("/page").Received.Header); reason != "token_malformed" {
		t.Errorf("with one more header member: %q", reason)
	}
}

func TestIssuerKeySets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		keys func(p *shapingProvider, key, edwards, stranger crypto.PublicKey) []map[string]any
		// whether tokens of the elliptic key and of the Edwards key count
		elliptic, edwards bool
	}{
		{"one kid for signatures and for encryption", func(p *shapingProvider, key, _, stranger crypto.PublicKey) []map[string]any {
			return []map[string]any{p.published(stranger, map[string]any{"use": "enc", "alg": "ECDH-ES"}), p.published(key, nil)}
		}, true, false},
		{"one kid for two algorithms", func(p *shapingProvider, key, edwards, _ crypto.PublicKey) []map[string]any {
			return []map[string]any{p.published(key, nil), p.published(edwards, nil)}
		}, true, true},
		{"the same key twice", func(p *shapingProvider, key, _, _ crypto.PublicKey) []map[string]any {
			return []map[string]any{p.published(key, nil), p.published(key, map[string]any{"alg": "ES256"})}
		}, true, false},
		{"two keys of one kid and algorithm", func(p *shapingProvider, key, edwards, stranger crypto.PublicKey) []map[string]any {
			return []map[string]any{p.published(key, nil), p.published(stranger, nil), p.published(edwards, nil)}
		}, false, true},
		{"members that are null", func(p *shapingProvider, key, _, _ crypto.PublicKey) []map[string]any {
			return []map[string]any{p.published(key, map[string]any{
				"use": nil, "alg": nil, "key_ops": nil, "d": nil, "n": nil, "e": nil, "k": nil, "oth": nil, "x5c": nil, "x5t#S256": nil,
			})}
		}, true, false},
	} {
		p := newShapingProvider(t)
		edwards, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p.keys = test.keys(p, p.signing.Public(), edwards, newElliptic(t).Public())
		g := harness.NewWith(t, p.site("audience https://api.example"))
		reason := map[bool]string{true: "", false: "token_unknown_key"}
		checkAccess(g, test.name+", ES256", p.sign(nil, nil), reason[test.elliptic])
		checkAccess(g, test.name+", EdDSA", p.signWith(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, nil, nil), reason[test.edwards])
	}
}

// A provider without aud: the operator says which claim is read in its place.
func TestIssuerWithoutAudience(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	cognito := func(client any, more map[string]any) string {
		claims := map[string]any{
			"aud": nil, "client_id": client, "token_use": "access", "scope": "openid", "version": 2, "username": "alice", "event_id": "e",
		}
		maps.Copy(claims, more)
		return p.sign(nil, claims)
	}
	for _, option := range []string{"client_claim client_id", "audience_claim client_id"} {
		g := harness.NewWith(t, p.site("audience shop\n"+option))
		checkAccess(g, option+", the client", cognito("shop", nil), "")
		checkAccess(g, option+", another client", cognito("blog", nil), "token_wrong_audience")
		checkAccess(g, option+", no client", cognito(nil, nil), "token_wrong_audience")
		checkAccess(g, option+", for another service", cognito("shop", map[string]any{"aud": "https://other.example"}), "token_wrong_audience")
		checkAccess(g, option+", an ID token", cognito(nil, map[string]any{"aud": "shop", "token_use": "id", "scope": nil}), "token_no_access")
	}
	g := harness.NewWith(t, p.site("audience shop"))
	checkAccess(g, "no option", cognito("shop", nil), "token_wrong_audience")
}

// The ID token of the token endpoint may lack at_hash; of a form with both tokens it must have it.
func TestSignInWithoutAccessTokenHash(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	const access = "an-opaque-access-token"
	hash := sha256.Sum256([]byte(access))
	right := base64.RawURLEncoding.EncodeToString(hash[:16])
	for _, response := range bothResponses {
		for name, test := range map[string]struct {
			hash       any
			code, form bool
		}{
			"none":            {nil, true, false},
			"the right one":   {right, true, true},
			"another token's": {base64.RawURLEncoding.EncodeToString(make([]byte, 16)), false, false},
			"an empty one":    {"", false, false},
			"a number":        {1, false, false},
		} {
			secret := "client_secret a"
			if response == callback.ResponseFormPost {
				secret = ""
			}
			g := &signInGateway{idp: &identityProvider{url: p.url}, Gateway: harness.NewWith(t, harness.Options{TLS: true, Site: `
				jwt_session_callback shop {
					issuer ` + p.url + `
					client_id shop
					` + secret + `
					response ` + response + `
				}
				jwt_session shop {
					unauthenticated pass
				}
				reverse_proxy LEGACY`})}
			b := g.visitor()
			location, err := b.Get("/auth/login").Location()
			if err != nil {
				t.Fatal(err)
			}
			id := p.sign(map[string]any{"typ": "JWT", "cat": "cl_B7d4PD111AAA"}, map[string]any{
				"aud": "shop", "nonce": location.Query().Get("nonce"), "at_hash": test.hash, "auth_time": 0,
			})
			tokens := map[string]any{"token_type": "Bearer", "access_token": access, "id_token": id}
			answer, want := url.Values{"state": location.Query()["state"], "code": {"c"}}, test.code
			if response == callback.ResponseFormPost {
				answer.Del("code")
				for name, text := range tokens {
					answer.Set(name, text.(string))
				}
				want = test.form
			}
			p.mutex.Lock()
			p.tokens = tokens
			p.mutex.Unlock()
			status := g.finish(b, response, answer).StatusCode
			user := b.Get("/page").Received.Header.Get("OurApp-User-ID")
			if (status == http.StatusSeeOther) != want || (user == "alice") != want {
				t.Errorf("%s, at_hash: %s: status %d, user %q", response, name, status, user)
			}
		}
	}
}
