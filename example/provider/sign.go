package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// algorithm is the one that every client of OpenID Connect must know (OpenID Connect Core 1.0 section 15.1).
const algorithm = jose.RS256

// keptKeys is how many keys are published: the one that signs, and the one before it for tokens that are still about.
const keptKeys = 2

// Rotate makes a new key that signs from now on. The one before it stays published; older ones do not.
func (p *Provider) Rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.keys = slices.Insert(p.keys, 0, jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(algorithm), Use: "sig"})
	p.keys = p.keys[:min(len(p.keys), keptKeys)]
	return nil
}

func (p *Provider) publishKeys(w http.ResponseWriter, _ *http.Request) {
	p.mutex.Lock()
	var published jose.JSONWebKeySet
	for _, key := range p.keys {
		published.Keys = append(published.Keys, key.Public())
	}
	p.mutex.Unlock()
	writeJSON(w, http.StatusOK, published)
}

// sign returns the claims as a compact JWS (RFC 7515 section 7.1) with the given typ.
func (p *Provider) sign(kind string, claims any) (string, error) {
	p.mutex.Lock()
	key := p.keys[0]
	p.mutex.Unlock()
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

// halfHash is what at_hash says of an access token (OpenID Connect Core 1.0 section 3.1.3.6).
func halfHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return encode(hash[:len(hash)/2])
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
