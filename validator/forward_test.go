package validator

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func testForwarded() Forwarded {
	return Forwarded{
		User: "alice", Realm: "shop", Audience: "https://api.example", Expires: testNow.Unix() + 60,
		Attributes: sessions.Attributes{"role": sessions.List("buyer", "staff"), "scope": sessions.Text("a b"), "group": {}},
	}
}

func forwardOf(t testing.TB, keys *KeySet) string {
	t.Helper()
	text, err := Minter{Keys: keys, Issuer: "https://shop.example"}.Forward(testForwarded(), testNow)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Two other libraries verify what services are sent, with the public key alone where there is one.
func TestForwardedTokenElsewhere(t *testing.T) {
	for _, algorithm := range ours {
		key, private := generate(t, algorithm)
		text := forwardOf(t, mustSet(t, key))
		var verifying any = key.hidden().public
		if algorithm == HS256 {
			verifying = private
		}
		parsed, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
		if err != nil {
			t.Fatal(err)
		}
		var registered josejwt.Claims
		var all map[string]any
		if err := parsed.Claims(verifying, &registered, &all); err != nil {
			t.Fatalf("%s: go-jose: %v", algorithm, err)
		}
		if err := registered.Validate(josejwt.Expected{
			Issuer: "https://shop.example", Subject: "alice", AnyAudience: josejwt.Audience{"https://api.example"}, Time: testNow,
		}); err != nil {
			t.Errorf("%s: go-jose: %v", algorithm, err)
		}
		if parsed.Headers[0].KeyID != key.ID() || parsed.Headers[0].ExtraHeaders["typ"] != "at+jwt" {
			t.Errorf("%s: the header is %+v", algorithm, parsed.Headers[0])
		}

		var claims jwt.MapClaims
		token, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return verifying, nil },
			jwt.WithValidMethods([]string{string(algorithm)}), jwt.WithAudience("https://api.example"),
			jwt.WithIssuer("https://shop.example"), jwt.WithSubject("alice"), jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(func() time.Time { return testNow }))
		if err != nil || !token.Valid {
			t.Errorf("%s: golang-jwt: %v", algorithm, err)
		}
	}
}

func TestForwardedTokenFormat(t *testing.T) {
	header, claims := readParts(t, forwardOf(t, mustSet(t, mustKey(t, "a"))))
	if got, want := mustJSON(t, header), `{"alg":"HS256","kid":"a","typ":"at+jwt"}`; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	if id, _ := claims["jti"].(string); len(id) != 22 {
		t.Errorf("jti %q, want 128 bits", id)
	}
	delete(claims, "jti")
	want := mustJSON(t, map[string]any{
		"iss": "https://shop.example", "sub": "alice", "aud": "https://api.example", "client_id": "shop",
		"iat": testNow.Unix(), "exp": testNow.Unix() + 60, "role": []string{"buyer", "staff"}, "scope": "a b", "group": nil,
	})
	if got := mustJSON(t, claims); got != want {
		t.Errorf("claims %s, want %s", got, want)
	}
}

// readParts returns header and claims as they can be read without a key.
func readParts(t testing.TB, text string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		if err := json.Unmarshal(decode64(t, parts[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestForwardRefuses(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	for name, change := range map[string]func(*Minter, *Forwarded){
		"no key":      func(m *Minter, _ *Forwarded) { m.Keys = nil },
		"no issuer":   func(m *Minter, _ *Forwarded) { m.Issuer = "" },
		"no audience": func(_ *Minter, f *Forwarded) { f.Audience = "" },
		"no realm":    func(_ *Minter, f *Forwarded) { f.Realm = "" },
		"no user":     func(_ *Minter, f *Forwarded) { f.User = "" },
		"a user id with a line break": func(_ *Minter, f *Forwarded) {
			f.User = "alice\r\n"
		},
		"over already": func(_ *Minter, f *Forwarded) { f.Expires = testNow.Unix() },
	} {
		minter, forwarded := Minter{Keys: keys, Issuer: "i"}, testForwarded()
		change(&minter, &forwarded)
		if text, err := minter.Forward(forwarded, testNow); err == nil || text != "" {
			t.Errorf("%s: made a token", name)
		}
	}
	over := testForwarded()
	over.Expires = 0
	if _, err := (Minter{Keys: keys, Issuer: "i"}).Forward(over, testNow); !errors.Is(err, ErrNothingToMint) {
		t.Errorf("got the error %v", err)
	}
}

// A service comes back with the token that it was sent, and would be its user here.
func TestForwardedTokenIsNoneOfOurs(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	verifier := NewVerifier(NewKeyRing(keys), NewCache(10))
	forwarded := testForwarded()
	forwarded.Audience = "shop"
	text, err := Minter{Keys: keys, Issuer: "i"}.Forward(forwarded, testNow)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it could be remembered
		if token := verifier.Verify(tokenOf(text), testNow, testRoute()); token.State != TokenUnusable || token.Claims != nil {
			t.Errorf("accepted as %v", token.State)
		}
	}
	if claims, reason := verifier.Authenticate(text); claims != nil || reason == "" {
		t.Error("accepted for a revocation")
	}
	if strings.Contains(text, "sid") {
		t.Error("it has a session id")
	}
}
