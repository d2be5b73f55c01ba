package jwtsession_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// secretFile is a file with keys, in one of the forms that the configuration takes.
type secretFile struct {
	*testing.T

	path string
	// option has the file read, and write returns what is in it for the secrets.
	option string
	write  func(secrets ...byte) string
}

func (f secretFile) set(secrets ...byte) {
	f.Helper()
	f.put(f.write(secrets...))
}

func (f secretFile) put(text string) {
	f.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

// secretKeys returns the set of keys that the gateway makes of the secrets.
func secretKeys(t *testing.T, seeds ...byte) *validator.KeySet {
	t.Helper()
	var keys []validator.Key
	for _, seed := range seeds {
		secret, err := base64.StdEncoding.DecodeString(goodSecret(seed))
		if err != nil {
			t.Fatal(err)
		}
		id, err := validator.SecretKeyID(secret)
		if err != nil {
			t.Fatal(err)
		}
		key, err := validator.NewSecretKey(id, secret)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	set, err := validator.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A key that is changed in its file counts without a reload, and one that is taken out of it does not count any more. A file
// that is broken changes nothing.
func TestKeysInFilesArePickedUp(t *testing.T) {
	asSet := func(seeds ...byte) string {
		var keys []string
		for _, seed := range seeds {
			secret := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(goodSecret(seed)), "=")
			keys = append(keys, fmt.Sprintf(`{"kty": "oct", "alg": "HS256", "kid": %q, "k": %q}`, secretKeys(t, seed).SigningKeyID(), secret))
		}
		return `{"keys": [` + strings.Join(keys, ", ") + `]}`
	}
	for name, file := range map[string]secretFile{
		"file":                  {option: "key file PATH", write: asSet},
		"secret":                {option: "key secret {file.PATH}", write: func(seeds ...byte) string { return goodSecret(seeds[0]) + "\n" }},
		"file by a placeholder": {option: "key file {env.JWT_SESSION_TEST_KEYS}", write: asSet},
	} {
		t.Run(name, func(t *testing.T) {
			file.T, file.path = t, filepath.Join(t.TempDir(), "keys")
			t.Setenv("JWT_SESSION_TEST_KEYS", file.path)
			file.set(1)
			g := harness.NewWith(t, harness.Options{
				Global: strings.ReplaceAll(file.option, "PATH", file.path),
				Site:   "jwt_session shop {\n whoami /whoami json user\n}\nrequest_header X-Via {http.jwt_session.via}\nreverse_proxy LEGACY",
			})
			b := g.WithToken()
			withKey := func(seed byte) harness.Reply {
				b.Cookies[harness.TokenName] = g.MintWith(secretKeys(t, seed), "shop", "alice", b.Cookies["session"])
				return b.Get("/page")
			}
			g.ExpectVia(withKey(1), "token", "")
			g.ExpectVia(withKey(2), "session", "set")

			g.Clock.Advance(time.Second) // so often may an unknown key have the file read
			file.set(2)
			g.ExpectVia(withKey(2), "token", "")
			g.ExpectVia(withKey(1), "session", "set") // it is not in the file any more
			g.ExpectVia(b.Get("/page"), "token", "")
			if got := g.App.Opened().Keys.Current().SigningKeyID(); got != secretKeys(t, 2).SigningKeyID() {
				t.Errorf("the key %q signs", got)
			}
			if got := g.App.ConfiguredKeys(); len(got) != 1 || got[0].ID() != secretKeys(t, 2).SigningKeyID() {
				t.Errorf("%d keys are listed", len(got))
			}

			for _, broken := range []string{"", "hello, SECRET", "{", file.write(3)[:20]} {
				g.Clock.Advance(time.Second)
				file.put(broken)
				g.ExpectVia(withKey(3), "session", "set")
				g.ExpectVia(withKey(2), "token", "")
			}
			if log := g.Logged(); strings.Count(log, "going on with those in memory") != 1 || strings.Contains(log, "SECRET") || !strings.Contains(log, file.path) && !strings.Contains(log, "key 1: secret: ") {
				t.Errorf("the log does not say once, by name, that the file is broken:\n%s", log)
			}
			g.Clock.Advance(time.Second)
			file.set(3)
			g.ExpectVia(withKey(3), "token", "")
		})
	}
}
