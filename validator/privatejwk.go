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

// key returns a key that the gateway mints with: a secret or a private key.
func (j jwk) key() (Key, error) {
	id, hasID, err := j.id()
	if err != nil {
		return Key{}, err
	}
	if err := j.checkPurpose("sign"); err != nil {
		return Key{}, err
	}
	algorithm, err := j.algorithm(ours)
	if err != nil {
		return Key{}, err
	}
	if algorithm == HS256 {
		return j.secretKey(id, hasID)
	}
	private, err := j.private()
	if err != nil {
		return Key{}, err
	}
	if !hasID {
		if id, err = thumbprint(private.Public()); err != nil {
			return Key{}, err
		}
	}
	return newPrivateKey(algorithm, id, private)
}

func (j jwk) secretKey(id string, hasID bool) (Key, error) {
	secret, err := j.bytes("k")
	if err != nil {
		return Key{}, err
	}
	if !hasID {
		if id, err = SecretKeyID(secret); err != nil {
			return Key{}, err
		}
	}
	return NewSecretKey(id, secret)
}

// private returns the private key. It must be that of the public key beside it.
func (j jwk) private() (crypto.Signer, error) {
	if _, ok := j.texts["d"]; !ok {
		return nil, errors.New("it is a public key, want a private one")
	}
	public, err := j.public()
	if err != nil {
		return nil, err
	}
	var private crypto.Signer
	switch public := public.(type) {
	case *rsa.PublicKey:
		return j.privateRSA(public)
	case *ecdsa.PublicKey:
		private, err = j.privateEC(public)
	default:
		private, err = j.privateOKP()
	}
	if err != nil {
		return nil, err
	}
	if own, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(public) {
		return nil, errors.New("its d is not that of its public key")
	}
	return private, nil
}

// privateRSA reads the members of RFC 7518 section 6.3.2. The primes must be there, and only two.
func (j jwk) privateRSA(public *rsa.PublicKey) (*rsa.PrivateKey, error) {
	if j.primes {
		return nil, errors.New("it is an RSA key of more than two primes (oth)")
	}
	var numbers [3]*big.Int
	for i, name := range []string{"d", "p", "q"} {
		var err error
		if numbers[i], err = j.number(name); err != nil {
			return nil, err
		}
	}
	private := &rsa.PrivateKey{PublicKey: *public, D: numbers[0], Primes: numbers[1:]}
	if private.Validate() != nil {
		return nil, errors.New("its d, p and q are not those of its public key")
	}
	private.Precompute()
	for name, want := range map[string]*big.Int{
		"dp": private.Precomputed.Dp, "dq": private.Precomputed.Dq, "qi": private.Precomputed.Qinv,
	} {
		if _, given := j.texts[name]; !given {
			continue
		}
		if number, err := j.number(name); err != nil || number.Cmp(want) != 0 {
			return nil, fmt.Errorf("its %s is not that of its private key", name)
		}
	}
	return private, nil
}

func (j jwk) privateEC(public *ecdsa.PublicKey) (*ecdsa.PrivateKey, error) {
	value, err := j.sized("d", (public.Curve.Params().BitSize+7)/8)
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.ParseRawPrivateKey(public.Curve, value)
	if err != nil {
		return nil, errors.New("its d is out of the range of its curve")
	}
	return private, nil
}

func (j jwk) privateOKP() (ed25519.PrivateKey, error) {
	seed, err := j.sized("d", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
