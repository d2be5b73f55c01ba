package validator

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// otherLibrary is a reader and a writer of tokens that shares no code with this package.
type otherLibrary struct {
	name string
	// read verifies a signed token and returns its claims as they stand in it.
	read func(text string, algorithm Algorithm, key any) (map[string]json.RawMessage, error)
	// write signs a payload. The header has alg, kid and typ.
	write func(t *testing.T, algorithm Algorithm, key any, kid, payload string) string
}

var otherLibraries = []otherLibrary{{"go-jose", readWithGoJOSE, writeWithGoJOSE}, {"golang-jwt", readWithGolangJWT, writeWithGolangJWT}}

func readWithGoJOSE(text string, algorithm Algorithm, key any) (map[string]json.RawMessage, error) {
	token, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		return nil, err
	}
	var claims josejwt.Claims
	var all map[string]json.RawMessage
	if err := token.Claims(key, &claims, &all); err != nil {
		return nil, err
	}
	return all, claims.ValidateWithLeeway(josejwt.Expected{Time: testNow}, 5*time.Second)
}

func writeWithGoJOSE(t *testing.T, algorithm Algorithm, key any, kid, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key},
		new(jose.SignerOptions).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	return must(must(signer.Sign([]byte(payload))).CompactSerialize())
}

func readWithGolangJWT(text string, algorithm Algorithm, key any) (map[string]json.RawMessage, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(algorithm)}), jwt.WithJSONNumber(), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return testNow }), jwt.WithLeeway(5*time.Second), jwt.WithExpirationRequired())
	claims := jwt.MapClaims{}
	if _, err := parser.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
		return nil, err
	}
	all := make(map[string]json.RawMessage)
	for name, value := range claims {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		all[name] = raw
	}
	return all, nil
}

func writeWithGolangJWT(t *testing.T, algorithm Algorithm, key any, kid, payload string) string {
	t.Helper()
	method := jwt.GetSigningMethod(string(algorithm))
	signed := encode64([]byte(mustJSON(t, map[string]string{"alg": method.Alg(), "kid": kid, "typ": "JWT"}))) + "." + encode64([]byte(payload))
	return signed + "." + encode64(must(method.Sign(signed, key)))
}

// testPair returns a key of ours for the algorithm with what signs and what verifies elsewhere.
func testPair(t *testing.T, algorithm Algorithm) (key Key, signing, verifying any) {
	t.Helper()
	if algorithm == HS256 {
		return mustKey(t, "a"), secretOf("a"), secretOf("a")
	}
	private := testPrivate(algorithm)
	key, err := newPrivateKey(algorithm, "a", private)
	if err != nil {
		t.Fatal(err)
	}
	return key, private, private.Public()
}

// What the gate accepts, other libraries verify to the same claims: nobody behind the gateway reads another user, or
// another end, from a token than the gateway does.
func TestOthersReadTheSame(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	for _, algorithm := range ours {
		key, _, verifying := testPair(t, algorithm)
		verifier, minter := NewVerifier(NewKeyRing(mustSet(t, key)), nil), testMinter(mustSet(t, key))
		minter.Issuer = "https://shop.example"
		for _, library := range otherLibraries {
			t.Run(string(algorithm)+"/"+library.name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					session := testSession(credential)
					session.User = rapid.StringMatching(`[!-~]{1,40}`).Draw(rt, "user")
					session.Attributes = drawAttributes(rt)
					text, err := minter.Mint(session, credential, testNow)
					if err != nil {
						rt.Fatal(err)
					}
					got := verifier.Verify(tokenOf(text), testNow, testRoute())
					all, err := library.read(text, algorithm, verifying)
					compareClaims(t, got, all, err)
				})
			})
		}
	}
}

// The same of tokens that we would not write so, but accept.
func TestOthersReadTheSameOfOtherSpellings(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil)
	for name, changes := range map[string]map[string]string{
		"plain":            nil,
		"escapes":          {"sub": `"\u0061lice"`, "role": `"\u003ca\ud83d\ude00\/"`},
		"numbers as texts": {"role": `[1,true,"x",1e3]`},
		"names alike":      {"Sub": `"bob"`, "SUB": `"eve"`, "Exp": "1", "sub ": `"mallory"`},
	} {
		for _, library := range otherLibraries {
			t.Run(name+"/"+library.name, func(t *testing.T) {
				text := forge(testHeader, payloadOf(t, changes))
				all, err := library.read(text, HS256, secretOf("a"))
				compareClaims(t, verifier.Verify(tokenOf(text), testNow, testRoute()), all, err)
			})
		}
	}
}

// What other libraries sign with our keys in our form is accepted, for every algorithm.
func TestOthersWriteTheSame(t *testing.T) {
	for _, algorithm := range ours {
		key, signing, verifying := testPair(t, algorithm)
		sealed := encode64(boundID("\x01session-1").binding().seal(key, "token-1"))
		verifier := NewVerifier(NewKeyRing(mustSet(t, key)), nil)
		for _, library := range otherLibraries {
			t.Run(string(algorithm)+"/"+library.name, func(t *testing.T) {
				text := library.write(t, algorithm, signing, "a", payloadOf(t, map[string]string{"sid": `"` + sealed + `"`}))
				all, err := library.read(text, algorithm, verifying)
				got := verifier.Verify(tokenOf(text), testNow, testRoute())
				compareClaims(t, got, all, err)
				if Bind(got, credentialOf(t, "sid=session-1", "sid")) != SameSession {
					t.Error("it is bound to another session")
				}
			})
		}
	}
}

// Encrypted tokens are opened by another library to the same claims, and such as it makes are accepted.
func TestOthersOpenAndMakeTheSame(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	for _, algorithm := range ours {
		t.Run(string(algorithm), func(t *testing.T) {
			key, signing, verifying := testPair(t, algorithm)
			verifier, minter := NewVerifier(NewKeyRing(mustSet(t, key)), nil), testMinter(mustSet(t, key))
			minter.Encrypt = true
			secret := must(key.Derive("jwt_session jwe"))
			text := mint(t, minter, testSession(credential), credential)
			opened, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
			if err != nil {
				t.Fatal(err)
			}
			inner, err := opened.Decrypt(secret)
			if err != nil {
				t.Fatal(err)
			}
			all, err := readWithGoJOSE(string(inner), algorithm, verifying)
			compareClaims(t, verifier.Verify(tokenOf(text), testNow, encryptedRoute()), all, err)

			signed := writeWithGoJOSE(t, algorithm, signing, "a",
				payloadOf(t, map[string]string{"sid": `"` + encode64(boundID("\x01session-1").binding().seal(key, "token-1")) + `"`}))
			encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: secret, KeyID: "a"},
				new(jose.EncrypterOptions).WithContentType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			text = must(must(encrypter.Encrypt([]byte(signed))).CompactSerialize())
			all, err = readWithGoJOSE(signed, algorithm, verifying)
			compareClaims(t, verifier.Verify(tokenOf(text), testNow, encryptedRoute()), all, err)
		})
	}
}

// compareClaims wants a usable token that has the very claims that another library read.
func compareClaims(t *testing.T, got Token, all map[string]json.RawMessage, err error) {
	t.Helper()
	if got.State != TokenUsable || err != nil {
		t.Fatalf("the gate says %q, the other library %v", got.Reason, err)
	}
	claims := got.Claims
	text := func(value string) string { return strings.Trim(mustJSON(t, value), "\n") }
	want := map[string]string{
		"sub": text(claims.subject), "aud": text(claims.realm), "jti": text(claims.tokenID),
		"iat": strconv.FormatInt(claims.issuedAt, 10), "exp": strconv.FormatInt(claims.expires, 10),
		"auth_time": strconv.FormatInt(claims.authTime, 10),
	}
	if claims.issuer != "" {
		want["iss"] = text(claims.issuer)
	}
	for name, value := range want {
		if !sameJSONValue(t, all[name], []byte(value)) {
			t.Fatalf("%s: the gate reads %s, the other library %s", name, value, all[name])
		}
	}
	attributes := claims.Attributes()
	for name, raw := range all {
		if IsReservedClaim(name) {
			if _, known := want[name]; !known && name != "sid" && name != "nbf" {
				t.Fatalf("the gate does not see %s", name)
			}
			continue
		}
		var value sessions.Attribute
		if err := value.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		if own, ok := attributes[name]; !ok || !own.Equal(value) {
			t.Fatalf("attribute %q: the other library reads %v, the gate %v", name, value, own)
		}
		delete(attributes, name)
	}
	if len(attributes) > 0 {
		t.Fatalf("the other library does not see %v", attributes)
	}
}

// sameJSONValue reports whether two texts are the same string or whole number.
func sameJSONValue(t *testing.T, a, b []byte) bool {
	t.Helper()
	var first, second any
	if len(a) == 0 || json.Unmarshal(a, &first) != nil || json.Unmarshal(b, &second) != nil {
		return false
	}
	return first == second
}
