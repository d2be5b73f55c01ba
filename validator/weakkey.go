package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

// MinSecretBytes is the least length of an HS256 secret in bytes: that of the hash (RFC 7518 section 3.2).
const MinSecretBytes = 32

// minDistinctBytes tells a secret from a filler such as zeros or "aaaa…". At least 20 of 32 random bytes differ, except
// about once in 10^11 times.
const minDistinctBytes = 8

// The least and the greatest length of RSA keys in bits. Shorter keys can be factored (RFC 7518 section 3.3). The signature of
// a longer key fills a quarter of a cookie and takes a while to make and to check.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// ErrWeakKey is returned, wrapped with the reason, for a key that can be guessed or factored.
var ErrWeakKey = errors.New("weak key")

// checkSecret returns [ErrWeakKey], wrapped, for an HS256 secret that can be guessed.
func checkSecret(secret []byte) error {
	if err := checkSecretLength(HS256, secret); err != nil {
		return err
	}
	if distinctBytes(secret) < minDistinctBytes {
		return fmt.Errorf("%w: the secret repeats a few bytes; want %d random ones", ErrWeakKey, MinSecretBytes)
	}
	return nil
}

// checkSecretLength returns [ErrWeakKey], wrapped, for a secret that is shorter than the hash.
func checkSecretLength(algorithm Algorithm, secret []byte) error {
	if least := algorithm.minSecretBytes(); len(secret) < least {
		return fmt.Errorf("%w: the secret has %d bytes, want at least %d random ones", ErrWeakKey, len(secret), least)
	}
	return nil
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

// checkPublicKey returns an error for a key that does not fit the algorithm, and for a weak one.
func checkPublicKey(algorithm Algorithm, public crypto.PublicKey) error {
	kty, crv := algorithm.keyType()
	actual, curve := typeOf(public)
	if kty == "" || kty != actual || crv != curve {
		return fmt.Errorf("the algorithm %s needs a key of type %s, and this one is of type %s",
			algorithm, typeName(kty, crv), typeName(actual, curve))
	}
	if key, ok := public.(*rsa.PublicKey); ok {
		return checkRSA(key.N, big.NewInt(int64(key.E)))
	}
	return nil
}

// typeOf returns the type (kty) and the curve (crv) of a public key, or its Go type if JOSE has none.
func typeOf(public crypto.PublicKey) (kty, crv string) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return typeRSA, ""
	case *ecdsa.PublicKey:
		return typeEC, key.Curve.Params().Name
	case ed25519.PublicKey:
		return typeOKP, "Ed25519"
	default:
		return fmt.Sprintf("%T", public), ""
	}
}

func typeName(kty, crv string) string {
	if crv == "" {
		return kty
	}
	return kty + " " + crv
}

// checkRSA returns an error for a weak or too large modulus or exponent.
func checkRSA(modulus, exponent *big.Int) error {
	switch {
	case modulus.BitLen() < minRSABits:
		return fmt.Errorf("%w: an RSA key of %d bits, want at least %d", ErrWeakKey, modulus.BitLen(), minRSABits)
	case modulus.BitLen() > maxRSABits:
		return fmt.Errorf("an RSA key of %d bits, want at most %d", modulus.BitLen(), maxRSABits)
	case exponent.Cmp(big.NewInt(3)) < 0 || exponent.Bit(0) == 0:
		return fmt.Errorf("%w: the public exponent of an RSA key must be odd and at least 3", ErrWeakKey)
	case exponent.BitLen() > 31:
		return errors.New("the public exponent of an RSA key must be less than 2^31")
	case isROCA(modulus):
		return fmt.Errorf("%w: an RSA key of the kind that ROCA factors (CVE-2017-15361)", ErrWeakKey)
	}
	return nil
}

// rocaPrimes are small primes. The faulty generator makes moduli of two primes of the form k·M + (65537^a mod M), and modulo
// each of the small primes these are powers of 65537. A modulus of another generator is so by chance about once in 2^28
// times.
var rocaPrimes = []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

// isROCA reports whether an RSA modulus is of the kind that Infineon's chips made from 2012 to 2017 (Nemec and others, "The
// Return of Coppersmith's Attack", 2017).
func isROCA(modulus *big.Int) bool {
	for _, prime := range rocaPrimes {
		if !isPowerOf65537(new(big.Int).Mod(modulus, big.NewInt(prime)).Int64(), prime) {
			return false
		}
	}
	return true
}

func isPowerOf65537(remainder, prime int64) bool {
	power := int64(1)
	for {
		if power == remainder {
			return true
		}
		if power = power * 65537 % prime; power == 1 {
			return false
		}
	}
}
