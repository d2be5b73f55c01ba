package validator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
)

var testBinding = StateBinding{Realm: "shop", Cookie: "cart", User: "alice"}

const testCart = `{"items":[{"sku":"a-1","n":2}],"note":"caf\u00e9"}`

func stateSecret(t testing.TB, key Key) []byte {
	t.Helper()
	secret, err := key.Derive("jwt_session state")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func stateOf(t testing.TB, keys *KeySet, binding StateBinding, object string) string {
	t.Helper()
	text, err := keys.SignState(binding, object, time.Hour, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestStateFormat(t *testing.T) {
	header, claims := readParts(t, stateOf(t, mustSet(t, mustKey(t, "a")), testBinding, testCart))
	if got, want := mustJSON(t, header), `{"alg":"HS256","kid":"a","typ":"state+jwt"}`; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	want := mustJSON(t, map[string]any{
		"aud": "shop", "cookie": "cart", "sub": "alice", "iat": testNow.Unix(), "exp": testNow.Unix() + 3600,
		"items": []any{map[string]any{"sku": "a-1", "n": 2}}, "note": "café",
	})
	if got := mustJSON(t, claims); got != want {
		t.Errorf("claims %s, want %s", got, want)
	}
}

// What an application sends comes back to it, whatever key of the gateway is the one that signs.
func TestStateReturns(t *testing.T) {
	for _, algorithm := range ours {
		key, _ := generate(t, algorithm)
		keys := mustSet(t, key)
		for sent, want := range map[string]string{
			"{}": "{}", " { } ": "{}", testCart: `{"items":[{"sku":"a-1","n":2}],"note":"caf\u00e9"}`,
			"{\"b\" : 1.50,\t\"a\":[ 1e3, -0 ]}":       `{"b":1.50,"a":[1e3,-0]}`,
			"{\"é\":\"\u00fc\U0001f600\u007f\"}":       `{"\u00e9":"\u00fc\ud83d\ude00\u007f"}`,
			`{"a":"\u0000\n\"\\\/<>&"}`:                `{"a":"\u0000\n\"\\\/<>&"}`,
			`{"":{"sub":"mallory","exp":1,"iat":[1]}}`: `{"":{"sub":"mallory","exp":1,"iat":[1]}}`,
			`{"a":null,"A":true}`:                      `{"a":null,"A":true}`,
		} {
			token := stateOf(t, keys, testBinding, sent)
			got, reason := keys.ReadState(testBinding, tokenOf(token), time.Hour, testNow)
			if got != want || reason != "" {
				t.Errorf("%s: %s came back as %s (%s)", algorithm, sent, got, reason)
			}
		}
	}
}

func TestStateRefusesToSign(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	for _, text := range []string{
		"", " ", "null", "1", `"a"`, "[]", `[{"a":1}]`, "{", "{}{}", "{} x", `{"a":1,}`, `{a:1}`, `{"a":1,"a":2}`,
		`{"a":{"b":1,"b":2}}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":NaN}`, `{"a":01}`, `// {}`,
		`{"iss":1}`, `{"sub":"bob"}`, `{"aud":1}`, `{"exp":9999999999}`, `{"nbf":1}`, `{"iat":1}`, `{"jti":1}`, `{"sid":1}`,
		`{"auth_time":1}`, `{"cookie":1}`, `{"\u0065xp":1}`, `{"a":1,"sub":2}`, `{"client_id":1}`,
	} {
		token, err := keys.SignState(testBinding, text, time.Hour, testNow)
		if token != "" || !errors.Is(err, ErrNoState) {
			t.Errorf("%s: signed, or the error is %v", text, err)
		}
		if err != nil && len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats %s", text)
		}
	}
	if _, err := new(KeySet).SignState(testBinding, "{}", time.Hour, testNow); err == nil {
		t.Error("signed without a key")
	}
	if _, err := (*KeySet)(nil).SignState(testBinding, "{}", time.Hour, testNow); err == nil {
		t.Error("signed without keys")
	}
}

func TestStateBinding(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	anonymous := StateBinding{Realm: "shop", Cookie: "cart"}
	for _, test := range []struct {
		name           string
		signed, wanted StateBinding
		want           Reason
	}{
		{"the same", testBinding, testBinding, ""},
		{"nobody's, by nobody", anonymous, anonymous, ""},
		{"nobody's, after sign-in", anonymous, testBinding, ""},
		{"a user's, after sign-out", testBinding, anonymous, StateOther},
		{"another user's", testBinding, StateBinding{"shop", "cart", "bob"}, StateOther},
		{"another realm's", testBinding, StateBinding{"blog", "cart", "alice"}, StateOther},
		{"another cookie's", testBinding, StateBinding{"shop", "wishes", "alice"}, StateOther},
		{"nobody's, of another realm", anonymous, StateBinding{"blog", "cart", ""}, StateOther},
		{"to nothing", StateBinding{}, StateBinding{}, StateOther},
	} {
		object, reason := keys.ReadState(test.wanted, tokenOf(stateOf(t, keys, test.signed, testCart)), time.Hour, testNow)
		if reason != test.want || (object != "") != (test.want == "") {
			t.Errorf("%s: got %q", test.name, reason)
		}
	}
}

func TestStateTimes(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	token := tokenOf(stateOf(t, keys, testBinding, testCart))
	for _, test := range []struct {
		after, lifetime time.Duration
		want            Reason
	}{
		{0, time.Hour, ""},
		{time.Hour - time.Second, time.Hour, ""},
		{time.Hour, time.Hour, TokenExpired},
		{time.Hour, 2 * time.Hour, TokenExpired},
		{time.Minute, time.Minute, TokenTooOld},
		{59 * time.Second, time.Minute, ""},
		{-5 * time.Second, time.Hour, ""},
		{-7 * time.Second, time.Hour, TokenNotYetValid},
	} {
		if _, reason := keys.ReadState(testBinding, token, test.lifetime, testNow.Add(test.after)); reason != test.want {
			t.Errorf("after %s, with a lifetime of %s: got %q, want %q", test.after, test.lifetime, reason, test.want)
		}
	}
}

// After a rotation the older key still verifies; after an emergency nothing of it counts.
func TestStateOutlivesRotation(t *testing.T) {
	older, newer := mustKey(t, "a"), mustKey(t, "b")
	token := tokenOf(stateOf(t, mustSet(t, older), testBinding, testCart))
	for name, test := range map[string]struct {
		keys *KeySet
		want Reason
	}{
		"rotated": {mustSet(t, newer, older), ""}, "emergency": {mustSet(t, newer), TokenUnknownKey},
		"no keys": {new(KeySet), TokenUnknownKey}, "nothing": {nil, TokenUnknownKey},
	} {
		if _, reason := test.keys.ReadState(testBinding, token, time.Hour, testNow); reason != test.want {
			t.Errorf("%s: got %q, want %q", name, reason, test.want)
		}
	}
}

func TestStatePresence(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	token := stateOf(t, keys, testBinding, testCart)
	for line, want := range map[string]Reason{
		"": NoCredentials, "cart=": NoCredentials, "cart=" + token: "", "cart=" + token + "; cart=" + token: "",
		"cart=" + token + "; cart=x": TokenAmbiguous, "Cart=" + token: NoCredentials, "cart=\"" + token + "\"": TokenMalformed,
		"cart= " + token + " ": "",
	} {
		credential := ReadToken(mustScan(t, []string{line}), "cart")
		if _, reason := keys.ReadState(testBinding, credential, time.Hour, testNow); reason != want {
			t.Errorf("%d cookies: got %q, want %q", strings.Count(line, "="), reason, want)
		}
	}
}

// Attacks on states, one each with its threat in a sentence.

// Somebody brings a state where a token is expected, so that its sub signs him in.
func TestAttackStateAsIdentity(t *testing.T) {
	key := mustKey(t, "a")
	keys := mustSet(t, key)
	verifier := NewVerifier(NewKeyRing(keys), nil)
	state := stateOf(t, keys, testBinding, testCart)
	header, rest, _ := strings.Cut(state, ".")
	ours := key.hidden().header
	for name, text := range map[string]string{"as it is": state, "under our header": ours + "." + rest, "twice": header + "." + state} {
		if token := verifier.Verify(tokenOf(text), testNow, testRoute()); token.State != TokenUnusable {
			t.Errorf("%s: accepted as %v", name, token.State)
		}
	}
}

// Somebody brings a token of another type, or one signed with the signing key itself, as a state.
func TestAttackTokenAsState(t *testing.T) {
	key := mustKey(t, "a")
	keys := mustSet(t, key)
	credential := credentialOf(t, "sid=abc", "sid")
	identity := mint(t, testMinter(keys), testSession(credential), credential)
	payload := encode64([]byte(`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":1800003600,"items":["gold"]}`))
	forged := encode64([]byte(`{"alg":"HS256","kid":"a","typ":"state+jwt"}`)) + "." + payload
	good := forged + "." + encode64(macOf(stateSecret(t, key), forged))
	if _, reason := keys.ReadState(testBinding, tokenOf(good), time.Hour, testNow); reason != "" {
		t.Fatalf("the control is refused: %q", reason)
	}
	for name, text := range map[string]string{
		"an identity token": identity, "a token for a service": forwardOf(t, keys),
		"signed with the signing key": withMAC(forged), "unsigned": forged + ".", "without signature": forged,
		"signed with the sealing key": forged + "." + encode64(macOf(sealingSecret(t, secretOf("a")), forged)),
	} {
		if object, reason := keys.ReadState(testBinding, tokenOf(text), time.Hour, testNow); reason == "" || object != "" {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Somebody who can sign states, such as a careless tool, leaves out what binds one, or writes it twice.
func TestAttackStateClaims(t *testing.T) {
	key := mustKey(t, "a")
	keys := mustSet(t, key)
	for _, payload := range []string{
		`{}`, `[]`, `{"cookie":"cart","iat":1800000000,"exp":1800003600}`, `{"aud":"shop","iat":1800000000,"exp":1800003600}`,
		`{"aud":"shop","cookie":"cart","exp":1800003600}`, `{"aud":"shop","cookie":"cart","iat":1800000000}`,
		`{"aud":["shop"],"cookie":"cart","iat":1800000000,"exp":1800003600}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":1800003600,"sub":null}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":1800003600,"sub":"bob","sub":"alice"}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":"1800003600"}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000.5,"exp":1800003600}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":1800003600,"nbf":1}`,
		`{"aud":"shop","cookie":"cart","iat":1800000000,"exp":1800003600} x`,
	} {
		signed := encode64([]byte(`{"alg":"HS256","kid":"a","typ":"state+jwt"}`)) + "." + encode64([]byte(payload))
		text := signed + "." + encode64(macOf(stateSecret(t, key), signed))
		if object, reason := keys.ReadState(testBinding, tokenOf(text), time.Hour, testNow); reason == "" || object != "" {
			t.Errorf("accepted %s", payload)
		}
	}
}

// Two other libraries verify states to what the gateway reads.
func TestStateElsewhere(t *testing.T) {
	key := mustKey(t, "a")
	keys := mustSet(t, key)
	text := stateOf(t, keys, testBinding, testCart)
	object, _ := keys.ReadState(testBinding, tokenOf(text), time.Hour, testNow)
	var want map[string]any
	if err := json.Unmarshal([]byte(object), &want); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"aud": "shop", "cookie": "cart", "sub": "alice", "iat": float64(testNow.Unix()), "exp": float64(testNow.Unix() + 3600),
	} {
		want[name] = value
	}
	parsed, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	var byJOSE map[string]any
	if err := parsed.Claims(stateSecret(t, key), &byJOSE); err != nil || !reflect.DeepEqual(byJOSE, want) {
		t.Errorf("go-jose: %v, %v", byJOSE, err)
	}
	byJWT := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(text, byJWT, func(*jwt.Token) (any, error) { return stateSecret(t, key), nil },
		jwt.WithTimeFunc(func() time.Time { return testNow }), jwt.WithAudience("shop"))
	if err != nil || !reflect.DeepEqual(map[string]any(byJWT), want) {
		t.Errorf("golang-jwt: %v, %v", byJWT, err)
	}
}

// Whatever an application sends becomes a state that says the same, in ASCII, or none.
func FuzzSignState(f *testing.F) {
	keys := mustSet(f, mustKey(f, "a"))
	for _, seed := range []string{testCart, "{}", `{"a":"é` + "\U0001f600" + `"}`, `{"exp":1}`, `{"a":1,"a":2}`, "[1]", "{\"a\":\"\x7f\"}", `{"a":1e400}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		text, err := keys.SignState(testBinding, sent, time.Hour, testNow)
		if err != nil {
			if text != "" {
				t.Error("a token beside an error")
			}
			return
		}
		if len(text) > stateForm.size {
			return // no cookie holds it
		}
		got, reason := keys.ReadState(testBinding, tokenOf(text), time.Hour, testNow)
		if reason != "" {
			t.Fatalf("%q was signed, and refused: %q", sent, reason)
		}
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("%q came back with the byte %x", sent, got[i])
			}
		}
		var before, after any
		decoder := func(text string, into any) {
			reader := json.NewDecoder(strings.NewReader(text))
			reader.UseNumber()
			if err := reader.Decode(into); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		decoder(sent, &before)
		decoder(got, &after)
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q came back as %q", sent, got)
		}
	})
}

// Whatever a browser brings: only what the gateway signed counts, to the byte.
func FuzzReadState(f *testing.F) {
	keys := mustSet(f, mustKey(f, "a"))
	good := stateOf(f, keys, testBinding, testCart)
	f.Add(good)
	f.Add(good[:len(good)-1] + "A")
	f.Add(strings.Replace(good, ".", "=.", 1))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"state+jwt"}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, text string) {
		object, reason := keys.ReadState(testBinding, tokenOf(text), time.Hour, testNow)
		if (object == "") == (reason == "") {
			t.Errorf("an object of %d bytes and the reason %q", len(object), reason)
		}
		if reason == "" && text != good {
			t.Error("accepted what the gateway did not sign")
		}
	})
}

func BenchmarkReadState(b *testing.B) {
	keys := mustSet(b, mustKey(b, "a"))
	token := tokenOf(stateOf(b, keys, testBinding, testCart))
	b.ReportAllocs()
	for b.Loop() {
		if _, reason := keys.ReadState(testBinding, token, time.Hour, testNow); reason != "" {
			b.Fatal(reason)
		}
	}
}

func BenchmarkSignState(b *testing.B) {
	keys := mustSet(b, mustKey(b, "a"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.SignState(testBinding, testCart, time.Hour, testNow); err != nil {
			b.Fatal(err)
		}
	}
}
