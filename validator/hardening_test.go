package validator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Attacks on tokens. Where it is not said otherwise the MAC is correct, as if the attacker had found a way to have our
// key sign what he likes, or our library were as lenient as most: the form alone must be enough to refuse.

type attack struct {
	name, threat string
	text         string
	want         Reason
}

// refuseAll verifies every text twice, with one cache and without, and wants the reason and nothing else.
func refuseAll(t *testing.T, attacks []attack) {
	t.Helper()
	keys := mustSet(t, mustKey(t, "a"), mustKey(t, "b"))
	cached, plain := NewVerifier(NewKeyRing(keys), NewCache(100)), NewVerifier(NewKeyRing(keys), nil)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			for _, verifier := range []*Verifier{cached, cached, plain} {
				if got := verifier.Verify(tokenOf(a.text), testNow, testRoute()); got != (Token{Reason: a.want}) {
					t.Fatalf("got state %d, reason %q, want %q. The threat: %s", got.State, got.Reason, a.want, a.threat)
				}
			}
		})
	}
}

// The control of all attacks: unchanged, the forged token is good.
func TestForgedTokenIsGood(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"), mustKey(t, "b"))), nil)
	for name, text := range map[string]string{
		"plain":               forge(testHeader, payloadOf(t, nil)),
		"header in any order": forge(` { "typ":"JWT", "kid":"a", "alg":"HS256" } `, payloadOf(t, nil)),
		"payload with blanks": forge(testHeader, " "+payloadOf(t, nil)+"\n"),
		"nbf now":             forge(testHeader, payloadOf(t, map[string]string{"nbf": "1800000000"})),
		"nbf 5 s ahead":       forge(testHeader, payloadOf(t, map[string]string{"nbf": "1800000005"})),
		"iss":                 forge(testHeader, payloadOf(t, map[string]string{"iss": `"x"`})),
		"iat 5 s ahead":       forge(testHeader, payloadOf(t, map[string]string{"iat": "1800000005"})),
		"the last second":     forge(testHeader, payloadOf(t, map[string]string{"iat": "1799999941", "exp": "1800000001"})),
		"auth_time ahead":     forge(testHeader, payloadOf(t, map[string]string{"auth_time": "1800000001"})),
		"list attribute":      forge(testHeader, payloadOf(t, map[string]string{"role": `["a","b"]`})),
		"null attribute":      forge(testHeader, payloadOf(t, map[string]string{"role": "null"})),
		"user of 256":         forge(testHeader, payloadOf(t, map[string]string{"sub": `"` + strings.Repeat("u", 256) + `"`})),
		"hashed session": forge(testHeader,
			payloadOf(t, map[string]string{"sid": `"` + seal(t, "a", "token-1", append([]byte{2}, make([]byte, 32)...)) + `"`})),
		"session of one byte": forge(testHeader,
			payloadOf(t, map[string]string{"sid": `"` + seal(t, "a", "token-1", []byte("\x01s")) + `"`})),
		"session of 256 bytes": forge(testHeader,
			payloadOf(t, map[string]string{"sid": `"` + seal(t, "a", "token-1", append([]byte{1}, make([]byte, 256)...)) + `"`})),
		"exactly 8 KiB": sized(t, MaxTokenBytes),
	} {
		if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got.State != TokenUsable || got.Reason != "" {
			t.Errorf("%s: refused as %q", name, got.Reason)
		}
	}
}

// sized forges a token of exactly that many bytes. Base64 has no text of some lengths: blanks in the header move them.
func sized(t testing.TB, size int) string {
	t.Helper()
	for blanks := range 3 {
		header := strings.Repeat(" ", blanks) + testHeader
		for fill := size / 2; ; fill++ {
			text := forge(header, payloadOf(t, map[string]string{"x": `"` + strings.Repeat("x", fill) + `"`}))
			if len(text) == size {
				return text
			}
			if len(text) > size {
				break
			}
		}
	}
	t.Fatalf("no token of %d bytes", size)
	return ""
}

func TestAttacksOnTheText(t *testing.T) {
	good := forge(testHeader, payloadOf(t, nil))
	parts := strings.Split(good, ".")
	mac := decode64(t, parts[2])
	mac[0] ^= 1
	attacks := []attack{
		{"empty", "an empty credential that is present is read as a token", "", TokenMalformed},
		{"one part", "a text that is no token reaches the library", "abc", TokenMalformed},
		{"two parts", "a token without signature is taken for an unsecured one", parts[0] + "." + parts[1], TokenMalformed},
		{"empty signature", "an empty MAC equals the MAC of no key", parts[0] + "." + parts[1] + ".", TokenMalformed},
		{"empty payload", "detached content lets the attacker choose it", withMAC(parts[0] + "."), TokenMalformed},
		{"empty header", "no header, no algorithm, no check", withMAC("." + parts[1]), TokenMalformed},
		{"dots alone", "every part is empty", "..", TokenMalformed},
		{"four parts", "what stands behind the signature is signed by nobody", good + ".", TokenMalformed},
		{"five parts", "an encrypted token is decrypted with a key that is not for it", good + ".a.b", TokenMalformed},
		{"quotes", "quotes are part of a cookie's value: one token in two spellings", `"` + good + `"`, TokenMalformed},
		{"blank in front", "one token in two spellings escapes what remembers it by its text", " " + good, TokenMalformed},
		{"blank behind", "as before", good + " ", TokenMalformed},
		{"line feed behind", "as before", good + "\n", TokenMalformed},
		{"tab in front", "as before", "\t" + good, TokenMalformed},
		{"NUL behind", "as before, for readers that stop there", good + "\x00", TokenMalformed},
		{"another MAC", "anybody writes tokens", parts[0] + "." + parts[1] + "." + encode64(mac), TokenBadSignature},
		{
			"MAC cut short", "a MAC of one byte is guessed in 256 attempts",
			parts[0] + "." + parts[1] + "." + encode64(decode64(t, parts[2])[:1]), TokenBadSignature,
		},
		{"MAC with more behind", "a reader that compares a prefix", good + "AAAA", TokenBadSignature},
		{
			"the MAC of another key", "a key that verifies elsewhere is tried here: kid names one key",
			parts[0] + "." + parts[1] + "." + encode64(macOf(secretOf("b"), parts[0]+"."+parts[1])), TokenBadSignature,
		},
		{
			"signed with the sealing key", "keys derived from a secret sign as the secret does",
			parts[0] + "." + parts[1] + "." + encode64(macOf(sealingSecret(t, secretOf("a")), parts[0]+"."+parts[1])),
			TokenBadSignature,
		},
		{"over 8 KiB", "a big token costs more than its refusal", sized(t, MaxTokenBytes) + "A", TokenTooLarge},
		{"over 8 KiB of anything", "as before: its form is not looked at", strings.Repeat(" ", MaxTokenBytes+1), TokenTooLarge},
	}
	refuseAll(t, attacks)
}

// A part of a token in another spelling of base64. The MAC is made over the text as it stands and over the canonical
// one: libraries that encode again before they check accept the second.
func TestAttacksOnBase64(t *testing.T) {
	header, payload := partsFor(t)
	mac := func(signed string) string { return encode64(macOf(secretOf("a"), signed)) }
	canonical := header + "." + payload
	if got := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil).Verify(
		tokenOf(withMAC(canonical)), testNow, testRoute()); got.State != TokenUsable {
		t.Fatalf("the control is refused: %q", got.Reason)
	}
	var attacks []attack
	for name, respell := range map[string]func(part string) string{
		"padding":          func(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4) },
		"padding only":     func(part string) string { return part + "=" },
		"line feed inside": func(part string) string { return part[:5] + "\n" + part[5:] },
		"CR LF inside":     func(part string) string { return part[:8] + "\r\n" + part[8:] },
		"line feed first":  func(part string) string { return "\n" + part },
		"line feed last":   func(part string) string { return part + "\n" },
		"blank inside":     func(part string) string { return part[:4] + " " + part[4:] },
		"the other alphabet": func(part string) string {
			return strings.NewReplacer("-", "+", "_", "/").Replace(part)
		},
		"stray low bits": strayBits,
		"a character of nothing": func(part string) string { // one character holds no whole byte
			return part + strings.Repeat("A", (5-len(part)%4)%4)
		},
	} {
		threat := "one token in two spellings escapes what remembers or revokes it by its text"
		other := respell(header)
		if other == header && name == "the other alphabet" {
			other = header + "+" // what a header of ours holds never encodes to - or _
		}
		for which, text := range map[string]string{
			"header, MAC over it":             withMAC(other + "." + payload),
			"header, MAC over the canonical":  other + "." + payload + "." + mac(canonical),
			"payload, MAC over it":            withMAC(header + "." + respell(payload)),
			"payload, MAC over the canonical": header + "." + respell(payload) + "." + mac(canonical),
			"signature":                       canonical + "." + respell(mac(canonical)),
		} {
			if text == withMAC(canonical) {
				t.Fatalf("%s of %s changes nothing", name, which)
			}
			attacks = append(attacks, attack{name + ": " + which, threat, text, TokenMalformed})
		}
	}
	refuseAll(t, attacks)
}

// strayBits sets low bits of the last character that belong to no byte.
func strayBits(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[last|1])
}

// partsFor returns header and payload of which every spelling differs: they have - or _ in them and low bits left.
func partsFor(t *testing.T) (header, payload string) {
	t.Helper()
	suits := func(part string) bool {
		return strings.ContainsAny(part, "-_") && len(part)%4 != 0 && strayBits(part) != part
	}
	for blanks := range 4 {
		header = encode64([]byte(testHeader + strings.Repeat(" ", blanks)))
		if len(header)%4 != 0 {
			break
		}
	}
	for range 1000 { // the sealed id is random, and with it the MAC
		payload = encode64([]byte(payloadOf(t, map[string]string{"role": `"~~~???>>>ûï"`}) + " "))
		mac := encode64(macOf(secretOf("a"), header+"."+payload))
		if suits(payload) && suits(mac) {
			return header, payload
		}
	}
	t.Fatal("no token has all spellings")
	return "", ""
}

func TestAttacksByJSONSerialization(t *testing.T) {
	parts := strings.Split(forge(testHeader, payloadOf(t, nil)), ".")
	object := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	signature := map[string]any{"protected": parts[0], "signature": parts[2]}
	threat := "the JSON serialization carries unprotected headers and several signatures of which one is enough"
	refuseAll(t, []attack{
		{"general", threat, object(map[string]any{"payload": parts[1], "signatures": []any{signature}}), TokenMalformed},
		{"flattened", threat, object(map[string]any{"payload": parts[1], "protected": parts[0], "signature": parts[2]}), TokenMalformed},
		{"no protected header", threat, object(map[string]any{
			"payload": parts[1], "header": map[string]any{"alg": "HS256", "kid": "a"}, "signature": parts[2],
		}), TokenMalformed},
		{"with dots in it", threat, object(map[string]any{
			"payload": parts[1], "protected": parts[0], "signature": parts[2], "x": "a.b",
		}), TokenMalformed},
	})
}

func TestAttacksOnTheHeader(t *testing.T) {
	payload := payloadOf(t, nil)
	var attacks []attack
	add := func(name, threat, header string, want Reason) {
		attacks = append(attacks, attack{name, threat, forge(header, payload), want})
	}
	choose := "the token's header chooses how it is checked"
	for _, algorithm := range []string{
		"none", "None", "NONE", "nOnE", "HS512", "HS384", "hs256", "HS256 ", "RS256", "ES256", "EdDSA", "dir",
	} {
		add("alg "+algorithm, choose, fmt.Sprintf(`{"alg":%q,"kid":"a","typ":"JWT"}`, algorithm), TokenUnknownKey)
	}
	add("alg empty", choose, `{"alg":"","kid":"a","typ":"JWT"}`, TokenMalformed)
	add("alg missing", choose, `{"kid":"a","typ":"JWT"}`, TokenMalformed)
	add("alg null", choose, `{"alg":null,"kid":"a","typ":"JWT"}`, TokenMalformed)
	add("alg a list", choose, `{"alg":["HS256"],"kid":"a","typ":"JWT"}`, TokenMalformed)
	add("Alg", "names are compared without case", `{"Alg":"HS256","kid":"a","typ":"JWT"}`, TokenMalformed)

	kind := "a token made for another purpose with the same key is taken for a sign-in"
	for _, typ := range []string{`"jwt"`, `"at+jwt"`, `"application/jwt"`, `"JWT "`, `""`, `null`, `1`, `["JWT"]`} {
		add("typ "+typ, kind, `{"alg":"HS256","kid":"a","typ":`+typ+`}`, TokenMalformed)
	}
	add("typ missing", kind, `{"alg":"HS256","kid":"a"}`, TokenMalformed)

	key := "keys are tried until one fits, so that a weak or foreign one is enough"
	add("kid missing", key, `{"alg":"HS256","typ":"JWT"}`, TokenMalformed)
	add("kid empty", key, `{"alg":"HS256","kid":"","typ":"JWT"}`, TokenMalformed)
	add("kid null", key, `{"alg":"HS256","kid":null,"typ":"JWT"}`, TokenMalformed)
	add("kid a number", key, `{"alg":"HS256","kid":0,"typ":"JWT"}`, TokenMalformed)
	add("kid of no key", key, `{"alg":"HS256","kid":"c","typ":"JWT"}`, TokenUnknownKey)
	add("kid in another case", key, `{"alg":"HS256","kid":"A","typ":"JWT"}`, TokenUnknownKey)
	add("kid of the other key", key, `{"alg":"HS256","kid":"b","typ":"JWT"}`, TokenBadSignature)
	add("kid a path", "kid is used to find a file", `{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}`, TokenUnknownKey)
	add("kid too long", "kid fills logs", `{"alg":"HS256","kid":"`+strings.Repeat("a", 129)+`","typ":"JWT"}`, TokenMalformed)

	extra := "a member that is not understood changes what the signature covers or where the key comes from"
	for _, member := range []string{
		`"crit":["exp"]`, `"crit":["x"],"x":1`, `"crit":[]`, `"crit":["b64"],"b64":false`, `"b64":false`, `"b64":true`,
		`"jku":"https://evil.example/keys"`, `"x5u":"https://evil.example/cert"`, `"x5c":["MII"]`, `"x5t":"AA"`,
		`"jwk":{"kty":"oct","k":"AAAA"}`, `"zip":"DEF"`, `"cty":"JWT"`, `"enc":"A256GCM"`, `"iss":"x"`, `"":""`,
		`"nested":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}}`,
	} {
		add("with "+member, extra, `{"alg":"HS256","kid":"a","typ":"JWT",`+member+`}`, TokenMalformed)
	}

	twice := "two readers of one header see two headers"
	add("alg twice", twice, `{"alg":"none","alg":"HS256","kid":"a","typ":"JWT"}`, TokenMalformed)
	add("kid twice", twice, `{"alg":"HS256","kid":"b","kid":"a","typ":"JWT"}`, TokenMalformed)
	add("typ twice", twice, `{"alg":"HS256","kid":"a","typ":"x","typ":"JWT"}`, TokenMalformed)
	add("twice the same", twice, `{"alg":"HS256","kid":"a","typ":"JWT","typ":"JWT"}`, TokenMalformed)
	add("twice, once escaped", twice, `{"alg":"HS256","kid":"a","typ":"JWT","\u0074yp":"JWT"}`, TokenMalformed)

	form := "a lenient reader stops, goes on or repairs where another does not"
	for name, header := range map[string]string{
		"something behind":     testHeader + `x`,
		"a second object":      testHeader + testHeader,
		"a byte order mark":    "\ufeff" + testHeader,
		"a list":               `[` + testHeader + `]`,
		"a string":             `"HS256"`,
		"null":                 `null`,
		"nothing":              ` `,
		"cut short":            testHeader[:len(testHeader)-1],
		"a trailing comma":     `{"alg":"HS256","kid":"a","typ":"JWT",}`,
		"a comment":            `{"alg":"HS256","kid":"a","typ":"JWT"/**/}`,
		"single quotes":        `{'alg':'HS256','kid':'a','typ':'JWT'}`,
		"invalid UTF-8":        "{\"alg\":\"HS256\",\"kid\":\"a\xff\",\"typ\":\"JWT\"}",
		"half a surrogate":     `{"alg":"HS256","kid":"a\ud800","typ":"JWT"}`,
		"a raw control":        "{\"alg\":\"HS256\",\"kid\":\"a\n\",\"typ\":\"JWT\"}",
		"a member of no value": `{"alg":"HS256","kid":"a","typ"}`,
		"a name that is none":  `{"alg":"HS256","kid":"a",1:"JWT"}`,
	} {
		add(name, form, header, TokenMalformed)
	}
	refuseAll(t, attacks)
}

func TestAttacksOnClaims(t *testing.T) {
	var attacks []attack
	raw := func(name, threat, payload string, want Reason) {
		attacks = append(attacks, attack{name, threat, forge(testHeader, payload), want})
	}
	add := func(name, threat, claim, value string, want Reason) {
		raw(name, threat, payloadOf(t, map[string]string{claim: value}), want)
	}

	forever := "a token without an end in a form that all understand never ends for some"
	for _, claim := range []string{"exp", "iat", "auth_time"} {
		for _, value := range []string{
			"", "0", "-0", "-1", "null", "true", `"1800000060"`, "1800000060.0", "1800000000.5", "1.80000006e9", "1e10",
			"18000000600000000000", "9223372036854775807", "253402300800", "[1800000060]", `{"a":1}`, "01800000060",
		} {
			add(claim+" "+value, forever, claim, value, TokenMalformed)
		}
	}
	for _, value := range []string{"0", "-1", `"1800000000"`, "1800000000.0", "1e9", "null", "253402300800"} {
		add("nbf "+value, forever, "nbf", value, TokenMalformed)
	}
	add("exp now", "an end that is not exact is later for some", "exp", "1800000000", TokenMalformed)
	add("exp in the year 2286", "the token outlives every revocation", "exp", "10000000000", TokenMalformed)
	add("a second too long", "tokens live longer than the longest lifetime, so do revocations not", "exp",
		"1800000061", TokenMalformed)
	raw("exp before iat", "a token of negative life", payloadOf(t, map[string]string{
		"iat": "1800000003",
		"exp": "1800000002",
	}), TokenMalformed)
	raw("exp at iat", "a token of no life", payloadOf(t, map[string]string{
		"iat": "1800000003",
		"exp": "1800000003",
	}), TokenMalformed)
	raw("expired in this second", "the end is exact: half a second later is later",
		payloadOf(t, map[string]string{"iat": "1799999950", "exp": "1800000000"}), TokenExpired)
	add("iat 6 s ahead", "a token of the future is not older than any end of its session", "iat", "1800000006",
		TokenNotYetValid)
	add("nbf 6 s ahead", "a token is used before its time", "nbf", "1800000006", TokenNotYetValid)

	who := "a token for nobody, or for a user whose id breaks the upstream header"
	for _, value := range []string{
		"", "null", `""`, "1", "true", `["alice"]`, `{"alice":1}`, `"alice\r\nX-Admin: 1"`, `"alice\nbob"`, `"alice\u0000"`,
		`" alice"`, `"al ice"`, `"alicé"`, `"alice\u007f"`, `"` + strings.Repeat("u", 257) + `"`,
	} {
		add("sub "+value, who, "sub", value, TokenMalformed)
	}
	for _, value := range []string{"", "null", `""`, `["shop"]`, `["shop","other"]`, "1"} {
		add("aud "+value, "a token for several realms is good in each", "aud", value, TokenMalformed)
	}
	nameless := "a token without an id of its own can't be revoked"
	for _, value := range []string{"null", "1", `["token-1"]`} {
		add("jti "+value, nameless, "jti", value, TokenMalformed)
	}
	for _, id := range []string{"", "a b", "a\n", "é", strings.Repeat("j", 257)} {
		value := string(jsonObject{}.text("", id)[len(`{"":`):])
		sid := `"` + seal(t, "a", id, []byte("\x01session-1")) + `"` // sealed for this id, so that the id alone is wrong
		raw("jti "+value, nameless, payloadOf(t, map[string]string{"jti": value, "sid": sid}), TokenMalformed)
	}
	sid := `"` + seal(t, "a", "", []byte("\x01session-1")) + `"`
	raw("jti missing", nameless, payloadOf(t, map[string]string{"jti": "", "sid": sid}), TokenMalformed)
	for _, value := range []string{"null", "1", `["x"]`} {
		add("iss "+value, "an issuer that is no text", "iss", value, TokenMalformed)
	}
	for _, claim := range []string{"cnf", "act", "azp", "nonce", "typ", "events", "client_id"} {
		add(claim, "a token of another protocol, signed with the same key", claim, `"x"`, TokenMalformed)
	}

	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	add("nine deep", "a deep value exhausts the reader's stack", "role", deep, TokenMalformed)
	add("thousands deep", "as before", "role", strings.Repeat("[", 2000)+strings.Repeat("]", 2000), TokenMalformed)
	add("a list in a list", "as before", "role", `[["a"]]`, TokenMalformed)
	add("an object", "an object has no text form that services agree on", "role", `{"a":"b"}`, TokenMalformed)
	add("half a surrogate", "readers repair invalid text differently", "role", `"\ud800"`, TokenMalformed)
	add("invalid UTF-8", "as before", "role", "\"\xff\"", TokenMalformed)
	refuseAll(t, attacks)
}

func TestAttacksOnThePayload(t *testing.T) {
	good := payloadOf(t, nil)
	without := func(name string) string { return strings.TrimSuffix(payloadOf(t, map[string]string{name: ""}), "}") }
	twice := "two readers of one payload see two users"
	form := "a lenient reader stops, goes on or repairs where another does not"
	list := []attack{
		{"sub twice", twice, without("sub") + `,"sub":"alice","sub":"bob"}`, ""},
		{"sub twice, once escaped", twice, without("sub") + `,"sub":"alice","\u0073ub":"bob"}`, ""},
		{"exp twice", twice, without("exp") + `,"exp":1,"exp":1800000060}`, ""},
		{"an attribute twice", twice, without("role") + `,"role":"a","role":"b"}`, ""},
		{"the same twice", twice, without("role") + `,"role":"a","role":"a"}`, ""},
		{"twice inside of a value", twice, without("role") + `,"role":{"a":1,"a":2}}`, ""},
		{"a second object behind", form, good + `{"sub":"bob"}`, ""},
		{"a letter behind", form, good + "x", ""},
		{"a closing brace behind", form, good + "}", ""},
		{"NUL behind", form, good + "\x00", ""},
		{"a comma behind", form, good + ",", ""},
		{"cut short", form, good[:len(good)-1], ""},
		{"cut in a value", form, good[:len(good)-5], ""},
		{"a list", form, "[" + good + "]", ""},
		{"a string", form, `"alice"`, ""},
		{"an empty object", form, "{}", ""},
		{"null", form, "null", ""},
		{"blank", form, " ", ""},
		{"a trailing comma", form, strings.TrimSuffix(good, "}") + ",}", ""},
		{"a byte order mark", form, "\ufeff" + good, ""},
		{"another token inside", "a nested token is taken for claims", forge(testHeader, good), ""},
	}
	for i := range list {
		list[i].text, list[i].want = forge(testHeader, list[i].text), TokenMalformed
	}
	refuseAll(t, list)
}

func TestAttacksOnTheSealedSession(t *testing.T) {
	other := seal(t, "a", "token-2", []byte("\x01session-1"))
	good := seal(t, "a", "token-1", []byte("\x01session-1"))
	data := decode64(t, good)
	altered := func(i int) string {
		changed := bytes.Clone(data)
		changed[(i+len(changed))%len(changed)] ^= 1
		return encode64(changed)
	}
	plain := func(content ...byte) string { return seal(t, "a", "token-1", content) }
	bind := "a token is bound to a session that the gateway did not bind it to"
	form := "an id in a form that is not ours matches a session by accident"
	list := []attack{
		{"moved from another token", bind, other, ""},
		{"sealed with another key", bind, seal(t, "b", "token-1", []byte("\x01session-1")), ""},
		{"nonce altered", bind, altered(0), ""},
		{"form altered", bind, altered(12), ""},
		{"id altered", bind, altered(15), ""},
		{"tag altered", bind, altered(-1), ""},
		{"a byte cut off behind", bind, encode64(data[:len(data)-1]), ""},
		{"a byte cut off in front", bind, encode64(data[1:]), ""},
		{"nonce and tag alone", bind, encode64(data[:28]), ""},
		{"shorter than a nonce", "a short text makes the reader panic", encode64(data[:5]), ""},
		{"a byte behind", bind, encode64(append(bytes.Clone(data), 0)), ""},
		{"not sealed", bind, encode64([]byte("\x01session-1")), ""},
		{"line feed inside", "one token in two spellings", good[:4] + `\n` + good[4:], ""},
		{"padding", "as before", good + strings.Repeat("=", 4-len(good)%4), ""},
		{"stray bits", "as before", strayBits(good), ""},
		{"empty", bind, "", ""},
		{"form 0", form, plain(append([]byte{0}, "session-1"...)...), ""},
		{"form 3", form, plain(append([]byte{3}, "session-1"...)...), ""},
		{"form 3 of 32 bytes", form, plain(append([]byte{3}, make([]byte, 32)...)...), ""},
		{"form 2 of 31 bytes", form, plain(append([]byte{2}, make([]byte, 31)...)...), ""},
		{"form 2 of 33 bytes", form, plain(append([]byte{2}, make([]byte, 33)...)...), ""},
		{"form 2 of nothing", form, plain(2), ""},
		{"form 1 of nothing", "the session of an empty id is everybody's", plain(1), ""},
		{"form 1 of 257 bytes", form, plain(append([]byte{1}, make([]byte, 257)...)...), ""},
		{"no form", form, plain(), ""},
	}
	if strayBits(good) == good {
		t.Fatal("stray bits change nothing")
	}
	for i := range list {
		payload := payloadOf(t, map[string]string{"sid": `"` + list[i].text + `"`})
		list[i].text, list[i].want = forge(testHeader, payload), TokenMalformed
	}
	for _, value := range []string{"", "null", "1", `["x"]`} {
		payload := payloadOf(t, map[string]string{"sid": value})
		list = append(list, attack{
			"sid " + value, "a token that is bound to nothing goes with every session",
			forge(testHeader, payload), TokenMalformed,
		})
	}
	refuseAll(t, list)
}

// What the form can't tell: rules of the route, each refusing a token that is good without it.
func TestAttacksOnTheRoute(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"), mustKey(t, "b"))), NewCache(100))
	payload := func(changes map[string]string) string { return forge(testHeader, payloadOf(t, changes)) }
	old := map[string]string{"iat": "1799999970", "exp": "1800000030"}
	for _, c := range []struct {
		name, threat string
		text         string
		change       func(*Route)
		state        TokenState
		want         Reason
	}{
		{
			"the lifetime of another route", "a route that wants fresh answers gets old ones", payload(old),
			func(r *Route) { r.Lifetime = 30 * time.Second }, TokenUnusable, TokenTooOld,
		},
		{
			"a second younger", "the control", payload(old),
			func(r *Route) { r.Lifetime = 31 * time.Second }, TokenUsable, "",
		},
		{
			"no lifetime", "an option that was forgotten lets tokens live for ever", payload(nil),
			func(r *Route) { r.Lifetime = 0 }, TokenUnusable, TokenTooOld,
		},
		{"no longest lifetime", "as before", payload(nil), func(r *Route) { r.Longest = 0 }, TokenUnusable, TokenMalformed},
		{
			"an attribute that is missing", "a route that needs a role is entered without", payload(nil),
			func(r *Route) { r.Attributes = []string{"role", "tenant"} }, TokenUnusable, TokenIncomplete,
		},
		{
			"an attribute that is null", "the control: the session has none, which is an answer",
			payload(map[string]string{"tenant": "null"}),
			func(r *Route) { r.Attributes = []string{"role", "tenant"} }, TokenUsable, "",
		},
		{
			"no issuer", "a token of another installation with the same key", payload(nil),
			func(r *Route) { r.Issuer = "https://shop.example" }, TokenUnusable, TokenWrongIssuer,
		},
		{
			"another issuer", "as before", payload(map[string]string{"iss": `"https://shop.example/"`}),
			func(r *Route) { r.Issuer = "https://shop.example" }, TokenUnusable, TokenWrongIssuer,
		},
		{
			"the issuer", "the control", payload(map[string]string{"iss": `"https://shop.example"`}),
			func(r *Route) { r.Issuer = "https://shop.example" }, TokenUsable, "",
		},
		{
			"nobody to ask for revocations", "a check that is missing counts as passed", payload(nil),
			func(r *Route) { r.Dead = nil }, TokenUnusable, TokenRevoked,
		},
		{
			"ended", "a token outlives the logout", payload(nil),
			func(r *Route) { r.Dead = func(*Claims) (Reason, bool) { return TokenEnded, true } }, TokenUnusable, TokenEnded,
		},
		{
			"another realm", "user 7 of one application is user 7 of another", payload(map[string]string{"aud": `"blog"`}),
			nil, TokenForeign, TokenOtherRealm,
		},
		{
			"another case of the realm", "as before", payload(map[string]string{"aud": `"Shop"`}),
			nil, TokenForeign, TokenOtherRealm,
		},
		{
			"another realm, expired", "the other application's cookie is cleared by us",
			payload(map[string]string{"aud": `"blog"`, "iat": "1", "exp": "2"}), nil, TokenForeign, TokenOtherRealm,
		},
		{
			"another realm, nobody to ask", "as before", payload(map[string]string{"aud": `"blog"`}),
			func(r *Route) { r.Dead = nil }, TokenForeign, TokenOtherRealm,
		},
		{
			"no realm configured", "an empty realm is everybody's", payload(nil),
			func(r *Route) { r.Realm = "" }, TokenForeign, TokenOtherRealm,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			route := testRoute()
			if c.change != nil {
				c.change(&route)
			}
			for range 2 { // remembered the second time
				got := verifier.Verify(tokenOf(c.text), testNow, route)
				if got.State != c.state || got.Reason != c.want {
					t.Fatalf("got state %d, reason %q, want %d, %q. The threat: %s", got.State, got.Reason, c.state, c.want, c.threat)
				}
				if hasClaims := got.Claims != nil; hasClaims != (c.state == TokenUsable || c.state == TokenForeign) {
					t.Fatalf("claims beside state %d: %v", got.State, hasClaims)
				}
			}
		})
	}
}

func TestExpiryIsExact(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), nil)
	token := tokenOf(forge(testHeader, payloadOf(t, nil)))
	route := testRoute()
	route.Lifetime = time.Hour // so that expiry alone decides
	end := time.Unix(1_800_000_060, 0)
	for _, c := range []struct {
		at   time.Time
		want Reason
	}{
		{end.Add(-time.Nanosecond), ""},
		{end, TokenExpired},
		{end.Add(time.Hour), TokenExpired},
		{time.Unix(1_799_999_995, 0), ""},
		{time.Unix(1_799_999_994, 999_999_999), TokenNotYetValid},
	} {
		if got := verifier.Verify(token, c.at, route); got.Reason != c.want {
			t.Errorf("at %v: got %q, want %q", c.at, got.Reason, c.want)
		}
	}
}

func TestBase64AlphabetOnly(t *testing.T) {
	for char := range 256 {
		text := "A" + string([]byte{byte(char)}) + "A"
		_, err := base64.RawURLEncoding.DecodeString(text + "A")
		want := err == nil && char != '\n' && char != '\r'
		if onlyBase64(text) != want {
			t.Errorf("byte %#x: got %v", char, !want)
		}
	}
	if onlyBase64("") {
		t.Error("an empty part passes")
	}
}
