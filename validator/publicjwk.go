package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// publicMembers returns the members of a JWK that make up a public key, in alphabetical order. A thumbprint is that of this
// text (RFC 7638 section 3).
func publicMembers(public crypto.PublicKey) (jsonObject, error) {
	var members jsonObject
	encode := base64.RawURLEncoding.EncodeToString
	kty, crv := typeOf(public)
	switch key := public.(type) {
	case *rsa.PublicKey:
		exponent := big.NewInt(int64(key.E)).Bytes()
		return members.text("e", encode(exponent)).text("kty", kty).text("n", encode(key.N.Bytes())), nil
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 0x04, x and y
		if err != nil {
			return nil, errors.New("the public key is no point of its curve")
		}
		x, y := point[1:len(point)/2+1], point[len(point)/2+1:]
		return members.text("crv", crv).text("kty", kty).text("x", encode(x)).text("y", encode(y)), nil
	case ed25519.PublicKey:
		return members.text("crv", crv).text("kty", kty).text("x", encode(key)), nil
	default:
		return nil, fmt.Errorf("a key of type %s has no JWK", kty)
	}
}

// thumbprint returns the SHA-256 thumbprint of a public key in base64url (RFC 7638 section 3).
func thumbprint(public crypto.PublicKey) (string, error) {
	members, err := publicMembers(public)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(members.end())
	return base64.RawURLEncoding.EncodeToString(hash[:]), nil
}

// publicJWKS returns the public keys among the keys as a JWK set. See [KeySet.PublicJWKS].
func publicJWKS(keys []Key) ([]byte, error) {
	list := []byte{'['}
	for _, key := range keys {
		public := key.hidden().public
		if public == nil {
			continue
		}
		members, err := publicMembers(public)
		if err != nil {
			return nil, fmt.Errorf("publishing %v: %w", key, err)
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		members = members.text("alg", string(key.algorithm)).text("kid", key.id).text("use", "sig")
		list = append(list, members.end()...)
	}
	var set jsonObject
	return set.raw("keys", append(list, ']')).end(), nil
}
