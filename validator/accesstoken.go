package validator

import (
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// accessForm is that of the access tokens that are accepted. RFC 9068 gives them the typ at+jwt; many providers write JWT
// or nothing. What else may stand in the header names the key once more and is passed over.
var accessForm = form{
	size: maxForeignToken, kinds: []string{"at+jwt", "application/at+jwt", "JWT", ""}, algorithms: theirs,
	ignored: []string{"x5t", "x5t#S256"},
}

// AccessRules is what one place wants of an access token. The zero value accepts none.
type AccessRules struct {
	// Issuer must be the claim iss.
	Issuer string
	// Audiences: the claim aud must name one of them.
	Audiences []string
	// UserClaim names the claim that is the user id. The claim email counts only where email_verified says that the provider
	// has seen that the address is the user's.
	UserClaim string
	// Attributes names the claims that become attributes, by the name of the attribute. A text in scope or scp becomes a list
	// of scopes.
	Attributes map[string]string
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
}

// AccessToken is what a verified access token says. A value comes from verification alone and never changes.
type AccessToken struct {
	user       string
	tokenID    string
	since      int64
	expires    int64
	attributes sessions.Attributes
}

// User returns the user id.
func (t *AccessToken) User() string { return t.user }

// TokenID returns the claim jti. It may be empty.
func (t *AccessToken) TokenID() string { return t.tokenID }

// Since returns when the user signed in, or, where the token doesn't say that, when it was issued, in seconds since 1970;
// 0 where it says neither.
func (t *AccessToken) Since() int64 { return t.since }

// Expires returns the first second at which the token is not good any more (exp), in seconds since 1970.
func (t *AccessToken) Expires() int64 { return t.expires }

// Attributes returns the attributes. They must not be changed.
func (t *AccessToken) Attributes() sessions.Attributes { return t.attributes }

// VerifyAccess verifies an access token (RFC 9068 section 4) with the keys of its provider. The token is nil unless the
// reason is empty; with [TokenUnknownKey] the provider may have a newer key. Whether the token or its user was revoked is
// not asked.
func (k *ProviderKeys) VerifyAccess(credential TokenCredential, rules AccessRules, now time.Time) (*AccessToken, Reason) {
	switch {
	case credential.Presence != Present:
		return nil, TokenAmbiguous
	case k == nil || rules.Issuer == "":
		return nil, TokenUnknownKey
	}
	payload, _, reason := k.keys.verify(credential.raw(), accessForm)
	if reason != "" {
		return nil, reason
	}
	claims, ok := readForeignClaims(payload)
	if !ok {
		return nil, TokenMalformed
	}
	return rules.read(claims, now)
}

// Subject returns the claim sub of an access token whose signature holds, whoever the token is for and whether it counts any
// more, and false where it can't be told. It says who the token is of, and permits nothing.
func (k *ProviderKeys) Subject(credential TokenCredential) (string, bool) {
	if k == nil || credential.Presence != Present {
		return "", false
	}
	payload, _, reason := k.keys.verify(credential.raw(), accessForm)
	if reason != "" {
		return "", false
	}
	claims, ok := readForeignClaims(payload)
	if !ok {
		return "", false
	}
	subject, ok := claims.text("sub")
	return subject, ok && subject != ""
}

func (r AccessRules) read(claims foreignClaims, now time.Time) (*AccessToken, Reason) {
	issuer, okIssuer := claims.text("iss")
	audience, okAudience := claims.texts("aud")
	tokenID, okID := claims.text("jti")
	times, okTimes := claims.times()
	switch {
	case !okIssuer || !okAudience || !okID || !okTimes || len(tokenID) > maxClaimText:
		return nil, TokenMalformed
	case issuer != r.Issuer:
		return nil, TokenWrongIssuer
	case claims.isIDToken():
		return nil, TokenNoAccess
	case !slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(r.Audiences, name) }):
		return nil, TokenWrongAudience
	}
	if reason := times.check(now, r.Leeway); reason != "" {
		return nil, reason
	}
	user, ok := claims.user(r.UserClaim)
	switch {
	case !ok:
		return nil, TokenMalformed
	case r.UserClaim == "email" && !claims.isVerified("email_verified"):
		return nil, TokenUnverifiedEmail
	}
	token := &AccessToken{user: user, tokenID: tokenID, since: times.since(), expires: times.expires, attributes: make(sessions.Attributes)}
	for name, claim := range r.Attributes {
		token.attributes[name] = claims.attribute(claim)
	}
	return token, ""
}

// isIDToken says whether the claims are those of an ID token, which speaks to the client that a user signed in at, and is
// no permission to anybody else (OpenID Connect Core 1.0 section 2): by what only ID tokens carry, or by the word that
// some providers add.
func (c foreignClaims) isIDToken() bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash"} {
		if _, ok := c[name]; ok {
			return true
		}
	}
	kind, _ := c.text("typ")
	use, _ := c.text("token_use")
	return kind == "ID" || kind == "Logout" || use == "id"
}
