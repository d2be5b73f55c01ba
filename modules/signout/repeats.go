package signout

import (
	"crypto/sha256"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

// maxRepeats is how many tokens are remembered. Only those whose signature holds count. With more of them the oldest are
// forgotten; what is repeated then signs a user out once more.
const maxRepeats = 100_000

// repeats remembers which tokens came: each counts once. Safe for concurrent use.
type repeats struct {
	seen *remember.Memory[[sha256.Size]byte, sighting]
}

// sighting is a token that came.
type sighting struct {
	until time.Time // when the rules no longer accept the token
	done  bool      // what it says is durable
}

// seenTokens are those of all configurations of the process: a reload must not let one count again.
var seenTokens = newRepeats()

func newRepeats() *repeats {
	return &repeats{remember.New[[sha256.Size]byte, sighting](maxRepeats)}
}

// standing is what is known of a token. The zero value is one that must not count.
type standing uint8

const (
	underWay standing = iota
	repeated
	fresh
)

// tokenKey names a token of a provider.
func tokenKey(issuer, id string) [sha256.Size]byte {
	return sha256.Sum256([]byte(issuer + "\x00" + id))
}

// begin returns what is known of a token. If it is fresh, it is under way from now on, until finish is called.
func (r *repeats) begin(key [sha256.Size]byte, until, now time.Time) standing {
	at := r.seen.Lock(key)
	defer at.Unlock()
	known, came := at.Get()
	switch {
	case came && known.done && now.Before(known.until):
		return repeated
	case came && !known.done && now.Before(known.until):
		return underWay
	}
	at.Put(sighting{until: until})
	return fresh
}

// finish ends what begin began. Unless it is done, the token may come again.
func (r *repeats) finish(key [sha256.Size]byte, done bool) {
	at := r.seen.Lock(key)
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
