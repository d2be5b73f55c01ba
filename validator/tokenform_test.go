package validator

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestHasTokenForm(t *testing.T) {
	credential := credentialOf(t, "sid="+testSessionID, "sid")
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	plain := mint(t, minter, testSession(credential), credential)
	minter.Encrypt = true
	sealed := mint(t, minter, testSession(credential), credential)
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	rest := plain[strings.IndexByte(plain, '.'):]
	sealedRest := sealed[strings.IndexByte(sealed, '.'):]
	for text, want := range map[string]bool{
		plain:                             true,
		sealed:                            true,
		plain[:len(plain)-4] + "AAAA":     true, // whether it verifies is another question
		"":                                false,
		".":                               false,
		"..":                              false,
		"a.b.c":                           false,
		"secret-refresh":                  false,
		`"` + plain + `"`:                 false,
		plain + ".":                       false,
		plain + "=":                       false,
		strings.TrimSuffix(plain, rest):   false,
		rest:                              false,
		sealed + ".x":                     false,
		sealed[:len(sealed)-1]:            false,
		"x" + sealedRest:                  false,
		strings.Repeat("a", 9<<10) + rest: false,
		encode(`{"alg":"HS256","typ":"JWT"}`) + rest:                                           false,
		encode(`{"alg":"HS256","kid":"a"}`) + rest:                                             false,
		encode(`{"alg":"none","kid":"a","typ":"JWT"}`) + rest:                                  false,
		encode(`{"alg":"PS256","kid":"a","typ":"JWT"}`) + rest:                                 false,
		encode(`{"alg":"HS256","kid":"a","typ":"at+jwt"}`) + rest:                              false,
		encode(`{"alg":"HS256","kid":"a","typ":"JWT","jku":"x"}`) + rest:                       false,
		encode(`{"typ":"JWT","kid":"another","alg":"ES256"}`) + rest:                           true,
		encode(`{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"another"}`) + sealedRest:       true,
		encode(`{"alg":"dir","enc":"A256GCM","cty":"JWT"}`) + sealedRest:                       false,
		encode(`{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT","kid":"another"}`) + sealedRest:  false,
		encode(`{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"a","zip":"DEF"}`) + sealedRest: false,
		encode(`{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"a"}`) + ".x" + sealedRest[1:]:  false,
	} {
		if HasTokenForm(text) != want {
			t.Errorf("%.60q: want %v", text, want)
		}
	}
}

// Whatever can be read as a token has the form of one: nothing else may decide that a cookie is the application's.
func FuzzHasTokenForm(f *testing.F) {
	credential := credentialOf(f, "sid="+testSessionID, "sid")
	keys := mustSet(f, mustKey(f, "a"))
	minter := testMinter(keys)
	f.Add(mint(f, minter, testSession(credential), credential))
	minter.Encrypt = true
	f.Add(mint(f, minter, testSession(credential), credential))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		read, reason := ourForm.read(text)
		plain := reason == "" && len(read.payload) > 0
		_, _, reason = decryptJWE(keys.keys, text)
		if (plain && slices.Contains(ourForm.algorithms, Algorithm(read.header.algorithm)) || reason == "") && !HasTokenForm(text) {
			t.Fatalf("%q can be read as a token", text)
		}
	})
}
