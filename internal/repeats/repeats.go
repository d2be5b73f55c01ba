// Package repeats remembers which tokens came, so that each counts once.
package repeats

import (
	"crypto/sha256"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

// maxRepeats is how many tokens are remembered. Only those whose signature holds count. With more of them the oldest are
// forgotten; what is repeated then signs a user out once more.
const maxRepeats = 100_000

// Memory remembers which tokens came: each counts once. It is safe for concurrent use.
type Memory struct {
	seen *remember.Memory[Key, sighting]
}

// sighting is a token that came.
type sighting struct {
	until time.Time // when the rules no longer accept the token
	done  bool      // what it says is durable
}

// New returns a memory that has seen no token.
func New() *Memory {
	return &Memory{remember.New[Key, sighting](maxRepeats)}
}

// Standing is what is known of a token. The zero value is one that must not count.
type Standing uint8

const (
	// UnderWay is a token that came, and that is not finished.
	UnderWay Standing = iota
	// Repeated is a token that came and was done.
	Repeated
	// Fresh is a token that counts now.
	Fresh
)

// Key names a token of a provider.
type Key [sha256.Size]byte

// KeyOf returns the key of a token with this issuer and this id.
func KeyOf(issuer, id string) Key {
	return sha256.Sum256([]byte(issuer + "\x00" + id))
}

// Begin returns what is known of a token. If it is fresh, it is under way from now on, until Finish is called.
func (m *Memory) Begin(key Key, until, now time.Time) Standing {
	at := m.seen.Lock(key)
	defer at.Unlock()
	known, came := at.Get()
	switch {
	case came && known.done && now.Before(known.until):
		return Repeated
	case came && !known.done && now.Before(known.until):
		return UnderWay
	}
	at.Put(sighting{until: until})
	return Fresh
}

// Finish ends what Begin began. Unless it is done, the token may come again.
func (m *Memory) Finish(key Key, done bool) {
	at := m.seen.Lock(key)
	defer at.Unlock()
	known, came := at.Get()
	switch {
	case !came:
	case done:
		at.Put(sighting{until: known.until, done: true})
	default:
		at.Drop()
	}
}
