package signout

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// maxRepeats is how many tokens are remembered. Only those whose signature holds count. With more of them the oldest are
// forgotten; what is repeated then signs a user out once more.
const maxRepeats = 100_000

// repeats remembers which tokens came: each counts once. Safe for concurrent use.
type repeats struct {
	seen *remember.Memory[tokenKey, sighting]
}

// sighting is a token that came.
type sighting struct {
	until time.Time // when the rules no longer accept the token
	done  bool      // what it says is durable
}

// seenTokens are those of all configurations of the process: a reload must not let one count again.
var seenTokens = newRepeats()

func newRepeats() *repeats {
	return &repeats{remember.New[tokenKey, sighting](maxRepeats)}
}

// standing is what is known of a token. The zero value is one that must not count.
type standing uint8

const (
	underWay standing = iota
	repeated
	fresh
)

// tokenKey names a token of a provider.
type tokenKey [sha256.Size]byte

func newTokenKey(issuer, id string) tokenKey {
	return sha256.Sum256([]byte(issuer + "\x00" + id))
}

// note returns the name of the note about the token.
func (k tokenKey) note() string { return "sign-out:" + base64.RawURLEncoding.EncodeToString(k[:]) }

// begin returns what is known of a token. If it is fresh, it is under way from now on, until finish is called.
func (r *repeats) begin(key tokenKey, until, now time.Time) standing {
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
func (r *repeats) finish(key tokenKey, done bool) {
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

// noted is a token that is under way on this gateway, and on no other.
type noted struct {
	repeats *repeats
	notes   storage.Notes // nil: there is no other gateway
	key     tokenKey
	claim   string
}

const (
	// noteDone is the value of the note about a token that was carried out. Before that it is the claim of the gateway at work.
	noteDone = "done"
	// claimTime is how long a claim keeps the other gateways from the token. By then a gateway has given up.
	claimTime = deliveryTime + 15*time.Second
	// noteMargin is for clocks that differ.
	noteMargin = time.Minute
)

// beginEverywhere is begin for all gateways that the notes are of. After an error it could not be told, and the token must not
// count. If it is fresh, it is under way until [noted.finish] is called.
func (r *repeats) beginEverywhere(
	ctx context.Context, notes storage.Notes, key tokenKey, until, now time.Time,
) (*noted, standing, error) {
	token := &noted{repeats: r, notes: notes, key: key, claim: rand.Text()}
	known := r.begin(key, until, now)
	if known != fresh || notes == nil {
		return token, known, nil
	}
	known, err := token.claimed(ctx)
	if known != fresh {
		r.finish(key, known == repeated)
	}
	return token, known, err
}

// claimed claims the token, and returns what the other gateways know of it.
func (n *noted) claimed(ctx context.Context) (standing, error) {
	first, err := n.notes.Claim(ctx, n.key.note(), n.claim, claimTime)
	switch {
	case err != nil:
		return underWay, err
	case first:
		return fresh, nil
	}
	value, _, err := n.notes.Get(ctx, n.key.note())
	if err == nil && value == noteDone {
		return repeated, nil
	}
	return underWay, err
}

// finish ends what [repeats.beginEverywhere] began. Unless the token is done and all gateways know that, it may come again, which
// the error says.
func (n *noted) finish(ctx context.Context, done bool, until, now time.Time) error {
	var err error
	switch {
	case n.notes == nil:
	case done:
		err = n.notes.Put(ctx, n.key.note(), noteDone, until.Sub(now)+noteMargin)
	default:
		_ = n.notes.Drop(ctx, n.key.note(), n.claim) // otherwise it ends by itself
	}
	n.repeats.finish(n.key, done && err == nil)
	return err
}
