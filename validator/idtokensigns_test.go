package validator

import (
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const (
	webClient     = "6731de76-14a6-49ae-97bc-6eba6914391e" // an audience as well, where the operator takes the id of a client for it
	cognitoPool   = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example"
	authentikACR  = "goauthentik.io/providers/oauth2/default"
	backChannel   = "http://schemas.openid.net/event/backchannel-logout"
	androidClient = "1234-android.apps.googleusercontent.com"
)

// claimsOf returns the claims that all tokens have, with others.
func claimsOf(more map[string]any) map[string]any {
	claims := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": webClient, "iat": testNow.Unix(), "exp": testNow.Unix() + 300,
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// What providers sign with one key, in the shapes of their documents and sources. The ID tokens have the worst of audiences:
// one that the operator accepts. None of them may pass as an access token.
func TestShapesOfProviders(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	for _, test := range []struct {
		name   string
		kind   string
		claims map[string]any
		want   Reason
	}{
		{"Entra ID v1, ID token", "JWT", map[string]any{
			"amr": []string{"pwd"}, "family_name": "Adams", "given_name": "Alice", "ipaddr": "192.0.2.1", "name": "Alice Adams",
			"nonce": "n", "oid": "o", "rh": "r", "tid": "t", "unique_name": "alice@example.com", "upn": "alice@example.com",
			"uti": "u", "ver": "1.0", "nbf": testNow.Unix(),
		}, TokenNoAccess},
		{"Entra ID v1, access token", "JWT", map[string]any{
			"aud": "api://api.example", "appid": webClient, "appidacr": "1", "scp": "read", "tid": "t", "ver": "1.0",
		}, ""},
		{"Entra ID v2, ID token", "JWT", map[string]any{
			"aio": "a", "name": "Alice Adams", "nonce": "n", "oid": "o", "preferred_username": "alice@example.com", "rh": "r",
			"tid": "t", "uti": "u", "ver": "2.0", "nbf": testNow.Unix(),
		}, TokenNoAccess},
		{"Entra ID v2, hybrid ID token", "JWT", map[string]any{"c_hash": "c", "tid": "t", "ver": "2.0"}, TokenNoAccess},
		{"Entra ID v2, access token of one registration", "JWT", map[string]any{
			"azp": webClient, "azpacr": "0", "scp": "access_as_user", "tid": "t", "ver": "2.0",
		}, ""},
		{"Entra ID v2, an application's", "JWT", map[string]any{"azp": webClient, "azpacr": "1", "tid": "t", "ver": "2.0"}, ""},
		{"Keycloak, ID token", "JWT", map[string]any{
			"typ": "ID", "azp": webClient, "nonce": "n", "at_hash": "h", "sid": "s", "auth_time": 0, "acr": "1",
		}, TokenNoAccess},
		{"Keycloak, ID token without at_hash", "JWT", map[string]any{"typ": "ID", "azp": webClient, "sid": "s"}, TokenNoAccess},
		{"Keycloak 24, access token", "JWT", map[string]any{
			"typ": "Bearer", "azp": "web", "nonce": "n", "scope": "openid profile", "sid": "s", "auth_time": 0,
			"aud": []string{testAudience, "account"}, "realm_access": map[string]any{"roles": []string{"user"}},
		}, ""},
		{"Keycloak 24, access token for its client", "JWT", map[string]any{"typ": "Bearer", "azp": webClient, "nonce": "n"}, ""},
		{"Keycloak, access token bound by DPoP", "JWT", map[string]any{"typ": "DPoP", "azp": webClient}, ""},
		{"Keycloak, refresh token", "JWT", map[string]any{"typ": "Refresh", "azp": webClient, "scope": "openid"}, TokenNoAccess},
		{"Keycloak, offline token", "JWT", map[string]any{"typ": "Offline", "azp": webClient, "scope": "openid"}, TokenNoAccess},
		{"Keycloak, logout token", "JWT", map[string]any{"typ": "Logout", "events": map[string]any{backChannel: map[string]any{}}}, TokenNoAccess},
		{"Auth0, ID token", "JWT", map[string]any{
			"nickname": "alice", "name": "alice@example.com", "picture": "p", "updated_at": "2026-11-28T00:00:00.000Z", "sid": "s", "nonce": "n",
		}, TokenNoAccess},
		{"Auth0, access token", "JWT", map[string]any{
			"aud": []string{testAudience, "https://tenant.auth0.com/userinfo"}, "azp": webClient, "scope": "openid", "gty": "password",
		}, ""},
		{"Auth0, access token without scopes", "JWT", map[string]any{"aud": testAudience, "azp": webClient, "gty": "client-credentials"}, ""},
		{"Auth0, access token of RFC 9068", "at+jwt", map[string]any{"aud": testAudience, "client_id": webClient, "jti": "j"}, ""},
		{"Okta, ID token", "", map[string]any{
			"ver": 1, "jti": "ID.abc", "amr": []string{"pwd"}, "idp": "00o", "nonce": "n", "at_hash": "h", "auth_time": testNow.Unix(),
		}, TokenNoAccess},
		{"Okta, ID token of the implicit flow", "", map[string]any{
			"ver": 1, "jti": "ID.abc", "amr": []string{"pwd"}, "idp": "00o", "nonce": "n", "uid": "1000",
		}, TokenNoAccess},
		{"Okta, access token", "", map[string]any{"ver": 1, "jti": "AT.abc", "aud": "api://default", "cid": webClient, "uid": "00u", "scp": []string{"a"}}, ""},
		{"Google, ID token", "JWT", map[string]any{
			"iss": google, "azp": webClient, "at_hash": "h", "email": "alice@example.com", "email_verified": true,
		}, TokenNoAccess},
		{"Google, ID token of Android", "JWT", map[string]any{
			"iss": google, "azp": androidClient, "email": "alice@example.com", "email_verified": true,
		}, TokenNoAccess},
		{"Cognito, ID token", "", map[string]any{
			"iss": cognitoPool, "token_use": "id", "cognito:username": "alice", "event_id": "e", "auth_time": testNow.Unix(), "at_hash": "h",
		}, TokenNoAccess},
		{"Cognito, ID token without at_hash", "", map[string]any{"iss": cognitoPool, "token_use": "id", "cognito:username": "alice"}, TokenNoAccess},
		{"Cognito, access token", "", map[string]any{
			"iss": cognitoPool, "aud": nil, "client_id": webClient, "token_use": "access", "scope": "openid", "username": "alice",
		}, TokenWrongAudience}, // it has none; see TestAudienceClaim
		{"Zitadel, ID token", "JWT", map[string]any{
			"aud": []string{webClient, "project"}, "azp": webClient, "client_id": webClient, "at_hash": "h", "amr": []string{"pwd"},
		}, TokenNoAccess},
		{"Zitadel, ID token alone", "JWT", map[string]any{
			"aud": []string{"other", webClient}, "azp": "other", "client_id": "other", "nonce": "n", "amr": []string{"pwd"},
		}, TokenNoAccess},
		{"Zitadel, access token", "JWT", map[string]any{
			"aud": []string{"other", webClient, "project"}, "client_id": "other", "jti": "V2_1-at_2", "nbf": testNow.Unix(),
		}, ""},
		{"Authentik, ID token", "JWT", map[string]any{"acr": authentikACR, "amr": []string{"pwd"}, "nonce": "n", "sid": "s"}, TokenNoAccess},
		{"Authentik, access token", "JWT", map[string]any{
			"acr": authentikACR, "amr": []string{"pwd"}, "nonce": "n", "sid": "s", "azp": webClient, "uid": "u",
		}, ""},
		{"Spring, ID token", "", map[string]any{"azp": webClient, "auth_time": testNow.Unix(), "sid": "s", "jti": "j"}, TokenNoAccess},
		{"Spring, access token", "", map[string]any{"scope": []string{"read"}, "jti": "j"}, ""},

		{"nothing but what all have", "", nil, ""},
		{"a nonce alone, for a client", "", map[string]any{"nonce": "n"}, TokenNoAccess},
		{"a nonce alone, for a service", "", map[string]any{"nonce": "n", "aud": testAudience}, ""},
		{"a nonce alone, in an access token", "at+jwt", map[string]any{"nonce": "n"}, ""},
		{"a nonce alone, in an access token by its whole typ", "application/at+jwt", map[string]any{"nonce": "n"}, ""},
		{"a nonce, for another than the client", "", map[string]any{"nonce": "n", "azp": "web"}, ""},
		{"a nonce, for another than the client by its id", "", map[string]any{"nonce": "n", "client_id": "web"}, ""},
		{"a nonce, for the client by its id", "", map[string]any{"nonce": "n", "client_id": webClient}, TokenNoAccess},
		{"a nonce, for a service that nobody asked for", "", map[string]any{
			"nonce": "n", "aud": []string{webClient, "https://elsewhere.example"},
		}, TokenNoAccess},
		{"an access token with at_hash", "at+jwt", map[string]any{"at_hash": "h", "scope": "a"}, TokenNoAccess},
		{"an ID token with a scope", "JWT", map[string]any{"typ": "ID", "scope": "openid"}, TokenNoAccess},
		{"an ID token with the typ of access tokens", "at+jwt", map[string]any{"typ": "id"}, TokenNoAccess},
		{"a token_use that is no text", "JWT", map[string]any{"token_use": true, "scope": "a"}, TokenNoAccess},
		{"the marks of Authentik elsewhere", "JWT", map[string]any{"nonce": "n", "azp": webClient, "uid": "1000"}, TokenNoAccess},
	} {
		claims := claimsOf(test.claims)
		rules := AccessRules{
			Audiences: []string{webClient, testAudience, "api://api.example", "api://default"}, UserClaim: "sub",
		}
		if issuer, ok := claims["iss"].(string); ok {
			rules.Issuer = issuer
		}
		token, reason := keys.VerifyAccess(TokenOf(key.sign(t, claims, map[jose.HeaderKey]any{"typ": test.kind})), rules, testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
}

// A claim that the operator names is read in the place of aud, and an aud beside it is not passed over.
func TestAudienceClaim(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.RS256]
	for _, test := range []struct {
		name, claim string
		claims      map[string]any
		want        Reason
	}{
		{"the client", "client_id", map[string]any{"client_id": "shop", "token_use": "access", "aud": nil}, ""},
		{"another client", "client_id", map[string]any{"client_id": "blog", "token_use": "access", "aud": nil}, TokenWrongAudience},
		{"no client", "client_id", map[string]any{"token_use": "access", "aud": nil}, TokenWrongAudience},
		{"an ID token", "client_id", map[string]any{"token_use": "id", "aud": "shop"}, TokenNoAccess},
		{"an ID token of its client", "client_id", map[string]any{"client_id": "shop", "nonce": "n", "aud": "shop"}, TokenNoAccess},
		{"aud alone", "client_id", map[string]any{"aud": "shop"}, TokenWrongAudience},
		{"both", "client_id", map[string]any{"client_id": "shop", "aud": []string{"x", testAudience}}, ""},
		{"aud names another", "client_id", map[string]any{"client_id": "shop", "aud": "https://elsewhere.example"}, TokenWrongAudience},
		{"aud names nobody", "client_id", map[string]any{"client_id": "shop", "aud": []string{}}, TokenWrongAudience},
		{"aud is malformed", "client_id", map[string]any{"client_id": "blog", "aud": 7}, TokenMalformed},
		{"the client is a number", "client_id", map[string]any{"client_id": 7, "aud": nil}, TokenMalformed},
		{"the client is null", "client_id", map[string]any{"client_id": (*string)(nil), "aud": nil}, TokenMalformed},
		{"a list", "resource", map[string]any{"resource": []string{"x", testAudience}, "aud": nil}, ""},
		{"a list without", "resource", map[string]any{"resource": []string{"x"}, "aud": nil}, TokenWrongAudience},
		{"an empty text", "resource", map[string]any{"resource": "", "aud": nil}, TokenWrongAudience},
		{"no claim is named", "", map[string]any{"client_id": "shop", "aud": nil}, TokenWrongAudience},
	} {
		rules := AccessRules{
			Issuer: testIssuer, Audiences: []string{"shop", testAudience}, AudienceClaim: test.claim, UserClaim: "sub",
		}
		token, reason := keys.VerifyAccess(TokenOf(key.sign(t, claimsOf(test.claims), map[jose.HeaderKey]any{"typ": ""})), rules, testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
}
