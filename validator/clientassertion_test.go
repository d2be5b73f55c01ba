package validator

import (
	"encoding/pem"
	"errors"
	"testing"
	"time"
)

func TestReadClientKey(t *testing.T) {
	for _, algorithm := range []Algorithm{ES256, EdDSA, RS256} {
		_, der, err := GenerateKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		key, err := ReadClientKey(text)
		if err != nil || key.Algorithm() != algorithm {
			t.Errorf("%s: %v, %v", algorithm, key, err)
		}
		if token, err := (ClientAssertion{ClientID: "a", Audience: "b"}).Sign(key, time.Now()); err != nil || token == "" {
			t.Errorf("%s: %v", algorithm, err)
		}
		if _, err := ReadClientKey(append(text, text...)); err == nil {
			t.Errorf("%s: two keys are one too many", algorithm)
		}
	}
	secret := []byte(`{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`)
	if _, err := ReadClientKey(secret); !errors.Is(err, ErrNoClientKey) {
		t.Errorf("a secret: %v", err)
	}
}

func TestClientAssertionNeedsAll(t *testing.T) {
	key, _, err := GenerateKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := GenerateKey(HS256)
	if err != nil {
		t.Fatal(err)
	}
	for name, sign := range map[string]func() (string, error){
		"no client":   func() (string, error) { return ClientAssertion{Audience: "b"}.Sign(key, time.Now()) },
		"no audience": func() (string, error) { return ClientAssertion{ClientID: "a"}.Sign(key, time.Now()) },
		"no key":      func() (string, error) { return ClientAssertion{ClientID: "a", Audience: "b"}.Sign(Key{}, time.Now()) },
		"a secret":    func() (string, error) { return ClientAssertion{ClientID: "a", Audience: "b"}.Sign(secret, time.Now()) },
	} {
		if text, err := sign(); err == nil || text != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
