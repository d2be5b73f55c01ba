package validator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// Algorithm is a JWS algorithm by its registered name (RFC 7518 section 3.1).
type Algorithm string

// HS256 is HMAC with SHA-256.
const HS256 Algorithm = "HS256"

// MinSecretBytes is the least length of a secret: that of the hash (RFC 7518 section 3.2).
const MinSecretBytes = 32

// minDistinctBytes tells a secret from a filler such as zeros or "aaaa…". Of 32 random bytes at least 20 differ, save
// once in 10^11 or so.
const minDistinctBytes = 8

// ErrWeakKey is returned, wrapped with the reason, for a key that must not be used.
var ErrWeakKey = errors.New("weak key")

// Key signs and verifies tokens with one algorithm and seals the session ids in them. The key fixes the algorithm: what
// a token's header says is only compared with it. No text form of a Key shows more than its id.
type Key struct {
	id        string
	algorithm Algorithm
	// hidden is nil in the zero value. It is a function because fmt reads past the methods of a value that sits in an
	// unexported field, and shows of a function no more than its address, whatever the verb.
	hidden func() *keyMaterial
}

// keyMaterial is what of a key must never be shown, and what it makes tokens with.
type keyMaterial struct {
	header    string // of every token that the key signs, in base64url
	signature signature
	sealing   cipher.AEAD
}

// NewSecretKey makes an HS256 key. The id (kid) must be 1 to 128 visible ASCII characters.
func NewSecretKey(id string, secret []byte) (Key, error) {
	if !isVisibleASCII(id, maxHeaderMember) {
		return Key{}, fmt.Errorf("loading key: the key id must be 1 to %d visible ASCII characters", maxHeaderMember)
	}
	if len(secret) < MinSecretBytes {
		return Key{}, fmt.Errorf("loading key: %w: the secret has %d bytes, want at least %d random ones",
			ErrWeakKey, len(secret), MinSecretBytes)
	}
	if distinctBytes(secret) < minDistinctBytes {
		return Key{}, fmt.Errorf("loading key: %w: the secret repeats a few bytes; want %d random ones",
			ErrWeakKey, MinSecretBytes)
	}
	sealing, err := newSealing(secret)
	if err != nil {
		return Key{}, fmt.Errorf("loading key: deriving the sealing key: %w", err)
	}
	signature, err := newSignature(HS256, slices.Clone(secret))
	if err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	material := &keyMaterial{header: newHeader(HS256, id), signature: signature, sealing: sealing}
	return Key{id: id, algorithm: HS256, hidden: func() *keyMaterial { return material }}, nil
}

// newHeader returns the JOSE header of the tokens of a key, in base64url.
func newHeader(algorithm Algorithm, id string) string {
	var header jsonObject
	header = header.text("alg", string(algorithm)).text("kid", id).text("typ", "JWT")
	return base64.RawURLEncoding.EncodeToString(header.end())
}

// SecretKeyID returns the id for a secret that is given by configuration: the same on every gateway and after every
// restart, and of no help in finding the secret. (An RFC 7638 thumbprint would be the plain hash of it, which section 7
// of that RFC warns of.)
func SecretKeyID(secret []byte) (string, error) {
	id, err := hkdf.Key(sha256.New, secret, nil, "jwt_session kid", 8)
	if err != nil {
		return "", fmt.Errorf("deriving key id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(id), nil
}

// newSealing derives the AES-256-GCM key that seals session ids from the signing key's secret bytes.
func newSealing(secret []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, "jwt_session sid", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// ID returns the key id, which tokens carry as kid.
func (k Key) ID() string { return k.id }

// Algorithm returns the one algorithm of the key.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// String returns the key id alone.
func (k Key) String() string { return "key " + k.id }

// GoString returns the key id alone.
func (k Key) GoString() string { return k.String() }

// Format writes the key id alone, whatever the verb.
func (k Key) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(k.String())) }

// LogValue returns the key id alone.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// KeySet holds the keys of a gateway. The first signs, all verify. A KeySet never changes; the zero value holds no key.
type KeySet struct {
	keys []Key
}

// NewKeySet makes a set of at least one key; no two may share an id.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("loading keys: none given")
	}
	for i, key := range keys {
		if key.hidden == nil {
			return nil, errors.New("loading keys: one of them is empty")
		}
		if slices.ContainsFunc(keys[:i], func(other Key) bool { return other.id == key.id }) {
			return nil, fmt.Errorf("loading keys: the key id %q occurs twice", key.id)
		}
	}
	return &KeySet{keys: slices.Clone(keys)}, nil
}

// signing returns the key that signs.
func (s *KeySet) signing() (Key, bool) {
	if s == nil || len(s.keys) == 0 {
		return Key{}, false
	}
	return s.keys[0], true
}

// find returns the one key that a token's header selects. An algorithm that is not the key's own selects none.
func (s *KeySet) find(header joseHeader) (Key, bool) {
	if s == nil {
		return Key{}, false
	}
	for _, key := range s.keys {
		if key.id == header.keyID && string(key.algorithm) == header.algorithm {
			return key, true
		}
	}
	return Key{}, false
}

// has says whether one of the keys has the id.
func (s *KeySet) has(id string) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.id == id })
}

func distinctBytes(data []byte) int {
	var seen [256]bool
	count := 0
	for _, b := range data {
		if !seen[b] {
			seen[b] = true
			count++
		}
	}
	return count
}

// isVisibleASCII says whether the text has 1 to limit characters from ! to ~.
func isVisibleASCII(text string, limit int) bool {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= limit
}
