package ledger

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// maxMintClaims is the greatest number of claims in mintClaims. With more of them at a time the oldest is forgotten, and
	// a session may get two tokens at once.
	maxMintClaims = 65536
	// mintClaimTime is the age from which on a claim that was not released counts as abandoned.
	mintClaimTime = 10 * time.Second
)

// mintClaims holds the sessions for which a token is being minted.
type mintClaims interface {
	// claim is [Ledger.ClaimMint].
	claim(ctx context.Context, key sessions.Key, now time.Time) (release func(), ok bool)
}

// ownMintClaims are those of this process.
type ownMintClaims struct {
	*remember.Memory[sessions.Key, *mintClaim]
}

type mintClaim struct{ since time.Time }

func newMintClaims() ownMintClaims {
	return ownMintClaims{remember.New[sessions.Key, *mintClaim](maxMintClaims)}
}

func (c ownMintClaims) claim(_ context.Context, key sessions.Key, now time.Time) (release func(), ok bool) {
	claim := c.Lock(key)
	defer claim.Unlock()
	if other, held := claim.Peek(); held {
		// A claim from the future is from before the clock was set back, and as old as can be.
		if age := now.Sub(other.since); 0 <= age && age < mintClaimTime {
			return func() {}, false
		}
	}
	own := &mintClaim{since: now}
	claim.Put(own)
	return func() { c.release(key, own) }, true
}

// release releases the claim unless another one took it over.
func (c ownMintClaims) release(key sessions.Key, own *mintClaim) {
	claim := c.Lock(key)
	defer claim.Unlock()
	if held, ok := claim.Peek(); ok && held == own {
		claim.Drop()
	}
}

// sharedMintClaims are notes of all gateways. While the place can't be reached, no claim succeeds: a gateway that is cut off
// mints nothing.
type sharedMintClaims struct {
	own   ownMintClaims // spares the place what this process knows
	place storage.Shared
}

func (c sharedMintClaims) claim(ctx context.Context, key sessions.Key, now time.Time) (release func(), ok bool) {
	if !c.answers() {
		return func() {}, false
	}
	releaseOwn, ok := c.own.claim(ctx, key, now)
	if !ok {
		return releaseOwn, false
	}
	name, value := "mint:"+key.Hash.String()+":"+key.Realm, rand.Text()
	waiting, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	claimed, err := c.place.Notes().Claim(waiting, name, value, mintClaimTime)
	if err != nil || !claimed {
		releaseOwn()
		return func() {}, false
	}
	return func() {
		defer releaseOwn()
		if !c.answers() {
			return // it is over by itself soon
		}
		ctx, cancel := context.WithTimeout(context.Background(), noteTime)
		defer cancel()
		_ = c.place.Notes().Drop(ctx, name, value)
	}, true
}

// answerLag is how long ago the place must have answered so that a request with a usable token waits for it.
const answerLag = time.Second

// answers reports whether the place answered a moment ago. A request that a token speaks for must not wait for a place that
// does not answer.
func (c sharedMintClaims) answers() bool {
	link := c.place.Link()
	return link.Connected && !isStale(link, answerLag)
}
