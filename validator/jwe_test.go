package validator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const testJWEHeader = `{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"a"}`

func jweCipher(t testing.TB, secret []byte, info string) cipher.AEAD {
	t.Helper()
	derived, err := hkdf.Key(sha256.New, secret, nil, info, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

// encloseWith makes a JWE of the content with the standard library alone, under a key that is derived of the secret.
func encloseWith(t testing.TB, secret []byte, info, header, content string) string {
	t.Helper()
	return encloseUnder(t, secret, info, encode64([]byte(header)), content)
}

// encloseUnder does it with a header that is encoded already.
func encloseUnder(t testing.TB, secret []byte, info, protected, content string) string {
	t.Helper()
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	sealed := jweCipher(t, secret, info).Seal(nil, nonce, []byte(content), []byte(protected))
	cut := len(sealed) - 16
	return strings.Join([]string{protected, "", encode64(nonce), encode64(sealed[:cut]), encode64(sealed[cut:])}, ".")
}

// enclose makes a JWE under key "a".
func enclose(t testing.TB, header, content string) string {
	t.Helper()
	return encloseWith(t, secretOf("a"), "jwt_session jwe", header, content)
}

func encryptedRoute() Route {
	route := testRoute()
	route.Encrypted = true
	return route
}

// An encrypted token is a JWE of the form that the contract says, and inside of it is the token that would else be sent.
func TestEncryptedToken(t *testing.T) {
	credential := credentialOf(t, "sid="+testSessionID, "sid")
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	minter.Encrypt = true
	text := mint(t, minter, testSession(credential), credential)
	plain := minter
	plain.Encrypt = false
	if ratio := float64(len(text)) / float64(len(mint(t, plain, testSession(credential), credential))); ratio < 1.4 || ratio > 1.7 {
		t.Errorf("it is %.2f times as long as a token that is not encrypted", ratio)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 5 || parts[1] != "" {
		t.Fatalf("the token has %d parts", len(parts))
	}
	var header map[string]any
	if err := json.Unmarshal(decode64(t, parts[0]), &header); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": "a"}
	if !maps.Equal(header, want) {
		t.Errorf("the header is %v, want %v", header, want)
	}
	opened, err := jweCipher(t, secretOf("a"), "jwt_session jwe").Open(
		nil, decode64(t, parts[2]), append(decode64(t, parts[3]), decode64(t, parts[4])...), []byte(parts[0]))
	if err != nil {
		t.Fatal(err)
	}
	inner := decodeToken(t, "a", string(opened))
	if inner.claims["sub"] != "alice" || inner.header["typ"] != "JWT" || inner.header["kid"] != "a" {
		t.Errorf("inside is %v", inner.header)
	}
	if again := mint(t, minter, testSession(credential), credential); strings.Split(again, ".")[2] == parts[2] {
		t.Error("two tokens have one nonce")
	}
	verifier := NewVerifier(NewKeyRing(minter.Keys), NewCache(10))
	for range 2 { // remembered the second time
		got := verifier.Verify(tokenOf(text), testNow, encryptedRoute())
		if got.State != TokenUsable || Bind(got, credential) != SameSession {
			t.Fatalf("got %q", got.Reason)
		}
	}
	if claims, reason := verifier.Authenticate(text); reason != "" || claims.Subject() != "alice" {
		t.Errorf("to the operator: %q", reason)
	}
}

func TestEveryAlgorithmEncrypts(t *testing.T) {
	credential := credentialOf(t, "sid="+testSessionID, "sid")
	for _, algorithm := range ours {
		key, _ := generate(t, algorithm)
		minter := testMinter(mustSet(t, key))
		minter.Encrypt = true
		text := mint(t, minter, testSession(credential), credential)
		got := NewVerifier(NewKeyRing(minter.Keys), nil).Verify(tokenOf(text), testNow, encryptedRoute())
		if got.State != TokenUsable || Bind(got, credential) != SameSession {
			t.Errorf("%s: got %q", algorithm, got.Reason)
		}
	}
}

// Both forms are never accepted at once, whether or not the token was remembered on a route of the other form.
func TestOneFormAtATime(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), NewCache(10))
	signed := forge(testHeader, payloadOf(t, nil))
	foreign := forge(testHeader, payloadOf(t, map[string]string{"aud": `"blog"`}))
	for range 2 {
		for _, c := range []struct {
			text  string
			route Route
			state TokenState
			want  Reason
		}{
			{signed, testRoute(), TokenUsable, ""},
			{signed, encryptedRoute(), TokenUnusable, TokenMalformed},
			{enclose(t, testJWEHeader, signed), encryptedRoute(), TokenUsable, ""},
			{enclose(t, testJWEHeader, signed), testRoute(), TokenUnusable, TokenMalformed},
			{foreign, encryptedRoute(), TokenForeign, TokenOtherRealm},
			{enclose(t, testJWEHeader, foreign), testRoute(), TokenForeign, TokenOtherRealm},
		} {
			if got := verifier.Verify(tokenOf(c.text), testNow, c.route); got.State != c.state || got.Reason != c.want {
				t.Errorf("on a route with encryption %v: got state %d, reason %q, want %d, %q",
					c.route.Encrypted, got.State, got.Reason, c.state, c.want)
			}
		}
	}
}

// Attacks on encrypted tokens. Where it is not said otherwise the content is encrypted with the right key: whoever finds a
// way to have us encrypt what he likes must not get further than with a plain token.
func TestAttacksOnEncryption(t *testing.T) {
	signed := forge(testHeader, payloadOf(t, nil))
	good := enclose(t, testJWEHeader, signed)
	parts := strings.Split(good, ".")
	with := func(n int, part string) string {
		changed := slices.Clone(parts)
		changed[n] = part
		return strings.Join(changed, ".")
	}
	flipped := func(n int) string {
		data := decode64(t, parts[n])
		data[0] ^= 1
		return with(n, encode64(data))
	}
	header := func(text string) string { return enclose(t, text, signed) }
	signedByB := func() string {
		text := encode64([]byte(`{"alg":"HS256","kid":"b","typ":"JWT"}`)) + "." + encode64([]byte(payloadOf(t, map[string]string{
			"sid": `"` + seal(t, "b", "token-1", []byte("\x01session-1")) + `"`,
		})))
		return text + "." + encode64(macOf(secretOf("b"), text))
	}()
	huge := enclose(t, testJWEHeader, strings.Repeat("A", MaxTokenBytes))
	attacks := []attack{
		{"no content", "a token that says nothing", enclose(t, testJWEHeader, ""), TokenMalformed},
		{"not a token inside", "what was encrypted is taken for signed", enclose(t, testJWEHeader, payloadOf(t, nil)), TokenMalformed},
		{"unsigned inside", "as before", enclose(t, testJWEHeader, strings.Join(strings.Split(signed, ".")[:2], ".")+"."), TokenMalformed},
		{"another signature inside", "as before", enclose(t, testJWEHeader, signed[:len(signed)-4]+"AAAA"), TokenBadSignature},
		{"none inside", "as before", enclose(t, testJWEHeader, forge(`{"alg":"none","kid":"a","typ":"JWT"}`, payloadOf(t, nil))), TokenUnknownKey},
		{"encrypted twice", "layers without end cost more than their refusal", enclose(t, testJWEHeader, good), TokenMalformed},
		{"signed by another key", "a key that leaked as a signing key is used with one that did not", enclose(t, testJWEHeader, signedByB), TokenMalformed},
		{"blank around the content", "one token in two spellings", enclose(t, testJWEHeader, " "+signed), TokenMalformed},
		{"another tag", "anybody writes tokens", flipped(4), TokenBadSignature},
		{"another nonce", "as before", flipped(2), TokenBadSignature},
		{"another content", "as before", flipped(3), TokenBadSignature},
		{"a short tag", "a tag of one byte is guessed in 256 attempts", with(4, encode64(decode64(t, parts[4])[:1])), TokenMalformed},
		{"a tag of 120 bits", "as before, in the long run", with(4, encode64(decode64(t, parts[4])[:15])), TokenMalformed},
		{"a long tag", "a part of it is not looked at", with(4, parts[4]+"AA"), TokenMalformed},
		{"a short nonce", "nonces of other lengths are hashed, and may meet", with(2, encode64(decode64(t, parts[2])[:8])), TokenMalformed},
		{"a long nonce", "as before", with(2, parts[2]+"AAAA"), TokenMalformed},
		{"an empty nonce", "as before", with(2, ""), TokenMalformed},
		{
			"bits moved between the parts", "one token in two spellings",
			strings.Join([]string{parts[0], "", parts[2] + parts[3][:4], parts[3][4:], parts[4]}, "."), TokenMalformed,
		},
		{"low bits of the tag", "as before", with(4, parts[4][:21]+string("BCDEFGHIJKLMNOP"[strings.IndexByte("AQgw", parts[4][21])])), TokenMalformed},
		{"a line break in the nonce", "as before: the decoder skips it", with(2, parts[2][:15]+"\n"), TokenMalformed},
		{"a line break in the tag", "as before", with(4, parts[4][:21]+"\n"), TokenMalformed},
		{"a line break in the content", "as before", with(3, parts[3][:4]+"\n"+parts[3][4:]), TokenMalformed},
		{
			"a line break in the header", "as before",
			encloseUnder(t, secretOf("a"), "jwt_session jwe", parts[0][:4]+"\r\n"+parts[0][4:], signed), TokenMalformed,
		},
		{"padding", "as before", with(3, parts[3]+"="), TokenMalformed},
		{"an encrypted key", "dir has none; one that is there is looked at by nobody", with(1, "AAAA"), TokenMalformed},
		{
			"the header spelled anew", "the tag is over the header as it stands",
			with(0, encode64([]byte(" "+testJWEHeader))), TokenBadSignature,
		},
		{
			"the key of sealed ids", "keys for one purpose serve another",
			encloseWith(t, secretOf("a"), "jwt_session sid", testJWEHeader, signed), TokenBadSignature,
		},
		{
			"another key", "a key that opens elsewhere is tried here: kid names one key",
			encloseWith(t, secretOf("b"), "jwt_session jwe", testJWEHeader, signed), TokenBadSignature,
		},
		{"an unknown key", "as before", header(strings.Replace(testJWEHeader, `"a"`, `"c"`, 1)), TokenUnknownKey},
		{"zip", "a small token grows into a large one", header(strings.Replace(testJWEHeader, "}", `,"zip":"DEF"}`, 1)), TokenMalformed},
		{"zip in the place of cty", "as before", header(`{"alg":"dir","enc":"A256GCM","kid":"a","zip":"DEF"}`), TokenMalformed},
		{"crit", "an extension that must be understood is not", header(strings.Replace(testJWEHeader, "}", `,"crit":["exp"]}`, 1)), TokenMalformed},
		{"jwk", "the token brings its own key", header(strings.Replace(testJWEHeader, "}", `,"jwk":"{}"}`, 1)), TokenMalformed},
		{"typ", "a member that is not looked at", header(strings.Replace(testJWEHeader, "}", `,"typ":"JWT"}`, 1)), TokenMalformed},
		{"kid twice", "two readers choose two keys", header(strings.Replace(testJWEHeader, "}", `,"kid":"b"}`, 1)), TokenMalformed},
		{"no object", "as before", header(`["dir"]`), TokenMalformed},
		{"trailing data", "as before", header(testJWEHeader + "{}"), TokenMalformed},
		{
			"a kid of 129", "a header that costs more than its refusal",
			header(strings.Replace(testJWEHeader, `"a"`, `"`+strings.Repeat("a", 129)+`"`, 1)), TokenMalformed,
		},
		{"over 8 KiB", "a big token costs more than its refusal", huge, TokenTooLarge},
	}
	for _, name := range []string{"alg", "enc", "cty", "kid"} {
		members := map[string]string{"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": "a"}
		delete(members, name)
		attacks = append(attacks, attack{"without " + name, "what is missing is guessed", header(mustJSON(t, members)), TokenMalformed})
		for _, value := range []any{"", "none", "A256GCMKW", "A128GCM", "A128CBC-HS256", "jwt", "JWE", 1, nil, []string{"a"}} {
			if name == "kid" && value != "" && fmt.Sprintf("%T", value) == "string" {
				continue
			}
			changed := map[string]any{"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": "a"}
			changed[name] = value
			attacks = append(attacks, attack{
				fmt.Sprintf("%s %v", name, value), "the token chooses how it is opened",
				header(mustJSON(t, changed)), TokenMalformed,
			})
		}
	}
	keys := mustSet(t, mustKey(t, "a"), mustKey(t, "b"))
	cached, plain := NewVerifier(NewKeyRing(keys), NewCache(100)), NewVerifier(NewKeyRing(keys), nil)
	if got := cached.Verify(tokenOf(good), testNow, encryptedRoute()); got.State != TokenUsable {
		t.Fatalf("the control is refused: %q", got.Reason)
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			for _, verifier := range []*Verifier{cached, cached, plain} {
				for _, route := range []Route{encryptedRoute(), testRoute()} {
					if got := verifier.Verify(tokenOf(a.text), testNow, route); got != (Token{Reason: a.want}) {
						t.Fatalf("got state %d, reason %q, want %q. The threat: %s", got.State, got.Reason, a.want, a.threat)
					}
				}
			}
		})
	}
}

func TestEncryptWithoutKey(t *testing.T) {
	if text, err := encrypt(Key{}, "a.b.c"); err == nil || text != "" {
		t.Errorf("an empty key encrypts: %q", text)
	}
}

// The limit of 8 KiB is that of the text that was sent.
func TestEncryptedTokenOfExactly8KiB(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil)
	largest := 0
	for size := 5900; size < 6200; size++ {
		text := enclose(t, testJWEHeader, strings.Repeat("A", size))
		_, reason := verifier.Authenticate(text)
		if want := TokenMalformed; len(text) <= MaxTokenBytes {
			largest = max(largest, len(text))
			if reason != want {
				t.Fatalf("%d bytes: %q", len(text), reason)
			}
		} else if reason != TokenTooLarge {
			t.Fatalf("%d bytes: %q", len(text), reason)
		}
	}
	if largest < MaxTokenBytes-1 {
		t.Errorf("the largest that was tried has %d bytes", largest)
	}
}
