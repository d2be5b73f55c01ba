package validator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// The parsers that read what clients and operators give, apart from the gate and the cookie scanner, which have their
// targets beside their tests.

// A payload with a correct signature is read by the gate to what another library reads, or refused.
func FuzzReadClaims(f *testing.F) {
	for _, changes := range []map[string]string{
		nil,
		{"nbf": "1800000000", "iss": `"x"`},
		{"sub": `"\u0061lice"`},
		{"role": `["a",1,true]`, "Sub": `"eve"`},
		{"exp": "1e10"},
		{"exp": "1800000060.0"},
		{"sub": "null"},
		{"role": `{"a":[]}`},
		{"sid": `""`},
		{"exp": ""},
	} {
		f.Add(payloadOf(f, changes))
	}
	f.Add(payloadOf(f, nil) + "{}")
	f.Add(strings.Replace(payloadOf(f, nil), "{", `{"sub":"eve",`, 1))
	verifier := NewVerifier(NewKeyRing(mustSet(f, mustKey(f, "a"))), nil)
	f.Fuzz(func(t *testing.T, payload string) {
		text := forge(testHeader, payload)
		got := verifier.Verify(tokenOf(text), testNow, testRoute())
		if got.State != TokenUsable {
			if got.Reason == "" || got.Claims != nil && got.State != TokenForeign {
				t.Fatalf("state %d, reason %q, claims %v", got.State, got.Reason, got.Claims)
			}
			return
		}
		all, err := readWithGoJOSE(text, HS256, secretOf("a"))
		compareClaims(t, got, all, err)
	})
}

// A sealed session id is opened only as it was sealed, and every text of one has one spelling.
func FuzzOpenBinding(f *testing.F) {
	key := mustKey(f, "a")
	good := encode64(boundID("\x01session-1").binding().seal(key, "token-1"))
	for _, sealed := range []string{good, good + "=", good + "\n", good[1:], "", "AAAA", strings.Repeat("A", maxSealedText)} {
		f.Add(sealed, "\x01session-1")
	}
	f.Add(good, "")
	f.Add(good, "\x02short")
	f.Add(good, "\x03"+strings.Repeat("x", 32))
	f.Add(good, "\x01"+strings.Repeat("x", maxSealedID))
	f.Fuzz(func(t *testing.T, sealed, plain string) {
		if bound, ok := openBinding(key, "token-1", sealed); ok {
			if encode64(decode64(t, sealed)) != sealed || string(unseal(t, "a", "token-1", sealed)) != string(bound) {
				t.Fatal("it is not sealed so, or not spelled so")
			}
		} else if bound != "" {
			t.Fatal("something beside a refusal")
		}
		// What is inside, whatever it is, is either no binding or one with a hash.
		if plain == "" {
			return // there is always a form
		}
		bound, ok := openBinding(key, "token-2", encode64(boundID(plain).binding().seal(key, "token-2")))
		if ok && string(bound) != plain {
			t.Fatal("sealed and opened, it is another id")
		}
		hash, known := bound.hash()
		if whole, isWhole := bound.whole(); known && isWhole != (plain[0] == sealedWhole) || isWhole && whole != plain[1:] {
			t.Fatalf("whole %v, known %v", isWhole, known)
		}
		if known == (hash == sessions.Hash{}) {
			t.Fatal("known without a hash, or a hash of nothing known")
		}
	})
}

// Key files give keys that sign and verify, or an error and nothing else.
func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(pkcs8PEM(testEC()) + sec1PEM()))
	f.Add([]byte(pkcs8PEM(testEd())))
	f.Add([]byte(pkcs1PEM()))
	for _, algorithm := range ours {
		f.Add([]byte(jwkOf(f, algorithm, nil)))
		f.Add([]byte(setOf(jwkOf(f, algorithm, nil), jwkOf(f, ES256, map[string]string{"kid": `"b"`}))))
	}
	f.Add([]byte(jwkOf(f, HS256, map[string]string{"kid": "", "key_ops": `["sign","verify"]`})))
	f.Add([]byte(`{"keys":[{"kty":"oct"}]}`))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if foreign, err := readVerificationKeys(text, everyAlgorithm); err == nil {
			checkForeignKeys(t, foreign)
		} else if foreign != nil || strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Fatalf("keys %v beside the error %q", foreign, err)
		}
		keys, err := ReadKeys(text)
		if err != nil {
			if keys != nil || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("keys %v beside the error %q", keys, err)
			}
			return
		}
		for _, key := range keys {
			value, err := key.hidden().signature.sign([]byte("text"))
			if err != nil || !key.hidden().signature.verify("text", value) || key.hidden().signature.verify("texts", value) {
				t.Fatalf("%s: it signs nothing that it verifies: %v", key.Algorithm(), err)
			}
			again, err := NewKey(key.Algorithm(), key.ID(), key.hidden().private)
			if err != nil || !again.hidden().isSame(key.hidden()) {
				t.Fatalf("%s: stored and loaded it is another key: %v", key.Algorithm(), err)
			}
		}
		published, err := mustSet(t, keys...).PublicJWKS()
		if err != nil || !json.Valid(published) {
			t.Fatalf("published as %s, %v", published, err)
		}
	})
}

func checkForeignKeys(t *testing.T, keys verificationKeys) {
	t.Helper()
	ids := make(map[string]bool)
	for _, key := range keys {
		ids[key.id] = true
		if key.algorithm == "" || key.verifies == nil || key.verifies("text", nil) || key.verifies("text", make([]byte, 64)) {
			t.Fatalf("the key %q verifies what it did not sign", key.id)
		}
	}
	if len(ids) != len(keys) || len(keys) == 0 || ids[""] {
		t.Fatalf("%d keys with the ids %q", len(keys), slices.Sorted(maps.Keys(ids)))
	}
}

// Of encrypted tokens one spelling is opened, and nothing else.
func FuzzDecrypt(f *testing.F) {
	keys := mustSet(f, mustKey(f, "a"), mustKey(f, "b"))
	signed := forge(testHeader, payloadOf(f, nil))
	good := enclose(f, testJWEHeader, signed)
	f.Add(good)
	f.Add(good + "A")
	f.Add(strings.Replace(good, "..", ".AAAA.", 1))
	f.Add("....")
	f.Add(`{"protected":"e30","ciphertext":"AA","iv":"AA","tag":"AA"}`)
	f.Add(signed)
	f.Add(testJWEHeader)
	f.Add(`{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"a","zip":"DEF"}`)
	f.Fuzz(func(t *testing.T, text string) {
		token, keyID, reason := decryptJWE(keys.keys, text)
		switch {
		case reason != "" && (token != "" || keyID != ""):
			t.Fatalf("something beside the reason %q", reason)
		case reason == "":
			parts := strings.Split(text, ".")
			for _, part := range parts {
				if encode64(decode64(t, part)) != part {
					t.Fatal("opened, but it has another spelling")
				}
			}
			plain, err := jweCipher(t, secretOf(keyID), "jwt_session jwe").Open(
				nil, decode64(t, parts[2]), append(decode64(t, parts[3]), decode64(t, parts[4])...), []byte(parts[0]))
			if err != nil || string(plain) != token {
				t.Fatalf("opened, but not encrypted so: %v", err)
			}
		}
		// Whatever the header and the content are, with a correct tag: never more than the inner token is worth.
		protected := enclose(t, text, signed)
		token, keyID, reason = decryptJWE(keys.keys, protected)
		if reason == "" && (token != signed || keyID != "a") {
			t.Fatalf("under the header %q it is opened with the key %q", text, keyID)
		}
		result, reason := verifyToken(keys, enclose(t, testJWEHeader, text))
		if reason == "" && (result.claims == nil || !result.encrypted) || reason != "" && result.claims != nil {
			t.Fatalf("reason %q, claims %v", reason, result.claims)
		}
		if _, plain := verifyToken(keys, text); !isEncrypted(text) && reason != TokenTooLarge && reason != plain {
			t.Fatalf("inside it is %q, and alone %q", reason, plain)
		}
	})
}
