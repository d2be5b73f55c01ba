package validator

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// KeySet holds the keys of a gateway. The first signs, all verify. A KeySet never changes; the zero value holds no key.
type KeySet struct {
	keys []Key
	// What verifies of each, in the same order.
	verifying verificationKeys
	states    stateKeys
}

// NewKeySet makes a set of at least one key; no two may share an id.
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
		set.verifying = append(set.verifying, verificationKey{
			id: key.id, algorithm: key.algorithm, verifies: key.hidden().signature.verify,
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

// holds says whether the key, its material and not just its id, is in the set.
func (s *KeySet) holds(material *keyMaterial) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.hidden().isSame(material) })
}

// KeyRing holds the keys that a gateway has at the moment. Safe for concurrent use: who asks for the current set goes on
// with that one, whatever is set meanwhile. The zero value and nil hold none.
type KeyRing struct {
	current atomic.Pointer[KeySet]
}

// NewKeyRing makes a ring that holds the set.
func NewKeyRing(set *KeySet) *KeyRing {
	ring := new(KeyRing)
	ring.Set(set)
	return ring
}

// Set puts the set in the place of the one before. From then on only tokens of keys in the new set are verified, those
// that were seen before included.
func (r *KeyRing) Set(set *KeySet) { r.current.Store(set) }

// Current returns the set that was set last. It is nil where none was.
func (r *KeyRing) Current() *KeySet {
	if r == nil {
		return nil
	}
	return r.current.Load()
}
