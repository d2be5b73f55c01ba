package validator

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// This file alone uses the JOSE library, and only its plain signers and verifiers. The algorithm is that of the key, and the
// text that is verified is the raw one that passed the gate, not a re-encoded one. HS256 is done with the standard library:
// the JOSE library prepares an HMAC anew for each text.

// signature makes and checks the signatures of one key. The zero value does neither. It is safe for concurrent use.
type signature struct {
	signer    jws.Signer
	verifier  jws.Verifier
	signing   any
	verifying any
	secret    *secretSignature // nil unless this is HS256
}

// newSignature binds key material to its one algorithm: a secret as []byte, or a private and a public key. signing may be
// nil. The material must have been checked to fit the algorithm.
func newSignature(algorithm Algorithm, signing, verifying any) (signature, error) {
	var name jwa.SignatureAlgorithm
	if kty, _ := algorithm.keyType(); kty == "" || name.Accept(string(algorithm)) != nil {
		return signature{}, fmt.Errorf("no algorithm of ours: %q", string(algorithm))
	}
	verifier, err := newVerifier(algorithm, name)
	if err != nil {
		return signature{}, err
	}
	result := signature{verifier: verifier, verifying: verifying}
	if secret, ok := verifying.([]byte); ok && algorithm == HS256 && len(secret) > 0 {
		result.secret = newSecretSignature(secret)
	}
	if signing != nil {
		if result.signer, err = jws.NewSigner(name); err != nil {
			return signature{}, err
		}
		result.signing = signing
	}
	return result, nil
}

// newVerifier returns the library's verifier, except for RSASSA-PSS: the library accepts a salt of any length, and RFC 7518
// section 3.5 demands the length of the hash.
func newVerifier(algorithm Algorithm, name jwa.SignatureAlgorithm) (jws.Verifier, error) {
	switch algorithm {
	case ps256:
		return pssVerifier{crypto.SHA256}, nil
	case ps384:
		return pssVerifier{crypto.SHA384}, nil
	case ps512:
		return pssVerifier{crypto.SHA512}, nil
	default:
		return jws.NewVerifier(name)
	}
}

// verify reports whether the signature over the text holds.
func (s signature) verify(signed string, value []byte) bool {
	if s.secret != nil {
		return s.secret.verify(signed, value)
	}
	return s.verifier != nil && s.verifier.Verify([]byte(signed), value, s.verifying) == nil
}

// sign returns the signature over the text.
func (s signature) sign(text []byte) ([]byte, error) {
	if s.signer == nil {
		return nil, errors.New("signing token: there is no key that signs")
	}
	if s.secret != nil {
		return s.secret.sign(text), nil
	}
	value, err := s.signer.Sign(text, s.signing)
	if err != nil {
		return nil, fmt.Errorf("signing token: %w", err)
	}
	return value, nil
}

// pssVerifier checks RSASSA-PSS signatures whose salt is as long as the hash.
type pssVerifier struct{ hash crypto.Hash }

// Verify returns an error unless the signature over the text holds under the key, an *rsa.PublicKey.
func (v pssVerifier) Verify(text, value []byte, key any) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return errors.New("verifying token: not an RSA key")
	}
	hash := v.hash.New()
	hash.Write(text)
	return rsa.VerifyPSS(public, v.hash, hash.Sum(nil), value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}
