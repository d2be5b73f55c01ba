package validator

import (
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// What the gate accepts, another library verifies to the same claims: nobody behind the gateway reads another user, or
// another end, from a token than the gateway does.
func TestGoJOSEReadsTheSame(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil)
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	minter.Issuer = "https://shop.example"
	credential := credentialOf(t, "sid=1", "sid")
	rapid.Check(t, func(rt *rapid.T) {
		session := testSession(credential)
		session.User = rapid.StringMatching(`[!-~]{1,40}`).Draw(rt, "user")
		session.Attributes = drawAttributes(rt)
		text, err := minter.Mint(session, credential, testNow)
		if err != nil {
			rt.Fatal(err)
		}
		compareWithGoJOSE(t, verifier, text)
	})
	for name, changes := range map[string]map[string]string{
		"plain":            nil,
		"escapes":          {"sub": `"\u0061lice"`, "role": `"\u003ca\ud83d\ude00\/"`},
		"numbers as texts": {"role": `[1,true,"x",1e3]`},
		"names alike":      {"Sub": `"bob"`, "SUB": `"eve"`, "Exp": "1", "sub ": `"mallory"`},
	} {
		t.Run(name, func(t *testing.T) {
			compareWithGoJOSE(t, verifier, forge(testHeader, payloadOf(t, changes)))
		})
	}
}

func compareWithGoJOSE(t *testing.T, verifier *Verifier, text string) {
	t.Helper()
	got := verifier.Verify(tokenOf(text), testNow, testRoute())
	if got.State != TokenUsable {
		t.Fatalf("refused: %q", got.Reason)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	var registered jwt.Claims
	var all map[string]json.RawMessage
	if err := token.Claims(secretOf("a"), &registered, &all); err != nil {
		t.Fatal(err)
	}
	claims := got.Claims
	if registered.Subject != claims.Subject() || registered.ID != claims.TokenID() ||
		len(registered.Audience) != 1 || registered.Audience[0] != claims.Realm() ||
		registered.Expiry.Time().Unix() != claims.Expires() || registered.IssuedAt.Time().Unix() != claims.IssuedAt() ||
		registered.Issuer != claims.issuer {
		t.Fatalf("go-jose reads %+v, the gate %+v", registered, claims)
	}
	attributes := claims.Attributes()
	for name, raw := range all {
		if IsReservedClaim(name) {
			continue
		}
		var value sessions.Attribute
		if err := value.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		if own, ok := attributes[name]; !ok || !own.Equal(value) {
			t.Fatalf("attribute %q: go-jose reads %v, the gate %v", name, value, own)
		}
		delete(attributes, name)
	}
	if len(attributes) > 0 {
		t.Fatalf("go-jose does not see %v", attributes)
	}
}
