// Package provider is a small OpenID provider for the example and for tests: discovery, keys, a sign-in page, the code
// flow with PKCE, and the form_post of an ID token and an access token that the article shows.
//
// It does what a provider on the web can be relied on to do (OpenID Connect Core 1.0, RFC 6749, 7636, 9068 and 9207) and
// nothing beyond: no consent page, no refresh tokens, no single sign-on of its own. Users sign in each time. Keys and
// codes are in memory alone. Its passwords are public, so it must listen on loopback only.
package provider
