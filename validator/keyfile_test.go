package validator

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The keys of the tests are made once: RSA takes a while.
var (
	testRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	testEC  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	testEd  = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// testPrivate returns the private key of the tests for the algorithm.
func testPrivate(algorithm Algorithm) crypto.Signer {
	switch algorithm {
	case RS256:
		return testRSA()
	case ES256:
		return testEC()
	default:
		return testEd()
	}
}

func pemOf(kind string, der []byte, err error) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: must(der, err)}))
}

func pkcs8PEM(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf("PRIVATE KEY", der, err)
}

func sec1PEM() string {
	der, err := x509.MarshalECPrivateKey(testEC())
	return pemOf("EC PRIVATE KEY", der, err)
}

func pkcs1PEM() string {
	return pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testRSA()), nil)
}

// jwkOf returns the members of a private JWK as another library writes them, with some changed: JSON text by name, an
// empty one for a member that is to be missing.
func jwkOf(t testing.TB, algorithm Algorithm, changes map[string]string) string {
	t.Helper()
	var material any = secretOf("a")
	if algorithm != HS256 {
		material = testPrivate(algorithm)
	}
	text, err := jose.JSONWebKey{Key: material, KeyID: "k", Algorithm: string(algorithm), Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return changedJSON(t, text, changes)
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// Each form gives the key that it holds: a token of it verifies under that key as the standard library has it.
func TestReadKeys(t *testing.T) {
	thumb := func(algorithm Algorithm) string {
		key := jose.JSONWebKey{Key: testPrivate(algorithm).Public()}
		return encode64(must(key.Thumbprint(crypto.SHA256)))
	}
	secretID := must(SecretKeyID(secretOf("a")))
	noID := map[string]string{"kid": ""}
	for name, c := range map[string]struct {
		text string
		want []string // algorithm and id of each key
	}{
		"PKCS#8 RSA":      {pkcs8PEM(testRSA()), []string{"RS256 " + thumb(RS256)}},
		"PKCS#8 EC":       {pkcs8PEM(testEC()), []string{"ES256 " + thumb(ES256)}},
		"PKCS#8 Ed25519":  {pkcs8PEM(testEd()), []string{"EdDSA " + thumb(EdDSA)}},
		"PKCS#1":          {pkcs1PEM(), []string{"RS256 " + thumb(RS256)}},
		"SEC 1":           {sec1PEM(), []string{"ES256 " + thumb(ES256)}},
		"as openssl does": {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + sec1PEM(), []string{"ES256 " + thumb(ES256)}},
		"text around":     {"made in May\n" + pkcs8PEM(testEC()) + "\nkeep it safe\n", []string{"ES256 " + thumb(ES256)}},
		"line ends":       {strings.ReplaceAll(pkcs8PEM(testEC()), "\n", "\r\n"), []string{"ES256 " + thumb(ES256)}},
		"several blocks": {
			pkcs8PEM(testEd()) + pkcs1PEM() + sec1PEM(),
			[]string{"EdDSA " + thumb(EdDSA), "RS256 " + thumb(RS256), "ES256 " + thumb(ES256)},
		},
		"JWK RSA":          {jwkOf(t, RS256, nil), []string{"RS256 k"}},
		"JWK EC":           {jwkOf(t, ES256, nil), []string{"ES256 k"}},
		"JWK Ed25519":      {jwkOf(t, EdDSA, nil), []string{"EdDSA k"}},
		"JWK secret":       {jwkOf(t, HS256, nil), []string{"HS256 k"}},
		"JWK without kid":  {jwkOf(t, RS256, noID), []string{"RS256 " + thumb(RS256)}},
		"oct without kid":  {jwkOf(t, HS256, noID), []string{"HS256 " + secretID}},
		"without use":      {jwkOf(t, ES256, map[string]string{"use": ""}), []string{"ES256 k"}},
		"key_ops":          {jwkOf(t, ES256, map[string]string{"use": "", "key_ops": `["sign"]`}), []string{"ES256 k"}},
		"key_ops of both":  {jwkOf(t, HS256, map[string]string{"key_ops": `["verify","sign"]`}), []string{"HS256 k"}},
		"unknown members":  {jwkOf(t, ES256, map[string]string{"iat": "1", "x5c": `[{"a":[1]}]`}), []string{"ES256 k"}},
		"without CRT":      {jwkOf(t, RS256, map[string]string{"dp": "", "dq": "", "qi": ""}), []string{"RS256 k"}},
		"blanks around":    {"\n " + jwkOf(t, ES256, nil) + "\r\n", []string{"ES256 k"}},
		"set of one":       {setOf(jwkOf(t, ES256, nil)), []string{"ES256 k"}},
		"set":              {setOf(jwkOf(t, ES256, nil), jwkOf(t, RS256, map[string]string{"kid": `"r"`})), []string{"ES256 k", "RS256 r"}},
		"set with more":    {`{"next":{},"keys":[` + jwkOf(t, ES256, nil) + `]}`, []string{"ES256 k"}},
		"kid of 128 chars": {jwkOf(t, ES256, map[string]string{"kid": `"` + strings.Repeat("~", 128) + `"`}), []string{"ES256 " + strings.Repeat("~", 128)}},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ReadKeys([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, key := range keys {
				got = append(got, string(key.Algorithm())+" "+key.ID())
				want := secretOf("a")
				if key.Algorithm() != HS256 {
					want = must(x509.MarshalPKCS8PrivateKey(testPrivate(key.Algorithm())))
				}
				if !bytes.Equal(key.hidden().private, want) {
					t.Error("it is not the key that was written")
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is refused, and by which words. Weak reports whether the key is refused for its weakness.
func TestReadKeysRefuses(t *testing.T) {
	quoted := func(data []byte) string { return `"` + encode64(data) + `"` }
	number := func(n *big.Int) string { return quoted(n.Bytes()) }
	rsaOf := func(key *rsa.PrivateKey, changes map[string]string) string {
		text := must(jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: "RS256"}.MarshalJSON())
		return changedJSON(t, text, changes)
	}
	short := must(rsa.GenerateKey(rand.Reader, 1024))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	x := func() []byte { return must(testEC().PublicKey.Bytes())[1:33] }()
	public := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		return pemOf("PUBLIC KEY", der, err)
	}
	publicJWK := string(must(jose.JSONWebKey{Key: testEC().Public(), KeyID: "k", Algorithm: "ES256"}.MarshalJSON()))
	ec := func(changes map[string]string) string { return jwkOf(t, ES256, changes) }
	for name, c := range map[string]struct {
		text string
		want string
		weak bool
	}{
		"nothing":     {"", "empty", false},
		"blanks":      {" \n", "empty", false},
		"no key":      {"hello", "neither PEM nor a JWK", false},
		"a DER":       {string(must(x509.MarshalPKCS8PrivateKey(testEC()))), "neither PEM nor a JWK", false},
		"no object":   {`["kty"]`, "neither PEM nor a JWK", false},
		"two objects": {ec(nil) + ec(nil), "not one strict JSON object", false},
		"cut JSON":    {ec(nil)[:40], "not one strict JSON object", false},

		"public PEM":         {public(testEC().Public()), "block 1: not a private key", false},
		"public after":       {pkcs8PEM(testEC()) + public(testEC().Public()), "block 2: not a private key", false},
		"certificate":        {pemOf("CERTIFICATE", []byte{1}, nil), "not a private key", false},
		"encrypted":          {pemOf("ENCRYPTED PRIVATE KEY", []byte{1}, nil), "encrypted with a password", false},
		"encrypted long ago": {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "encrypted with a password", false},
		"damaged":            {pemOf("PRIVATE KEY", []byte{0x30, 1, 2}, nil), "block 1: not a private key in DER", false},
		"damaged block":      {pkcs8PEM(testEC()) + strings.Replace(pkcs8PEM(testEd()), "M", "!", 1), "blocks is damaged", false},
		"cut block":          {pkcs8PEM(testEC()) + pkcs8PEM(testEd())[:60], "blocks is damaged", false},
		"trailing bytes":     {pemOf("PRIVATE KEY", append(must(x509.MarshalPKCS8PrivateKey(testEC())), 0), nil), "not a private key in DER", false},
		"wrong name":         {strings.ReplaceAll(pkcs1PEM(), "RSA PRIVATE", "EC PRIVATE"), "not a private key in DER", false},
		"parameters alone":   {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", "none given", false},
		"the same twice":     {pkcs8PEM(testEC()) + sec1PEM(), "occurs twice", false},
		"P-384":              {pkcs8PEM(p384), "type EC P-384 is for none of the algorithms ES256, EdDSA or RS256", false},
		"X25519":             {pkcs8PEM(must(ecdh.X25519().GenerateKey(rand.Reader))), "does not sign", false},
		"three primes":       {pkcs8PEM(manyPrimes()), "an RSA key of 3 primes, want 2", false},
		"short RSA":          {pkcs8PEM(short), "an RSA key of 1024 bits, want at least 2048", true},
		"ROCA":               {pkcs8PEM(rocaKey()), "ROCA", true},

		"no kty":              {ec(map[string]string{"kty": ""}), `kid "k": its alg ES256 needs a key of type EC P-256`, false},
		"no alg":              {ec(map[string]string{"alg": ""}), `kid "k": it has no alg; want HS256, ES256, EdDSA or RS256`, false},
		"alg none":            {ec(map[string]string{"alg": `"none"`}), "its alg is not known here", false},
		"alg PS256":           {rsaOf(testRSA(), map[string]string{"alg": `"PS256"`}), "its alg is not known here", false},
		"alg of another type": {ec(map[string]string{"alg": `"RS256"`}), "its alg RS256 needs a key of type RSA", false},
		"a secret as EC":      {jwkOf(t, HS256, map[string]string{"alg": `"ES256"`}), "its alg ES256 needs a key of type EC P-256", false},
		"EC as a secret":      {ec(map[string]string{"alg": `"HS256"`}), "its alg HS256 needs a key of type oct", false},
		"another curve":       {ec(map[string]string{"crv": `"P-384"`}), "needs a key of type EC P-256", false},
		"P-384 for ES256":     {changedJSON(t, must(jose.JSONWebKey{Key: p384, KeyID: "k", Algorithm: "ES256"}.MarshalJSON()), nil), "needs a key of type EC P-256", false},
		"X25519 for EdDSA":    {jwkOf(t, EdDSA, map[string]string{"crv": `"X25519"`}), "needs a key of type OKP Ed25519", false},
		"for encryption":      {ec(map[string]string{"use": `"enc"`}), "its use is not sig", false},
		"for an empty use":    {ec(map[string]string{"use": `""`}) + "", "its use is not sig", false},
		"key_ops verify":      {ec(map[string]string{"key_ops": `["verify"]`}), "its key_ops lack sign", false},
		"key_ops empty":       {ec(map[string]string{"key_ops": `[]`}), "its key_ops lack sign", false},
		"key_ops no list":     {ec(map[string]string{"key_ops": `"sign"`}), "not one strict JSON object", false},
		"kid no text":         {ec(map[string]string{"kid": `1`}), "not one strict JSON object", false},
		"kid null":            {ec(map[string]string{"kid": `null`}), "not one strict JSON object", false},
		"kid empty":           {ec(map[string]string{"kid": `""`}), "its kid must be", false},
		"kid of 129":          {ec(map[string]string{"kid": `"` + strings.Repeat("a", 129) + `"`}), "its kid must be", false},
		"kid with a blank":    {ec(map[string]string{"kid": `"a b"`}), "its kid must be", false},
		"a member twice":      {strings.Replace(ec(nil), "{", `{"alg":"RS256",`, 1), "not one strict JSON object", false},
		"public":              {publicJWK, "it is a public key, want a private one", false},
		"public in a set":     {setOf(ec(nil), publicJWK), "key 2 of the set: kid \"k\": it is a public key", false},

		"x of another key":  {ec(map[string]string{"x": quoted(must(other.PublicKey.Bytes())[1:33])}), "no point of its curve", false},
		"d of another key":  {ec(map[string]string{"d": quoted(must(other.Bytes()))}), "its d is not that of its public key", false},
		"d too short":       {ec(map[string]string{"d": quoted(must(other.Bytes())[1:])}), "its d has 31 bytes, want 32", false},
		"d zero":            {ec(map[string]string{"d": quoted(make([]byte, 32))}), "its d is out of the range", false},
		"x too long":        {ec(map[string]string{"x": quoted(append([]byte{0}, x...))}), "its x has 33 bytes, want 32", false},
		"no y":              {ec(map[string]string{"y": ""}), "it has no y", false},
		"x padded":          {ec(map[string]string{"x": `"` + encode64(x) + `="`}), "its x is not base64url", false},
		"x over two lines":  {ec(map[string]string{"x": `"` + encode64(x)[:20] + `\n` + encode64(x)[20:] + `"`}), "its x is not base64url", false},
		"Ed d of another":   {jwkOf(t, EdDSA, map[string]string{"d": quoted(make([]byte, 32))}), "its d is not that of its public key", false},
		"Ed d too short":    {jwkOf(t, EdDSA, map[string]string{"d": quoted(make([]byte, 31))}), "its d has 31 bytes, want 32", false},
		"Ed d with public":  {jwkOf(t, EdDSA, map[string]string{"d": quoted(testEd())}), "its d has 64 bytes, want 32", false},
		"secret of 31":      {jwkOf(t, HS256, map[string]string{"k": quoted(secretOf("a")[:31])}), "the secret has 31 bytes, want at least 32", true},
		"no secret":         {jwkOf(t, HS256, map[string]string{"k": `""`}), "its k is not base64url", false},
		"zeros":             {jwkOf(t, HS256, map[string]string{"k": quoted(make([]byte, 64))}), "the secret repeats a few bytes", true},
		"no k":              {jwkOf(t, HS256, map[string]string{"k": ""}), "it has no k", false},
		"RSA of 1024":       {rsaOf(short, nil), "an RSA key of 1024 bits, want at least 2048", true},
		"e of 1":            {rsaOf(testRSA(), map[string]string{"e": `"AQ"`}), "exponent of an RSA key must be odd and at least 3", true},
		"e of 2":            {rsaOf(testRSA(), map[string]string{"e": `"Ag"`}), "exponent of an RSA key must be odd and at least 3", true},
		"e even":            {rsaOf(testRSA(), map[string]string{"e": `"AQAA"`}), "exponent of an RSA key must be odd and at least 3", true},
		"e zero":            {rsaOf(testRSA(), map[string]string{"e": `"AA"`}), "its e is 0", false},
		"e of 2^32+1":       {rsaOf(testRSA(), map[string]string{"e": `"AQAAAAE"`}), "less than 2^31", false},
		"n of 8193 bits":    {rsaOf(testRSA(), map[string]string{"n": number(new(big.Int).Lsh(big.NewInt(1), 8192))}), "want at most 8192", false},
		"n of another key":  {rsaOf(testRSA(), map[string]string{"n": number(new(big.Int).Add(testRSA().N, big.NewInt(2)))}), "its d, p and q are not those", false},
		"d of another":      {rsaOf(testRSA(), map[string]string{"d": number(big.NewInt(3))}), "its d, p and q are not those", false},
		"dp of another":     {rsaOf(testRSA(), map[string]string{"dp": number(big.NewInt(3))}), "its dp is not that of its private key", false},
		"no primes":         {rsaOf(testRSA(), map[string]string{"p": "", "q": ""}), "it has no p", false},
		"more primes":       {rsaOf(testRSA(), map[string]string{"oth": `[{"r":"AQ","d":"AQ","t":"AQ"}]`}), "more than two primes", false},
		"ROCA JWK":          {rsaOf(rocaKey(), nil), "ROCA", true},
		"empty set":         {`{"keys":[]}`, "the JWK set is empty", false},
		"keys no list":      {`{"keys":{}}`, "not one strict JSON object", false},
		"keys of no object": {`{"keys":[1]}`, "key 1 of the set: not one strict JSON object", false},
		"key and set":       {strings.Replace(ec(nil), "{", `{"keys":[],`, 1), "both a JWK and a JWK set", false},
		"no kid in a set":   {setOf(ec(map[string]string{"kid": ""})), "key 1 of the set: it has no kid", false},
		"one kid twice":     {setOf(ec(nil), jwkOf(t, RS256, nil)), `the key id "k" occurs twice`, false},
		"a mixed set":       {setOf(ec(nil), jwkOf(t, HS256, map[string]string{"kid": `"s"`})), "the set mixes secrets (kty oct) with other keys", false},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ReadKeys([]byte(c.text))
			if err == nil || keys != nil {
				t.Fatalf("accepted: %v", keys)
			}
			if !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrWeakKey) != c.weak {
				t.Errorf("got %q (weak: %v), want %q (weak: %v)", err, errors.Is(err, ErrWeakKey), c.want, c.weak)
			}
		})
	}
}

// The words for a key never hold anything of it, whatever is wrong with it.
func TestReadKeysTellsNoSecrets(t *testing.T) {
	for _, algorithm := range ours {
		text := jwkOf(t, algorithm, nil)
		read := must(readJWK([]byte(text)))
		members := slices.Sorted(maps.Keys(read.texts))
		for _, name := range members {
			for _, value := range []string{"", `""`, `"\n"`, "1", `"` + read.texts[name] + `AAAA"`, `"AA"`} {
				_, err := ReadKeys([]byte(jwkOf(t, algorithm, map[string]string{name: value})))
				if err == nil {
					continue
				}
				for _, secret := range members {
					if len(read.texts[secret]) > 10 && strings.Contains(err.Error(), read.texts[secret][:10]) {
						t.Errorf("%s: %s %s: the error tells %s", algorithm, name, value, secret)
					}
				}
			}
		}
	}
}

// rocaKey makes a key as the faulty generator did: its primes are powers of 65537 modulo the product of the small primes.
var rocaKey = sync.OnceValue(func() *rsa.PrivateKey {
	product := big.NewInt(1)
	for _, prime := range rocaPrimes {
		product.Mul(product, big.NewInt(prime))
	}
	product.Mul(product, big.NewInt(2)) // so that candidates are odd
	prime := func() *big.Int {
		limit := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 1024), product)
		for {
			k := new(big.Int).Sub(limit, must(rand.Int(rand.Reader, new(big.Int).Rsh(limit, 3))))
			power := new(big.Int).Exp(big.NewInt(65537), must(rand.Int(rand.Reader, product)), product)
			candidate := k.Mul(k, product).Add(k, power)
			if candidate.BitLen() == 1024 && candidate.ProbablyPrime(20) {
				return candidate
			}
		}
	}
	one, exponent := big.NewInt(1), big.NewInt(65537)
	for {
		p, q := prime(), prime()
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(exponent, phi)
		if d == nil {
			continue
		}
		return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
	}
})

// Nor does what reads a public key rely on what looked at its algorithm.
func TestPublicKeyOfUnknownCurves(t *testing.T) {
	for text, want := range map[string]string{
		`{"kty":"OKP","crv":"X25519","x":"` + encode64(make([]byte, 32)) + `"}`: "its crv is not Ed25519",
		`{"kty":"OKP","x":"` + encode64(make([]byte, 32)) + `"}`:                "its crv is not Ed25519",
		`{"kty":"EC","crv":"P-224","x":"AA","y":"AA"}`:                          "its crv is none of P-256",
		`{"kty":"EC","x":"AA","y":"AA"}`:                                        "its crv is none of P-256",
		`{"kty":"oct","k":"AA"}`:                                                "its kty is none of RSA, EC and OKP",
		`{}`:                                                                    "its kty is none of RSA, EC and OKP",
	} {
		key, err := must(readJWK([]byte(text))).public()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v", text, key, err)
		}
	}
}

// What checks the key of an algorithm does not rely on what read it.
func TestCheckPublicKey(t *testing.T) {
	for _, algorithm := range append([]Algorithm{"", "none"}, everyAlgorithm...) {
		for name, public := range map[string]crypto.PublicKey{
			"nothing": nil, "a secret": secretOf("a"), "RSA by value": testRSA().PublicKey,
			"X25519": must(ecdh.X25519().GenerateKey(rand.Reader)).Public(), "RSA": testRSA().Public(),
			"P-256": testEC().Public(), "P-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).Public(),
			"P-521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)).Public(), "Ed25519": testEd().Public(),
		} {
			want := map[Algorithm]string{ES256: "P-256", es384: "P-384", es512: "P-521", EdDSA: "Ed25519"}[algorithm] == name
			if kty, _ := algorithm.keyType(); kty == typeRSA {
				want = name == "RSA"
			}
			if err := checkPublicKey(algorithm, public); (err == nil) != want {
				t.Errorf("%s with %s: %v", algorithm, name, err)
			}
		}
	}
}

// manyPrimes is an RSA key of three primes.
var manyPrimes = sync.OnceValue(func() *rsa.PrivateKey {
	one, exponent := big.NewInt(1), big.NewInt(65537)
	for {
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(1), E: 65537}}
		phi := big.NewInt(1)
		for range 3 {
			prime := must(rand.Prime(rand.Reader, 700))
			key.Primes = append(key.Primes, prime)
			key.N.Mul(key.N, prime)
			phi.Mul(phi, new(big.Int).Sub(prime, one))
		}
		if key.D = new(big.Int).ModInverse(exponent, phi); key.D != nil {
			return key
		}
	}
})

func TestIsROCA(t *testing.T) {
	if !isROCA(rocaKey().N) {
		t.Error("a key of the faulty generator is not recognized")
	}
	if isROCA(testRSA().N) {
		t.Error("a good key is taken for one of the faulty generator")
	}
}
