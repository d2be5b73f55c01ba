package validator

import (
	"errors"
	"fmt"
)

// theirs are the algorithms that tokens of identity providers may be signed with. They are asymmetric, so that a provider's
// key set holds nothing that could mint.
var theirs = []Algorithm{RS256, rs384, rs512, ps256, ps384, ps512, ES256, es384, es512, EdDSA}

// MaxProviderKeys is the greatest number of keys in the set of a provider.
const MaxProviderKeys = 100

// ProviderKeys holds the public keys of one identity provider. It never changes and is safe for concurrent use. The zero
// value and nil hold no key. The keys of several providers are never put together.
type ProviderKeys struct {
	keys verificationKeys
}

// ReadProviderKeys reads a JWK set. It ignores keys that can't verify tokens here, as RFC 7517 section 5 demands, and returns
// their number. These are keys for another use or of an unknown type, secrets, weak keys, keys without a kid, and keys that
// share a kid, since a token could not tell which one it means. ReadProviderKeys returns an error for a set without any key
// that can verify, and for one with more than [MaxProviderKeys].
//
// A key without alg gets the algorithm that is usual for its type: RS256 for RSA, ES256, ES384 or ES512 by its curve, EdDSA
// for Ed25519. An RSA key for PSS must have an alg.
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
			listed[i] = jwk{} // has no key, and is ignored below
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

// withUsualAlgorithm returns the key with an alg: its own, or the usual one of its type if it has none.
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
