package jwtsession_test

import (
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
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testkey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

// shapedProvider is an OpenID provider that says what a test wants it to say, as the providers of public reports do.
type shapedProvider struct {
	*testing.T

	url    string
	signer jose.Signer
	public jose.JSONWebKeySet

	mutex    sync.Mutex
	metadata map[string]any // over the usual ones; nil takes one away
	claims   map[string]any // over the usual ones of the ID token; nil takes one away
	refuses  func(*http.Request) bool
	failures int             // how often it fails before it answers
	redeemed []*http.Request // with their forms read
}

func newShapedProvider(t *testing.T) *shapedProvider {
	t.Helper()
	idp := &shapedProvider{T: t}
	idp.changeKey("k1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		idp.mutex.Lock()
		defer idp.mutex.Unlock()
		if idp.failures > 0 {
			idp.failures--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(over(map[string]any{
			"issuer": idp.url, "authorization_endpoint": idp.url + "/authorize", "token_endpoint": idp.url + "/token",
			"jwks_uri": idp.url + "/keys",
		}, idp.metadata))
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		idp.mutex.Lock()
		defer idp.mutex.Unlock()
		_ = json.NewEncoder(w).Encode(idp.public)
	})
	mux.HandleFunc("POST /token", idp.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	idp.url = server.URL
	return idp
}

// changeKey has the provider sign with a new key from now on, and publish it alone.
func (p *shapedProvider) changeKey(id string) {
	key := testkey.RSA(p)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		p.Fatal(err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.signer = signer
	p.public = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"}}}
}

// over returns the usual values with the changes.
func over(usual, changes map[string]any) map[string]any {
	maps.Copy(usual, changes)
	maps.DeleteFunc(usual, func(_ string, value any) bool { return value == nil })
	return usual
}

// token redeems a code, which holds the nonce and the user.
func (p *shapedProvider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.redeemed = append(p.redeemed, r)
	if p.refuses != nil && p.refuses(r) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
		return
	}
	nonce, user, _ := strings.Cut(r.PostForm.Get("code"), ".")
	access := rand.Text()
	_ = json.NewEncoder(w).Encode(map[string]string{
		"token_type": "Bearer", "access_token": access, "id_token": p.idToken(nonce, user, access),
	})
}

// idToken signs an ID token. The lock is held.
func (p *shapedProvider) idToken(nonce, user, access string) string {
	hash := sha256.Sum256([]byte(access))
	token, err := jwt.Signed(p.signer).Claims(over(map[string]any{
		"iss": p.url, "sub": user, "aud": "shop", "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Unix() + 300,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}, p.claims)).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	return token
}

// says changes what the ID tokens say from now on.
func (p *shapedProvider) says(claims map[string]any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.claims = claims
}

// answer returns the answer to the request that the gateway sent.
func (p *shapedProvider) answer(request url.Values, user string) url.Values {
	return url.Values{"state": {request.Get("state")}, "code": {request.Get("nonce") + "." + user}}
}

// shapedGateway is a gateway whose users sign in at such a provider.
type shapedGateway struct {
	*harness.Gateway

	idp *shapedProvider
}

func newShapedGateway(t *testing.T, idp *shapedProvider, options, handler, more string) *shapedGateway {
	t.Helper()
	return newShapedSite(t, idp, options, `
		jwt_session shop {
			whoami /whoami json user
			unauthenticated pass
			`+handler+`
		}
		`+more+`
		reverse_proxy LEGACY`)
}

// newShapedSite has all behind the callback as it is given.
func newShapedSite(t *testing.T, idp *shapedProvider, options, site string) *shapedGateway {
	t.Helper()
	return &shapedGateway{idp: idp, Gateway: harness.NewWith(t, harness.Options{TLS: true, Site: `
		jwt_session_callback shop {
			issuer ` + idp.url + `
			client_id shop
			` + options + `
		}
		` + site})}
}

func (g *shapedGateway) visitor() *harness.Browser {
	b := g.Browser()
	b.Host = "shop.example"
	return b
}

// start begins a sign-in and returns what the provider is asked.
func (g *shapedGateway) start(b *harness.Browser, path string) url.Values {
	g.Helper()
	response := b.Get(path)
	location, err := response.Location()
	if err != nil || response.StatusCode != http.StatusFound {
		g.Fatalf("the start: status %d, %v", response.StatusCode, err)
	}
	return location.Query()
}

// signIn signs the user in.
func (g *shapedGateway) signIn(b *harness.Browser, path, user string) harness.Reply {
	g.Helper()
	return b.Get("/auth/callback?" + g.idp.answer(g.start(b, path), user).Encode())
}

// thief returns another browser with the credentials of this one.
func (g *shapedGateway) thief(b *harness.Browser) *harness.Browser {
	other := g.visitor()
	for _, name := range []string{"session", carrier.HostPrefix + harness.TokenName} {
		if value, ok := b.Cookies[name]; ok {
			other.Cookies[name] = value
		}
	}
	return other
}
