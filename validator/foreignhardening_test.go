package validator

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// foreignRaw signs a header and a payload as they stand, with the provider's Ed25519 key: what a library would not write.
func foreignRaw(t *testing.T, header, payload string) string {
	t.Helper()
	key, ok := providerKeysByAlgorithm()[jose.EdDSA].private.(ed25519.PrivateKey)
	if !ok {
		t.Fatal("the key is of another type")
	}
	signed := encode64([]byte(header)) + "." + encode64([]byte(payload))
	return signed + "." + encode64(ed25519.Sign(key, []byte(signed)))
}

// What lenient libraries accept although the signature is right, or because it is: none of it counts here, neither as an
// access token nor as an ID token.
func TestForeignTokensInStrangeForms(t *testing.T) {
	const header = `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT"}`
	keys := allProviderKeys(t)
	access, err := json.Marshal(accessClaims(nil))
	if err != nil {
		t.Fatal(err)
	}
	payload := string(access)
	good := foreignRaw(t, header, payload)
	parts := strings.Split(good, ".")
	if _, reason := keys.VerifyAccess(TokenOf(good), accessRules(), testNow); reason != "" {
		t.Fatalf("the token itself: %s", reason)
	}
	with := func(old, changed string) string {
		if !strings.Contains(payload, old) {
			t.Fatalf("there is no %s", old)
		}
		return foreignRaw(t, header, strings.Replace(payload, old, changed, 1))
	}
	expires := fmt.Sprintf(`"exp":%d`, testNow.Unix()+300)
	standard := base64.StdEncoding.EncodeToString([]byte(payload))
	for name, text := range map[string]string{
		"white space before":          " " + good,
		"white space behind":          good + "\n",
		"a line break inside":         parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"padding":                     parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"the other alphabet":          parts[0] + "." + strings.TrimRight(standard, "=") + "+/." + parts[2],
		"stray low bits":              parts[0] + "." + parts[1] + "." + strayBits(parts[2]),
		"the flattened serialisation": `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"the general serialisation": `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] +
			`","signature":"` + parts[2] + `"}]}`,
		"detached":                parts[0] + ".." + parts[2],
		"alg none":                foreignRaw(t, `{"alg":"none","kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"no alg":                  foreignRaw(t, `{"kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"alg in other letters":    foreignRaw(t, `{"alg":"eddsa","kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"another alg":             foreignRaw(t, `{"alg":"RS256","kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"alg as list":             foreignRaw(t, `{"alg":["EdDSA"],"kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"an unknown crit":         foreignRaw(t, `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT","crit":["x"],"x":1}`, payload),
		"an empty crit":           foreignRaw(t, `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT","crit":[]}`, payload),
		"b64 false":               foreignRaw(t, `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT","b64":false,"crit":["b64"]}`, payload),
		"zip":                     foreignRaw(t, `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT","zip":"DEF"}`, payload),
		"cty JWT":                 foreignRaw(t, `{"alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT","cty":"JWT"}`, payload),
		"a header member twice":   foreignRaw(t, `{"alg":"none","alg":"EdDSA","kid":"kid-EdDSA","typ":"JWT"}`, payload),
		"data behind the header":  foreignRaw(t, header+"{}", payload),
		"a header that is a list": foreignRaw(t, "["+header+"]", payload),
		"data behind the claims":  foreignRaw(t, header, payload+"{}"),
		"claims in a list":        foreignRaw(t, header, "["+payload+"]"),
		"a claim twice":           with(`"sub":"alice"`, `"sub":"bob","sub":"alice"`),
		"no exp":                  with(expires, `"x":1`),
		"exp 0":                   with(expires, `"exp":0`),
		"a negative exp":          with(expires, `"exp":-1`),
		"exp as text":             with(expires, fmt.Sprintf(`"exp":"%d"`, testNow.Unix()+300)),
		"exp over all numbers":    with(expires, `"exp":1e400`),
		"exp before year 1":       with(expires, `"exp":-1e12`),
		"exp as a list":           with(expires, `"exp":[4102444800]`),
		"exp beyond year 9999":    with(expires, `"exp":253402300800`),
		"exp null":                with(expires, `"exp":null`),
		"no sub":                  with(`"sub":"alice"`, `"x":1`),
		"sub null":                with(`"sub":"alice"`, `"sub":null`),
		"sub with a line break":   with(`"sub":"alice"`, `"sub":"alice\r\nX: y"`),
		"sub with NUL":            with(`"sub":"alice"`, `"sub":"alice\u0000"`),
		"invalid UTF-8":           with(`"sub":"alice"`, "\"sub\":\"alice\xff\""),
		"deeper than it may be":   with(`"sub":"alice"`, `"x":`+strings.Repeat("[", 10)+strings.Repeat("]", 10)+`,"sub":"alice"`),
	} {
		if token, reason := keys.VerifyAccess(credentialOfText(text), accessRules(), testNow); token != nil || reason == "" {
			t.Errorf("%s: accepted as an access token", name)
		}
		if token, reason := keys.VerifyID(text, idRules(), testNow); token != nil || reason == "" {
			t.Errorf("%s: accepted as an ID token", name)
		}
	}
}
