package validator

import (
	"time"
)

// clockLeeway is how far ahead of ours the clock of another gateway may be when it mints. There is no leeway for the expiry.
const clockLeeway = 5 * time.Second

// TokenState is what a token is worth on a route. The zero value is worth nothing.
type TokenState uint8

const (
	// TokenUnusable means that the token authenticates nobody. [Token.Reason] tells why.
	TokenUnusable TokenState = iota
	// TokenAbsent means that no token came.
	TokenAbsent
	// TokenForeign means that the token is verified and belongs to another realm. The route neither uses, replaces nor
	// clears it.
	TokenForeign
	// TokenUsable means that the token names the user, if it is bound to the session that came with it.
	TokenUsable
)

// Token is the outcome of [Verifier.Verify]. The zero value is an unusable token.
type Token struct {
	// State is what the token is worth.
	State TokenState
	// Reason is why a token is not usable. It is empty for absent and usable tokens.
	Reason Reason
	// Claims holds the claims of a usable or foreign token. It is nil for all others.
	Claims *Claims
}

// Route holds the rules of one route for tokens, besides the signature.
type Route struct {
	// Realm is what the audience of a token (aud) must be.
	Realm string
	// Issuer is what the claim iss must be. If it is empty, iss is not checked.
	Issuer string
	// Lifetime is how long ago a token may have been issued.
	Lifetime time.Duration
	// Longest is the longest lifetime that tokens of this configuration are minted with.
	Longest time.Duration
	// Encrypted reports whether tokens must be nested JWTs. Otherwise they must be plain ones.
	Encrypted bool
	// Attributes holds the names of the attributes that a token must carry. It may carry them as null.
	Attributes []string
	// Dead reports whether the token was revoked or its session has ended, and returns why. It must not wait. A nil
	// function denies.
	Dead func(*Claims) (Reason, bool)
}

// Verifier verifies tokens with the current keys of a ring and remembers tokens whose signature held. It is safe for
// concurrent use. The zero value accepts nothing.
type Verifier struct {
	ring  *KeyRing
	cache *Cache
}

// NewVerifier returns a Verifier with the keys of the ring. A nil cache remembers nothing.
func NewVerifier(ring *KeyRing, cache *Cache) *Verifier { return &Verifier{ring: ring, cache: cache} }

// Verify returns what the token is worth on the route at the given time. Only the check of the signature is remembered. The
// realm, the times, the attributes and the revocations are checked every time.
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

// Authenticate returns the claims of a token of ours, for an operator who handles it. It checks the form and the signature
// alone. The token may have expired or be revoked, may belong to any realm, and may be encrypted or not. The claims are nil
// unless the reason is empty.
func (v *Verifier) Authenticate(text string) (*Claims, Reason) {
	verified, reason := v.verified(text)
	return verified.claims, reason
}

// verified is a token whose signature held, with what is the same on every route.
type verified struct {
	claims    *Claims
	notBefore int64
	key       *keyMaterial // that the signature held under
	encrypted bool

	remembered bool // it is from the cache
}

// verified checks the signature or remembers that it held. It does so only while the key of the signature is among the
// current ones.
func (v *Verifier) verified(text string) (verified, Reason) {
	keys := v.ring.Current()
	if result, ok := v.cache.get(text); ok && keys.holds(result.key) {
		result.remembered = true
		return result, ""
	}
	return verifyToken(keys, text)
}

// verifyToken checks the signature of a token, encrypted or not, with the keys of the set.
func verifyToken(set *KeySet, text string) (verified, Reason) {
	if set == nil {
		set = new(KeySet)
	}
	if !isEncrypted(text) {
		return verifySigned(set, text)
	}
	inner, keyID, reason := decryptJWE(set.keys, text)
	if reason != "" {
		return verified{}, reason
	}
	result, reason := verifySigned(set, inner)
	if reason == "" && result.key.id != keyID {
		return verified{}, TokenMalformed
	}
	result.encrypted = true
	return result, reason
}

// verifySigned checks the signature of a token that is not encrypted or was decrypted.
func verifySigned(set *KeySet, text string) (verified, Reason) {
	payload, n, reason := set.verifying.verify(text, ourForm)
	if reason != "" {
		return verified{}, reason
	}
	key := set.keys[n]
	claims, notBefore, ok := readClaims(key, payload)
	if !ok {
		return verified{}, TokenMalformed
	}
	return verified{claims: claims, notBefore: notBefore, key: key.hidden()}, ""
}

// check checks every rule but the signature and the realm. It returns an empty reason if the token is usable.
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
