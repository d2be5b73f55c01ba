package validator

import (
	"errors"
	"fmt"
)

// theirs are the algorithms that tokens of identity providers may be signed with: asymmetric ones, so that a provider's
// key set holds nothing that could mint.
var theirs = []Algorithm{RS256, rs384, rs512, ps256, ps384, ps512, ES256, es384, es512, EdDSA}

// MaxProviderKeys is how many keys the set of a provider may have.
const MaxProviderKeys = 100

// ProviderKeys holds the public keys of one identity provider. It never changes and is safe for concurrent use; the zero
// value and nil hold none. The keys of several providers are never put together.
type ProviderKeys struct {
	keys verificationKeys
}

// ReadProviderKeys reads a JWK set (RFC 7517 section 5). Keys that can't verify tokens here are passed over, as that
// section says: those for another use or of a type that is not known, secrets, weak ones, those without kid; and those
// that share a kid, since a token could not say which one it means. Passed tells how many. A set without one key that
// can verify is an error, and so is one with more than [MaxProviderKeys].
//
// A key without alg is taken for the one algorithm that is usual for its type: RS256 for RSA, ES256, ES384 or ES512 by its
// curve, EdDSA for Ed25519. RSA keys for PSS must say so.
func ReadProviderKeys(text []byte) (keys *ProviderKeys, passed int, err error) {
	elements, isSet, err := readJWKSet(text)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading key set: %w", err)
	case !isSet:
		return nil, 0, errors.New("reading key set: it has no keys (RFC 7517 section 5)")
	case len(elements) > MaxProviderKeys:
		return nil, 0, fmt.Errorf("reading key set: it has %d keys, %d are allowed", len(elements), MaxProviderKeys)
	}
	listed := make([]jwk, len(elements))
	shared := make(map[string]int)
	for i, element := range elements {
		if listed[i], err = readJWK(element); err != nil {
			listed[i] = jwk{} // has no key, and is passed over below
		}
		shared[listed[i].texts["kid"]]++
	}
	keys = new(ProviderKeys)
	for _, key := range listed {
		verifying, err := key.withUsualAlgorithm().verificationKey(theirs)
		if err != nil || shared[verifying.id] > 1 {
			passed++
			continue
		}
		keys.keys = append(keys.keys, verifying)
	}
	if len(keys.keys) == 0 {
		return nil, passed, errors.New("reading key set: none of its keys can verify tokens here")
	}
	return keys, passed, nil
}

// withUsualAlgorithm returns the key with the alg that is usual for its type, where it has none.
func (j jwk) withUsualAlgorithm() jwk {
	if _, ok := j.texts["alg"]; ok || j.texts == nil {
		return j
	}
	for _, algorithm := range []Algorithm{RS256, ES256, es384, es512, EdDSA} {
		if kty, crv := algorithm.keyType(); kty == j.texts["kty"] && crv == j.texts["crv"] {
			j.texts["alg"] = string(algorithm)
			return j
		}
	}
	return j
}
