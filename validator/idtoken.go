package validator

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// idForm is the form of the ID tokens that are accepted.
var idForm = form{
	size: maxForeignToken, kinds: []string{"JWT", ""}, algorithms: theirs, foreign: true,
}

// IDRules are the rules for the ID token that a sign-in ends with. The zero value accepts none.
type IDRules struct {
	// Issuer is what the claim iss must be.
	Issuer string
	// ClientID is what the claim aud must name: alone, or with an azp of the same value.
	ClientID string
	// Nonce is what this sign-in sent along and what the claim nonce must be.
	Nonce string
	// UserClaim is the name of the claim that is the user id. The claim email is accepted only beside an email_verified
	// that is true (OpenID Connect Core 1.0 section 5.1).
	UserClaim string
	// SignedInSince is when the user must have signed in at the earliest (auth_time), in seconds since 1970. If it is 0, the
	// token need not say when.
	SignedInSince int64
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
	// AccessToken is the access token that came with the ID token. Unless it is empty, the claim at_hash must be its hash.
	AccessToken string
	// HashOptional reports whether the ID token may lack at_hash. Set it only if both tokens came from the token endpoint
	// (OpenID Connect Core 1.0 section 3.1.3.6): the connection shows there that they belong together. A wrong at_hash is
	// refused all the same.
	HashOptional bool
}

// IDToken holds the claims of a verified ID token. It is made by verification alone and never changes.
type IDToken struct {
	subject string
	user    string
	expires int64
	claims  foreignClaims
}

// Subject returns the claim sub.
func (t *IDToken) Subject() string { return t.subject }

// User returns the user id: the claim that [IDRules.UserClaim] names.
func (t *IDToken) User() string { return t.user }

// Expires returns the first second at which the token has expired (exp), in seconds since 1970.
func (t *IDToken) Expires() int64 { return t.expires }

// Attribute returns a claim as an attribute of the user. It is not present if the token has no such claim, or one that can't
// be an attribute.
func (t *IDToken) Attribute(claim string) sessions.Attribute { return t.claims.attribute(claim) }

// VerifyID verifies the ID token of one sign-in with the keys of its provider (OpenID Connect Core 1.0 sections 3.1.3.7 and
// 3.2.2.11). The token is nil unless the reason is empty.
func (k *ProviderKeys) VerifyID(text string, rules IDRules, now time.Time) (*IDToken, Reason) {
	if k == nil || rules.Issuer == "" || rules.ClientID == "" || rules.Nonce == "" {
		return nil, TokenUnknownKey
	}
	header, claims, reason := k.verified(text, idForm)
	if reason != "" {
		return nil, reason
	}
	return rules.read(claims, Algorithm(header.algorithm), now)
}

func (r IDRules) read(claims foreignClaims, algorithm Algorithm, now time.Time) (*IDToken, Reason) {
	issuer, okIssuer := claims.text("iss")
	subject, okSubject := claims.text("sub")
	audience, okAudience := claims.texts("aud")
	party, okParty := claims.text("azp")
	nonce, okNonce := claims.text("nonce")
	times, okTimes := claims.times()
	switch {
	case !okIssuer || !okSubject || !okAudience || !okParty || !okNonce || !okTimes || subject == "" || !claims.has("iat"):
		return nil, TokenMalformed
	case issuer != r.Issuer:
		return nil, TokenWrongIssuer
	case !slices.Contains(audience, r.ClientID), (len(audience) > 1 || party != "") && party != r.ClientID:
		return nil, TokenWrongAudience
	case subtle.ConstantTimeCompare([]byte(nonce), []byte(r.Nonce)) != 1:
		return nil, TokenWrongNonce
	}
	if reason := r.checkHash(claims, algorithm); reason != "" {
		return nil, reason
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
	case r.SignedInSince > 0 && times.authTime < r.SignedInSince-wholeSeconds(r.Leeway):
		return nil, TokenOldSignIn
	}
	return &IDToken{subject: subject, user: user, expires: times.expires, claims: claims}, ""
}

// checkHash returns why the ID token does not belong to the access token. It returns an empty reason if it does, and if no
// access token came.
func (r IDRules) checkHash(claims foreignClaims, algorithm Algorithm) Reason {
	hash, ok := claims.text("at_hash")
	switch {
	case !ok:
		return TokenMalformed
	case r.AccessToken == "", r.HashOptional && !claims.has("at_hash"), isHashOf(hash, r.AccessToken, algorithm):
		return ""
	default:
		return TokenWrongHash
	}
}

// isHashOf reports whether at_hash is that of the access token: the left half of its hash, with the hash function of the ID
// token's algorithm (OpenID Connect Core 1.0 section 3.1.3.6). Ed25519 hashes with SHA-512.
func isHashOf(value, token string, algorithm Algorithm) bool {
	var hash []byte
	switch algorithm {
	case rs384, ps384, es384:
		sum := sha512.Sum384([]byte(token))
		hash = sum[:]
	case rs512, ps512, es512, EdDSA:
		sum := sha512.Sum512([]byte(token))
		hash = sum[:]
	default:
		sum := sha256.Sum256([]byte(token))
		hash = sum[:]
	}
	want := base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2])
	return subtle.ConstantTimeCompare([]byte(value), []byte(want)) == 1
}
