package provider

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
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

// Options is what a provider is made with. All but Now is required.
type Options struct {
	Issuer  string // the provider's own address without a slash at the end: the claim iss
	Clients []Client
	Now     func() time.Time // the clock; nil means [time.Now]
}

// Provider is the OpenID provider as an [http.Handler]. It may be used by several goroutines.
type Provider struct {
	issuer  string
	clients []Client
	now     func() time.Time
	routes  *http.ServeMux

	mutex sync.Mutex
	keys  []jose.JSONWebKey // private ones, the newest first; all are published
	codes map[string]grant
}

// New returns a provider with one key and no codes.
func New(options Options) (*Provider, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	provider := &Provider{
		issuer: options.Issuer, clients: options.Clients, now: options.Now,
		routes: http.NewServeMux(), codes: make(map[string]grant),
	}
	if err := provider.Rotate(); err != nil {
		return nil, err
	}
	provider.routes.HandleFunc("GET "+DiscoveryPath, provider.discover)
	provider.routes.HandleFunc("GET "+KeysPath, provider.publishKeys)
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
	writeJSON(w, http.StatusOK, metadata{
		Issuer: p.issuer, Authorize: p.issuer + AuthorizePath, Token: p.issuer + TokenPath, Keys: p.issuer + KeysPath,
		ResponseTypes: []string{"code", "id_token token"}, ResponseModes: []string{"query", "form_post"},
		GrantTypes: []string{"authorization_code", "implicit"}, SubjectTypes: []string{"public"},
		IDTokenAlgorithms: []string{string(algorithm)}, Challenges: []string{"S256"},
		Authentication: []string{"client_secret_basic", "client_secret_post"}, NamesIssuer: true,
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A write fails only where the reader has gone.
	_ = json.NewEncoder(w).Encode(value)
}
