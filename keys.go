package jwtsession

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// KeySource is a key that the configuration gives.
type KeySource struct {
	// A secret for HS256: at least 32 random bytes in base64. Placeholders such as `{env.JWT_SECRET}` and
	// `{file./run/secrets/jwt}` work.
	Secret string `json:"secret,omitempty"`
}

// loadKeys reads the configured keys; nil where there are none.
func loadKeys(sources []KeySource) (*validator.KeySet, error) {
	if len(sources) == 0 {
		return nil, nil //nolint:nilnil // no keys configured is a case of its own: the gateway makes its own
	}
	keys := make([]validator.Key, len(sources))
	for i, source := range sources {
		key, err := source.load()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys[i] = key
	}
	return validator.NewKeySet(keys...)
}

func (s KeySource) load() (validator.Key, error) {
	if s.Secret == "" {
		return validator.Key{}, errors.New("secret: want at least 32 random bytes in base64")
	}
	text, err := caddy.NewReplacer().ReplaceOrErr(s.Secret, true, true)
	if err != nil {
		// The error may quote the text that it could not replace, which may be a secret that holds braces.
		return validator.Key{}, errors.New("secret: a placeholder in it is unknown or empty")
	}
	secret, err := decodeBase64(strings.TrimSpace(text))
	if err != nil {
		return validator.Key{}, errors.New("secret: not base64 (RFC 4648 section 4 or 5); `openssl rand -base64 32` makes one")
	}
	id, err := validator.SecretKeyID(secret)
	if err != nil {
		return validator.Key{}, err
	}
	return validator.NewSecretKey(id, secret)
}

// decodeBase64 reads either alphabet of RFC 4648, padded or not.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// keysPath is where the gateway keeps its own keys in Caddy's storage.
const keysPath = "jwt_session/keys.json"

// keysTimeout is how long reading or making the keys may take, the wait for another gateway that makes them included.
const keysTimeout = 30 * time.Second

// keyFile is the form of the stored keys.
type keyFile struct {
	Keys []storedKey `json:"keys"`
}

type storedKey struct {
	ID        string              `json:"kid"`
	Algorithm validator.Algorithm `json:"alg"`
	Secret    []byte              `json:"secret"`
	Created   time.Time           `json:"created"`
}

// storedKeys reads the gateway's own keys, and makes the first one where there is none. Gateways that share the storage
// share the keys: the storage's lock lets one of them make it.
func storedKeys(ctx context.Context, storage certmagic.Storage) (*validator.KeySet, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
	defer cancel()
	keys, err := readKeys(ctx, storage)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := storage.Lock(ctx, keysPath); err != nil {
		return nil, fmt.Errorf("making the first key: locking %s in Caddy's storage: %w", keysPath, err)
	}
	defer func() {
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
		defer cancel()
		_ = storage.Unlock(unlocking, keysPath) // a lock that stays is taken over when it is stale
	}()
	keys, err = readKeys(ctx, storage)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := makeKey(ctx, storage); err != nil {
		return nil, err
	}
	return readKeys(ctx, storage)
}

func readKeys(ctx context.Context, storage certmagic.Storage) (*validator.KeySet, error) {
	text, err := storage.Load(ctx, keysPath)
	if err != nil {
		return nil, fmt.Errorf("reading %s from Caddy's storage: %w", keysPath, err)
	}
	var file keyFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		// The decoder's error may quote what it read.
		return nil, fmt.Errorf("reading %s from Caddy's storage: not a key file; if it is beyond repair, remove it: "+
			"a new key is made, and every token counts no more", keysPath)
	}
	keys := make([]validator.Key, len(file.Keys))
	for i, stored := range file.Keys {
		if stored.Algorithm != validator.HS256 {
			return nil, fmt.Errorf("reading %s from Caddy's storage: the algorithm %q is not known here",
				keysPath, stored.Algorithm)
		}
		if keys[i], err = validator.NewSecretKey(stored.ID, stored.Secret); err != nil {
			return nil, fmt.Errorf("reading %s from Caddy's storage: %w", keysPath, err)
		}
	}
	return validator.NewKeySet(keys...)
}

// makeKey stores a new key: 256 random bits under a random id.
func makeKey(ctx context.Context, storage certmagic.Storage) error {
	secret, id := make([]byte, validator.MinSecretBytes), make([]byte, 8)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	_, _ = rand.Read(id)
	text, err := json.MarshalIndent(keyFile{Keys: []storedKey{{
		ID: base64.RawURLEncoding.EncodeToString(id), Algorithm: validator.HS256, Secret: secret, Created: time.Now().UTC(),
	}}}, "", "\t")
	if err != nil {
		return fmt.Errorf("making the first key: %w", err)
	}
	if err := storage.Store(ctx, keysPath, text); err != nil {
		return fmt.Errorf("making the first key: writing %s to Caddy's storage: %w", keysPath, err)
	}
	return nil
}
