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

// idForm is that of the ID tokens that are accepted.
var idForm = form{
	size: maxForeignToken, kinds: []string{"JWT", ""}, algorithms: theirs, ignored: []string{"x5t", "x5t#S256"},
}

// IDRules is what a sign-in wants of the ID token that it ends with. The zero value accepts none.
type IDRules struct {
	// Issuer must be the claim iss.
	Issuer string
	// ClientID must be the claim aud, alone or with azp naming it.
	ClientID string
	// Nonce is what this sign-in sent along, and the claim nonce.
	Nonce string
	// UserClaim names the claim that is the user id.
	UserClaim string
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
	// AccessToken is the one that came with the ID token. Where it is not empty, at_hash must be that of it.
	AccessToken string
}

// IDToken is what a verified ID token says. A value comes from verification alone and never changes.
type IDToken struct {
	subject string
	user    string
	expires int64
	claims  foreignClaims
}

// Subject returns the claim sub.
func (t *IDToken) Subject() string { return t.subject }

// User returns the user id, which is the claim that the rules name.
func (t *IDToken) User() string { return t.user }

// Expires returns the first second at which the token is not good any more (exp), in seconds since 1970.
func (t *IDToken) Expires() int64 { return t.expires }

// Attribute returns a claim as an attribute of the user; nothing where the token has none that can be one.
func (t *IDToken) Attribute(claim string) sessions.Attribute { return t.claims.attribute(claim) }

// VerifyID verifies the ID token of one sign-in (OpenID Connect Core 1.0 sections 3.1.3.7 and 3.2.2.11) with the keys of
// its provider. The token is nil unless the reason is empty.
func (k *ProviderKeys) VerifyID(text string, rules IDRules, now time.Time) (*IDToken, Reason) {
	if k == nil || rules.Issuer == "" || rules.ClientID == "" || rules.Nonce == "" {
		return nil, TokenUnknownKey
	}
	compact, reason := idForm.read(text)
	if reason != "" {
		return nil, reason
	}
	payload, _, reason := k.keys.verify(text, idForm)
	if reason != "" {
		return nil, reason
	}
	claims, ok := readForeignClaims(payload)
	if !ok {
		return nil, TokenMalformed
	}
	return rules.read(claims, Algorithm(compact.header.algorithm), now)
}

func (r IDRules) read(claims foreignClaims, algorithm Algorithm, now time.Time) (*IDToken, Reason) {
	issuer, okIssuer := claims.text("iss")
	subject, okSubject := claims.text("sub")
	audience, okAudience := claims.texts("aud")
	party, okParty := claims.text("azp")
	nonce, okNonce := claims.text("nonce")
	hash, okHash := claims.text("at_hash")
	times, okTimes := claims.times()
	switch {
	case !okIssuer || !okSubject || !okAudience || !okParty || !okNonce || !okHash || !okTimes || subject == "" || times.issuedAt == 0:
		return nil, TokenMalformed
	case issuer != r.Issuer:
		return nil, TokenWrongIssuer
	case !slices.Contains(audience, r.ClientID), (len(audience) > 1 || party != "") && party != r.ClientID:
		return nil, TokenWrongAudience
	case subtle.ConstantTimeCompare([]byte(nonce), []byte(r.Nonce)) != 1:
		return nil, TokenWrongNonce
	case r.AccessToken != "" && !isHashOf(hash, r.AccessToken, algorithm):
		return nil, TokenWrongHash
	}
	if reason := times.check(now, r.Leeway); reason != "" {
		return nil, reason
	}
	user, ok := claims.user(r.UserClaim)
	if !ok {
		return nil, TokenMalformed
	}
	return &IDToken{subject: subject, user: user, expires: times.expires, claims: claims}, ""
}

// isHashOf says whether at_hash is that of the access token: the left half of its hash, by the hash of the ID token's own
// algorithm (OpenID Connect Core 1.0 section 3.1.3.6). Ed25519 hashes with SHA-512.
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
