package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
)

// algorithm is the one that every client of OpenID Connect must know (OpenID Connect Core 1.0 section 15.1).
const algorithm = "RS256"

// keptKeys is how many keys are published: the one that signs, and the one before it for tokens that are still about.
const keptKeys = 2

// signingKey is a key with its id.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// Rotate makes a new key that signs from now on. The one before it stays published; older ones do not.
func (p *Provider) Rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.keys = slices.Insert(p.keys, 0, signingKey{id: newSecret()[:8], private: private})
	p.keys = p.keys[:min(len(p.keys), keptKeys)]
	return nil
}

// publicKey is one key of a JWK set (RFC 7517 section 4).
type publicKey struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

func (p *Provider) publishKeys(w http.ResponseWriter, _ *http.Request) {
	p.mutex.Lock()
	keys := slices.Clone(p.keys)
	p.mutex.Unlock()
	published := make([]publicKey, len(keys))
	for i, key := range keys {
		public := key.private.PublicKey
		published[i] = publicKey{
			Type: "RSA", Use: "sig", Algorithm: algorithm, ID: key.id,
			Modulus: encode(public.N.Bytes()), Exponent: encode(big.NewInt(int64(public.E)).Bytes()),
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": published})
}

// sign returns the claims as a compact JWS (RFC 7515 section 7.1) with the given typ.
func (p *Provider) sign(kind string, claims any) (string, error) {
	p.mutex.Lock()
	key := p.keys[0]
	p.mutex.Unlock()
	header, err := json.Marshal(map[string]string{"alg": algorithm, "kid": key.id, "typ": kind})
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	signed := encode(header) + "." + encode(payload)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.private, crypto.SHA256, hash[:])
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	return signed + "." + encode(signature), nil
}

// halfHash is what at_hash says of an access token (OpenID Connect Core 1.0 section 3.1.3.6).
func halfHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return encode(hash[:len(hash)/2])
}

// newSecret returns 256 random bits as text.
func newSecret() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: it ends the process instead
	return encode(secret[:])
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
