package validator

import (
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// This file alone speaks to the JOSE library, and only to its plain signers and verifiers: the algorithm is the key's,
// and what is verified is the raw text that passed the gate, not a re-encoded one.

// signature makes and checks the signatures of one key. The zero value does neither. Safe for concurrent use.
type signature struct {
	signer   jws.Signer
	verifier jws.Verifier
	material any
}

// newSignature binds key material to the one algorithm it is for.
func newSignature(algorithm Algorithm, material any) (signature, error) {
	var name jwa.SignatureAlgorithm
	switch algorithm {
	case HS256:
		name = jwa.HS256
	default:
		return signature{}, fmt.Errorf("no algorithm of ours: %q", string(algorithm))
	}
	signer, err := jws.NewSigner(name)
	if err != nil {
		return signature{}, err
	}
	verifier, err := jws.NewVerifier(name)
	if err != nil {
		return signature{}, err
	}
	return signature{signer: signer, verifier: verifier, material: material}, nil
}

// verify says whether the signature over the text holds.
func (s signature) verify(signed string, value []byte) bool {
	return s.verifier != nil && s.verifier.Verify([]byte(signed), value, s.material) == nil
}

// sign returns the signature over the text.
func (s signature) sign(text []byte) ([]byte, error) {
	if s.signer == nil {
		return nil, fmt.Errorf("signing token: the key is empty")
	}
	value, err := s.signer.Sign(text, s.material)
	if err != nil {
		return nil, fmt.Errorf("signing token: %w", err)
	}
	return value, nil
}
