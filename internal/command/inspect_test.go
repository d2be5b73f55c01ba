package command

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

const testID = "SECRET-session-id-of-alice"

var testTime = time.Unix(1_800_000_000, 0)

// minted returns a token of our own, and the verifier that takes it.
func minted(t testing.TB, algorithm validator.Algorithm, encrypt bool) (string, *validator.Verifier) {
	t.Helper()
	key, _, err := validator.GenerateKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := validator.NewSessionCookies("session")
	if err != nil {
		t.Fatal(err)
	}
	read, err := validator.ScanCookies([]string{"session=" + testID})
	if err != nil {
		t.Fatal(err)
	}
	session := sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: sessions.HashOf(testID)}, User: "alice",
		Attributes: sessions.Attributes{"role": sessions.Text("keeper")}, Source: sessions.Learned,
		AuthTime: testTime.Unix(), Seen: testTime, Confirmed: testTime, Ends: testTime.Add(time.Hour), Expires: testTime.Add(time.Hour),
	}
	token, err := validator.Minter{Keys: keys, Lifetime: time.Minute, Encrypt: encrypt}.Mint(session, cookies.Read(read), testTime)
	if err != nil {
		t.Fatal(err)
	}
	return token, validator.NewVerifier(validator.NewKeyRing(keys), nil)
}

func forged(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 32))
}

// withSignature returns the token with a signature of another length.
func withSignature(token string, bytes int) string {
	return token[:strings.LastIndex(token, ".")+1] + base64.RawURLEncoding.EncodeToString(make([]byte, bytes))
}

// A signature that was cut off, or that something was added to, never holds. RSA keys differ in their length.
func TestInspectRefusesASignatureOfAnotherLength(t *testing.T) {
	for _, test := range []struct {
		algorithm validator.Algorithm
		good, bad []int
	}{
		{validator.HS256, []int{32}, []int{0, 1, 31, 33, 64}},
		{validator.ES256, []int{64}, []int{0, 32, 63, 65, 72}},
		{validator.EdDSA, []int{64}, []int{0, 32, 63, 65, 114}},
		{validator.RS256, []int{256, 384, 512, 1024}, []int{0, 128, 255, 1025}},
	} {
		token, _ := minted(t, test.algorithm, false)
		for _, bytes := range test.good {
			if found := explainToken(withSignature(token, bytes), testTime); len(found.Refused) > 0 || found.Signature != bytes {
				t.Errorf("%s, %d bytes: %+v", test.algorithm, bytes, found)
			}
		}
		for _, bytes := range test.bad {
			found := explainToken(withSignature(token, bytes), testTime)
			if got := reasons(found); got != "token_bad_signature" && (bytes > 0 || got != "token_malformed") {
				t.Errorf("%s, %d bytes: %+v", test.algorithm, bytes, found)
			}
		}
	}
	encrypted, _ := minted(t, validator.HS256, true)
	for _, text := range []string{
		withSignature(encrypted, 15), withSignature(encrypted, 17), withSignature(encrypted, 0), strings.Replace(encrypted, "..", ".AA.", 1),
		strings.Replace(encrypted, "..", "..AAAA", 1),
	} {
		if found := explainToken(text, testTime); reasons(found) != "token_malformed" {
			t.Errorf("%s: %+v", text, found.Refused)
		}
	}
}

func reasons(e *explanation) string {
	var all []string
	for _, refused := range e.Refused {
		all = append(all, refused.Reason)
	}
	return strings.Join(all, " ")
}

func TestInspectATokenOfOurs(t *testing.T) {
	for _, algorithm := range []validator.Algorithm{validator.HS256, validator.ES256, validator.EdDSA, validator.RS256} {
		token, _ := minted(t, algorithm, false)
		found := explainToken(token, testTime.Add(10*time.Second))
		if len(found.Refused) > 0 || found.Verified || found.Form != "compact JWS" {
			t.Errorf("%s: %+v", algorithm, found)
		}
		text := fmt.Sprint(*found)
		for _, want := range []string{
			"{alg " + string(algorithm) + " algorithm}", "{sub alice user id}", "{aud shop realm}", "{role keeper attribute}",
			"10 seconds ago", "in 50 seconds", "sealed for the gateway",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the explanation lacks %q: %s", algorithm, want, text)
			}
		}
		if found := explainToken(token, testTime.Add(time.Minute)); reasons(found) != "token_expired" {
			t.Errorf("%s: after its time: %+v", algorithm, found.Refused)
		}
		if found := explainToken(token, testTime.Add(-time.Minute)); reasons(found) != "token_not_yet_valid" {
			t.Errorf("%s: before its time: %+v", algorithm, found.Refused)
		}
	}
}

func TestInspectAnEncryptedToken(t *testing.T) {
	token, _ := minted(t, validator.HS256, true)
	found := explainToken(token, testTime)
	if found.Form != "encrypted JWT (JWE)" || len(found.Refused) > 0 || strings.Contains(fmt.Sprint(found), "alice") {
		t.Errorf("got %+v", found)
	}
}

// A token of another system may carry a session id as it stands.
func TestInspectNeverShowsASessionID(t *testing.T) {
	const header = `{"alg":"HS256","kid":"k","typ":"JWT"}`
	for _, payload := range []string{
		`{"sub":"alice","aud":"shop","sid":"` + testID + `","jti":"j","iat":1,"exp":2,"auth_time":1}`,
		`{"sid":["` + testID + `"]}`, `{"sid":{"a":"` + testID + `"}}`, `{"sid":"` + testID + `","sid":"` + testID + `"}`,
		`{"\u0073id":"` + testID + `"}`,
	} {
		if text := fmt.Sprintf("%+v", explainToken(forged(header, payload), testTime)); strings.Contains(text, testID) {
			t.Errorf("%s: %s", payload, text)
		}
	}
}

// What is said to be wrong with the form is what the gateway's own gate says, and it is said for everything that the gate
// refuses.
func TestInspectAgreesWithTheGate(t *testing.T) {
	good := `{"sub":"alice","aud":"shop","sid":"c2VhbGVk","jti":"j","iat":1799999990,"exp":1800000050,"auth_time":1799999990}`
	header := `{"alg":"HS256","kid":"k","typ":"JWT"}`
	token, verifier := minted(t, validator.HS256, false)
	for name, text := range map[string]string{
		"ours": token, "well formed": forged(header, good), "empty": "", "one part": "x", "two parts": "x.y", "four parts": "a.b.c.d",
		"no header": "." + token, "none": forged(`{"alg":"none","kid":"k","typ":"JWT"}`, good),
		"jku":    forged(`{"alg":"HS256","kid":"k","typ":"JWT","jku":"https://evil.example"}`, good),
		"crit":   forged(`{"alg":"HS256","kid":"k","typ":"JWT","crit":["b64"]}`, good),
		"no typ": forged(`{"alg":"HS256","kid":"k"}`, good), "another typ": forged(`{"alg":"HS256","kid":"k","typ":"jwt"}`, good),
		"no kid": forged(`{"alg":"HS256","typ":"JWT"}`, good), "alg twice": forged(`{"alg":"HS256","alg":"HS256","kid":"k","typ":"JWT"}`, good),
		"a header with more behind": forged(header+"x", good), "a header that is none": forged(`[]`, good),
		"white space": " " + token[:20] + " " + token[20:], "padding": token + "=", "a line break": token[:30] + "\n" + token[30:],
		"too large": forged(header, `{"a":"`+strings.Repeat("x", validator.MaxTokenBytes)+`"}`), "RS512": forged(`{"alg":"RS512","kid":"k","typ":"JWT"}`, good),
		"a number as kid": forged(`{"alg":"HS256","kid":7,"typ":"JWT"}`, good),
	} {
		_, gate := verifier.Authenticate(text)
		said := reasons(explainToken(text, testTime))
		refusesForm := gate == validator.TokenMalformed || gate == validator.TokenTooLarge
		if refusesForm && said == "" || !refusesForm && strings.Contains(said, string(validator.TokenMalformed)) {
			t.Errorf("%s: the gate says %q, inspect %q", name, gate, said)
		}
	}
}

func TestInspectExplainsClaims(t *testing.T) {
	const header = `{"alg":"HS256","kid":"k","typ":"JWT"}`
	for payload, want := range map[string]string{
		`{}`: "token_malformed token_malformed token_malformed token_malformed token_malformed token_malformed token_malformed",
		`{"sub":"alice","aud":"shop","sid":"x","jti":"j","iat":"1","exp":2,"auth_time":1}`:                   "token_malformed",
		`{"sub":"alice","aud":"shop","sid":"x","jti":"j","iat":5,"exp":2,"auth_time":1}`:                     "token_malformed",
		`{"sub":"al ice","aud":"shop","sid":"x","jti":"j","iat":1800000000,"exp":1800000060,"auth_time":1}`:  "token_malformed",
		`{"sub":"alice","aud":"shop","sid":"x","jti":"j","iat":1800000000,"exp":1800000060,"auth_time":1}`:   "",
		`{"sub":"alice","aud":"shop","sid":"x","jti":"j","iat":1800000000,"exp":1800000060.5,"auth_time":1}`: "token_malformed",
		`{"sub":"alice","sub":"bob"}`: "token_malformed",
		`[1]`:                         "token_malformed",
	} {
		if got := reasons(explainToken(forged(header, payload), testTime)); got != want {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}

// A token is what somebody sent: it must not be able to do anything to a terminal.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"alice": "alice", "héllo": "héllo", "\x1b[31mred": `\x1b[31mred`, "a\rb\nc\td": `a\rb\nc\td`, "\x7f\u009b1m": `\x7f\u009b1m`,
		"\xff": `\xff`, "\ufffd": "\ufffd", "admin\u202egnp.exe": `admin\u202egnp.exe`, "a\u200bb\ufeff": `a\u200bb\ufeff`, "\u2028": `\u2028`,
		"a\u00a0b": `a\u00a0b`, "\U000e0041": `\U000e0041`, "日本 \"é\"": "日本 \"é\"", `\`: `\`, "e\u0301": "e\u0301",
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

// JSON says the same with the characters escaped, whatever stands in it.
func FuzzPrintableJSON(f *testing.F) {
	f.Add("admin\u202egnp.exe\x1b[2J\n")
	f.Add("\U000e0041\u007f\\\"\xff")
	f.Fuzz(func(t *testing.T, text string) {
		written, err := json.MarshalIndent(map[string]string{text: text}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got := printableJSON(string(written))
		var before, after map[string]string
		if err := json.Unmarshal(written, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil || !maps.Equal(before, after) {
			t.Fatalf("%q became %q: %v", written, got, err)
		}
		if visible := printable(text); printable(visible) != visible || visible != strings.TrimFunc(visible, unicode.IsControl) {
			t.Fatalf("%q is shown as %q", text, visible)
		}
	})
}

func TestTimesInWords(t *testing.T) {
	now := testTime
	for at, want := range map[time.Time]string{
		now: "0 seconds ago", now.Add(time.Second): "in 1 second", now.Add(-90 * time.Second): "1 minute 30 seconds ago",
		now.Add(2 * time.Hour): "in 2 hours", now.Add(-26 * time.Hour): "1 day 2 hours ago", now.Add(-40 * 24 * time.Hour): "40 days ago",
		{}: "never",
	} {
		if got := ago(at, now); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Second: "1s", 90 * time.Minute: "1h", 50 * time.Hour: "2d", -time.Minute: "-1m"} {
		if got := brief(d); got != want {
			t.Errorf("brief(%s) = %q, want %q", d, got, want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add("a.b.c")
	f.Add(forged(`{"alg":"HS256"}`, `{"sid":"x"}`))
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, text string) {
		found := explainToken(text, testTime)
		if found.Verified {
			t.Error("an unverified token is called verified")
		}
		if formReason(text) == validator.TokenMalformed && len(found.Refused) == 0 {
			t.Errorf("the gate refuses %q, inspect says nothing", text)
		}
	})
}
