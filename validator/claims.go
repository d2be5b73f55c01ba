package validator

import (
	"crypto/subtle"
	"maps"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Claims holds the claims of a verified token (RFC 7519 section 4). It is made by verification alone and never changes. All
// requests that bring the same token share it.
type Claims struct {
	subject    string
	realm      string
	issuer     string
	tokenID    string
	issuedAt   int64
	expires    int64
	authTime   int64
	session    sessions.Hash
	attributes sessions.Attributes

	// A pointer, which fmt does not follow where it meets the claims inside of another type.
	bound *boundID

	derived atomic.Pointer[any]
}

// Subject returns the user id (sub).
func (c *Claims) Subject() string { return c.subject }

// Realm returns the realm that the token is for (aud).
func (c *Claims) Realm() string { return c.realm }

// TokenID returns the id of the token (jti).
func (c *Claims) TokenID() string { return c.tokenID }

// IssuedAt returns when the token was minted (iat), in seconds since 1970.
func (c *Claims) IssuedAt() int64 { return c.issuedAt }

// Expires returns the first second at which the token has expired (exp), in seconds since 1970.
func (c *Claims) Expires() int64 { return c.expires }

// AuthTime returns when the gateway first knew this user in this session (auth_time, OpenID Connect Core 1.0 section 2), in
// seconds since 1970.
func (c *Claims) AuthTime() int64 { return c.authTime }

// SessionKey returns the key of the session that the token is bound to.
func (c *Claims) SessionKey() sessions.Key { return sessions.Key{Realm: c.realm, Hash: c.session} }

// hashOf returns the hash of a session id. It compares in constant time with the id that the token is bound to, and
// computes the hash of another one. The claims may be nil.
func (c *Claims) hashOf(id string) sessions.Hash {
	if c != nil && c.bound != nil {
		if bound, ok := c.bound.whole(); ok && subtle.ConstantTimeCompare([]byte(bound), []byte(id)) == 1 {
			return c.session
		}
	}
	return sessions.HashOf(id)
}

// Attribute returns one attribute of the user and reports whether the token carries it. It may carry it as null.
func (c *Claims) Attribute(name string) (sessions.Attribute, bool) {
	attribute, ok := c.attributes[name]
	return attribute, ok
}

// Attributes returns a copy of all attributes.
func (c *Claims) Attributes() sessions.Attributes {
	if len(c.attributes) == 0 {
		return nil
	}
	return maps.Clone(c.attributes)
}

// Derived returns the value that derive makes of the claims. The value is kept with the claims for all requests that bring
// the token. If two calls make it at once, one of the values is kept. There is one value, so derive must always be the same
// function. The function and its value must be safe for concurrent use.
func (c *Claims) Derived(derive func(*Claims) any) any {
	if kept := c.derived.Load(); kept != nil {
		return *kept
	}
	made := derive(c)
	if !c.derived.CompareAndSwap(nil, &made) {
		return *c.derived.Load()
	}
	return made
}

// IsReservedClaim reports whether a claim name has a meaning of its own in tokens, so that no attribute can have it. Such
// names are the registered ones (RFC 7519 section 4.1) and those of OpenID Connect and the gateway.
func IsReservedClaim(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "auth_time", "cnf", "act", "may_act", "azp", "nonce",
		"at_hash", "c_hash", "acr", "amr", "client_id", "events", "sub_id", "token_introspection", "typ":
		return true
	}
	return false
}

// IsUserID reports whether the text can be a user id: 1 to 256 visible ASCII characters, which are safe in a header.
func IsUserID(text string) bool { return isVisibleASCII(text, maxClaimText) }

// IsTokenID reports whether the text can be the id of a token (jti): 1 to 256 visible ASCII characters.
func IsTokenID(text string) bool { return isVisibleASCII(text, maxClaimText) }

// maxClaimText is the length of the longest text in a claim of ours, except the sealed session id.
const maxClaimText = 256

// claimsReader collects the members of a payload. A member that is missing is zero at the end. The claims stay in the reader,
// so that they are one piece of memory.
type claimsReader struct {
	claims    Claims
	bound     boundID
	sealed    string
	notBefore int64
}

// readClaims reads a payload whose signature was verified. It refuses claims that are not of the form that we mint, whoever
// signed them.
func readClaims(key Key, payload []byte) (*Claims, int64, bool) {
	reader := new(claimsReader)
	if err := readObject(payload, reader.member); err != nil || !reader.complete() {
		return nil, 0, false
	}
	claims := &reader.claims
	bound, opened := openBinding(key, claims.tokenID, reader.sealed)
	session, known := bound.hash()
	if !opened || !known {
		return nil, 0, false
	}
	reader.bound = bound
	claims.session, claims.bound = session, &reader.bound
	reader.sealed = "" // the claims keep the reader in memory, and nothing of this is theirs
	return claims, reader.notBefore, true
}

func (r *claimsReader) member(name string, decoder *jsontext.Decoder) error {
	var err error
	switch name {
	case "sub":
		r.claims.subject, err = readString(decoder)
	case "aud":
		r.claims.realm, err = readString(decoder)
	case "iss":
		if r.claims.issuer, err = readString(decoder); r.claims.issuer == "" {
			return errStrictJSON // we mint none that is empty, and would take it for none
		}
	case "jti":
		r.claims.tokenID, err = readString(decoder)
	case "sid":
		r.sealed, err = readString(decoder)
	case "iat":
		r.claims.issuedAt, err = readSeconds(decoder)
	case "exp":
		r.claims.expires, err = readSeconds(decoder)
	case "nbf":
		r.notBefore, err = readSeconds(decoder)
	case "auth_time":
		r.claims.authTime, err = readSeconds(decoder)
	default:
		if IsReservedClaim(name) {
			return errStrictJSON
		}
		if r.claims.attributes == nil {
			r.claims.attributes = make(sessions.Attributes)
		}
		r.claims.attributes[name], err = readAttribute(decoder)
	}
	return err
}

func (r *claimsReader) complete() bool {
	return isVisibleASCII(r.claims.subject, maxClaimText) && isVisibleASCII(r.claims.tokenID, maxClaimText) &&
		r.claims.realm != "" && r.claims.issuedAt > 0 && r.claims.expires > r.claims.issuedAt && r.claims.authTime > 0
}
