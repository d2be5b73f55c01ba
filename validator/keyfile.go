package validator

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// ReadKeys reads the text of a key file. The text is one JWK (RFC 7517), one JWK set, or private keys in PEM (RFC 7468), each
// in a block of PKCS#8, PKCS#1 or SEC 1. All keys must be private or secret keys of the algorithms that the gateway mints
// with. The id of a key is the kid of its JWK or, without one, its thumbprint (RFC 7638) or [SecretKeyID]. In a set, every
// key must have a kid of its own, and secrets must not stand beside others. ReadKeys returns [ErrWeakKey], wrapped, for a
// weak key. No error holds anything of the text but the id of a key.
func ReadKeys(text []byte) ([]Key, error) {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return nil, errors.New("reading keys: the text is empty")
	case text[0] == '{':
		return readJSONKeys(text)
	case bytes.Contains(text, pemBegin):
		return readPEMKeys(text)
	default:
		return nil, errors.New("reading keys: neither PEM nor a JWK or JWK set")
	}
}

var pemBegin = []byte("-----BEGIN ")

// readPEMKeys reads one key from each block. It ignores the blocks of parameters that openssl writes before an elliptic key:
// the key itself tells the same.
func readPEMKeys(text []byte) ([]Key, error) {
	var keys []Key
	blocks := 0
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks++
		if block.Type == "EC PARAMETERS" {
			continue
		}
		key, err := readPEMKey(block)
		if err != nil {
			return nil, fmt.Errorf("reading keys: block %d: %w", blocks, err)
		}
		keys = append(keys, key)
	}
	// The reader skips what is no block, including damaged blocks.
	if blocks != bytes.Count(text, pemBegin) {
		return nil, errors.New("reading keys: one of the PEM blocks is damaged")
	}
	return checkIDs(keys)
}

func readPEMKey(block *pem.Block) (Key, error) {
	if len(block.Headers) > 0 || block.Type == "ENCRYPTED PRIVATE KEY" {
		return Key{}, errors.New("the key is encrypted with a password; `openssl pkey -in FILE` writes it without")
	}
	parse := x509.ParsePKCS8PrivateKey
	switch block.Type {
	case "PRIVATE KEY":
	case "RSA PRIVATE KEY":
		parse = func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) }
	case "EC PRIVATE KEY":
		parse = func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) }
	default:
		return Key{}, errors.New("not a private key; want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY")
	}
	private, err := parsePrivate(block.Bytes, parse)
	if err != nil {
		return Key{}, err
	}
	return newNamelessKey(private)
}

// newNamelessKey returns a key of a private key that comes without id and algorithm.
func newNamelessKey(private crypto.Signer) (Key, error) {
	algorithm, err := algorithmOf(private.Public())
	if err != nil {
		return Key{}, err
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return Key{}, err
	}
	return newPrivateKey(algorithm, id, private)
}

func readJSONKeys(text []byte) ([]Key, error) {
	elements, isSet, err := readJWKSet(text)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	if !isSet {
		key, err := readJSONKey(text)
		if err != nil {
			return nil, fmt.Errorf("reading key: %w", err)
		}
		return []Key{key}, nil
	}
	keys := make([]Key, len(elements))
	for i, element := range elements {
		if keys[i], err = readSetKey(element); err != nil {
			return nil, fmt.Errorf("reading keys: key %d of the set: %w", i+1, err)
		}
	}
	isSecret := func(key Key) bool { return key.algorithm == HS256 }
	if slices.ContainsFunc(keys, isSecret) && slices.ContainsFunc(keys, func(key Key) bool { return !isSecret(key) }) {
		return nil, fmt.Errorf("reading keys: %w", errMixedSet)
	}
	return checkIDs(keys)
}

func readJSONKey(text []byte) (Key, error) {
	read, err := readJWK(text)
	if err != nil {
		return Key{}, err
	}
	key, err := read.key()
	if id, ok, idErr := read.id(); err != nil && ok && idErr == nil {
		return Key{}, fmt.Errorf("kid %q: %w", id, err)
	}
	return key, err
}

// readSetKey reads a key of a set. It must have a kid: nothing else selects it.
func readSetKey(text []byte) (Key, error) {
	read, err := readJWK(text)
	if err != nil {
		return Key{}, err
	}
	if _, given := read.texts["kid"]; !given {
		return Key{}, errors.New("it has no kid")
	}
	return readJSONKey(text)
}

// readJWKSet returns the keys of a JWK set as they were written, and false for an object that is none (RFC 7517 section 5).
// It ignores unknown members of a set, and refuses a set that has a kty as well.
func readJWKSet(text []byte) (elements []jsontext.Value, isSet bool, err error) {
	isKey := false
	err = readObject(text, func(name string, decoder *jsontext.Decoder) error {
		if name != "keys" {
			isKey = isKey || name == "kty"
			return decoder.SkipValue()
		}
		isSet = true
		return readArray(decoder, func() error {
			element, err := decoder.ReadValue()
			elements = append(elements, element.Clone())
			return err
		})
	})
	switch {
	case err != nil:
		return nil, false, errNoJWK
	case isSet && isKey:
		return nil, false, errors.New("one JSON object is both a JWK and a JWK set")
	case isSet && len(elements) == 0:
		return nil, false, errors.New("the JWK set is empty")
	}
	return elements, isSet, nil
}

// checkIDs returns the keys. It returns an error if there is none, or if two share an id.
func checkIDs(keys []Key) ([]Key, error) {
	if _, err := NewKeySet(keys...); err != nil {
		return nil, err
	}
	return keys, nil
}
