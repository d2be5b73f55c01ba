package validator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// foreignForm is a form of tokens that others make.
var foreignForm = form{size: MaxTokenBytes, kinds: []string{"at+jwt"}, algorithms: everyAlgorithm}

// foreignKey returns a private key for the algorithm, and what verifies with it.
func foreignKey(t testing.TB, algorithm Algorithm, kid string) (private any, keys verificationKeys) {
	t.Helper()
	kty, _ := algorithm.keyType()
	var public any
	switch {
	case kty == typeSecret:
		secret := secretOf(strings.Repeat(kid, 64))
		private, public = secret, secret
	case kty == typeRSA:
		private, public = testRSA(), testRSA().Public()
	case algorithm == es384:
		key := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
		private, public = key, key.Public()
	case algorithm == es512:
		key := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
		private, public = key, key.Public()
	default:
		key := testPrivate(algorithm)
		private, public = key, key.Public()
	}
	text := must(jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: string(algorithm), Use: "sig"}.MarshalJSON())
	keys, err := readVerificationKeys(text, everyAlgorithm)
	if err != nil {
		t.Fatalf("%s: %v", algorithm, err)
	}
	return private, keys
}

func signedBy(t testing.TB, algorithm Algorithm, key any, kid, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(algorithm), Key: key,
	}, new(jose.SignerOptions).WithType("at+jwt").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return must(signed.CompactSerialize())
}

// The layer verifies what others sign with each algorithm, and nothing that differs in one thing.
func TestVerifyEveryAlgorithm(t *testing.T) {
	for _, algorithm := range everyAlgorithm {
		t.Run(string(algorithm), func(t *testing.T) {
			private, keys := foreignKey(t, algorithm, "k")
			text := signedBy(t, algorithm, private, "k", `{"sub":"alice"}`)
			payload, n, reason := keys.verify(text, foreignForm)
			if reason != "" || n != 0 || string(payload) != `{"sub":"alice"}` {
				t.Fatalf("got %q, key %d, %q", payload, n, reason)
			}
			cut := strings.LastIndex(text, ".")
			signature := decode64(t, text[cut+1:])
			signature[len(signature)/3] ^= 1
			without := foreignForm
			without.algorithms = nil
			for _, other := range everyAlgorithm {
				if other != algorithm {
					without.algorithms = append(without.algorithms, other)
				}
			}
			_, otherKeys := foreignKey(t, algorithm, "other")
			for name, c := range map[string]struct {
				keys verificationKeys
				text string
				form form
				want Reason
			}{
				"another signature":      {keys, text[:cut+1] + encode64(signature), foreignForm, TokenBadSignature},
				"a short signature":      {keys, text[:cut+1] + encode64(signature[:len(signature)-1]), foreignForm, TokenBadSignature},
				"a long signature":       {keys, text[:cut+1] + encode64(append(signature, 0)), foreignForm, TokenBadSignature},
				"zeros":                  {keys, text[:cut+1] + encode64(make([]byte, len(signature))), foreignForm, TokenBadSignature},
				"another payload":        {keys, strings.Replace(text, "."+encode64(payload), "."+encode64([]byte(`{"sub":"bob"}`)), 1), foreignForm, TokenBadSignature},
				"not allowed here":       {keys, text, without, TokenUnknownKey},
				"nothing allowed":        {keys, text, form{size: MaxTokenBytes, kinds: []string{"at+jwt"}}, TokenUnknownKey},
				"another typ":            {keys, text, ourForm, TokenMalformed},
				"no form":                {keys, text, form{}, TokenTooLarge},
				"keys of another id":     {otherKeys, text, foreignForm, TokenUnknownKey},
				"no keys":                {nil, text, foreignForm, TokenUnknownKey},
				"a key without material": {verificationKeys{{}}, text, foreignForm, TokenUnknownKey},
			} {
				payload, n, reason := c.keys.verify(c.text, c.form)
				if reason != c.want || payload != nil || n != -1 {
					t.Errorf("%s: got %q, key %d, %q, want %q", name, payload, n, reason, c.want)
				}
			}
			// The key fixes the algorithm: under the header of any other, nothing verifies.
			for _, other := range everyAlgorithm {
				header := encode64([]byte(`{"alg":"` + string(other) + `","kid":"k","typ":"at+jwt"}`))
				changed := header + text[strings.Index(text, "."):]
				if _, _, reason := keys.verify(changed, foreignForm); other != algorithm && reason != TokenUnknownKey {
					t.Errorf("as %s: got %q", other, reason)
				}
			}
		})
	}
}

// A public key is no secret: with a MAC made of it anybody would write tokens (RFC 8725 section 2.1).
func TestAttackPublicKeyAsSecret(t *testing.T) {
	_, keys := foreignKey(t, RS256, "k")
	text := string(must(jose.JSONWebKey{Key: testRSA().Public(), KeyID: "k", Algorithm: "RS256"}.MarshalJSON()))
	for _, secret := range []string{text, string(testRSA().N.Bytes()), encode64(testRSA().N.Bytes())} {
		for _, algorithm := range []Algorithm{HS256, RS256} {
			signed := encode64([]byte(`{"alg":"`+string(algorithm)+`","kid":"k","typ":"at+jwt"}`)) + "." + encode64([]byte(`{}`))
			token := signed + "." + encode64(macOf([]byte(secret), signed))
			if _, _, reason := keys.verify(token, foreignForm); reason != TokenUnknownKey && reason != TokenBadSignature {
				t.Errorf("%s: got %q", algorithm, reason)
			}
		}
	}
}

// The salt of RSASSA-PSS is as long as the hash (RFC 7518 section 3.5): with any length, what a signature was made as is
// anybody's guess.
func TestSaltIsAsLongAsTheHash(t *testing.T) {
	_, keys := foreignKey(t, ps256, "k")
	signed := encode64([]byte(`{"alg":"PS256","kid":"k","typ":"at+jwt"}`)) + "." + encode64([]byte(`{}`))
	hash := sha256.Sum256([]byte(signed))
	for length, want := range map[int]Reason{
		rsa.PSSSaltLengthEqualsHash: "", 32: "", 31: TokenBadSignature, 33: TokenBadSignature, 20: TokenBadSignature,
		1: TokenBadSignature, rsa.PSSSaltLengthAuto: TokenBadSignature, // the longest that fits
	} {
		value := must(rsa.SignPSS(rand.Reader, testRSA(), crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: length}))
		if _, _, reason := keys.verify(signed+"."+encode64(value), foreignForm); reason != want {
			t.Errorf("a salt of %d bytes: got %q, want %q", length, reason, want)
		}
	}
	if err := (pssVerifier{crypto.SHA256}).Verify(nil, nil, "no key"); err == nil {
		t.Error("no key verifies")
	}
}

// The header of others may have members that ours never has; whatever they hold, they choose nothing.
func TestForeignHeader(t *testing.T) {
	_, keys := foreignKey(t, HS256, "k")
	sign := func(header string) string {
		signed := encode64([]byte(header)) + "." + encode64([]byte(`{}`))
		return signed + "." + encode64(macOf(secretOf(strings.Repeat("k", 64)), signed))
	}
	ignoring, untyped := foreignForm, foreignForm
	ignoring.foreign = true
	untyped.kinds = []string{"", "at+jwt"}
	for _, c := range []struct {
		header string
		form   form
		want   Reason
	}{
		{`{"alg":"HS256","kid":"k","typ":"at+jwt"}`, foreignForm, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","x5t":"abc"}`, foreignForm, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","x5t":"abc","nonce":{"a":[1,{}]}}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","x5t":"a","x5t":"a"}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","crit":[]}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","crit":null}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","crit":["exp"],"exp":1}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","gty":"client_credentials","cat":"cl_B7d4PD111AAA"}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","gty":"client_credentials","cat":"cl_B7d4PD111AAA"}`, foreignForm, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","KID":"j","Alg":"none","TYP":7}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","x":null,"y":[[{}]],"z":1e999,"` + strings.Repeat("n", 200) + `":true}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","x":{"a":1,"a":2}}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","b64":true}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","zip":"DEF"}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","cty":"\u004Awt"}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","cty":"application/json"}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt","cty":["JWT"]}`, ignoring, ""},
		{`{"alg":"HS256","kid":"k","typ":null}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":["k"],"typ":"at+jwt"}`, ignoring, TokenMalformed},
		{`{"alg":"HS256","kid":"k"}`, foreignForm, TokenMalformed},
		{`{"alg":"HS256","kid":"k"}`, untyped, ""},
		{`{"alg":"HS256","kid":"k","typ":"at+jwt"}`, untyped, ""},
		{`{"alg":"HS256","kid":"k","typ":"JWT"}`, untyped, TokenMalformed},
		{`{"alg":"HS256","kid":"k","typ":"AT+JWT"}`, untyped, TokenMalformed},
		{`{"alg":"HS256","typ":"at+jwt"}`, untyped, TokenMalformed},
	} {
		if _, _, reason := keys.verify(sign(c.header), c.form); reason != c.want {
			t.Errorf("%s: got %q, want %q", c.header, reason, c.want)
		}
	}
}

func TestReadVerificationKeysRefuses(t *testing.T) {
	public := func(algorithm Algorithm, key any, changes map[string]string) string {
		text := must(jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: string(algorithm)}.MarshalJSON())
		return changedJSON(t, text, changes)
	}
	elliptical := func(changes map[string]string) string { return public(ES256, testEC().Public(), changes) }
	secret := func(algorithm Algorithm, size int) string {
		return public(algorithm, secretOf(strings.Repeat("a", 4))[:size], map[string]string{"kid": `"s"`})
	}
	short := must(rsa.GenerateKey(rand.Reader, 1024))
	for name, c := range map[string]struct {
		text string
		want string
		weak bool
	}{
		"nothing":          {"", "not one strict JSON object", false},
		"private":          {public(ES256, testEC(), nil), "key 1: it is a private key, want the public one", false},
		"no kid":           {elliptical(map[string]string{"kid": ""}), "key 1: it has no kid", false},
		"no alg":           {elliptical(map[string]string{"alg": ""}), "key 1: it has no alg", false},
		"not allowed":      {public(ps256, testRSA().Public(), nil), "key 1: its alg is not known here", false},
		"for encryption":   {elliptical(map[string]string{"use": `"enc"`}), "its use is not sig", false},
		"key_ops":          {elliptical(map[string]string{"key_ops": `["sign"]`}), "its key_ops lack verify", false},
		"another curve":    {elliptical(map[string]string{"alg": `"ES384"`}), "its alg ES384 needs a key of type EC P-384", false},
		"no point":         {elliptical(map[string]string{"y": `"` + encode64(make([]byte, 32)) + `"`}), "no point of its curve", false},
		"short RSA":        {public(RS256, short.Public(), nil), "an RSA key of 1024 bits", true},
		"ROCA":             {public(RS256, rocaKey().Public(), nil), "ROCA", true},
		"31 bytes, HS256":  {secret(HS256, 31), "want at least 32", true},
		"47 bytes, HS384":  {secret(hs384, 47), "want at least 48", true},
		"63 bytes, HS512":  {secret(hs512, 63), "want at least 64", true},
		"the second":       {setOf(elliptical(nil), elliptical(map[string]string{"kid": ""})), "key 2: it has no kid", false},
		"one kid twice":    {setOf(elliptical(nil), public(RS256, testRSA().Public(), nil)), `key 2: its kid "k" occurs twice`, false},
		"mixed":            {setOf(elliptical(nil), secret(HS256, 32)), "the set mixes secrets", false},
		"empty":            {`{"keys":[]}`, "the JWK set is empty", false},
		"another key type": {elliptical(map[string]string{"kty": `"RSA"`}), "its alg ES256 needs a key of type EC P-256", false},
	} {
		keys, err := readVerificationKeys([]byte(c.text), []Algorithm{HS256, hs384, hs512, ES256, es384, RS256, EdDSA})
		if err == nil || keys != nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrWeakKey) != c.weak {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
