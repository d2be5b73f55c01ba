package validator

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const testAccess = "an-access-token"

func idRules() IDRules {
	return IDRules{
		Issuer: testIssuer, ClientID: "shop", Nonce: "the-nonce", UserClaim: "sub", Leeway: 30 * time.Second, AccessToken: testAccess,
	}
}

func idTokenClaims(hash hash.Hash, changes map[string]any) map[string]any {
	hash.Write([]byte(testAccess))
	sum := hash.Sum(nil)
	claims := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": "shop", "nonce": "the-nonce", "name": "Alice Adams",
		"at_hash": encode64(sum[:len(sum)/2]), "iat": testNow.Unix(), "exp": testNow.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

var idHeader = map[jose.HeaderKey]any{"typ": "JWT"}

func TestVerifyIDOfEveryAlgorithm(t *testing.T) {
	keys := allProviderKeys(t)
	for algorithm, key := range providerKeysByAlgorithm() {
		var hash hash.Hash
		switch algorithm {
		case jose.RS384, jose.PS384, jose.ES384:
			hash = sha512.New384()
		case jose.RS512, jose.PS512, jose.ES512, jose.EdDSA:
			hash = sha512.New()
		default:
			hash = sha256.New()
		}
		token, reason := keys.VerifyID(key.sign(t, idTokenClaims(hash, nil), idHeader), idRules(), testNow)
		if reason != "" || token.User() != "alice" || token.Subject() != "alice" ||
			!token.Attribute("name").Equal(sessions.Text("Alice Adams")) || token.Attribute("none").Present() {
			t.Errorf("%s: %v, %q", algorithm, token, reason)
		}
	}
}

func TestVerifyIDClaims(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    Reason
	}{
		{"authorized party", map[string]any{"azp": "shop"}, ""},
		{"several audiences, for us", map[string]any{"aud": []string{"shop", "other"}, "azp": "shop"}, ""},
		{"several audiences, for whom", map[string]any{"aud": []string{"shop", "other"}}, TokenWrongAudience},
		{"another party", map[string]any{"azp": "other"}, TokenWrongAudience},
		{"another audience", map[string]any{"aud": "other"}, TokenWrongAudience},
		{"no audience", map[string]any{"aud": nil}, TokenWrongAudience},
		{"another issuer", map[string]any{"iss": "https://evil.example"}, TokenWrongIssuer},
		{"another sign-in's nonce", map[string]any{"nonce": "other"}, TokenWrongNonce},
		{"no nonce", map[string]any{"nonce": nil}, TokenWrongNonce},
		{"another access token's hash", map[string]any{"at_hash": encode64(make([]byte, 16))}, TokenWrongHash},
		{"no hash", map[string]any{"at_hash": nil}, TokenWrongHash},
		{"an empty hash", map[string]any{"at_hash": ""}, TokenWrongHash},
		{"null as hash", map[string]any{"at_hash": (*string)(nil)}, TokenMalformed},
		{"a list of hashes", map[string]any{"at_hash": []string{"a"}}, TokenMalformed},
		{"iat 0", map[string]any{"iat": 0}, ""},
		{"nbf 0, auth_time 0", map[string]any{"nbf": 0, "auth_time": 0}, ""},
		{"times with fractions", map[string]any{"iat": float64(testNow.Unix()) - 0.5, "exp": float64(testNow.Unix()) + 60.25}, ""},
		{"no subject", map[string]any{"sub": nil}, TokenMalformed},
		{"no iat", map[string]any{"iat": nil}, TokenMalformed},
		{"no exp", map[string]any{"exp": nil}, TokenMalformed},
		{"expired", map[string]any{"iat": testNow.Unix() - 100, "exp": testNow.Unix() - 30}, TokenExpired},
		{"issued later", map[string]any{"iat": testNow.Unix() + 31}, TokenNotYetValid},
	} {
		token, reason := keys.VerifyID(key.sign(t, idTokenClaims(sha256.New(), test.changes), idHeader), idRules(), testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
}

// An access token in the place of the ID token is none, and no rule means no sign-in.
func TestVerifyIDRefuses(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	good := key.sign(t, idTokenClaims(sha256.New(), nil), idHeader)
	if _, reason := keys.VerifyID(key.sign(t, idTokenClaims(sha256.New(), nil), nil), idRules(), testNow); reason != TokenMalformed {
		t.Errorf("typ at+jwt: %q", reason)
	}
	for name, change := range map[string]func(*IDRules){
		"no issuer": func(rules *IDRules) { rules.Issuer = "" },
		"no client": func(rules *IDRules) { rules.ClientID = "" },
		"no nonce":  func(rules *IDRules) { rules.Nonce = "" },
		"no claim":  func(rules *IDRules) { rules.UserClaim = "" },
	} {
		rules := idRules()
		change(&rules)
		if token, reason := keys.VerifyID(good, rules, testNow); token != nil || reason == "" {
			t.Errorf("%s: accepted", name)
		}
	}
	rules := idRules()
	rules.AccessToken = ""
	if _, reason := keys.VerifyID(good, rules, testNow); reason != "" {
		t.Errorf("without an access token: %q", reason)
	}
}

// An ID token of the token endpoint may lack at_hash, and one that has it must have the right one.
func TestVerifyIDHashOptional(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	rules := idRules()
	rules.HashOptional = true
	for name, test := range map[string]struct {
		changes map[string]any
		want    Reason
	}{
		"the right one":    {nil, ""},
		"none":             {map[string]any{"at_hash": nil}, ""},
		"another token's":  {map[string]any{"at_hash": encode64(make([]byte, 16))}, TokenWrongHash},
		"the whole hash":   {map[string]any{"at_hash": encode64(make([]byte, 32))}, TokenWrongHash},
		"an empty one":     {map[string]any{"at_hash": ""}, TokenWrongHash},
		"null":             {map[string]any{"at_hash": (*string)(nil)}, TokenMalformed},
		"a number":         {map[string]any{"at_hash": 7}, TokenMalformed},
		"none, of another": {map[string]any{"at_hash": nil, "nonce": "other"}, TokenWrongNonce},
	} {
		token, reason := keys.VerifyID(key.sign(t, idTokenClaims(sha256.New(), test.changes), idHeader), rules, testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", name, reason, test.want)
		}
	}
}

// The header of an ID token may have members that are not known here.
func TestVerifyIDHeader(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	for name, test := range map[string]struct {
		member jose.HeaderKey
		value  any
		want   Reason
	}{
		"a text":   {"cat", "cl_B7d4PD111AAA", ""},
		"jku":      {"jku", "https://evil.example/keys", ""},
		"critical": {"crit", []string{"exp"}, TokenMalformed},
	} {
		header := map[jose.HeaderKey]any{"typ": "JWT", test.member: test.value}
		if _, reason := keys.VerifyID(key.sign(t, idTokenClaims(sha256.New(), nil), header), idRules(), testNow); reason != test.want {
			t.Errorf("%s: reason %q, want %q", name, reason, test.want)
		}
	}
}
