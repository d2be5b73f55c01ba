package issuer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func TestAuthMethod(t *testing.T) {
	key := new(validator.Key)
	for _, test := range []struct {
		name     string
		client   Client
		accepted []string
		want     authMethod
	}{
		{"nothing is said", Client{Secret: "s"}, nil, secretBasic},
		{"an empty list", Client{Secret: "s"}, []string{}, secretBasic},
		{"the header alone", Client{Secret: "s"}, []string{"client_secret_basic"}, secretBasic},
		{"the form alone", Client{Secret: "s"}, []string{"client_secret_post"}, secretPost},
		{"the form and others", Client{Secret: "s"}, []string{"private_key_jwt", "client_secret_post", "none"}, secretPost},
		{"both", Client{Secret: "s"}, []string{"client_secret_post", "client_secret_basic"}, secretBasic},
		{"neither", Client{Secret: "s"}, []string{"private_key_jwt"}, secretBasic},
		{"other capitals are another word", Client{Secret: "s"}, []string{"CLIENT_SECRET_POST"}, secretBasic},
		{"in the header, though the form is named", Client{Secret: "s", SecretPlace: InHeader}, []string{"client_secret_post"}, secretBasic},
		{"in the header, nothing is said", Client{Secret: "s", SecretPlace: InHeader}, nil, secretBasic},
		{"in the form, though the header is named", Client{Secret: "s", SecretPlace: InForm}, []string{"client_secret_basic"}, secretPost},
		{"in the form, both are named", Client{Secret: "s", SecretPlace: InForm}, []string{"client_secret_basic", "client_secret_post"}, secretPost},
		{"in the form, nothing is said", Client{Secret: "s", SecretPlace: InForm}, nil, secretPost},
		{"a place without a secret", Client{SecretPlace: InForm}, nil, publicClient},
		{"a place beside a key", Client{Key: key, SecretPlace: InForm}, nil, privateKeyJWT},
		{"no secret", Client{}, []string{"client_secret_basic"}, publicClient},
		{"no secret, nothing is said", Client{}, nil, publicClient},
		{"a key", Client{Key: key}, nil, privateKeyJWT},
		{"a key is what the operator wants", Client{Key: key, Secret: "s"}, []string{"client_secret_basic"}, privateKeyJWT},
	} {
		if got := test.client.method(test.accepted); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// Each way shows what belongs to it and nothing else.
func TestProve(t *testing.T) {
	key, _, err := validator.GenerateKey(validator.ES256)
	if err != nil {
		t.Fatal(err)
	}
	metadata := Metadata{Issuer: "https://id.example", TokenEndpoint: "https://id.example/token"}
	now := time.Now()
	for _, test := range []struct {
		name     string
		client   Client
		accepted []string
		header   bool
		form     []string
		audience string
	}{
		{"basic", Client{ID: "a b", Secret: "c:d"}, nil, true, nil, ""},
		{"post", Client{ID: "a b", Secret: "c:d"}, []string{"client_secret_post"}, false, []string{"client_id", "client_secret"}, ""},
		{"post, by option", Client{ID: "a b", Secret: "c:d", SecretPlace: InForm}, nil, false, []string{"client_id", "client_secret"}, ""},
		{"basic, by option", Client{ID: "a b", Secret: "c:d", SecretPlace: InHeader}, []string{"client_secret_post"}, true, nil, ""},
		{"none", Client{ID: "a b"}, nil, false, []string{"client_id"}, ""},
		{"key", Client{ID: "a b", Key: &key}, nil, false, []string{"client_id", "client_assertion", "client_assertion_type"}, metadata.Issuer},
		{
			"key, for the endpoint",
			Client{ID: "a b", Key: &key, ForTokenEndpoint: true},
			nil, false,
			[]string{"client_id", "client_assertion", "client_assertion_type"},
			metadata.TokenEndpoint,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			header, form := http.Header{}, url.Values{}
			metadata.AuthMethods = test.accepted
			if err := test.client.prove(header, form, metadata, now); err != nil {
				t.Fatal(err)
			}
			id, secret, basic := (&http.Request{Header: header}).BasicAuth()
			if basic != test.header || basic && (id != "a+b" || secret != "c%3Ad") || len(form) != len(test.form) {
				t.Errorf("header %v, form %v", header, form)
			}
			for _, name := range test.form {
				if !form.Has(name) {
					t.Errorf("the form lacks %s", name)
				}
			}
			if form.Has("client_secret") && form.Get("client_secret") != "c:d" || form.Has("client_id") && form.Get("client_id") != "a b" {
				t.Errorf("form %v", form)
			}
			if test.audience != "" {
				checkAssertion(t, form.Get("client_assertion"), key, test.audience, now)
			}
		})
	}
}

// checkAssertion verifies an assertion with another library.
func checkAssertion(t *testing.T, text string, key validator.Key, audience string, now time.Time) {
	t.Helper()
	set, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	published, err := set.PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(published, &keys); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := token.Claims(keys, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Issuer != "a b" || claims.Subject != "a b" || len(claims.Audience) != 1 || claims.Audience[0] != audience ||
		claims.ID == "" || claims.Expiry.Time().Sub(now) > time.Minute || token.Headers[0].KeyID != key.ID() {
		t.Errorf("claims %+v", claims)
	}
}
