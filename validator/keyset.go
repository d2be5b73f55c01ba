package validator

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// KeySet holds the keys of a gateway. The first key signs, and all keys verify. A KeySet never changes. The zero value and
// nil hold no key.
type KeySet struct {
	keys []Key
	// verifying holds what verifies of each key, in the same order.
	verifying verificationKeys
	states    stateKeys
}

// NewKeySet returns a set of keys. It returns an error if there is no key, or if two keys share an id.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("loading keys: none given")
	}
	set := &KeySet{keys: slices.Clone(keys)}
	for i, key := range keys {
		if key.hidden == nil {
			return nil, errors.New("loading keys: one of them is empty")
		}
		if slices.ContainsFunc(keys[:i], func(other Key) bool { return other.id == key.id }) {
			return nil, fmt.Errorf("loading keys: the key id %q occurs twice", key.id)
		}
		material := key.hidden()
		set.verifying = append(set.verifying, verificationKey{
			id: key.id, algorithm: key.algorithm, verifies: material.signature.verify,
			isHeader: func(encoded string) bool { return encoded == material.header },
		})
	}
	var err error
	if set.states, err = newStateKeys(keys); err != nil {
		return nil, fmt.Errorf("loading keys: %w", err)
	}
	return set, nil
}

// signing returns the key that signs.
func (s *KeySet) signing() (Key, bool) {
	if s == nil || len(s.keys) == 0 {
		return Key{}, false
	}
	return s.keys[0], true
}

// holds reports whether the key is in the set, by its material and not just by its id.
func (s *KeySet) holds(material *keyMaterial) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.hidden().isSame(material) })
}

// SigningKeyID returns the id of the key that signs. It is empty if there is no key.
func (s *KeySet) SigningKeyID() string {
	key, _ := s.signing()
	return key.id
}

// IsSame reports whether both sets hold the same keys in the same order.
func (s *KeySet) IsSame(other *KeySet) bool {
	if s == nil || other == nil {
		return s == other
	}
	return slices.EqualFunc(s.keys, other.keys, func(own, theirs Key) bool { return own.hidden().isSame(theirs.hidden()) })
}

// names reports whether one of the keys has the id.
func (s *KeySet) names(id string) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.id == id })
}

// HasPublic reports whether the set has a public key, with which others can verify tokens.
func (s *KeySet) HasPublic() bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.hidden().public != nil })
}

// PublicJWKS returns the public keys as a JWK set (RFC 7517 section 5), in the order of the set. It leaves out secrets, so
// the JWK set may be empty.
func (s *KeySet) PublicJWKS() ([]byte, error) {
	if s == nil {
		return publicJWKS(nil)
	}
	return publicJWKS(s.keys)
}

// KeyRing holds the current [KeySet] of a gateway. It is safe for concurrent use. A caller goes on with the set that
// [KeyRing.Current] returned, whatever is set meanwhile. The zero value and nil hold no set.
type KeyRing struct {
	current atomic.Pointer[KeySet]
}

// NewKeyRing returns a ring that holds the set.
func NewKeyRing(set *KeySet) *KeyRing {
	ring := new(KeyRing)
	ring.Set(set)
	return ring
}

// Set replaces the current set. From then on, only tokens of keys in the new set are accepted, even if they were verified
// before.
func (r *KeyRing) Set(set *KeySet) { r.current.Store(set) }

// Current returns the current set. It is nil if there is none.
func (r *KeyRing) Current() *KeySet {
	if r == nil {
		return nil
	}
	return r.current.Load()
}
