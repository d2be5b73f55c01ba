package validator

import (
	"crypto/sha256"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestVerifyIDOfAFreshSignIn(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	since := testNow.Unix() - 60
	for _, test := range []struct {
		name     string
		authTime any
		since    int64
		want     Reason
	}{
		{"nothing is asked for", nil, 0, ""},
		{"not said", nil, since, TokenOldSignIn},
		{"just so", since, since, ""},
		{"just so, by another clock", since - 30, since, ""},
		{"too long ago", since - 31, since, TokenOldSignIn},
		{"a text", "1", since, TokenMalformed},
		{"now", testNow.Unix(), since, ""},
		{"from the future", testNow.Unix() + 31, since, TokenNotYetValid},
	} {
		rules := idRules()
		rules.SignedInSince = test.since
		text := key.sign(t, idTokenClaims(sha256.New(), map[string]any{"auth_time": test.authTime}), idHeader)
		if token, reason := keys.VerifyID(text, rules, testNow); reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: %q, want %q", test.name, reason, test.want)
		}
	}
}

func TestVerifyIDOfAnEmailUser(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	for _, test := range []struct {
		name     string
		verified any
		want     Reason
	}{
		{"verified", true, ""},
		{"verified, as Apple says it", "true", ""},
		{"not verified", false, TokenUnverifiedEmail},
		{"not said", nil, TokenUnverifiedEmail},
		{"another text", "yes", TokenUnverifiedEmail},
		{"a number", 1, TokenUnverifiedEmail},
	} {
		rules := idRules()
		rules.UserClaim = "email"
		text := key.sign(t, idTokenClaims(sha256.New(), map[string]any{"email": "a@b.example", "email_verified": test.verified}), idHeader)
		token, reason := keys.VerifyID(text, rules, testNow)
		if reason != test.want || reason == "" && token.User() != "a@b.example" {
			t.Errorf("%s: %q, want %q", test.name, reason, test.want)
		}
	}
}
