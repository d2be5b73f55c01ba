package ledger

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// maxMintClaims is the greatest number of claims in mintClaims. With more of them at a time the oldest is forgotten, and
	// a session may get two tokens at once.
	maxMintClaims = 65536
	// mintClaimTime is the age from which on a claim that was not released counts as abandoned.
	mintClaimTime = 10 * time.Second
)

// MayMint reports whether a token with the given auth_time, in seconds since 1970, may be minted for the session now. It may
// if the session is not revoked, has not ended at or after that second, and has no end that a crash would undo. Call MayMint
// last of all, when the token is about to be sent. It does not check the user: if he is revoked, the token is dead when it
// arrives.
func (l *Ledger) MayMint(key sessions.Key, authTime int64) bool {
	return authTime > 0 && !l.isOver(key, authTime) && !l.blacklist.Pending(endOf(key)) &&
		!l.blacklist.Contains(revokedSession(key))
}

// MayMintFor is like [Ledger.MayMint], and it is false as well if the session has ended under another of its ids.
func (l *Ledger) MayMintFor(session sessions.Session) bool {
	return l.MayMint(session.Key, session.AuthTime) && !l.isLineageOver(session.Realm, lineageOf(session))
}

// ClaimMint claims the minting of a token for the session and reports whether it succeeded. A session has at most one claim
// at a time. Call release when the token has been sent or was given up; further calls do nothing. A claim that is ten
// seconds old may be taken over.
func (l *Ledger) ClaimMint(key sessions.Key) (release func(), ok bool) {
	own := &mintClaim{since: l.now()}
	claim := l.mintClaims.Lock(key)
	defer claim.Unlock()
	if other, held := claim.Peek(); held {
		// A claim from the future is from before the clock was set back, and as old as can be.
		if age := own.since.Sub(other.since); 0 <= age && age < mintClaimTime {
			return func() {}, false
		}
	}
	claim.Put(own)
	return func() { l.releaseMint(key, own) }, true
}

type mintClaim struct{ since time.Time }

func (l *Ledger) releaseMint(key sessions.Key, own *mintClaim) {
	claim := l.mintClaims.Lock(key)
	defer claim.Unlock()
	if held, ok := claim.Peek(); ok && held == own {
		claim.Drop()
	}
}
