package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// providerKey is a key of a provider, which another library than ours signs with.
type providerKey struct {
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

// providerKeysByAlgorithm has one key for each algorithm that providers may sign with. Making RSA keys takes a while.
var providerKeysByAlgorithm = sync.OnceValue(func() map[jose.SignatureAlgorithm]providerKey {
	keys := make(map[jose.SignatureAlgorithm]providerKey)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		keys[algorithm] = providerKey{algorithm, private}
	}
	for algorithm, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{
		jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521(),
	} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[algorithm] = providerKey{algorithm, private}
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys[jose.EdDSA] = providerKey{jose.EdDSA, edwards}
	return keys
})

// jwk returns the public key as a provider publishes it.
func (k providerKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: "kid-" + string(k.algorithm), Algorithm: string(k.algorithm), Use: "sig"}
}

// sign returns a token with the claims; header members with an empty value are left out.
func (k providerKey) sign(t testing.TB, claims any, header map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	options.WithHeader("kid", "kid-"+string(k.algorithm)).WithType("at+jwt")
	for name, value := range header {
		if options.ExtraHeaders[name] = value; value == "" {
			delete(options.ExtraHeaders, name)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.(string)
	if !ok {
		text, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload = string(text)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func keySetText(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allProviderKeys returns one set with a key for each algorithm.
func allProviderKeys(t testing.TB) *ProviderKeys {
	t.Helper()
	var listed []jose.JSONWebKey
	for _, key := range providerKeysByAlgorithm() {
		listed = append(listed, key.jwk())
	}
	keys, passed, err := ReadProviderKeys([]byte(keySetText(t, listed...)))
	if err != nil || passed != 0 || len(keys.keys) != len(theirs) {
		t.Fatalf("read %d keys, passed over %d: %v", len(keys.keys), passed, err)
	}
	return keys
}

func TestReadProviderKeysPassesOver(t *testing.T) {
	good := providerKeysByAlgorithm()[jose.ES256].jwk()
	with := func(change func(*jose.JSONWebKey)) string {
		changed := providerKeysByAlgorithm()[jose.ES384].jwk()
		change(&changed)
		return keySetText(t, good, changed)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.TrimSuffix(keySetText(t, good), "]}")
	for name, text := range map[string]string{
		"a secret":              keySetText(t, good, jose.JSONWebKey{Key: make([]byte, 32), KeyID: "s", Algorithm: "HS256"}),
		"a key for encryption":  with(func(key *jose.JSONWebKey) { key.Use = "enc" }),
		"no kid":                with(func(key *jose.JSONWebKey) { key.KeyID = "" }),
		"an algorithm of ours":  with(func(key *jose.JSONWebKey) { key.Algorithm = "HS256" }),
		"another curve's":       with(func(key *jose.JSONWebKey) { key.Algorithm = "ES256" }),
		"a weak RSA key":        keySetText(t, good, jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "w", Algorithm: "RS256"}),
		"a private key":         keySetText(t, good, jose.JSONWebKey{Key: providerKeysByAlgorithm()[jose.ES384].private, KeyID: "p", Algorithm: "ES384"}),
		"a type of the future":  other + `,{"kty":"AKP","kid":"f","alg":"ML-DSA-44","pub":"AA"}]}`,
		"something that is not": other + `,7]}`,
		"a member twice":        other + `,{"kty":"OKP","kty":"OKP","kid":"t"}]}`,
	} {
		keys, passed, err := ReadProviderKeys([]byte(text))
		if strings.Contains(name, "twice") { // two readers may see two keys: the whole set is refused
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
			continue
		}
		if err != nil || passed != 1 || len(keys.keys) != 1 {
			t.Errorf("%s: passed over %d: %v", name, passed, err)
		}
	}
}

func TestReadProviderKeysRefuses(t *testing.T) {
	good := providerKeysByAlgorithm()[jose.ES256].jwk()
	many := make([]jose.JSONWebKey, MaxProviderKeys+1)
	for i := range many {
		many[i] = good
		many[i].KeyID = fmt.Sprint(i)
	}
	for name, text := range map[string]string{
		"nothing":         "",
		"no object":       "[]",
		"no keys":         "{}",
		"an empty set":    `{"keys":[]}`,
		"two of one name": keySetText(t, good, otherKeyOf(t, good)),
		"too many":        keySetText(t, many...),
		"data behind":     keySetText(t, good) + "{}",
		"keys twice":      `{"keys":[],` + strings.TrimPrefix(keySetText(t, good), "{"),
		"keys no array":   `{"keys":{}}`,
		"no usable one":   `{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`,
		"an HTML page":    "<!doctype html>",
		"one key, no set": `{"kty":"OKP","kid":"t","crv":"Ed25519","x":"AA"}`,
	} {
		if keys, _, err := ReadProviderKeys([]byte(text)); err == nil || keys != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Big providers publish keys without alg. One key must still stand for one algorithm.
func TestProviderKeyWithoutAlgorithm(t *testing.T) {
	for algorithm, key := range providerKeysByAlgorithm() {
		published := key.jwk()
		published.Algorithm = ""
		keys, _, err := ReadProviderKeys([]byte(keySetText(t, published)))
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		_, reason := keys.VerifyAccess(TokenOf(key.sign(t, accessClaims(nil), nil)), accessRules(), testNow)
		usual := algorithm != jose.PS256 && algorithm != jose.PS384 && algorithm != jose.PS512 && algorithm != jose.RS384 && algorithm != jose.RS512
		if (reason == "") != usual {
			t.Errorf("%s: reason %q", algorithm, reason)
		}
	}
}

func FuzzReadProviderKeys(f *testing.F) {
	f.Add(keySetText(f, providerKeysByAlgorithm()[jose.ES256].jwk()))
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"1"}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":"","kid":"1"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, _, err := ReadProviderKeys([]byte(text))
		if err != nil {
			if keys != nil {
				t.Error("keys beside an error")
			}
			return
		}
		for _, key := range keys.keys {
			if kty, _ := key.algorithm.keyType(); kty == typeSecret || kty == "" || key.id == "" {
				t.Errorf("a key of %s with the id %q", key.algorithm, key.id)
			}
		}
	})
}
