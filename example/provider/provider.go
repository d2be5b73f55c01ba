package provider

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"time"
)

// Paths of the provider. Discovery names all of them.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	AuthorizePath = "/authorize"
	TokenPath     = "/token"
	KeysPath      = "/keys"
)

// How long what is given out is good.
const (
	codeLifetime   = time.Minute
	idLifetime     = 5 * time.Minute
	accessLifetime = 5 * time.Minute
)

// maxForm is the longest form in bytes that is read.
const maxForm = 16 << 10

// Options is what a provider is made with. All but Now and NewKey is required.
type Options struct {
	Issuer  string // the provider's own address without a slash at the end: the claim iss
	Clients []Client
	Now     func() time.Time                // the clock; nil means [time.Now]
	NewKey  func() (*rsa.PrivateKey, error) // makes each key; nil means a fresh one of 2048 bits
}

// Provider is the OpenID provider as an [http.Handler]. It may be used by several goroutines.
type Provider struct {
	mint    mint
	clients clients
	codes   codes
	routes  *http.ServeMux
}

// New returns a provider with one key and no codes.
func New(options Options) (*Provider, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.NewKey == nil {
		options.NewKey = newKey
	}
	provider := &Provider{
		mint:    mint{issuer: options.Issuer, now: options.Now, keys: keys{make: options.NewKey}},
		clients: options.Clients,
		codes:   codes{now: options.Now, grants: make(map[string]grant)},
		routes:  http.NewServeMux(),
	}
	if err := provider.Rotate(); err != nil {
		return nil, err
	}
	provider.routes.HandleFunc("GET "+DiscoveryPath, provider.discover)
	provider.routes.HandleFunc("GET "+KeysPath, provider.mint.keys.publish)
	provider.routes.HandleFunc("GET "+AuthorizePath, provider.showSignIn)
	provider.routes.HandleFunc("POST "+AuthorizePath, provider.signIn)
	provider.routes.HandleFunc("POST "+TokenPath, provider.redeem)
	return provider, nil
}

// ServeHTTP implements [http.Handler].
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	p.routes.ServeHTTP(w, r)
}

// Rotate makes a new key that signs from now on. The one before it stays published; older ones do not.
func (p *Provider) Rotate() error { return p.mint.keys.rotate() }

// Sign makes the tokens of a sign-in at a client that did not take place, for tests: the ID token of one user, and the
// access token of the same or another.
func (p *Provider) Sign(client, user, accessUser, nonce string) (id, access string, err error) {
	known, _ := p.clients.find(client)
	request := authorization{client: known, scope: []string{"openid"}, nonce: nonce}
	access, err = p.mint.access(request, User{Subject: accessUser})
	if err != nil {
		return "", "", err
	}
	id, err = p.mint.id(request, User{Subject: user}, access)
	return id, access, err
}

// metadata is what discovery says (OpenID Connect Discovery 1.0 section 3, RFC 9207 section 3).
type metadata struct {
	Issuer            string   `json:"issuer"`
	Authorize         string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	Keys              string   `json:"jwks_uri"`
	ResponseTypes     []string `json:"response_types_supported"`
	ResponseModes     []string `json:"response_modes_supported"`
	GrantTypes        []string `json:"grant_types_supported"`
	SubjectTypes      []string `json:"subject_types_supported"`
	IDTokenAlgorithms []string `json:"id_token_signing_alg_values_supported"`
	Challenges        []string `json:"code_challenge_methods_supported"`
	Authentication    []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer       bool     `json:"authorization_response_iss_parameter_supported"`
}

func (p *Provider) discover(w http.ResponseWriter, _ *http.Request) {
	issuer := p.mint.issuer
	writeJSON(w, http.StatusOK, metadata{
		Issuer: issuer, Authorize: issuer + AuthorizePath, Token: issuer + TokenPath, Keys: issuer + KeysPath,
		ResponseTypes: []string{"code", "id_token token"}, ResponseModes: []string{"query", "form_post"},
		GrantTypes: []string{"authorization_code", "implicit"}, SubjectTypes: []string{"public"},
		IDTokenAlgorithms: []string{string(algorithm)}, Challenges: []string{"S256"},
		Authentication: []string{"client_secret_basic", "client_secret_post"}, NamesIssuer: true,
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A write fails only if the reader has gone.
	_ = json.NewEncoder(w).Encode(value)
}
