package validator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func logoutRules() LogoutRules {
	return LogoutRules{Issuer: testIssuer, ClientID: "shop", MaxAge: 5 * time.Minute, Leeway: 30 * time.Second}
}

// statementClaims returns good claims with changes; nil takes one away.
func statementClaims(good, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": testIssuer, "aud": "shop", "jti": "token-1", "iat": testNow.Unix(), "exp": testNow.Add(2 * time.Minute).Unix(),
	}
	maps.Copy(claims, good)
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func logoutClaims(changes map[string]any) map[string]any {
	return statementClaims(map[string]any{
		"sub": "alice", "sid": "s-1", "email": "alice@example.com", "events": map[string]any{logoutEvent: map[string]any{}},
	}, changes)
}

var logoutHeader = map[jose.HeaderKey]any{"typ": "logout+jwt"}

// The negative cases are those of the OpenID Foundation's conformance suite for relying parties, and their relatives.
func TestVerifyLogoutClaims(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    Reason
	}{
		{"all is there", nil, ""},
		{"no sid", map[string]any{"sid": nil}, ""},
		{"no sub", map[string]any{"sub": nil}, ""},
		{"no exp", map[string]any{"exp": nil}, ""},
		{"several audiences", map[string]any{"aud": []string{"other", "shop"}}, ""},
		{"an event with members", map[string]any{"events": map[string]any{logoutEvent: map[string]any{"a": 1}}}, ""},
		{"more events", map[string]any{"events": map[string]any{logoutEvent: map[string]any{}, "urn:x": map[string]any{}}}, ""},
		{"issued within the leeway", map[string]any{"iat": at(30 * time.Second)}, ""},
		{"as old as may be", map[string]any{"iat": at(-5*time.Minute - 29*time.Second), "exp": nil}, ""},
		{"another issuer", map[string]any{"iss": "https://evil.example"}, TokenWrongIssuer},
		{"an issuer that begins alike", map[string]any{"iss": testIssuer + "/"}, TokenWrongIssuer},
		{"no issuer", map[string]any{"iss": nil}, TokenWrongIssuer},
		{"issuer as list", map[string]any{"iss": []string{testIssuer}}, TokenMalformed},
		{"another audience", map[string]any{"aud": "other"}, TokenWrongAudience},
		{"no audience", map[string]any{"aud": nil}, TokenWrongAudience},
		{"an empty audience", map[string]any{"aud": []string{""}}, TokenWrongAudience},
		{"no iat", map[string]any{"iat": nil}, TokenMalformed},
		{"iat as text", map[string]any{"iat": "now"}, TokenMalformed},
		{"an old iat", map[string]any{"iat": at(-time.Hour), "exp": nil}, TokenTooOld},
		{"an old iat beside a good exp", map[string]any{"iat": at(-time.Hour)}, TokenTooOld},
		{"a bit too old", map[string]any{"iat": at(-5*time.Minute - 30*time.Second), "exp": nil}, TokenTooOld},
		{"a future iat", map[string]any{"iat": at(31 * time.Second)}, TokenNotYetValid},
		{"a future iat far ahead", map[string]any{"iat": at(time.Hour), "exp": at(2 * time.Hour)}, TokenNotYetValid},
		{"not before later", map[string]any{"nbf": at(time.Minute)}, TokenNotYetValid},
		{"expired", map[string]any{"iat": at(-time.Minute), "exp": at(-30 * time.Second)}, TokenExpired},
		{"exp as text", map[string]any{"exp": "never"}, TokenMalformed},
		{"no jti", map[string]any{"jti": nil}, TokenMalformed},
		{"an empty jti", map[string]any{"jti": ""}, TokenMalformed},
		{"jti as number", map[string]any{"jti": 1}, TokenMalformed},
		{"a long jti", map[string]any{"jti": strings.Repeat("j", maxClaimText+1)}, TokenMalformed},
		{"no events", map[string]any{"events": nil}, TokenNoEvent},
		{"events without any", map[string]any{"events": map[string]any{}}, TokenNoEvent},
		{"another event", map[string]any{"events": map[string]any{"urn:x": map[string]any{}}}, TokenNoEvent},
		{"the event by https", map[string]any{"events": map[string]any{"https" + logoutEvent[4:]: map[string]any{}}}, TokenNoEvent},
		{"the event as null", map[string]any{"events": map[string]any{logoutEvent: nil}}, TokenNoEvent},
		{"the event as text", map[string]any{"events": map[string]any{logoutEvent: "yes"}}, TokenNoEvent},
		{"the event as list", map[string]any{"events": map[string]any{logoutEvent: []string{}}}, TokenNoEvent},
		{"events as list", map[string]any{"events": []string{logoutEvent}}, TokenMalformed},
		{"events as text", map[string]any{"events": logoutEvent}, TokenMalformed},
		{"a nonce", map[string]any{"nonce": "n"}, TokenWrongNonce},
		{"an empty nonce", map[string]any{"nonce": ""}, TokenWrongNonce},
		{"a nonce of null", map[string]any{"nonce": json.RawMessage("null")}, TokenWrongNonce},
		{"Keycloak's claim typ", map[string]any{"typ": "Logout"}, ""},
		{"the claim typ of an ID token", map[string]any{"typ": "ID"}, TokenNoEvent},
		{"the claim typ of an access token", map[string]any{"typ": "Bearer"}, TokenNoEvent},
		{"the claim typ of a refresh token", map[string]any{"typ": "Refresh"}, TokenNoEvent},
		{"the hash of an access token", map[string]any{"at_hash": "x"}, TokenNoEvent},
		{"the hash of a code", map[string]any{"c_hash": "x"}, TokenNoEvent},
		{"another use", map[string]any{"token_use": "id"}, TokenNoEvent},
		{"neither sub nor sid", map[string]any{"sub": nil, "sid": nil}, TokenNoSubject},
		{"both empty", map[string]any{"sub": "", "sid": ""}, TokenNoSubject},
		{"sub as number", map[string]any{"sub": 17}, TokenMalformed},
		{"sid as list", map[string]any{"sid": []string{"s-1"}}, TokenMalformed},
		{"a long sid", map[string]any{"sid": strings.Repeat("s", maxClaimText+1)}, TokenMalformed},
		{"claims too deep", map[string]any{"deep": deep(maxNesting)}, TokenMalformed},
	} {
		token, reason := logoutRules().Verify(keys, key.sign(t, logoutClaims(test.changes), logoutHeader), testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
}

func TestVerifyLogoutForm(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.RS256]
	signed := func(changes map[jose.HeaderKey]any) string {
		header := maps.Clone(logoutHeader)
		maps.Copy(header, changes)
		return key.sign(t, logoutClaims(nil), header)
	}
	good := signed(nil)
	parts := strings.Split(good, ".")
	none := encode64([]byte(`{"alg":"none","typ":"logout+jwt","kid":"kid-RS256"}`)) + "." + parts[1] + "."
	symmetric := encode64([]byte(`{"alg":"HS256","typ":"logout+jwt","kid":"kid-RS256"}`)) + "." + parts[1] + "." + parts[2]
	for name, test := range map[string]struct {
		text string
		want Reason
	}{
		"as it should be":            {good, ""},
		"the long form of typ":       {signed(map[jose.HeaderKey]any{"typ": "application/logout+jwt"}), ""},
		"no typ":                     {signed(map[jose.HeaderKey]any{"typ": ""}), ""},
		"the typ of an access token": {signed(map[jose.HeaderKey]any{"typ": "at+jwt"}), TokenMalformed},
		"the typ of an event":        {signed(map[jose.HeaderKey]any{"typ": "secevent+jwt"}), TokenMalformed},
		"the typ of any token":       {signed(map[jose.HeaderKey]any{"typ": "JWT"}), ""},
		"that in small letters":      {signed(map[jose.HeaderKey]any{"typ": "jwt"}), TokenMalformed},
		"the long form of that":      {signed(map[jose.HeaderKey]any{"typ": "application/JWT"}), TokenMalformed},
		"the typ of an ID token":     {signed(map[jose.HeaderKey]any{"typ": "ID"}), TokenMalformed},
		"the typ of a revocation":    {signed(map[jose.HeaderKey]any{"typ": revocationKind}), TokenMalformed},
		"typ in other case":          {signed(map[jose.HeaderKey]any{"typ": "Logout+JWT"}), TokenMalformed},
		"an unknown key":             {signed(map[jose.HeaderKey]any{"kid": "new"}), TokenUnknownKey},
		"another key's kid":          {signed(map[jose.HeaderKey]any{"kid": "kid-PS256"}), TokenUnknownKey},
		"alg none":                   {none, TokenMalformed},
		"alg none with a signature":  {none + parts[2], TokenUnknownKey},
		"a symmetric alg":            {symmetric, TokenUnknownKey},
		"no signature":               {parts[0] + "." + parts[1] + ".", TokenMalformed},
		"another signature":          {parts[0] + "." + parts[1] + "." + strings.Split(key.sign(t, logoutClaims(map[string]any{"jti": "2"}), logoutHeader), ".")[2], TokenBadSignature},
		"a line break":               {good + "\n", TokenMalformed},
		"nothing":                    {"", TokenMalformed},
		"too large":                  {good + strings.Repeat("A", maxForeignToken), TokenTooLarge},
	} {
		if token, reason := logoutRules().Verify(keys, test.text, testNow); reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", name, reason, test.want)
		}
	}
	for name, rules := range map[string]LogoutRules{"none": {}, "no client": {Issuer: testIssuer}, "no issuer": {ClientID: "shop"}} {
		if token, reason := rules.Verify(keys, good, testNow); token != nil || reason == "" {
			t.Errorf("rules with %s accept a token", name)
		}
	}
	if token, reason := logoutRules().Verify(nil, good, testNow); token != nil || reason != TokenUnknownKey {
		t.Errorf("without keys: %q", reason)
	}
}

func TestLogoutTokenTells(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.EdDSA]
	token, reason := logoutRules().Verify(keys, key.sign(t, logoutClaims(map[string]any{"number": 17, "list": []string{"a", "b"}}), logoutHeader), testNow)
	if reason != "" {
		t.Fatal(reason)
	}
	if token.ID() != "token-1" || token.Session() != "s-1" || !token.Expires().Equal(time.Unix(testNow.Unix(), 0).Add(150*time.Second)) {
		t.Errorf("id %q, session %q, expires %v", token.ID(), token.Session(), token.Expires())
	}
	for name, want := range map[string]string{"sub": "alice", "email": "alice@example.com", "number": "17", "list": "", "none": ""} {
		if got := token.Claim(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// A token of each kind, under each typ of a header, counts for what it is and for nothing else. All of them are
// for the same client and audience.
func TestTokensAreApart(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	idRules := IDRules{Issuer: testIssuer, ClientID: "shop", Nonce: "n", UserClaim: "sub"}
	accessRules := AccessRules{Issuer: testIssuer, Audiences: []string{"shop", testAudience}, UserClaim: "sub"}
	verify := map[string]func(string) Reason{
		"logout": func(text string) Reason { _, reason := logoutRules().Verify(keys, text, testNow); return reason },
		"id":     func(text string) Reason { _, reason := keys.VerifyID(text, idRules, testNow); return reason },
		"access": func(text string) Reason {
			_, reason := keys.VerifyAccess(TokenOf(text), accessRules, testNow)
			return reason
		},
		"event":      func(text string) Reason { _, reason := eventRules().Verify(keys, text, testNow); return reason },
		"revocation": func(text string) Reason { _, reason := revocationRules().Verify(keys, text, testNow); return reason },
	}
	good := map[string]map[string]any{
		"logout": logoutClaims(nil),
		"id":     statementClaims(map[string]any{"sub": "alice", "sid": "s-1", "nonce": "n"}, nil),
		"access": accessClaims(map[string]any{"aud": []string{"shop", testAudience}}),
		"event":  eventClaims(map[string]any{"exp": testNow.Add(time.Minute).Unix()}),
	}
	counts := map[string][]string{ // what counts as what, and the typs under which it does
		"logout as logout": {"", "JWT", "logout+jwt", "application/logout+jwt"},
		"id as id":         {"", "JWT"},
		"access as access": {"", "JWT", "at+jwt", "application/at+jwt"},
		"event as event":   {"secevent+jwt", "application/secevent+jwt"},
		// The provider itself calls these something else. Of the first, no event is known, so that it ends nothing.
		"logout as event": {"secevent+jwt", "application/secevent+jwt"},
		"id as access":    {"at+jwt", "application/at+jwt"},
	}
	typs := []string{
		"", "JWT", "jwt", "logout+jwt", "application/logout+jwt", "at+jwt", "application/at+jwt", "secevent+jwt",
		"application/secevent+jwt", "dpop+jwt", "JOSE", "ID",
	}
	for is, claims := range good {
		for _, typ := range typs {
			text := key.sign(t, claims, map[jose.HeaderKey]any{"typ": typ})
			for as, verifies := range verify {
				reason := verifies(text)
				if want := slices.Contains(counts[is+" as "+as], typ); (reason == "") != want {
					t.Errorf("the token %s with the typ %q as the token %s: reason %q", is, typ, as, reason)
				}
			}
		}
	}
	// Nor does what another kind has in it change that.
	for name, claims := range map[string]map[string]any{
		"an ID token with the event":      statementClaims(logoutClaims(nil), map[string]any{"nonce": "n"}),
		"an access token with the event":  accessClaims(map[string]any{"aud": "shop", "token_use": "access", "events": logoutClaims(nil)["events"]}),
		"an event of another kind beside": accessClaims(map[string]any{"aud": "shop", "events": eventClaims(nil)["events"]}),
	} {
		for _, typ := range typs {
			text := key.sign(t, claims, map[jose.HeaderKey]any{"typ": typ})
			if reason := verify["logout"](text); reason == "" {
				t.Errorf("%s with the typ %q is a logout token", name, typ)
			}
			if reason := verify["access"](text); reason == "" {
				t.Errorf("%s with the typ %q is an access token", name, typ)
			}
		}
	}
}
