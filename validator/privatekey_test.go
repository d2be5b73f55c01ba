package validator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
)

// generate makes a key, and returns with it what it is loaded from.
func generate(t testing.TB, algorithm Algorithm) (Key, []byte) {
	t.Helper()
	key, private, err := GenerateKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key, private
}

func TestParseAlgorithm(t *testing.T) {
	for _, name := range []string{"HS256", "ES256", "EdDSA", "RS256"} {
		if got, err := ParseAlgorithm(name); err != nil || string(got) != name {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "none", "hs256", "HS512", "PS256", "Ed25519", "HS256 "} {
		got, err := ParseAlgorithm(name)
		if err == nil || got != "" || !strings.Contains(err.Error(), "HS256, ES256, EdDSA or RS256") {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
}

// A key that is made, stored and loaded again is the same key, and tokens of the one verify with the other.
func TestGenerateKey(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	for _, algorithm := range ours {
		t.Run(string(algorithm), func(t *testing.T) {
			key, private := generate(t, algorithm)
			if key.Algorithm() != algorithm {
				t.Errorf("the key is for %s", key.Algorithm())
			}
			loaded, err := NewKey(algorithm, key.ID(), private)
			if err != nil {
				t.Fatal(err)
			}
			if !loaded.hidden().isSame(key.hidden()) {
				t.Error("loaded again, it is another key")
			}
			clear(private) // both have their own
			text := mint(t, testMinter(mustSet(t, key)), testSession(credential), credential)
			verifier := NewVerifier(NewKeyRing(mustSet(t, loaded)), nil)
			if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got.State != TokenUsable ||
				Bind(got, credential) != SameSession {
				t.Errorf("a token of it: %+v", got)
			}
			other, _ := generate(t, algorithm)
			if other.ID() == key.ID() || other.hidden().isSame(key.hidden()) {
				t.Error("two keys are the same")
			}
			if size := len(key.ID()); algorithm == HS256 && size != 11 || algorithm != HS256 && size != 43 {
				t.Errorf("the id has %d characters", size)
			}
		})
	}
	for _, algorithm := range []Algorithm{"", "none", "HS512", ps256} {
		if key, private, err := GenerateKey(algorithm); err == nil || key.hidden != nil || private != nil {
			t.Errorf("%q makes a key", algorithm)
		}
	}
}

func TestNewKeyRefuses(t *testing.T) {
	secret := secretOf("a")
	_, elliptical := generate(t, ES256)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		algorithm Algorithm
		id        string
		private   []byte
		want      string
	}{
		"no algorithm":     {"", "a", secret, "want HS256, ES256, EdDSA or RS256"},
		"not ours":         {"HS512", "a", secret, "want HS256, ES256, EdDSA or RS256"},
		"no id":            {ES256, "", elliptical, "key id"},
		"an id with blank": {ES256, "a b", elliptical, "key id"},
		"a secret":         {ES256, "a", secret, "not a private key"},
		"nothing":          {RS256, "a", nil, "not a private key"},
		"cut":              {ES256, "a", elliptical[:len(elliptical)-1], "not a private key"},
		"trailing":         {ES256, "a", append(bytes.Clone(elliptical), 0), "not a private key"},
		"public":           {ES256, "a", public, "not a private key"},
		"another type":     {RS256, "a", elliptical, "RS256 needs a key of type RSA, and this one is of type EC P-256"},
		"another curve":    {ES256, "a", other, "ES256 needs a key of type EC P-256, and this one is of type EC P-384"},
		"an Edwards curve": {EdDSA, "a", elliptical, "EdDSA needs a key of type OKP Ed25519"},
	} {
		key, err := NewKey(c.algorithm, c.id, c.private)
		if err == nil || key.hidden != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := NewKey(HS256, "a", secret[:31]); !errors.Is(err, ErrWeakKey) {
		t.Errorf("a short secret: %v", err)
	}
}

func TestDerive(t *testing.T) {
	key := mustKey(t, "a")
	derived, err := key.Derive("jwt_session sid")
	if err != nil || !bytes.Equal(derived, sealingSecret(t, secretOf("a"))) {
		t.Errorf("not HKDF of the secret: %v", err)
	}
	if other, err := key.Derive("jwt_session state"); err != nil || bytes.Equal(other, derived) {
		t.Errorf("another purpose gets the same key, or %v", err)
	}
	if derived, err := (Key{}).Derive("jwt_session sid"); err == nil || derived != nil {
		t.Error("an empty key derives")
	}
	for _, algorithm := range ours {
		key, private := generate(t, algorithm)
		derived, err := key.Derive("jwt_session sid")
		if err != nil || !bytes.Equal(derived, sealingSecret(t, private)) {
			t.Errorf("%s: not HKDF of the private bytes: %v", algorithm, err)
		}
	}
}
