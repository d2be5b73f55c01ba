package validator

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestNewSecretKey(t *testing.T) {
	secret := []byte("0123456789abcdefghijklmnopqrstuv")
	key, err := NewSecretKey("a", secret)
	if err != nil || key.ID() != "a" || key.Algorithm() != HS256 {
		t.Fatalf("got %v %q, %v", key, key.Algorithm(), err)
	}
	for _, id := range []string{"", "a b", "a\n", "é", "\x7f", strings.Repeat("a", 129)} {
		if key, err := NewSecretKey(id, secret); err == nil || key.hidden != nil {
			t.Errorf("the id %q is accepted", id)
		}
	}
	for name, weak := range map[string][]byte{
		"none": nil, "31 bytes": secret[:31], "zeros": make([]byte, 64), "one letter": bytes.Repeat([]byte("a"), 64),
		"seven letters": bytes.Repeat([]byte("abcdefg"), 10),
	} {
		if key, err := NewSecretKey("a", weak); !errors.Is(err, ErrWeakKey) || key.hidden != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewSecretKey(strings.Repeat("~", 128), bytes.Repeat([]byte("abcdefgh"), 4)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}

// Whoever gave the secret may clear it: the key has its own.
func TestKeyKeepsItsSecret(t *testing.T) {
	secret := bytes.Clone(secretOf("a"))
	key, err := NewSecretKey("a", secret)
	if err != nil {
		t.Fatal(err)
	}
	clear(secret)
	credential := credentialOf(t, "sid=1", "sid")
	decodeToken(t, "a", mint(t, testMinter(mustSet(t, key)), testSession(credential), credential))
}

func TestNewKeySet(t *testing.T) {
	a, b := mustKey(t, "a"), mustKey(t, "b")
	for name, keys := range map[string][]Key{"none": nil, "an empty key": {a, {}}, "an id twice": {a, b, a}} {
		if set, err := NewKeySet(keys...); err == nil || set != nil {
			t.Errorf("%s: got %v, %v", name, set, err)
		}
	}
	keys := []Key{a, b}
	set := mustSet(t, keys...)
	keys[0] = Key{}
	if key, ok := set.signing(); !ok || key.ID() != "a" {
		t.Error("the caller's slice is a part of the set")
	}
	for _, empty := range []*KeySet{nil, {}} {
		if _, ok := empty.signing(); ok {
			t.Error("an empty set signs")
		}
		if _, reason := verifyToken(empty, forge(testHeader, payloadOf(t, nil))); reason != TokenUnknownKey {
			t.Errorf("an empty set says %q", reason)
		}
	}
}

func TestSecretKeyID(t *testing.T) {
	first, err := SecretKeyID(secretOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := SecretKeyID(secretOf("a"))
	other, _ := SecretKeyID(secretOf("b"))
	if first != again || first == other || len(first) != 11 || !onlyBase64(first) {
		t.Errorf("got %q, %q and for another secret %q", first, again, other)
	}
	// Neither the plain hash, by which short secrets are guessed, nor a part of what seals session ids.
	if strings.Contains(encode64(sealingSecret(t, secretOf("a"))), first) {
		t.Error("the id is a part of the sealing key")
	}
}

func TestNewSignature(t *testing.T) {
	for _, algorithm := range []Algorithm{"", "none", "HS224", "hs256", "ES256K"} {
		if signature, err := newSignature(algorithm, secretOf("a"), secretOf("a")); err == nil || signature.signer != nil {
			t.Errorf("%q is accepted", algorithm)
		}
	}
	if (signature{}).verify("a", macOf(nil, "a")) {
		t.Error("an empty signature verifies")
	}
	if value, err := (signature{}).sign([]byte("a")); err == nil || value != nil {
		t.Error("an empty signature signs")
	}
	empty, err := newSignature(HS256, []byte{}, []byte{})
	if err != nil {
		t.Fatal(err)
	}
	if empty.verify("a", macOf(nil, "a")) {
		t.Error("an empty secret verifies")
	}
	if value, err := empty.sign([]byte("a")); err == nil || value != nil {
		t.Error("an empty secret signs")
	}
}
