package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// KeySource is a key that the configuration gives, or a file of keys. It is one of both.
type KeySource struct {
	// A secret for HS256: at least 32 random bytes in base64. Placeholders such as `{env.JWT_SECRET}` and
	// `{file./run/secrets/jwt}` work. A file is read again as one of `file` is.
	Secret string `json:"secret,omitempty"`

	// The path of a file with private keys or secrets: PEM, a JWK or a JWK set. Placeholders work. It is read again
	// every 10 seconds, and when a token has an unknown key id. A file that can't be read then leaves the keys as they are.
	File string `json:"file,omitempty"`
}

// KeyRotation says how the gateway makes its own keys, which it keeps in Caddy's storage. Gateways that share the storage
// share the keys. So do gateways that share a store of sessions: there the keys are in that store, and Caddy's storage has a copy.
type KeyRotation struct {
	// What new keys are for: `HS256`, `ES256`, `EdDSA` or `RS256`. Keys of another algorithm that are there already go on
	// until the first key of this one signs. Default: `HS256`.
	Algorithm string `json:"algorithm,omitempty"`

	// How long a key signs before the next one does. Default: `168h`, which is 7 days.
	RotateEvery caddy.Duration `json:"rotate_every,omitempty"`

	// How long before it signs a new key is published, so that other gateways and the services that verify tokens know it
	// in time. Less than `rotate_every`. Default: `5m`.
	KeyDelay caddy.Duration `json:"key_delay,omitempty"`

	algorithm validator.Algorithm
}

// defaultRotateEvery is how long a key signs.
const defaultRotateEvery = caddy.Duration(7 * 24 * time.Hour)

// DefaultKeyDelay is how long a key is published before it signs.
const DefaultKeyDelay = caddy.Duration(5 * time.Minute)

// prepare sets the defaults and checks the options. It may be called again.
func (r *KeyRotation) prepare() error {
	option.SetDefault(&r.Algorithm, string(validator.HS256))
	option.SetDefault(&r.RotateEvery, defaultRotateEvery)
	option.SetDefault(&r.KeyDelay, DefaultKeyDelay)
	var err error
	if r.algorithm, err = validator.ParseAlgorithm(r.Algorithm); err != nil {
		return fmt.Errorf("algorithm: %w", err)
	}
	if r.RotateEvery < 0 {
		return fmt.Errorf("rotate_every %s: want more than 0", time.Duration(r.RotateEvery))
	}
	if r.KeyDelay < 0 {
		return fmt.Errorf("key_delay %s: want more than 0", time.Duration(r.KeyDelay))
	}
	return r.contradiction() // defaults too
}

func (r *KeyRotation) contradiction() error {
	if r.RotateEvery > 0 && r.KeyDelay >= r.RotateEvery {
		return fmt.Errorf("key_delay %s must be less than rotate_every %s", time.Duration(r.KeyDelay), time.Duration(r.RotateEvery))
	}
	return nil
}

// errKeysTwice is the answer to keys of the configuration beside options for the gateway's own.
var errKeysTwice = errors.New("algorithm, rotate_every and key_delay are for keys that the gateway makes itself: " +
	"they can't stand beside key, whose keys say what they are for")

// keyPlan says where the keys come from: the configuration gives them, or the gateway makes its own. The zero value plans no
// key.
type keyPlan struct {
	configured []validator.Key // the one that signs first; nil: the gateway makes its own
	rotation   *KeyRotation    // how it makes them; nil: it makes none
}

// planKeys reads the keys that the configuration gives, or checks how the gateway makes its own. It creates nothing.
func planKeys(sources []KeySource, rotation *KeyRotation) (keyPlan, error) {
	if len(sources) == 0 {
		return keyPlan{rotation: rotation}, rotation.prepare()
	}
	if rotation != nil {
		return keyPlan{}, errKeysTwice
	}
	configured, err := loadKeys(sources)
	return keyPlan{configured: configured}, err
}

// publishes reports whether there is a key, or will be, with a public half.
func (p keyPlan) publishes() bool {
	if p.configured == nil {
		return p.rotation.algorithm != validator.HS256
	}
	return slices.ContainsFunc(p.configured, func(key validator.Key) bool { return key.Algorithm() != validator.HS256 })
}

// maxOldKeys is how many keys may be kept because something that they signed still counts.
const maxOldKeys = 1000

// checkOldKeys returns an error if a lifetime would keep more than maxOldKeys keys. See [App.CheckOldKeys].
func (p keyPlan) checkOldKeys(option string, life time.Duration) error {
	if p.configured != nil || p.rotation == nil {
		return nil
	}
	if every := time.Duration(p.rotation.RotateEvery); every > 0 && life/every > maxOldKeys {
		return fmt.Errorf("%s %s: with rotate_every %s that would keep more than %d keys; rotate less often",
			option, life, every, maxOldKeys)
	}
	return nil
}

// loadKeys reads the configured keys. Each error names the key by its number, its kind and its path, and shows nothing of
// it.
func loadKeys(sources []KeySource) ([]validator.Key, error) {
	var keys []validator.Key
	from := make(map[string]int)
	for i, source := range sources {
		loaded, err := source.load()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		for _, key := range loaded {
			if earlier, twice := from[key.ID()]; twice {
				return nil, fmt.Errorf("key %d: %s: the key id %q occurs twice: key %d has it too", i+1, source.kind(), key.ID(), earlier)
			}
			from[key.ID()] = i + 1
		}
		keys = append(keys, loaded...)
	}
	return keys, nil
}

// kind names what the source is, for errors.
func (s KeySource) kind() string {
	if s.File != "" {
		return "file " + s.File
	}
	return "secret"
}

func (s KeySource) load() ([]validator.Key, error) {
	load := s.loadSecret
	switch {
	case s.Secret != "" && s.File != "":
		return nil, errors.New("want a secret or a file, not both")
	case s.File != "":
		load = s.loadFile
	}
	keys, err := load()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.kind(), err)
	}
	return keys, nil
}

func (s KeySource) loadSecret() ([]validator.Key, error) {
	if s.Secret == "" {
		return nil, errors.New("want at least 32 random bytes in base64")
	}
	text, err := option.Expanded(s.Secret)
	if err != nil {
		return nil, err
	}
	secret, err := decodeBase64(text)
	if err != nil {
		return nil, errors.New("not base64 (RFC 4648 section 4 or 5); `openssl rand -base64 32` makes one")
	}
	id, err := validator.SecretKeyID(secret)
	if err != nil {
		return nil, err
	}
	key, err := validator.NewSecretKey(id, secret)
	if err != nil {
		return nil, err
	}
	return []validator.Key{key}, nil
}

// maxKeyFile is how large a file of keys may be.
const maxKeyFile = 1 << 20

func (s KeySource) loadFile() ([]validator.Key, error) {
	path, err := option.Expanded(s.File)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the path, which is no secret
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s: want a file of 1 MiB at most", path)
	}
	keys, err := validator.ReadKeys(text)
	if err != nil && path != s.File {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, err
}

// decodeBase64 reads either alphabet of RFC 4648, padded or not.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}
