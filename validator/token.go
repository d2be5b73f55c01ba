package validator

import (
	"time"
)

// clockLeeway is how far ahead of ours the clock of another gateway may be when it mints. An end of life is exact.
const clockLeeway = 5 * time.Second

// TokenState says what a token is worth on this route. The zero value is worth nothing.
type TokenState uint8

const (
	// TokenUnusable tokens authenticate nobody; the reason says why.
	TokenUnusable TokenState = iota
	// TokenAbsent: none came.
	TokenAbsent
	// TokenForeign tokens verify, but belong to another realm: they are not ours to judge, replace or clear here.
	TokenForeign
	// TokenUsable tokens say who the user is, if they are bound to the session that came with them.
	TokenUsable
)

// Token is the outcome of [Verifier.Verify]. The zero value is an unusable token.
type Token struct {
	State TokenState
	// Reason says why a token is not usable. Empty for absent and usable ones.
	Reason Reason
	// Claims is what the token says: set for usable and foreign tokens, and for nothing else.
	Claims *Claims
}

// Route is what one route wants of a token, besides its signature.
type Route struct {
	// Realm must be the token's audience.
	Realm string
	// Issuer must be the token's iss, where not empty.
	Issuer string
	// Lifetime is how long ago a token may have been issued.
	Lifetime time.Duration
	// Longest is the longest lifetime that tokens of this configuration are minted with.
	Longest time.Duration
	// Encrypted says which of two forms a token must have: that of a nested JWT, or that of a plain one.
	Encrypted bool
	// Attributes are those that a token must carry, be it as null.
	Attributes []string
	// Dead asks whether the token was revoked or its session ended, and why. It must not wait. Nil denies.
	Dead func(*Claims) (Reason, bool)
}

// Verifier verifies tokens with the keys that are in a ring at the moment and remembers those whose signature held. It is
// safe for concurrent use. The zero value accepts nothing.
type Verifier struct {
	ring  *KeyRing
	cache *Cache
}

// NewVerifier makes a Verifier. A nil cache remembers nothing.
func NewVerifier(ring *KeyRing, cache *Cache) *Verifier { return &Verifier{ring: ring, cache: cache} }

// Verify says what the token is worth at the given time. Only the check of the signature is remembered; realm, times,
// attributes and revocation are asked every time.
func (v *Verifier) Verify(credential TokenCredential, now time.Time, route Route) Token {
	switch credential.Presence {
	case Absent:
		return Token{State: TokenAbsent}
	case Present:
	default:
		return Token{Reason: TokenAmbiguous}
	}
	text := credential.raw()
	verified, reason := v.verified(text)
	if reason != "" {
		return Token{Reason: reason}
	}
	claims := verified.claims
	switch {
	case now.Unix() >= claims.expires:
		v.cache.drop(text) // it will never be good again
	case !verified.remembered:
		v.cache.put(text, verified)
	}
	if claims.realm != route.Realm {
		return Token{State: TokenForeign, Reason: TokenOtherRealm, Claims: claims}
	}
	if reason := route.check(verified, now); reason != "" {
		return Token{Reason: reason}
	}
	return Token{State: TokenUsable, Claims: claims}
}

// Authenticate says whether a token is ours, for an operator's use of it: its form and its signature hold. It may have
// expired, be revoked, belong to any realm, and be encrypted or not. The claims are nil unless the reason is empty.
func (v *Verifier) Authenticate(text string) (*Claims, Reason) {
	verified, reason := v.verified(text)
	return verified.claims, reason
}

// verified is a token whose signature held, with what no rule of a route changes.
type verified struct {
	claims    *Claims
	notBefore int64
	key       *keyMaterial // that the signature held under
	encrypted bool

	remembered bool // it is from the cache
}

// verified checks the signature, or remembers that it held. What is remembered counts only while the key that it held
// under is among the current ones.
func (v *Verifier) verified(text string) (verified, Reason) {
	keys := v.ring.Current()
	if result, ok := v.cache.get(text); ok && keys.holds(result.key) {
		result.remembered = true
		return result, ""
	}
	return keys.verify(text)
}

// verify checks the signature with the keys of the set.
func (s *KeySet) verify(text string) (verified, Reason) {
	if s == nil {
		s = new(KeySet)
	}
	if !isEncrypted(text) {
		return s.verifySigned(text)
	}
	inner, keyID, reason := s.decrypt(text)
	if reason != "" {
		return verified{}, reason
	}
	result, reason := s.verifySigned(inner)
	if reason == "" && result.key.id != keyID {
		return verified{}, TokenMalformed
	}
	result.encrypted = true
	return result, reason
}

// verifySigned checks the signature of a token that is not encrypted, or not any more.
func (s *KeySet) verifySigned(text string) (verified, Reason) {
	payload, n, reason := s.verifying.verify(text, ourForm)
	if reason != "" {
		return verified{}, reason
	}
	key := s.keys[n]
	claims, notBefore, ok := readClaims(key, payload)
	if !ok {
		return verified{}, TokenMalformed
	}
	return verified{claims: claims, notBefore: notBefore, key: key.hidden()}, ""
}

// check is every rule but the signature and the realm. An empty reason means that the token is usable.
func (r Route) check(token verified, now time.Time) Reason {
	claims, seconds := token.claims, now.Unix()
	ahead := now.Add(clockLeeway).Unix()
	switch {
	case token.encrypted != r.Encrypted:
		return TokenMalformed
	case seconds >= claims.expires:
		return TokenExpired
	case claims.issuedAt > ahead || token.notBefore > ahead:
		return TokenNotYetValid
	case claims.expires-claims.issuedAt > wholeSeconds(r.Longest):
		return TokenMalformed
	case seconds-claims.issuedAt >= wholeSeconds(r.Lifetime):
		return TokenTooOld
	case r.Issuer != "" && claims.issuer != r.Issuer:
		return TokenWrongIssuer
	}
	for _, name := range r.Attributes {
		if _, ok := claims.attributes[name]; !ok {
			return TokenIncomplete
		}
	}
	if r.Dead == nil {
		return TokenRevoked
	}
	if reason, dead := r.Dead(claims); dead {
		return reason
	}
	return ""
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }
