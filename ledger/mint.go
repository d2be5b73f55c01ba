package ledger

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// maxMintClaims is the greatest number of claims in mintClaims. With more of them at a time the oldest is forgotten, and
	// a session may get two tokens at once.
	maxMintClaims = 65536
	// mintClaimTime is the age from which on a claim that was not released counts as abandoned.
	mintClaimTime = 10 * time.Second
)

// mintClaims holds the sessions for which a token is being minted.
type mintClaims struct {
	*remember.Memory[sessions.Key, *mintClaim]
}

type mintClaim struct{ since time.Time }

func newMintClaims() mintClaims {
	return mintClaims{remember.New[sessions.Key, *mintClaim](maxMintClaims)}
}

// claim is [Ledger.ClaimMint].
func (c mintClaims) claim(key sessions.Key, now time.Time) (release func(), ok bool) {
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
func (c mintClaims) release(key sessions.Key, own *mintClaim) {
	claim := c.Lock(key)
	defer claim.Unlock()
	if held, ok := claim.Peek(); ok && held == own {
		claim.Drop()
	}
}
