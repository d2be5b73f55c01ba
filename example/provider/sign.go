package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// algorithm is the one that every client of OpenID Connect must know (OpenID Connect Core 1.0 section 15.1).
const algorithm = jose.RS256

// keptKeys is how many keys are published: the one that signs, and the one before it for tokens that are still about.
const keptKeys = 2

// keys are the keys of a provider.
type keys struct {
	make func() (*rsa.PrivateKey, error)

	mutex   sync.Mutex
	private []jose.JSONWebKey // the newest first; all are published
}

// newKey makes a key of the least length that RS256 allows (RFC 7518 section 3.3).
func newKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// rotate makes a new key. See [Provider.Rotate].
func (k *keys) rotate() error {
	private, err := k.make()
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	fresh := jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(algorithm), Use: "sig"}
	k.private = slices.Insert(k.private, 0, fresh)
	k.private = k.private[:min(len(k.private), keptKeys)]
	return nil
}

// publish answers with the public halves of the keys.
func (k *keys) publish(w http.ResponseWriter, _ *http.Request) {
	k.mutex.Lock()
	var published jose.JSONWebKeySet
	for _, key := range k.private {
		published.Keys = append(published.Keys, key.Public())
	}
	k.mutex.Unlock()
	writeJSON(w, http.StatusOK, published)
}

// sign returns the claims as a compact JWS (RFC 7515 section 7.1) with the given typ.
func (k *keys) sign(kind string, claims any) (string, error) {
	k.mutex.Lock()
	key := k.private[0]
	k.mutex.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, new(jose.SignerOptions).WithType(jose.ContentType(kind)))
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	return token, nil
}

// halfHash returns the at_hash of an access token (OpenID Connect Core 1.0 section 3.1.3.6).
func halfHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return encode(hash[:len(hash)/2])
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
