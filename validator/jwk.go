package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// jwk is a JSON Web Key (RFC 7517 section 4) as it was read. Members that are not known here are ignored, as section 4
// demands.
type jwk struct {
	texts      map[string]string // the members that are texts, by name
	operations []string          // key_ops; nil if the member is missing
	primes     bool              // whether there is oth: an RSA key of more than two primes
}

// jwkPrivate are the members of private keys (RFC 7518 section 6, RFC 8037 section 2).
var jwkPrivate = []string{"d", "p", "q", "dp", "dq", "qi"}

// jwkTexts are the members that are read and must be texts.
var jwkTexts = []string{
	"kty", "use", "alg", "kid", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "k",
}

var (
	errNoJWK       = errors.New("not one strict JSON object as RFC 7517 has it")
	errMixedSet    = errors.New("the set mixes secrets (kty oct) with other keys; give them apart")
	errNoJWKNumber = errors.New("not base64url as RFC 7518 section 6 has it")
)

// readJWK reads a key, which must be exactly one JSON object. It checks nothing but the form.
func readJWK(text []byte) (jwk, error) { return readJWKObject(text, false) }

// readForeignJWK reads a key as readJWK does. A member that is null counts as absent: some providers write all members that
// they know, and null where there is none.
func readForeignJWK(text []byte) (jwk, error) { return readJWKObject(text, true) }

func readJWKObject(text []byte, nullIsAbsent bool) (jwk, error) {
	key := jwk{texts: make(map[string]string)}
	err := readObject(text, func(name string, decoder *jsontext.Decoder) error {
		var err error
		switch {
		case nullIsAbsent && decoder.PeekKind() == 'n':
			err = decoder.SkipValue()
		case slices.Contains(jwkTexts, name):
			key.texts[name], err = readString(decoder)
		case name == "key_ops":
			key.operations, err = readTexts(decoder)
		default:
			key.primes = key.primes || name == "oth"
			err = decoder.SkipValue()
		}
		return err
	})
	if err != nil {
		return jwk{}, errNoJWK
	}
	return key, nil
}

// readTexts reads a JSON array of strings. The result is not nil, even if it is empty.
func readTexts(decoder *jsontext.Decoder) ([]string, error) {
	list := []string{}
	err := readArray(decoder, func() error {
		text, err := readString(decoder)
		list = append(list, text)
		return err
	})
	return list, err
}

// readArray reads a JSON array and calls element for each of its elements. The function must consume exactly one value.
func readArray(decoder *jsontext.Decoder, element func() error) error {
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '[' {
		return errStrictJSON
	}
	for decoder.PeekKind() != ']' {
		if err := element(); err != nil {
			return errStrictJSON
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return errStrictJSON
	}
	return nil
}

// id returns the kid, and false if the key has none.
func (j jwk) id() (string, bool, error) {
	id, ok := j.texts["kid"]
	if ok && !isVisibleASCII(id, maxHeaderMember) {
		return "", false, fmt.Errorf("its kid must be 1 to %d visible ASCII characters", maxHeaderMember)
	}
	return id, ok, nil
}

// checkPurpose returns an error for a key that is not meant for signatures, or not for this operation: sign or verify
// (RFC 7517 sections 4.2 and 4.3).
func (j jwk) checkPurpose(operation string) error {
	if use, ok := j.texts["use"]; ok && use != "sig" {
		return errors.New("its use is not sig")
	}
	if j.operations != nil && !slices.Contains(j.operations, operation) {
		return fmt.Errorf("its key_ops lack %s", operation)
	}
	return nil
}

// algorithm returns the algorithm of the key. It must be one of those allowed and fit the key's type and curve.
func (j jwk) algorithm(allowed []Algorithm) (Algorithm, error) {
	name, ok := j.texts["alg"]
	if !ok {
		return "", fmt.Errorf("it has no alg; want %s", listOf(allowed))
	}
	algorithm := Algorithm(name)
	if !slices.Contains(allowed, algorithm) {
		return "", fmt.Errorf("its alg is not known here; want %s", listOf(allowed))
	}
	kty, crv := algorithm.keyType()
	if j.texts["kty"] != kty || j.texts["crv"] != crv {
		return "", fmt.Errorf("its alg %s needs a key of type %s", algorithm, typeName(kty, crv))
	}
	return algorithm, nil
}

// verificationKey returns the key that verifies signatures of a foreign key, which must have a kid, and the public key or
// the secret that it verifies with. It accepts a secret and refuses a private key.
func (j jwk) verificationKey(allowed []Algorithm) (key verificationKey, material any, err error) {
	id, ok, err := j.id()
	if err != nil {
		return verificationKey{}, nil, err
	}
	if !ok {
		return verificationKey{}, nil, errors.New("it has no kid")
	}
	if err := j.checkPurpose("verify"); err != nil {
		return verificationKey{}, nil, err
	}
	algorithm, err := j.algorithm(allowed)
	if err != nil {
		return verificationKey{}, nil, err
	}
	if material, err = j.verifying(algorithm); err != nil {
		return verificationKey{}, nil, err
	}
	signature, err := newSignature(algorithm, nil, material)
	if err != nil {
		return verificationKey{}, nil, err
	}
	return verificationKey{id: id, algorithm: algorithm, verifies: signature.verify}, material, nil
}

// readVerificationKeys reads a JWK or a JWK set of foreign keys for the allowed algorithms. Each key must be usable and have
// an id of its own. A set must not hold secrets beside public keys: a reader that mixes them up takes a public key for a
// secret (RFC 8725 section 2.1).
func readVerificationKeys(text []byte, allowed []Algorithm) (verificationKeys, error) {
	elements, isSet, err := readJWKSet(text)
	if err != nil {
		return nil, err
	}
	if !isSet {
		elements = []jsontext.Value{text}
	}
	keys := make(verificationKeys, len(elements))
	secrets := 0
	for i, element := range elements {
		read, err := readJWK(element)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if keys[i], _, err = read.verificationKey(allowed); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if slices.ContainsFunc(keys[:i], func(other verificationKey) bool { return other.id == keys[i].id }) {
			return nil, fmt.Errorf("key %d: its kid %q occurs twice", i+1, keys[i].id)
		}
		if read.texts["kty"] == typeSecret {
			secrets++
		}
	}
	if secrets > 0 && secrets < len(keys) {
		return nil, errMixedSet
	}
	return keys, nil
}

// verifying returns the secret or the public key, checked. Its type must have been compared with that of the algorithm.
func (j jwk) verifying(algorithm Algorithm) (any, error) {
	if kty, _ := algorithm.keyType(); kty == typeSecret {
		secret, err := j.bytes("k")
		if err != nil {
			return nil, err
		}
		return secret, checkSecretLength(algorithm, secret)
	}
	if j.primes || slices.ContainsFunc(jwkPrivate, func(name string) bool { _, ok := j.texts[name]; return ok }) {
		return nil, errors.New("it is a private key, want the public one")
	}
	return j.public()
}

// bytes returns the bytes that a member holds in base64url.
func (j jwk) bytes(name string) ([]byte, error) {
	text, ok := j.texts[name]
	if !ok {
		return nil, fmt.Errorf("it has no %s", name)
	}
	value, ok := appendBase64(nil, text)
	if !ok {
		return nil, fmt.Errorf("its %s is %w", name, errNoJWKNumber)
	}
	return value, nil
}

// sized returns the bytes that a member holds in base64url. Their number must be size (RFC 7518 section 6.2.1.2).
func (j jwk) sized(name string, size int) ([]byte, error) {
	value, err := j.bytes(name)
	if err != nil {
		return nil, err
	}
	if len(value) != size {
		return nil, fmt.Errorf("its %s has %d bytes, want %d", name, len(value), size)
	}
	return value, nil
}

// number returns the positive number that a member holds.
func (j jwk) number(name string) (*big.Int, error) {
	value, err := j.bytes(name)
	if err != nil {
		return nil, err
	}
	number := new(big.Int).SetBytes(value)
	if number.Sign() == 0 {
		return nil, fmt.Errorf("its %s is 0", name)
	}
	return number, nil
}

// public returns the public key.
func (j jwk) public() (crypto.PublicKey, error) {
	switch j.texts["kty"] {
	case typeRSA:
		return j.publicRSA()
	case typeEC:
		return j.publicEC()
	case typeOKP:
		return j.publicOKP()
	default:
		return nil, fmt.Errorf("its kty is none of %s, %s and %s", typeRSA, typeEC, typeOKP)
	}
}

func (j jwk) publicRSA() (*rsa.PublicKey, error) {
	modulus, err := j.number("n")
	if err != nil {
		return nil, err
	}
	exponent, err := j.number("e")
	if err != nil {
		return nil, err
	}
	// This is checked here already because the exponent may not fit in the type.
	if err := checkRSA(modulus, exponent); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// curve returns the curve of an elliptic key.
func (j jwk) curve() (elliptic.Curve, error) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if curve.Params().Name == j.texts["crv"] {
			return curve, nil
		}
	}
	return nil, errors.New("its crv is none of P-256, P-384 and P-521")
}

func (j jwk) publicEC() (*ecdsa.PublicKey, error) {
	curve, err := j.curve()
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	x, err := j.sized("x", size)
	if err != nil {
		return nil, err
	}
	y, err := j.sized("y", size)
	if err != nil {
		return nil, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("its x and y are no point of its curve")
	}
	return public, nil
}

func (j jwk) publicOKP() (ed25519.PublicKey, error) {
	if j.texts["crv"] != "Ed25519" {
		return nil, errors.New("its crv is not Ed25519")
	}
	x, err := j.sized("x", ed25519.PublicKeySize)
	return ed25519.PublicKey(x), err
}
