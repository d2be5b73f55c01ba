package validator

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// Key signs and verifies tokens with one algorithm and seals the session ids in them. The key fixes the algorithm: that of
// a token's header is only compared with it (RFC 8725 section 3.1). No text form of a Key shows more than its id. The zero
// value is no key.
type Key struct {
	id        string
	algorithm Algorithm
	// hidden is nil in the zero value. It is a function because fmt reads past the methods of a value that sits in an
	// unexported field, and shows of a function no more than its address, whatever the verb.
	hidden func() *keyMaterial
}

// keyMaterial holds the parts of a key that must never be shown, and what it makes tokens with.
type keyMaterial struct {
	id          string
	header      string // of every token that the key signs, in base64url
	jweHeader   string // of every token that it encrypts
	signature   signature
	public      crypto.PublicKey // nil for secrets
	private     []byte           // the secret, or PKCS#8 DER as Go writes it
	sealing     cipher.AEAD
	encryption  cipher.AEAD
	fingerprint [sha256.Size]byte
}

// isSame reports whether both are the same key, by material, id and algorithm.
func (m *keyMaterial) isSame(other *keyMaterial) bool {
	return m == other || m != nil && other != nil && m.fingerprint == other.fingerprint
}

// newKey returns a key of parts that were checked, and keeps the parts. signing and public are what the signature is made and
// checked with.
func newKey(algorithm Algorithm, id string, private []byte, signing any, public crypto.PublicKey) (Key, error) {
	if !isVisibleASCII(id, maxHeaderMember) {
		return Key{}, fmt.Errorf("loading key: the key id must be 1 to %d visible ASCII characters", maxHeaderMember)
	}
	material := &keyMaterial{
		id: id, header: newHeader(algorithm, id, ourKind), jweHeader: newJWEHeader(id), public: public, private: private,
		fingerprint: fingerprintOf(algorithm, id, private),
	}
	key := Key{id: id, algorithm: algorithm, hidden: func() *keyMaterial { return material }}
	verifying := any(public)
	if public == nil {
		verifying = signing
	}
	var err error
	if material.signature, err = newSignature(algorithm, signing, verifying); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	if material.sealing, err = key.sealingFor("sid"); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	if material.encryption, err = key.sealingFor("jwe"); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	return key, nil
}

// NewSecretKey returns an HS256 key. The id (kid) must be 1 to 128 visible ASCII characters. NewSecretKey returns
// [ErrWeakKey], wrapped, for a secret that is shorter than [MinSecretBytes] or repeats a few bytes.
func NewSecretKey(id string, secret []byte) (Key, error) {
	if err := checkSecret(secret); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	secret = slices.Clone(secret)
	return newKey(HS256, id, secret, secret, nil)
}

// newHeader returns the JOSE header of the tokens of one kind that a key signs, in base64url.
func newHeader(algorithm Algorithm, id, kind string) string {
	var header jsonObject
	header = header.text("alg", string(algorithm)).text("kid", id).text("typ", kind)
	return base64.RawURLEncoding.EncodeToString(header.end())
}

// SecretKeyID returns the id of a secret that is given by configuration. It is the same on every gateway and after every
// restart, and it does not help to find the secret. A thumbprint would be the plain hash of the secret, which RFC 7638
// section 7 warns of.
func SecretKeyID(secret []byte) (string, error) {
	id, err := hkdf.Key(sha256.New, secret, nil, "jwt_session kid", 8)
	if err != nil {
		return "", fmt.Errorf("deriving key id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(id), nil
}

// Derive returns a key of 256 bits for the purpose that the info names. It is made by HKDF with SHA-256 (RFC 5869), without
// salt, of the secret or of the private key in PKCS#8 DER as Go writes it. So one key serves several purposes, and the key
// of one can't be computed from that of another.
func (k Key) Derive(info string) ([]byte, error) {
	if k.hidden == nil {
		return nil, errors.New("deriving key: there is none to derive from")
	}
	derived, err := hkdf.Key(sha256.New, k.hidden().private, nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving key: %w", err)
	}
	return derived, nil
}

// sealingFor derives the AES-256-GCM key for one purpose: sid for session ids, jwe for encrypted tokens, or that of a call of
// [KeySet.Seal].
func (k Key) sealingFor(purpose string) (cipher.AEAD, error) {
	derived, err := k.Derive("jwt_session " + purpose)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// fingerprintOf returns a hash that no two keys share. It stays in the memory of the process.
func fingerprintOf(algorithm Algorithm, id string, private []byte) [sha256.Size]byte {
	var text []byte
	for _, part := range [][]byte{[]byte(algorithm), []byte(id), private} {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	return sha256.Sum256(text)
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

// isVisibleASCII reports whether the text has 1 to limit characters from ! to ~.
func isVisibleASCII(text string, limit int) bool {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= limit
}
