// Package jwks is the Caddy handler `jwt_session_jwks`: it publishes the public keys that tokens are verified with, as a JWK
// set (RFC 7517 section 5), with cache headers that fit the rotation of the keys.
package jwks
