package validator

import (
	"slices"
	"strings"
)

// google is the issuer of Google's ID tokens. Google issues no access tokens that are JWTs.
const google = "https://accounts.google.com"

// isIDToken reports whether the claims are those of an ID token or of another token that grants no access. An ID token is for
// the client that a user signed in to, and is no permission for anybody else (OpenID Connect Core 1.0 section 2). Nothing in
// a token alone tells both apart, so the rule goes by what is certain. These are its steps; the first that applies decides:
//
//  1. A token is no access token if it says so, see [foreignClaims.isNoAccessToken].
//  2. A token is an access token if it says so: by its header typ at+jwt, or as [foreignClaims.isAccessToken] tells.
//  3. A token is an access token if it is for one of the audiences and that is a URI with "://": it names a service (RFC 8707
//     section 2), and an ID token names clients.
//  4. The client is what the claim azp names or, without one, the claim client_id. A token is an access token if it is not
//     for its client. An ID token always is.
//  5. A token is an ID token if it has a nonce, or if it is for the client that azp names.
//
// All others are access tokens. A nonce alone decides nothing: Keycloak up to 24 writes one into access tokens.
func (c foreignClaims) isIDToken(kind string, audiences []string) bool {
	if c.isNoAccessToken() {
		return true
	}
	if isAccessKind(kind) || c.isAccessToken() {
		return false
	}
	named, _ := c.texts("aud")
	isURI := func(name string) bool { return strings.Contains(name, "://") && slices.Contains(audiences, name) }
	if slices.ContainsFunc(named, isURI) {
		return false
	}
	party, _ := c.text("azp")
	client, _ := c.text("client_id")
	switch isFor := func(name string) bool { return slices.Contains(named, name) }; {
	case party != "" && !isFor(party), party == "" && client != "" && !isFor(client):
		return false
	default:
		return c.has("nonce") || party != ""
	}
}

// isAccessKind reports whether the typ of a header is that of access tokens (RFC 9068 section 2.1).
func isAccessKind(kind string) bool { return kind == "at+jwt" || kind == "application/at+jwt" }

// isNoAccessToken reports whether the claims say that the token is no access token. It has a claim that only ID tokens have
// (OpenID Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11), or only security events such as logout tokens (RFC 8417). Or a
// claim names its use: typ with Keycloak, token_use with Cognito. Or it is of a provider that makes no other tokens.
func (c foreignClaims) isNoAccessToken() bool {
	if slices.ContainsFunc([]string{"at_hash", "c_hash", "s_hash", "events"}, c.has) {
		return true
	}
	if issuer, _ := c.text("iss"); issuer == google {
		return true
	}
	if c.has("token_use") && !c.isOneOf("token_use", "access", "access_token") {
		return true
	}
	return c.isOneOf("typ", "ID", "Logout", "Refresh", "Offline")
}

// isAccessToken reports whether the claims say that the token is an access token. These are scopes, the claims typ and
// token_use, or claims that one provider writes into access tokens alone: azpacr and appidacr are Entra ID's. Authentik's ID
// tokens have neither azp nor uid.
func (c foreignClaims) isAccessToken() bool {
	if slices.ContainsFunc([]string{"scope", "scp", "azpacr", "appidacr"}, c.has) {
		return true
	}
	if c.isOneOf("typ", "Bearer", "DPoP") || c.isOneOf("token_use", "access", "access_token") {
		return true
	}
	level, _ := c.text("acr")
	return strings.HasPrefix(level, "goauthentik.io/") && c.has("azp") && c.has("uid")
}

// isNoLogoutToken reports whether the claims say that the token is an ID token, an access token or a refresh token, whatever
// its events say: it has the hash of another token, or a claim names its use.
func (c foreignClaims) isNoLogoutToken() bool {
	if slices.ContainsFunc([]string{"at_hash", "c_hash", "s_hash", "token_use"}, c.has) {
		return true
	}
	return c.isOneOf("typ", "ID", "Bearer", "DPoP", "Refresh", "Offline")
}

// isOneOf reports whether a claim is one of the texts, in whatever letters.
func (c foreignClaims) isOneOf(name string, texts ...string) bool {
	value, _ := c.text(name)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.EqualFold(value, text) })
}
