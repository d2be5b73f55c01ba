package validator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Tokens made and taken apart with the standard library alone, so that nothing here agrees with the package by sharing
// its code.

const testHeader = `{"alg":"HS256","kid":"a","typ":"JWT"}`

func encode64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode64(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func macOf(secret []byte, signed string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

// withMAC appends the correct MAC of key "a" to a text of two parts.
func withMAC(signed string) string { return signed + "." + encode64(macOf(secretOf("a"), signed)) }

// forge makes a token with a correct MAC of key "a" from the texts of header and payload.
func forge(header, payload string) string {
	return withMAC(encode64([]byte(header)) + "." + encode64([]byte(payload)))
}

func sealingSecret(t testing.TB, secret []byte) []byte {
	t.Helper()
	derived, err := hkdf.Key(sha256.New, secret, nil, "jwt_session sid", 32)
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

func sealingOf(t testing.TB, secret []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(sealingSecret(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

// seal seals the plain text, its first byte included, as a token of the key with the given id would carry it.
func seal(t testing.TB, keyID, tokenID string, plain []byte) string {
	t.Helper()
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return encode64(sealingOf(t, secretOf(keyID)).Seal(nonce, nonce, plain, []byte(tokenID)))
}

// unseal is the opposite of seal.
func unseal(t testing.TB, keyID, tokenID, sealed string) []byte {
	t.Helper()
	data := decode64(t, sealed)
	plain, err := sealingOf(t, secretOf(keyID)).Open(nil, data[:12], data[12:], []byte(tokenID))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// payloadOf is the payload of a token that is good in every way at testNow, with some members changed: raw JSON text by
// name, an empty one for a member that is to be missing.
func payloadOf(t testing.TB, changes map[string]string) string {
	t.Helper()
	members := map[string]string{
		"sub": `"alice"`, "aud": `"shop"`, "jti": `"token-1"`,
		"sid": `"` + seal(t, "a", "token-1", []byte("\x01session-1")) + `"`,
		"iat": "1800000000", "exp": "1800000060", "auth_time": "1799999990", "role": `"customer"`,
	}
	maps.Copy(members, changes)
	return objectOf(t, members)
}

// objectOf is a JSON object of raw JSON text by name, without the members whose text is empty.
func objectOf(t testing.TB, members map[string]string) string {
	t.Helper()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if value := members[name]; value != "" {
			list = append(list, mustJSON(t, name)+":"+value)
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

// changedJSON is a JSON object with some members changed: raw JSON text by name, an empty one for a member that is to be
// missing.
func changedJSON(t testing.TB, object []byte, changes map[string]string) string {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(object, &raw); err != nil {
		t.Fatal(err)
	}
	members := make(map[string]string)
	for name, value := range raw {
		members[name] = string(value)
	}
	maps.Copy(members, changes)
	return objectOf(t, members)
}

func mustJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decoded is a token as an independent reader sees it.
type decoded struct {
	header, claims map[string]any
	names          []string // of the claims, in their order
	session        []byte   // the opened sid
}

// decodeToken checks the MAC and opens the sid with the secret of the given key.
func decodeToken(t testing.TB, keyID, text string) decoded {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	if !hmac.Equal(macOf(secretOf(keyID), parts[0]+"."+parts[1]), decode64(t, parts[2])) {
		t.Fatal("the MAC does not hold")
	}
	var result decoded
	payload := string(decode64(t, parts[1]))
	if err := json.Unmarshal(decode64(t, parts[0]), &result.header); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&result.claims); err != nil {
		t.Fatal(err)
	}
	decoder = json.NewDecoder(strings.NewReader(payload))
	_, _ = decoder.Token()
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		result.names = append(result.names, name.(string))
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			t.Fatal(err)
		}
	}
	result.session = unseal(t, keyID, result.claims["jti"].(string), result.claims["sid"].(string))
	return result
}
