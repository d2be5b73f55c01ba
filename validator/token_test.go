package validator

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// attributes draws attributes of all kinds; a list of names makes sure that they repeat.
func drawAttributes(t *rapid.T) sessions.Attributes {
	value := rapid.Custom(func(t *rapid.T) sessions.Attribute {
		texts := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "texts")
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			return sessions.Attribute{}
		case 1:
			return sessions.Text(rapid.String().Draw(t, "text"))
		default:
			return sessions.List(texts...)
		}
	})
	names := rapid.OneOf(rapid.SampledFrom([]string{"role", "email", "Sub", "EXP", "a b", "<&>"}), rapid.String())
	attributes := rapid.MapOfN(names, value, 0, 4).Draw(t, "attributes")
	maps.DeleteFunc(attributes, func(name string, _ sessions.Attribute) bool { return IsReservedClaim(name) })
	return attributes
}

// What is minted verifies to the same user, session, times and attributes, is bound to its session and to no other.
func TestMintedTokensVerify(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"), mustKey(t, "b"))
	verifier := NewVerifier(NewKeyRing(keys), NewCache(100))
	names := mustSessionCookies(t, "sid", "user")
	single := mustSessionCookies(t, "sid")
	printable := rapid.StringOfN(rapid.SampledFrom([]rune(`abcXYZ019!"#$%&'()*+,-./:<>?@[\]^_{|}~`)), 1, 256, 256)
	value := rapid.OneOf(
		printable, rapid.StringMatching(`[a-f0-9]{255}`), rapid.StringMatching(`[a-f0-9]{256}`),
		rapid.StringMatching(`[a-f0-9]{257}`), rapid.StringMatching(`[a-f0-9]{400}`), rapid.StringMatching(`é{1,300}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		line, read := "sid="+value.Draw(t, "sid"), single
		if rapid.Bool().Draw(t, "set") {
			line, read = line+"; user="+value.Draw(t, "second"), names
		}
		credential := read.Read(mustScan(t, []string{line}))
		want := sessions.Session{
			Key:        sessions.Key{Realm: rapid.StringMatching(`[a-z_-]{1,20}`).Draw(t, "realm"), Hash: credential.Hash},
			User:       printable.Draw(t, "user"),
			AuthTime:   testNow.Unix() - rapid.Int64Range(-1, 1e6).Draw(t, "age"),
			Confirmed:  testNow.Add(-time.Duration(rapid.Int64Range(0, 58e9).Draw(t, "confirmed"))),
			Ends:       testNow.Add(time.Duration(rapid.Int64Range(2e9, 100e9).Draw(t, "ends"))),
			Expires:    testNow.Add(time.Duration(rapid.Int64Range(2e9, 100e9).Draw(t, "expires"))),
			Attributes: drawAttributes(t),
		}
		text, err := testMinter(keys).Mint(want, credential, testNow)
		if err != nil {
			t.Fatal(err)
		}
		route := testRoute()
		route.Realm = want.Realm
		got := verifier.Verify(tokenOf(text), testNow, route)
		if len(text) > MaxTokenBytes && got.Reason == TokenTooLarge {
			return
		}
		if got.State != TokenUsable {
			t.Fatalf("refused: %q", got.Reason)
		}
		claims := got.Claims
		if claims.Subject() != want.User || claims.SessionKey() != want.Key || claims.AuthTime() != want.AuthTime ||
			claims.IssuedAt() != testNow.Unix() || claims.Realm() != want.Realm || len(claims.TokenID()) != 22 {
			t.Fatalf("got %+v, want %+v", claims, want)
		}
		if !maps.EqualFunc(claims.Attributes(), want.Attributes, sessions.Attribute.Equal) {
			t.Fatalf("got attributes %v, want %v", claims.Attributes(), want.Attributes)
		}
		if Bind(got, credential) != SameSession || Bind(got, SessionCredential{Presence: Absent}) != NoSession {
			t.Fatal("not bound to its session")
		}
		other := read.Read(mustScan(t, []string{line + "x"}))
		if other.Presence != Present || Bind(got, other) != OtherSession {
			t.Fatal("bound to another session too")
		}
	})
}

func TestBind(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	good := Token{State: TokenUsable, Claims: &Claims{session: credential.Hash}}
	for _, c := range []struct {
		name    string
		token   Token
		session SessionCredential
		want    Binding
	}{
		{"the same", good, credential, SameSession},
		{"another", good, credentialOf(t, "sid=2", "sid"), OtherSession},
		{"none", good, credentialOf(t, "a=1", "sid"), NoSession},
		{"a part of the set", good, credentialOf(t, "sid=1", "sid", "user"), OtherSession},
		{"two values", good, credentialOf(t, "sid=1; sid=2", "sid"), OtherSession},
		{"a hash without a session", good, SessionCredential{Hash: credential.Hash}, OtherSession},
		{"no token, no session", Token{}, SessionCredential{Presence: Absent}, OtherSession},
		{"no token", Token{}, credential, OtherSession},
	} {
		if got := Bind(c.token, c.session); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestVerifyPresence(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil)
	text := forge(testHeader, payloadOf(t, nil))
	for _, c := range []struct {
		name       string
		credential TokenCredential
		want       Token
	}{
		{"absent", TokenCredential{Presence: Absent, text: &text}, Token{State: TokenAbsent}},
		{"two of them", TokenCredential{Presence: Unusable, text: &text}, Token{Reason: TokenAmbiguous}},
		{"of no kind", TokenCredential{Presence: 99, text: &text}, Token{Reason: TokenAmbiguous}},
		{"present, but nothing", TokenCredential{Presence: Present}, Token{Reason: TokenMalformed}},
	} {
		if got := verifier.Verify(c.credential, testNow, testRoute()); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	for name, verifier := range map[string]*Verifier{"zero": {}, "without keys": NewVerifier(nil, NewCache(1))} {
		if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got != (Token{Reason: TokenUnknownKey}) {
			t.Errorf("a verifier %s: got %+v", name, got)
		}
	}
}

// The claims are asked for revocation, and they are those of the token.
func TestDeadIsAskedAboutTheClaims(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), NewCache(1))
	route := testRoute()
	var asked *Claims
	route.Dead = func(claims *Claims) (Reason, bool) {
		asked = claims
		return "", false
	}
	got := verifier.Verify(tokenOf(forge(testHeader, payloadOf(t, nil))), testNow, route)
	if asked == nil || got.Claims != asked || asked.TokenID() != "token-1" || asked.Subject() != "alice" ||
		asked.AuthTime() != 1_799_999_990 || asked.Expires() != 1_800_000_060 {
		t.Errorf("asked about %+v", asked)
	}
	if role, ok := asked.Attribute("role"); !ok || !role.Equal(sessions.Text("customer")) {
		t.Errorf("got role %v, %v", role, ok)
	}
	if _, ok := asked.Attribute("other"); ok {
		t.Error("has an attribute that it has not")
	}
	asked.Attributes()["role"] = sessions.Text("admin")
	if role, _ := asked.Attribute("role"); !role.Equal(sessions.Text("customer")) {
		t.Error("a caller changes the claims that all requests share")
	}
}

func TestAuthenticate(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), NewCache(1))
	expired := map[string]string{"iat": "1", "exp": "2", "aud": `"blog"`}
	claims, reason := verifier.Authenticate(forge(testHeader, payloadOf(t, expired)))
	if reason != "" || claims == nil || claims.Realm() != "blog" || claims.Expires() != 2 {
		t.Errorf("an expired token of another realm: %+v, %q", claims, reason)
	}
	for text, want := range map[string]Reason{
		"": TokenMalformed,
		forge(`{"alg":"HS256","kid":"b","typ":"JWT"}`, payloadOf(t, nil)):         TokenUnknownKey,
		forge(testHeader, payloadOf(t, nil))[:80] + "." + encode64([]byte("mac")): TokenMalformed,
		forge(testHeader, payloadOf(t, map[string]string{"sub": ""})):             TokenMalformed,
		forge(testHeader, payloadOf(t, map[string]string{"iat": ""})):             TokenMalformed,
		forge(testHeader, payloadOf(t, map[string]string{"exp": ""})):             TokenMalformed,
		forge(testHeader, payloadOf(t, nil)) + "AAAA":                             TokenBadSignature,
	} {
		if claims, reason := verifier.Authenticate(text); claims != nil || reason != want {
			t.Errorf("got %+v, %q, want %q", claims, reason, want)
		}
	}
}

func TestClaimForms(t *testing.T) {
	for text, want := range map[string]bool{"alice": true, "!~": true, "": false, "a b": false, "a\n": false, "é": false} {
		if IsUserID(text) != want || IsTokenID(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}
