package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// file is what the gateways that share a storage know of their keys. A file never changes: the methods that change
// something return another.
type file struct {
	// Keys are in no particular order; there is at least one.
	Keys []entry `json:"keys"`

	// TokenLifetime is the longest one that any gateway was ever configured with. It is never lowered, since the gateway
	// that drops a key need not be the one with the longest tokens.
	TokenLifetime seconds `json:"token_lifetime"`

	// RotateEvery is the longest time between two keys that any gateway was ever configured with.
	RotateEvery seconds `json:"rotate_every"`

	// Replaced is when the last emergency was that dropped all keys, and zero if there was none. Each one is later than the one
	// before, whatever the clocks say: of two files that were kept apart, the keys of the earlier emergency must not come back.
	Replaced time.Time `json:"replaced,omitzero"`
}

// entry is one key.
type entry struct {
	ID        string              `json:"kid"`
	Algorithm validator.Algorithm `json:"alg"`
	Private   []byte              `json:"private"`
	Created   time.Time           `json:"created"`
	SignsFrom time.Time           `json:"signs_from"`
}

// seconds is a duration in the file.
type seconds int64

// secondsOf rounds up: what the file says must not be less than what it stands for.
func secondsOf(d time.Duration) seconds { return seconds((d + time.Second - 1) / time.Second) }

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

// maxSeconds keeps durations of the file far from where a time.Duration ends. It is a hundred years.
const maxSeconds = 100 * 366 * 24 * 3600

// maxKeys is how many keys are read, against a file that something else has filled.
const maxKeys = 10_000

// ErrDamaged is returned, wrapped, for a file of keys that is not of the right form.
var ErrDamaged = errors.New("it is damaged")

// readFile reads a file. No error quotes what it read.
func readFile(text []byte) (file, error) {
	var read file
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return file{}, ErrDamaged
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return file{}, ErrDamaged
	}
	if len(read.Keys) == 0 || len(read.Keys) > maxKeys || !isDuration(read.TokenLifetime) || !isDuration(read.RotateEvery) {
		return file{}, ErrDamaged
	}
	ids := make(map[string]bool, len(read.Keys))
	for _, key := range read.Keys {
		if ids[key.ID] || key.Created.IsZero() || key.SignsFrom.IsZero() {
			return file{}, ErrDamaged
		}
		ids[key.ID] = true
	}
	return read, nil
}

func isDuration(s seconds) bool { return 0 <= s && s <= maxSeconds }

// load returns the keys ready for use, by their id. Those that are known already are taken over.
func (f file) load(last known) (map[string]validator.Key, error) {
	keys := make(map[string]validator.Key, len(f.Keys))
	for _, entry := range f.Keys {
		if slices.ContainsFunc(last.file.Keys, entry.isSameKey) {
			keys[entry.ID] = last.keys[entry.ID]
			continue
		}
		key, err := validator.NewKey(entry.Algorithm, entry.ID, entry.Private)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		keys[entry.ID] = key
	}
	return keys, nil
}

// isSameKey reports whether two entries hold the same key, whatever else they hold.
func (e entry) isSameKey(other entry) bool {
	return e.ID == other.ID && e.Algorithm == other.Algorithm && bytes.Equal(e.Private, other.Private)
}

// text returns the form in which the file is stored.
func (f file) text() ([]byte, error) { return json.MarshalIndent(f, "", "\t") }

// raised returns the file with durations that are at least those of the options.
func (f file) raised(options Options) file {
	f.TokenLifetime = max(f.TokenLifetime, secondsOf(options.TokenLifetime))
	f.RotateEvery = max(f.RotateEvery, secondsOf(options.RotateEvery))
	return f
}

// isRaised reports whether the durations of the file are at least those of the options.
func (f file) isRaised(options Options) bool {
	return f.TokenLifetime >= secondsOf(options.TokenLifetime) && f.RotateEvery >= secondsOf(options.RotateEvery)
}
