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
