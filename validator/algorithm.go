package validator

import (
	"fmt"
	"slices"
	"strings"
)

// Algorithm is a JWS algorithm by its registered name (RFC 7518 section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms that the gateway mints with.
const (
	// HS256 is HMAC with SHA-256. Whoever can verify can also mint.
	HS256 Algorithm = "HS256"
	// ES256 is ECDSA on the curve P-256 with SHA-256.
	ES256 Algorithm = "ES256"
	// EdDSA is Ed25519. No other curve is accepted.
	EdDSA Algorithm = "EdDSA"
	// RS256 is RSASSA-PKCS1-v1_5 with SHA-256.
	RS256 Algorithm = "RS256"
)

// The algorithms that others sign with.
const (
	hs384 Algorithm = "HS384"
	hs512 Algorithm = "HS512"
	es384 Algorithm = "ES384"
	es512 Algorithm = "ES512"
	rs384 Algorithm = "RS384"
	rs512 Algorithm = "RS512"
	ps256 Algorithm = "PS256"
	ps384 Algorithm = "PS384"
	ps512 Algorithm = "PS512"
)

// ours are the algorithms that the gateway mints with.
var ours = []Algorithm{HS256, ES256, EdDSA, RS256}

// ParseAlgorithm returns the algorithm of that name. It returns an error unless the gateway mints with it. Names are exact:
// hs256 is none.
func ParseAlgorithm(name string) (Algorithm, error) {
	if algorithm := Algorithm(name); slices.Contains(ours, algorithm) {
		return algorithm, nil
	}
	return "", fmt.Errorf("the algorithm %q is not known here; want %s", name, listOf(ours))
}

// listOf returns the names as a list in a sentence: "A, B or C".
func listOf(algorithms []Algorithm) string {
	var names strings.Builder
	for i, algorithm := range algorithms {
		switch i {
		case 0:
		case len(algorithms) - 1:
			names.WriteString(" or ")
		default:
			names.WriteString(", ")
		}
		names.WriteString(string(algorithm))
	}
	return names.String()
}

// The types of keys (RFC 7518 section 6.1, RFC 8037 section 2).
const (
	typeSecret = "oct"
	typeEC     = "EC"
	typeOKP    = "OKP"
	typeRSA    = "RSA"
)

// keyType returns the type (kty) and the curve (crv) of the keys of the algorithm. The type is empty for an unknown algorithm.
func (a Algorithm) keyType() (kty, crv string) {
	switch a {
	case HS256, hs384, hs512:
		return typeSecret, ""
	case RS256, rs384, rs512, ps256, ps384, ps512:
		return typeRSA, ""
	case ES256:
		return typeEC, "P-256"
	case es384:
		return typeEC, "P-384"
	case es512:
		return typeEC, "P-521"
	case EdDSA:
		return typeOKP, "Ed25519"
	default:
		return "", ""
	}
}

// SignatureBytes returns how many bytes the signatures of an algorithm that the gateway mints with have: at least, and at most.
// Both are 0 for all others.
func (a Algorithm) SignatureBytes() (least, most int) {
	switch a {
	case HS256:
		return 32, 32
	case ES256, EdDSA:
		return 64, 64
	case RS256: // as long as the key
		return minRSABits / 8, maxRSABits / 8
	default:
		return 0, 0
	}
}

// minSecretBytes returns the least length of a secret for the algorithm in bytes: that of the hash (RFC 7518 section 3.2).
func (a Algorithm) minSecretBytes() int {
	switch a {
	case hs512:
		return 64
	case hs384:
		return 48
	default:
		return MinSecretBytes
	}
}
