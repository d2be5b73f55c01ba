package validator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// otherKeyOf returns another elliptic key with the same name.
func otherKeyOf(t testing.TB, key jose.JSONWebKey) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key.Key = private.Public()
	return key
}

// members returns a key as a JSON object with changes; nil writes null, and a removed member is given as absentMember.
func members(t testing.TB, key jose.JSONWebKey, changes map[string]any) map[string]any {
	t.Helper()
	text, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	object := make(map[string]any)
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	maps.Copy(object, changes)
	maps.DeleteFunc(object, func(_ string, value any) bool { return value == absentMember })
	return object
}

const absentMember = "(absent)"

func setOfMembers(t testing.TB, keys ...map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What else stands in the set under the kid of the key that signs: whatever can't verify is sorted out before kids are
// compared.
func TestOneKidInAKeySet(t *testing.T) {
	signing := providerKeysByAlgorithm()
	as := func(algorithm jose.SignatureAlgorithm, changes map[string]any) map[string]any {
		return members(t, signing[algorithm].jwk(), maps.Collect(func(yield func(string, any) bool) {
			if !yield("kid", "k1") {
				return
			}
			maps.All(changes)(yield)
		}))
	}
	rs, es := as(jose.RS256, nil), as(jose.ES256, nil)
	other := members(t, otherKeyOf(t, signing[jose.ES256].jwk()), map[string]any{"kid": "k1"})
	token := func(algorithm jose.SignatureAlgorithm) TokenCredential {
		return TokenOf(signing[algorithm].sign(t, accessClaims(nil), map[jose.HeaderKey]any{"kid": "k1"}))
	}
	for _, test := range []struct {
		name     string
		keys     []map[string]any
		accepted []jose.SignatureAlgorithm
		passed   int
	}{
		{"one key for encryption", []map[string]any{rs, as(jose.RS256, map[string]any{"use": "enc", "alg": "RSA-OAEP"})}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"one key for encryption before", []map[string]any{as(jose.RS256, map[string]any{"use": "enc", "alg": "RSA-OAEP"}), rs}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"one for encryption by use alone", []map[string]any{rs, as(jose.RS256, map[string]any{"use": "enc"})}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"one for encryption by alg alone", []map[string]any{rs, as(jose.RS256, map[string]any{"alg": "RSA-OAEP-256"})}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"one for encryption by key_ops", []map[string]any{rs, as(jose.RS256, map[string]any{"use": absentMember, "key_ops": []string{"encrypt", "wrapKey"}})}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"two algorithms of two types", []map[string]any{rs, es}, []jose.SignatureAlgorithm{jose.RS256, jose.ES256}, 0},
		{"two algorithms of one key", []map[string]any{rs, as(jose.PS256, nil)}, []jose.SignatureAlgorithm{jose.RS256, jose.PS256}, 0},
		{"the same key twice", []map[string]any{es, es}, []jose.SignatureAlgorithm{jose.ES256}, 0},
		{"the same key thrice, once without alg and use", []map[string]any{es, as(jose.ES256, map[string]any{"alg": absentMember, "use": absentMember}), es}, []jose.SignatureAlgorithm{jose.ES256}, 0},
		{"the same RSA key twice", []map[string]any{rs, rs}, []jose.SignatureAlgorithm{jose.RS256}, 0},
		{"the same Ed25519 key twice", []map[string]any{as(jose.EdDSA, nil), as(jose.EdDSA, nil)}, []jose.SignatureAlgorithm{jose.EdDSA}, 0},
		{"two keys of one name, beside another", []map[string]any{es, other, rs}, []jose.SignatureAlgorithm{jose.RS256}, 2},
		{"two keys of one name, the first twice", []map[string]any{es, es, other, rs}, []jose.SignatureAlgorithm{jose.RS256}, 3},
		{"two keys of one name, the second without alg", []map[string]any{es, maps.Clone(withoutAlgorithm(other)), rs}, []jose.SignatureAlgorithm{jose.RS256}, 2},
		{"a key of the future", []map[string]any{es, {"kty": "AKP", "kid": "k1", "alg": "ML-DSA-44", "pub": "AA"}}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"an unknown curve", []map[string]any{es, {"kty": "EC", "kid": "k1", "crv": "secp256k1", "x": "AA", "y": "AA"}}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"a curve for agreement", []map[string]any{es, {"kty": "OKP", "kid": "k1", "crv": "X25519", "x": "AA"}}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"a broken key", []map[string]any{es, as(jose.ES256, map[string]any{"x": "AA"})}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"a secret", []map[string]any{es, {"kty": "oct", "kid": "k1", "alg": "HS256", "k": strings.Repeat("A", 43)}}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"a private key", []map[string]any{es, as(jose.ES256, map[string]any{"d": "AA"})}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"half of a private key", []map[string]any{rs, as(jose.RS256, map[string]any{"p": "AA"})}, []jose.SignatureAlgorithm{jose.RS256}, 1},
		{"a kid that is no text", []map[string]any{es, as(jose.ES256, map[string]any{"kid": 1})}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"members that are null", []map[string]any{as(jose.RS256, map[string]any{
			"alg": nil, "use": nil, "key_ops": nil, "crv": nil, "x": nil, "y": nil, "d": nil, "p": nil, "q": nil, "dp": nil, "dq": nil, "qi": nil,
			"oth": nil, "k": nil, "x5c": nil, "x5t": nil, "x5u": nil,
		})}, []jose.SignatureAlgorithm{jose.RS256}, 0},
		{"a kid that is null", []map[string]any{es, as(jose.ES256, map[string]any{"kid": nil})}, []jose.SignatureAlgorithm{jose.ES256}, 1},
		{"a part that is null", []map[string]any{es, as(jose.ES256, map[string]any{"y": nil})}, []jose.SignatureAlgorithm{jose.ES256}, 1},
	} {
		keys, passed, err := ReadProviderKeys([]byte(setOfMembers(t, test.keys...)))
		if err != nil || passed != test.passed {
			t.Errorf("%s: passed over %d, want %d: %v", test.name, passed, test.passed, err)
			continue
		}
		for algorithm := range signing {
			_, reason := keys.VerifyAccess(token(algorithm), accessRules(), testNow)
			if want := slices.Contains(test.accepted, algorithm); (reason == "") != want {
				t.Errorf("%s: a token of %s: %q", test.name, algorithm, reason)
			}
		}
	}
}

func withoutAlgorithm(key map[string]any) map[string]any {
	key = maps.Clone(key)
	delete(key, "alg")
	return key
}

// Null counts as absent in the keys of others, and is an error in our own.
func TestNullInOurOwnKeys(t *testing.T) {
	for _, member := range []string{"use", "key_ops", "kid"} {
		if _, err := ReadKeys([]byte(jwkOf(t, HS256, map[string]string{member: "null"}))); err == nil {
			t.Errorf("%s null: accepted", member)
		}
	}
}

// Sets as no hand would write them: what go-jose reads of them, sorted out and counted by name, says which tokens count.
func TestKeySetsAsAnotherLibraryReadsThem(t *testing.T) {
	signing := providerKeysByAlgorithm()
	stranger := otherKeyOf(t, signing[jose.ES256].jwk())
	algorithms := []jose.SignatureAlgorithm{jose.RS256, jose.PS512, jose.ES256, jose.EdDSA}
	tokens := make(map[string]TokenCredential)
	for _, algorithm := range algorithms {
		for _, id := range []string{"a", "b"} {
			tokens[id+string(algorithm)] = TokenOf(signing[algorithm].sign(t, accessClaims(nil), map[jose.HeaderKey]any{"kid": id}))
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		var listed []map[string]any
		for range rapid.IntRange(1, 6).Draw(rt, "keys") {
			published := signing[rapid.SampledFrom(algorithms).Draw(rt, "key")].jwk()
			if rapid.IntRange(0, 3).Draw(rt, "stranger") == 0 {
				published = stranger
			}
			listed = append(listed, members(t, published, map[string]any{
				"kid": rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "kid"),
				"use": rapid.SampledFrom([]any{"sig", "sig", "sig", "enc", absentMember, nil}).Draw(rt, "use"),
				"alg": rapid.SampledFrom([]any{published.Algorithm, published.Algorithm, published.Algorithm, "RSA-OAEP", "RS256", nil}).Draw(rt, "alg"),
			}))
		}
		text := setOfMembers(t, listed...)
		var read jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			rt.Fatal(err)
		}
		keys, _, _ := ReadProviderKeys([]byte(text)) // nil keys accept nothing
		for name, token := range tokens {
			id, algorithm := name[:1], jose.SignatureAlgorithm(name[1:])
			named := namedKeys(read, id, algorithm)
			want := len(named) > 0 && !slices.ContainsFunc(named, func(key jose.JSONWebKey) bool { return !sameKey(key, signing[algorithm]) })
			if _, reason := keys.VerifyAccess(token, accessRules(), testNow); (reason == "") != want {
				rt.Fatalf("a token of %s with the kid %s: %q, want accepted: %v", algorithm, id, reason, want)
			}
		}
	})
}

// namedKeys returns the keys for signatures that a token with the kid and the algorithm could mean.
func namedKeys(set jose.JSONWebKeySet, id string, algorithm jose.SignatureAlgorithm) []jose.JSONWebKey {
	var named []jose.JSONWebKey
	for _, key := range set.Key(id) {
		name := key.Algorithm
		if name == "" {
			name = usualAlgorithm(key)
		}
		if (key.Use == "" || key.Use == "sig") && name == string(algorithm) && typeFits(key, algorithm) {
			named = append(named, key)
		}
	}
	return named
}

func usualAlgorithm(key jose.JSONWebKey) string {
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA} {
		if typeFits(key, algorithm) {
			return string(algorithm)
		}
	}
	return ""
}

func typeFits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	kty, _ := typeOf(key.Key)
	want, _ := Algorithm(algorithm).keyType()
	return kty == want
}

func sameKey(key jose.JSONWebKey, pair providerKey) bool {
	return string(must(key.MarshalJSON())) == string(must(jose.JSONWebKey{
		Key: pair.private.Public(), KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use,
	}.MarshalJSON()))
}
