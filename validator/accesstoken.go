package validator

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// accessForm is the form of the access tokens that are accepted. RFC 9068 section 2.1 gives them the typ at+jwt; many
// providers write JWT or nothing.
var accessForm = form{
	size: maxForeignToken, kinds: []string{"at+jwt", "application/at+jwt", "JWT", ""}, algorithms: theirs, foreign: true,
}

// AccessRules are the rules for an access token. The zero value accepts none.
type AccessRules struct {
	// Issuer is what the claim iss must be.
	Issuer string
	// Audiences holds the audiences of which the claim aud must name at least one.
	Audiences []string
	// AudienceClaim is the name of the claim that is read in the place of aud. If it is empty, that is aud. A token that has
	// aud beside another claim must name one of the audiences in both.
	AudienceClaim string
	// UserClaim is the name of the claim that is the user id. The claim email is accepted only beside an email_verified
	// that is true (OpenID Connect Core 1.0 section 5.1).
	UserClaim string
	// Attributes holds the names of the claims that become attributes, by the name of the attribute. A text in scope or scp
	// becomes a list of scopes.
	Attributes map[string]string
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
}

// AccessToken holds the claims of a verified access token. It is made by verification alone and never changes.
type AccessToken struct {
	user       string
	tokenID    string
	since      int64
	authTime   int64
	expires    int64
	attributes sessions.Attributes
}

// User returns the user id.
func (t *AccessToken) User() string { return t.user }

// TokenID returns the id of the token (jti). It may be empty.
func (t *AccessToken) TokenID() string { return t.tokenID }

// Since returns when the user signed in (auth_time), in seconds since 1970. Without that claim, it returns when the token was
// issued (iat), and without that one 0.
func (t *AccessToken) Since() int64 { return t.since }

// AuthTime returns when the user signed in (auth_time), in seconds since 1970. It returns 0 if the token does not tell that.
func (t *AccessToken) AuthTime() int64 { return t.authTime }

// Expires returns the first second at which the token has expired (exp), in seconds since 1970.
func (t *AccessToken) Expires() int64 { return t.expires }

// Attributes returns the attributes. They must not be changed.
func (t *AccessToken) Attributes() sessions.Attributes { return t.attributes }

// VerifyAccess verifies an access token with the keys of its provider (RFC 9068 section 4). The token is nil unless the
// reason is empty. If the reason is [TokenUnknownKey], the provider may have a newer key. VerifyAccess does not check
// whether the token or its user is revoked.
func (k *ProviderKeys) VerifyAccess(credential TokenCredential, rules AccessRules, now time.Time) (*AccessToken, Reason) {
	switch {
	case credential.Presence != Present:
		return nil, TokenAmbiguous
	case k == nil || rules.Issuer == "":
		return nil, TokenUnknownKey
	}
	header, claims, reason := k.verified(credential.raw(), accessForm)
	if reason != "" {
		return nil, reason
	}
	return rules.read(claims, header.kind, now)
}

// Subject returns the claim sub of an access token whose signature holds, and false if there is none. The token may be for
// anybody and may have expired. Subject tells whose token it is and permits nothing.
func (k *ProviderKeys) Subject(credential TokenCredential) (string, bool) {
	if k == nil || credential.Presence != Present {
		return "", false
	}
	_, claims, reason := k.verified(credential.raw(), accessForm)
	if reason != "" {
		return "", false
	}
	subject, ok := claims.text("sub")
	return subject, ok && subject != ""
}

// read checks the claims of a token whose signature holds. The kind is the typ of its header.
func (r AccessRules) read(claims foreignClaims, kind string, now time.Time) (*AccessToken, Reason) {
	issuer, okIssuer := claims.text("iss")
	isForUs, okAudience := r.isForUs(claims)
	tokenID, okID := claims.text("jti")
	times, okTimes := claims.times()
	switch {
	case !okIssuer || !okAudience || !okID || !okTimes || len(tokenID) > maxClaimText:
		return nil, TokenMalformed
	case issuer != r.Issuer:
		return nil, TokenWrongIssuer
	case claims.isIDToken(kind, r.Audiences):
		return nil, TokenNoAccess
	case !isForUs:
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
	token := &AccessToken{
		user: user, tokenID: tokenID, since: times.since(), authTime: max(times.authTime, 0), expires: times.expires,
		attributes: make(sessions.Attributes),
	}
	for name, claim := range r.Attributes {
		token.attributes[name] = claims.attribute(claim)
	}
	return token, ""
}

// isForUs reports whether the token is for one of the audiences. It returns false for ok if a claim that tells it is malformed.
func (r AccessRules) isForUs(claims foreignClaims) (isFor, ok bool) {
	names := []string{cmp.Or(r.AudienceClaim, "aud")}
	if claims.has("aud") {
		names = append(names, "aud")
	}
	isFor = true
	for _, name := range names {
		named, ok := claims.texts(name)
		if !ok {
			return false, false
		}
		isFor = isFor && slices.ContainsFunc(named, func(audience string) bool { return slices.Contains(r.Audiences, audience) })
	}
	return isFor, true
}
