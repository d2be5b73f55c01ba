package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// generatedRSABits is the length of the RSA keys that are generated.
const generatedRSABits = 2048

// GenerateKey returns a new key and the bytes that [NewKey] loads it from: the secret for HS256, and PKCS#8 DER (RFC 5958)
// for all others. The id is random for secrets, and the thumbprint (RFC 7638) for all others.
func GenerateKey(algorithm Algorithm) (Key, []byte, error) {
	switch algorithm {
	case HS256:
		return generateSecret()
	case ES256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return generated(algorithm, key, err)
	case EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return generated(algorithm, key, err)
	case RS256:
		key, err := rsa.GenerateKey(rand.Reader, generatedRSABits)
		return generated(algorithm, key, err)
	default:
		_, err := ParseAlgorithm(string(algorithm))
		return Key{}, nil, fmt.Errorf("making key: %w", err)
	}
}

func generateSecret() (Key, []byte, error) {
	secret, id := make([]byte, MinSecretBytes), make([]byte, 8)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	_, _ = rand.Read(id)
	key, err := NewSecretKey(base64.RawURLEncoding.EncodeToString(id), secret)
	if err != nil {
		return Key{}, nil, fmt.Errorf("making key: %w", err)
	}
	return key, secret, nil
}

func generated(algorithm Algorithm, private crypto.Signer, err error) (Key, []byte, error) {
	if err != nil {
		return Key{}, nil, fmt.Errorf("making key: %w", err)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return Key{}, nil, fmt.Errorf("making key: %w", err)
	}
	key, err := newPrivateKey(algorithm, id, private)
	if err != nil {
		return Key{}, nil, fmt.Errorf("making key: %w", err)
	}
	return key, append([]byte(nil), key.hidden().private...), nil
}

// NewKey returns the key of the bytes that [GenerateKey] returned, or of others of that form: a secret for HS256, and PKCS#8
// DER (RFC 5958) for all others. The id (kid) must be 1 to 128 visible ASCII characters. NewKey returns [ErrWeakKey],
// wrapped, for a weak key.
func NewKey(algorithm Algorithm, id string, private []byte) (Key, error) {
	if _, err := ParseAlgorithm(string(algorithm)); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	if algorithm == HS256 {
		return NewSecretKey(id, private)
	}
	parsed, err := parsePrivate(private, x509.ParsePKCS8PrivateKey)
	if err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	return newPrivateKey(algorithm, id, parsed)
}

var errNoPrivateKey = errors.New("not a private key in DER (PKCS#8, PKCS#1 or SEC 1)")

// parsePrivate calls one of the parsers for DER. It repeats errors of crypto/rsa only, which speak of lengths and exponents:
// others may quote what they read.
func parsePrivate(der []byte, parse func([]byte) (any, error)) (crypto.Signer, error) {
	if rest, err := asn1.Unmarshal(der, new(asn1.RawValue)); err != nil || len(rest) > 0 {
		return nil, errNoPrivateKey // the parser for PKCS#8 would ignore what follows
	}
	parsed, err := parse(der)
	if err != nil {
		if _, reason, ok := strings.Cut(err.Error(), "crypto/rsa: "); ok {
			if strings.Contains(reason, "insecure") || strings.Contains(reason, "public exponent") {
				return nil, fmt.Errorf("%w: RSA: %s", ErrWeakKey, reason)
			}
			return nil, fmt.Errorf("a damaged RSA key: %s", reason)
		}
		return nil, errNoPrivateKey
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T does not sign", parsed)
	}
	return private, nil
}

// newPrivateKey returns a key that signs with a private key.
func newPrivateKey(algorithm Algorithm, id string, private crypto.Signer) (Key, error) {
	public := private.Public()
	if err := checkPublicKey(algorithm, public); err != nil {
		return Key{}, fmt.Errorf("loading key: %w", err)
	}
	if key, ok := private.(*rsa.PrivateKey); ok && len(key.Primes) != 2 {
		return Key{}, fmt.Errorf("loading key: an RSA key of %d primes, want 2", len(key.Primes))
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, errors.New("loading key: the private key can't be written as PKCS#8")
	}
	return newKey(algorithm, id, encoded, private, public)
}

// algorithmOf returns the algorithm that the gateway mints with a key of this public key.
func algorithmOf(public crypto.PublicKey) (Algorithm, error) {
	kty, crv := typeOf(public)
	for _, algorithm := range ours {
		if ownType, ownCurve := algorithm.keyType(); ownType == kty && ownCurve == crv {
			return algorithm, nil
		}
	}
	return "", fmt.Errorf("a key of type %s is for none of the algorithms %s", typeName(kty, crv), listOf(ours[1:]))
}
