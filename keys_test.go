package jwtsession_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testkey"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// newPrivateKey makes a key for an algorithm.
func newPrivateKey(t *testing.T, algorithm string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key = testkey.RSA(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keyPEM returns a key as openssl writes it.
func keyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keyJWK returns a key as a JWK.
func keyJWK(t *testing.T, key any, id, algorithm string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm, Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeKeyFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// joseHeaderOf returns the JOSE header of a token.
func joseHeaderOf(t *testing.T, token string) (header struct{ Alg, Kid, Typ string }) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header
}

// keysSite tells what spoke for the user, has a stateless route, and publishes the keys.
const keysSite = `
	JWKS
	route /stateless {
		jwt_session shop {
			mode stateless
			token_lifetime 10m
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
			token_lifetime 10m
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY
	}`

func newKeysGateway(t *testing.T, global string) *harness.Gateway {
	t.Helper()
	return harness.NewWith(t, harness.Options{Global: global, Site: keysSiteFor(global)})
}

// keysSiteFor is the site with the published keys, if they may be.
func keysSiteFor(global string) string {
	if strings.Contains(global, "algorithm ES256") || strings.Contains(global, "algorithm EdDSA") ||
		strings.Contains(global, "algorithm RS256") || strings.Contains(global, "key file") {
		return strings.Replace(keysSite, "JWKS", "jwt_session_jwks /jwks.json", 1)
	}
	return strings.Replace(keysSite, "JWKS", "", 1)
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"HS256", "ES256", "EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			g := newKeysGateway(t, "algorithm "+algorithm)
			b := g.WithToken()
			if header := joseHeaderOf(t, b.Cookies[harness.TokenName]); header.Alg != algorithm || header.Typ != "JWT" {
				t.Errorf("the token's header is %+v", header)
			}
		})
	}
}

// The first key signs, all verify, whatever form they come in.
func TestKeyFiles(t *testing.T) {
	es, ed, rs := newPrivateKey(t, "ES256"), newPrivateKey(t, "EdDSA"), newPrivateKey(t, "RS256")
	set := `{"keys": [` + keyJWK(t, ed, "ed", "EdDSA") + "," + keyJWK(t, rs, "rs", "RS256") + `]}`
	secret := keyJWK(t, []byte("0123456789abcdefghijklmnopqrstuv"), "hs", "HS256")
	for _, test := range []struct{ name, text, algorithm, id string }{
		{"PEM", keyPEM(t, es), "ES256", ""},
		{"several blocks of PEM", keyPEM(t, rs) + keyPEM(t, es), "RS256", ""},
		{"JWK", keyJWK(t, es, "es", "ES256"), "ES256", "es"},
		{"JWK set", set, "EdDSA", "ed"},
		{"a secret as JWK", secret, "HS256", "hs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("KEY_DIR", filepath.Dir(writeKeyFile(t, test.text)))
			g := harness.NewWith(t, harness.Options{
				Global: "key file {env.KEY_DIR}/key\nkey secret " + goodSecret(1), Site: strings.Replace(keysSite, "JWKS", "", 1),
			})
			b := g.WithToken()
			header := joseHeaderOf(t, b.Cookies[harness.TokenName])
			if header.Alg != test.algorithm || test.id != "" && header.Kid != test.id {
				t.Errorf("the token's header is %+v", header)
			}
			for _, key := range g.App.ConfiguredKeys() { // each of them verifies
				only, err := validator.NewKeySet(key)
				if err != nil {
					t.Fatal(err)
				}
				b.Cookies[harness.TokenName] = g.MintWith(only, "shop", "alice", b.Cookies["session"])
				g.ExpectVia(b.Get("/page"), "token", "set") // it lives for a minute, and so is due to be replaced
			}
			if _, err := os.Stat(filepath.Join(g.Dir, "storage", keyring.Path)); err == nil {
				t.Error("the gateway made a key of its own beside those of the configuration")
			}
		})
	}
}

// Secrets come from files and from the environment, and end there with a line's end as often as not.
func TestSecretsFromElsewhereMayEndWithALine(t *testing.T) {
	path := writeKeyFile(t, goodSecret(1)+"\n")
	t.Setenv("KEY_SECRET", " "+goodSecret(2)+"\r\n")
	g := harness.NewWith(t, harness.Options{
		Global: "key secret {file." + path + "}\nkey secret {env.KEY_SECRET}", Site: strings.Replace(keysSite, "JWKS", "", 1),
	})
	for i, key := range g.App.ConfiguredKeys() {
		secret, err := base64.StdEncoding.DecodeString(goodSecret(byte(i + 1)))
		if err != nil {
			t.Fatal(err)
		}
		if id, err := validator.SecretKeyID(secret); id != key.ID() || err != nil {
			t.Errorf("key %d is another one than its secret makes: %v", i+1, err)
		}
	}
}

// The error names the key by its number, its kind and its path, and shows nothing of it.
func TestValidateKeyFileErrors(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	es := newPrivateKey(t, "ES256")
	public, err := x509.MarshalPKIXPublicKey(es.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "the text is empty"},
		{"no key", "hello, this is a password", "neither PEM nor a JWK"},
		{"a weak key", keyPEM(t, weak), "weak key"},
		{"a weak secret", `{"kty": "oct", "alg": "HS256", "k": "AAECAwQFBgcICQ"}`, "weak key"},
		{"a public key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "not a private key"},
		{"a public JWK", keyJWK(t, es.Public(), "a", "ES256"), "private"},
		{"another algorithm", keyJWK(t, es, "a", "ES384"), "its alg is not known here"},
		{"too large", strings.Repeat(" ", 1<<20+1), "want a file of 1 MiB at most"},
	} {
		path := writeKeyFile(t, test.text)
		err := validateSite(t, "key secret "+goodSecret(1)+"\nkey file "+path, "jwt_session shop")
		checkInvalid(t, err, test.name, test.want)
		checkInvalid(t, err, test.name, "key 2: file "+path+": ")
		if text := strings.TrimSpace(test.text); err != nil && len(text) > 20 && strings.Contains(err.Error(), text[10:20]) {
			t.Errorf("%s: the error shows the key: %v", test.name, err)
		}
	}
	t.Setenv("NO_KEY", "")
	for global, want := range map[string]string{
		"key file /nonexistent/key.pem": "key 1: file /nonexistent/key.pem: open /nonexistent/key.pem: no such file",
		"key file " + t.TempDir():       "is a directory",
		"key file {env.NO_KEY}":         "key 1: file {env.NO_KEY}: a placeholder in it is unknown or empty",
		"rotate_every 5m":               "key_delay 5m0s must be less than rotate_every 5m0s",
		"rotate_every 1m":               "key_delay 5m0s must be less than rotate_every 1m0s",
		"key_delay 200h":                "key_delay 200h0m0s must be less than rotate_every 168h0m0s",
		fmt.Sprintf("key file %[1]s\nkey file %[1]s", writeKeyFile(t, keyPEM(t, es))): "occurs twice: key 1 has it too",
	} {
		checkInvalid(t, validateSite(t, global, "jwt_session shop"), global, want)
	}
	for options, want := range map[string]string{
		`"keys": [{"secret": "` + goodSecret(1) + `"}], "key_rotation": {}`: "can't stand beside key",
		`"keys": [{"secret": "` + goodSecret(1) + `", "file": "key.pem"}]`:  "key 1: want a secret or a file, not both",
		`"key_rotation": {"algorithm": "HS512"}`:                            `algorithm: the algorithm "HS512" is not known here`,
		`"key_rotation": {"rotate_every": -1}`:                              "rotate_every -1ns: want more than 0",
		`"key_rotation": {"key_delay": -1}`:                                 "key_delay -1ns: want more than 0",
	} {
		checkInvalid(t, validateJSON(t, []byte(`{"admin": {"disabled": true}, "apps": {"jwt_session": {`+options+`}}}`)), options, want)
	}
}

// A damaged file of keys is a start error that names it and the way out.
func TestDamagedKeysAreAStartError(t *testing.T) {
	legacy, dir := harness.NewLegacy(t), t.TempDir()
	path := filepath.Join(dir, "storage", keyring.Path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"keys": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := loadText(t, storeGlobals(filepath.Join(dir, "store"), filepath.Join(dir, "storage"), "")+site(freeAddress(t), "shop", "", legacy))
	checkInvalid(t, err, "a damaged file", keyring.Path+" from Caddy's storage: it is damaged")
	checkInvalid(t, err, "a damaged file", "remove it and start again")
}

// Another algorithm in the configuration takes over after the delay, and no token is refused.
func TestAlgorithmChanges(t *testing.T) {
	t.Parallel()
	g := newKeysGateway(t, "")
	b := g.WithToken()
	if err := g.App.Cleanup(); err != nil {
		t.Fatal(err)
	}
	g.Load(harness.Options{Global: "algorithm ES256", Site: keysSiteFor("algorithm ES256")})
	b.URL = g.URL
	g.ExpectVia(b.Get("/page"), "token", "")
	if alg := joseHeaderOf(t, g.WithToken().Cookies[harness.TokenName]).Alg; alg != "HS256" {
		t.Errorf("before the delay is over tokens are signed with %s", alg)
	}
	g.Clock.Advance(time.Duration(app.DefaultKeyDelay))
	g.App.Opened().Keeper.Keys()                // looks at the clock
	g.ExpectVia(b.Get("/page"), "token", "set") // due for renewal
	if alg := joseHeaderOf(t, b.Cookies[harness.TokenName]).Alg; alg != "ES256" {
		t.Errorf("after the delay tokens are signed with %s", alg)
	}
}

// A token of a key that another gateway has just made is good with its first request.
func TestUnknownKeyIDReadsTheStorage(t *testing.T) {
	t.Parallel()
	first := newKeysGateway(t, "")
	second := &harness.Gateway{T: t, Legacy: first.Legacy, Clock: first.Clock, Dir: t.TempDir(), Storage: filepath.Join(first.Dir, "storage")}
	second.Load(harness.Options{Site: keysSiteFor("")})
	if _, err := second.App.Opened().Keeper.Replace(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := second.WithToken()
	b.URL, b.Client = first.URL, first.Server.Client()
	first.ExpectVia(b.Get("/page"), "token", "")
	first.ExpectVia(b.Get("/stateless"), "token", "")

	// Within the same second nothing more is read for it; then it is.
	if _, err := second.App.Opened().Keeper.Replace(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := second.WithToken()
	c.URL, c.Client = first.URL, first.Server.Client()
	first.ExpectVia(c.Get("/page"), "session", "set")
	first.Clock.Advance(time.Second)
	d := second.WithToken()
	d.URL, d.Client = first.URL, first.Server.Client()
	first.ExpectVia(d.Get("/page"), "token", "")
}

// What fails with the keys is in the log once a minute, and no user notices.
func TestKeysOutOfReachAreLogged(t *testing.T) {
	t.Parallel()
	g := newKeysGateway(t, "")
	b := g.WithToken()
	if err := os.Remove(filepath.Join(g.Dir, "storage", keyring.Path)); err != nil {
		t.Fatal(err)
	}
	for minute := range 2 {
		for range 5 {
			if err := g.App.Opened().Keeper.Read(t.Context()); err == nil {
				t.Fatal("the file is still there")
			}
		}
		if log := g.Logged(); strings.Count(log, `"keeping the keys: going on with those in memory"`) != minute+1 ||
			!strings.Contains(log, keyring.Path+" from Caddy's storage: it has gone; put it back, or make an emergency change") {
			t.Errorf("the log does not say so once a minute:\n%s", log)
		}
		g.ExpectVia(b.Get("/page"), "token", "")
		g.Clock.Advance(time.Minute)
	}
}
