package validator

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	testIssuer   = "https://id.example/realm"
	testAudience = "https://api.example"
)

func accessRules() AccessRules {
	return AccessRules{
		Issuer: testIssuer, Audiences: []string{"https://other.example", testAudience}, UserClaim: "sub",
		Attributes: map[string]string{"scope": "scope", "groups": "https://id.example/groups"}, Leeway: 30 * time.Second,
	}
}

// accessClaims returns good claims with changes; nil takes one away.
func accessClaims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": testAudience, "jti": "token-1", "client_id": "shop", "scope": "buy read",
		"https://id.example/groups": []string{"staff", "night"},
		"iat":                       testNow.Unix(), "exp": testNow.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func TestVerifyAccessOfEveryAlgorithm(t *testing.T) {
	keys := allProviderKeys(t)
	for algorithm, key := range providerKeysByAlgorithm() {
		for _, kind := range []string{"at+jwt", "application/at+jwt", "JWT", ""} {
			token, reason := keys.VerifyAccess(TokenOf(key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"typ": kind})), accessRules(), testNow)
			if reason != "" {
				t.Errorf("%s, typ %q: %s", algorithm, kind, reason)
				continue
			}
			if token.User() != "alice" || token.TokenID() != "token-1" || token.Since() != testNow.Unix() ||
				!token.Attributes()["scope"].Equal(sessions.List("buy", "read")) ||
				!token.Attributes()["groups"].Equal(sessions.List("staff", "night")) {
				t.Errorf("%s: read %+v", algorithm, token)
			}
		}
	}
}

func TestVerifyAccessClaims(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    Reason
	}{
		{"of several audiences", map[string]any{"aud": []string{"x", testAudience}}, ""},
		{"a number as user", map[string]any{"sub": 4711}, ""},
		{"no jti", map[string]any{"jti": nil}, ""},
		{"no iat", map[string]any{"iat": nil}, ""},
		{"just expired, within the leeway", map[string]any{"iat": at(-time.Hour), "exp": at(-29 * time.Second)}, ""},
		{"expired by the leeway", map[string]any{"iat": at(-time.Hour), "exp": at(-30 * time.Second)}, TokenExpired},
		{"issued within the leeway", map[string]any{"iat": at(30 * time.Second)}, ""},
		{"issued later", map[string]any{"iat": at(31 * time.Second)}, TokenNotYetValid},
		{"not before later", map[string]any{"nbf": at(31 * time.Second)}, TokenNotYetValid},
		{"signed in later", map[string]any{"auth_time": at(31 * time.Second)}, TokenNotYetValid},
		{"no exp", map[string]any{"exp": nil}, TokenMalformed},
		{"exp 0", map[string]any{"exp": 0}, TokenMalformed},
		{"exp as text", map[string]any{"exp": fmt.Sprint(at(time.Minute))}, TokenMalformed},
		{"exp as a fraction", map[string]any{"exp": float64(at(time.Minute)) + 0.5}, ""},
		{"exp as a fraction, over", map[string]any{"iat": at(-time.Hour), "exp": float64(at(-30*time.Second)) + 0.9}, TokenExpired},
		{"exp negative", map[string]any{"iat": nil, "exp": -1}, TokenMalformed},
		{"iat 0", map[string]any{"iat": 0}, ""},
		{"iat null", map[string]any{"iat": (*int)(nil)}, TokenMalformed},
		{"nbf 0", map[string]any{"nbf": 0}, ""},
		{"nbf -0.0", map[string]any{"nbf": json.RawMessage("-0.0")}, ""},
		{"nbf of the year 1", map[string]any{"nbf": -62135596800}, ""},
		{"nbf before the year 1", map[string]any{"nbf": -62135596801}, TokenMalformed},
		{"nbf later by a fraction", map[string]any{"nbf": float64(at(30*time.Second)) + 0.1}, TokenNotYetValid},
		{"nbf as text", map[string]any{"nbf": "0"}, TokenMalformed},
		{"nbf true", map[string]any{"nbf": true}, TokenMalformed},
		{"nbf as list", map[string]any{"nbf": []int{0}}, TokenMalformed},
		{"auth_time 0", map[string]any{"auth_time": 0}, ""},
		{"auth_time as a fraction", map[string]any{"auth_time": float64(testNow.Unix()) - 0.25}, ""},
		{"exp with an exponent", map[string]any{"exp": json.RawMessage("1.9e9")}, ""},
		{"exp beyond all numbers", map[string]any{"exp": json.RawMessage("1e400")}, TokenMalformed},
		{"nbf beyond all numbers", map[string]any{"nbf": json.RawMessage("-1e400")}, TokenMalformed},
		{"exp in milliseconds", map[string]any{"exp": at(time.Minute) * 1000}, TokenMalformed},
		{"exp before iat", map[string]any{"exp": at(10 * time.Second), "iat": at(20 * time.Second)}, TokenMalformed},
		{"exp beyond all dates", map[string]any{"exp": int64(1) << 60}, TokenMalformed},
		{"another issuer", map[string]any{"iss": testIssuer + "/"}, TokenWrongIssuer},
		{"no issuer", map[string]any{"iss": nil}, TokenWrongIssuer},
		{"issuer as list", map[string]any{"iss": []string{testIssuer}}, TokenMalformed},
		{"another audience", map[string]any{"aud": "shop"}, TokenWrongAudience},
		{"no audience", map[string]any{"aud": nil}, TokenWrongAudience},
		{"the audience in a list", map[string]any{"aud": []string{testAudience}}, ""},
		{"an empty list", map[string]any{"aud": []string{}}, TokenWrongAudience},
		{"a list with null", map[string]any{"aud": []any{testAudience, nil}}, TokenMalformed},
		{"audience null", map[string]any{"aud": (*int)(nil)}, TokenMalformed},
		{"audience as object", map[string]any{"aud": map[string]any{testAudience: true}}, TokenMalformed},
		{"no user", map[string]any{"sub": nil}, TokenMalformed},
		{"an empty user", map[string]any{"sub": ""}, TokenMalformed},
		{"a user with a line break", map[string]any{"sub": "alice\r\nX: y"}, TokenMalformed},
		{"a user beyond ASCII", map[string]any{"sub": "ålice"}, TokenMalformed},
		{"a user as list", map[string]any{"sub": []string{"alice"}}, TokenMalformed},
		{"a user as fraction", map[string]any{"sub": 1.5}, TokenMalformed},
		{"null as user", map[string]any{"sub": (*string)(nil)}, TokenMalformed},
		{"a nonce in an access token", map[string]any{"nonce": "n"}, ""},
		{"a logout token", map[string]any{"events": map[string]any{}}, TokenNoAccess},
		{"a token of another use", map[string]any{"token_use": "refresh"}, TokenNoAccess},
		{"a token of several uses", map[string]any{"token_use": []string{"access"}}, TokenNoAccess},
		{"an ID token by its at_hash", map[string]any{"at_hash": "h"}, TokenNoAccess},
		{"an ID token by its typ", map[string]any{"typ": "ID"}, TokenNoAccess},
		{"an ID token by its use", map[string]any{"token_use": "id"}, TokenNoAccess},
		{"another claim as object", map[string]any{"realm_access": map[string]any{"roles": []string{"x"}}}, ""},
		{"claims too deep", map[string]any{"deep": deep(maxNesting)}, TokenMalformed},
	} {
		token, reason := keys.VerifyAccess(TokenOf(key.sign(t, accessClaims(test.changes), nil)), accessRules(), testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
}

func deep(levels int) any {
	var value any = "bottom"
	for range levels {
		value = []any{value}
	}
	return value
}

// What a revocation of the user is compared with.
func TestAccessTokenSince(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	for name, test := range map[string]struct {
		changes map[string]any
		want    int64
	}{
		"issued":    {nil, testNow.Unix()},
		"signed in": {map[string]any{"auth_time": testNow.Unix() - 7}, testNow.Unix() - 7},
		"neither":   {map[string]any{"iat": nil}, 0},
		"not known": {map[string]any{"auth_time": 0}, testNow.Unix()},
		"in part":   {map[string]any{"auth_time": float64(testNow.Unix()-7) + 0.75}, testNow.Unix() - 7},
		"year 1":    {map[string]any{"iat": -62135596800}, 0},
	} {
		token, reason := keys.VerifyAccess(TokenOf(key.sign(t, accessClaims(test.changes), nil)), accessRules(), testNow)
		if reason != "" || token.Since() != test.want {
			t.Errorf("%s: %v, %q", name, token, reason)
		}
	}
}

func TestVerifyAccessForm(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.RS256]
	good := key.sign(t, accessClaims(nil), nil)
	parts := strings.Split(good, ".")
	for name, test := range map[string]struct {
		text string
		want Reason
	}{
		"another typ":         {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"typ": "logout+jwt"}), TokenMalformed},
		"typ in other case":   {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"typ": "AT+JWT"}), TokenMalformed},
		"no kid":              {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"kid": ""}), TokenMalformed},
		"another key's kid":   {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"kid": "kid-PS256"}), TokenUnknownKey},
		"an unknown kid":      {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"kid": "new"}), TokenUnknownKey},
		"jku":                 {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"jku": "https://evil.example/keys"}), ""},
		"x5c":                 {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"x5c": []string{"AA"}}), ""},
		"x5u":                 {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"x5u": "https://evil.example/certificate"}), ""},
		"members of Auth0":    {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"gty": "client_credentials", "cat": "cl_B7d4PD111AAA"}), ""},
		"a member as object":  {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"x": map[string]any{"y": []any{1, nil}}}), ""},
		"crit":                {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), TokenMalformed},
		"a thumbprint":        {key.sign(t, accessClaims(nil), map[jose.HeaderKey]any{"x5t": "AA", "x5t#S256": "AA"}), ""},
		"unsigned":            {parts[0] + "." + parts[1] + ".", TokenMalformed},
		"alg none":            {forge(`{"alg":"none","kid":"kid-RS256","typ":"JWT"}`, `{}`), TokenUnknownKey},
		"another payload":     {parts[0] + "." + encode64([]byte(`{"sub":"bob"}`)) + "." + parts[2], TokenBadSignature},
		"a member twice":      {key.sign(t, `{"sub":"alice","sub":"bob"}`, nil), TokenMalformed},
		"data behind":         {key.sign(t, `{"sub":"alice"}{}`, nil), TokenMalformed},
		"over the size":       {key.sign(t, accessClaims(map[string]any{"x": strings.Repeat("x", maxForeignToken)}), nil), TokenTooLarge},
		"opaque":              {"2YotnFZFEjr1zCsicMWpAA", TokenMalformed},
		"empty":               {"", TokenMalformed},
		"public key as HMAC":  {macWithPublicKey(t, key), TokenUnknownKey},
		"padding":             {good + "=", TokenMalformed},
		"an encrypted token":  {good + ".a.b", TokenMalformed},
		"white space in text": {parts[0] + ".\n" + parts[1] + "." + parts[2], TokenMalformed},
	} {
		token, reason := keys.VerifyAccess(credentialOfText(test.text), accessRules(), testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", name, reason, test.want)
		}
	}
}

// macWithPublicKey returns a token whose MAC is made with the provider's public key as the secret: a verifier that lets
// the token choose the algorithm accepts it.
func macWithPublicKey(t *testing.T, key providerKey) string {
	t.Helper()
	secret, err := key.jwk().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	options := new(jose.SignerOptions).WithHeader("kid", "kid-RS256").WithType("at+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Nothing verifies without keys or without rules.
func TestVerifyAccessDeniesByDefault(t *testing.T) {
	good := providerKeysByAlgorithm()[jose.ES256].sign(t, accessClaims(nil), nil)
	for name, verify := range map[string]func() (*AccessToken, Reason){
		"nil keys": func() (*AccessToken, Reason) {
			return (*ProviderKeys)(nil).VerifyAccess(TokenOf(good), accessRules(), testNow)
		},
		"no keys": func() (*AccessToken, Reason) {
			return new(ProviderKeys).VerifyAccess(TokenOf(good), accessRules(), testNow)
		},
		"no rules": func() (*AccessToken, Reason) {
			return allProviderKeys(t).VerifyAccess(TokenOf(good), AccessRules{}, testNow)
		},
		"no audiences": func() (*AccessToken, Reason) {
			return allProviderKeys(t).VerifyAccess(TokenOf(good), AccessRules{Issuer: testIssuer, UserClaim: "sub"}, testNow)
		},
		"no claim": func() (*AccessToken, Reason) {
			return allProviderKeys(t).VerifyAccess(TokenOf(good), AccessRules{Issuer: testIssuer, Audiences: []string{testAudience}}, testNow)
		},
	} {
		if token, reason := verify(); token != nil || reason == "" {
			t.Errorf("%s: accepted", name)
		}
	}
}

// credentialOfText returns a credential that came, be it with an empty text.
func credentialOfText(text string) TokenCredential {
	return TokenCredential{Presence: Present, text: &text}
}

func TestTokenOfLines(t *testing.T) {
	for _, test := range []struct {
		name           string
		lines          []string
		header, bearer Presence
		token          string // of the Bearer scheme
	}{
		{"nothing", nil, Absent, Absent, ""},
		{"an empty line", []string{""}, Absent, Absent, ""},
		{"a token", []string{"Bearer abc"}, Present, Present, "abc"},
		{"in other letters", []string{" bearer   abc "}, Present, Present, "abc"},
		{"the same twice", []string{"Bearer abc", "Bearer abc"}, Present, Present, "abc"},
		{"two tokens", []string{"Bearer abc", "Bearer abd"}, Unusable, Unusable, ""},
		{"beside another scheme", []string{"Basic abc", "Bearer abc"}, Unusable, Unusable, ""},
		{"another scheme", []string{"Basic abc"}, Present, Absent, ""},
		{"the scheme alone", []string{"Bearer "}, Present, Absent, ""},
	} {
		if got := TokenOfHeader(test.lines); got.Presence != test.header {
			t.Errorf("%s: the header is %s", test.name, got.Presence.word())
		}
		if got := TokenOfBearer(test.lines); got.Presence != test.bearer || got.raw() != test.token {
			t.Errorf("%s: the token is %s", test.name, got.Presence.word())
		}
	}
}

func FuzzForeignClaims(f *testing.F) {
	f.Add(`{"sub":"alice","aud":["a"],"exp":1,"deep":{"a":[{"b":"\\\"]"}]}}`)
	f.Add(`{"sub":1e3}`)
	f.Fuzz(func(t *testing.T, payload string) {
		claims, ok := readForeignClaims([]byte(payload))
		if !ok {
			return
		}
		token, reason := accessRules().read(claims, "JWT", testNow)
		if (token == nil) != (reason != "") {
			t.Error("a token beside a reason")
		}
		if token != nil && !IsUserID(token.User()) {
			t.Errorf("the user %q", token.User())
		}
	})
}
