package validator

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
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

// verified returns the header and the claims of a token whose signature holds. The reason is empty if it does.
func (k *ProviderKeys) verified(text string, form form) (joseHeader, foreignClaims, Reason) {
	compact, reason := form.read(text)
	if reason != "" {
		return joseHeader{}, nil, reason
	}
	payload, _, reason := k.keys.verifyCompact(&compact, form)
	if reason != "" {
		return joseHeader{}, nil, reason
	}
	claims, ok := readForeignClaims(payload)
	if !ok {
		return joseHeader{}, nil, TokenMalformed
	}
	return compact.header, claims, ""
}

// ReadProviderKeys reads a JWK set. It ignores keys that can't verify tokens here, as RFC 7517 section 5 demands, and returns
// their number. These are keys for another use or of an unknown type or algorithm, secrets, private keys, weak keys and keys
// without a kid. Members that are null count as absent.
//
// Of the others, each pair of kid and algorithm must stand for one key, since a token could not tell which one it means. One
// kid may stand for several algorithms. A key that is given twice counts once. Two different keys of one pair are both
// ignored and counted. ReadProviderKeys returns an error for a set without any key that can verify, and for one with more
// than [MaxProviderKeys].
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
	var usable []listedKey
	for _, element := range elements {
		read, err := readForeignJWK(element)
		if err != nil {
			passed++
			continue
		}
		var key listedKey
		if key.verificationKey, key.material, err = read.withUsualAlgorithm().verificationKey(theirs); err != nil {
			passed++
			continue
		}
		usable = append(usable, key)
	}
	keys = new(ProviderKeys)
	for i, key := range usable {
		switch {
		case slices.ContainsFunc(usable, key.contradicts):
			passed++
		case !slices.ContainsFunc(usable[:i], key.sharesName):
			keys.keys = append(keys.keys, key.verificationKey)
		}
	}
	if len(keys.keys) == 0 {
		return nil, passed, errors.New("reading key set: none of its keys can verify tokens here")
	}
	return keys, passed, nil
}

// listedKey is a usable key of a set.
type listedKey struct {
	verificationKey

	material any // the public key
}

// sharesName reports whether a token that means the one key could mean the other.
func (k listedKey) sharesName(other listedKey) bool {
	return k.id == other.id && k.algorithm == other.algorithm
}

// contradicts reports whether two different keys share a name.
func (k listedKey) contradicts(other listedKey) bool {
	public, ok := k.material.(interface{ Equal(crypto.PublicKey) bool })
	return k.sharesName(other) && (!ok || !public.Equal(other.material))
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
