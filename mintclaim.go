package jwtsession

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// claimMint says whether this request is the one to mint for the session. One at a time does.
func (v *visit) claimMint() bool {
	if v.release != nil {
		return true
	}
	key := v.key()
	if v.token.State == validator.TokenUsable && v.mode == validator.Stateless {
		key = v.token.Claims.SessionKey()
	}
	release, ok := v.gateway.Ledger.ClaimMint(key)
	if ok {
		v.release = release
	}
	return ok
}

// releaseMint gives the claim back, so that the next request may mint.
func (v *visit) releaseMint() {
	if v.release != nil {
		v.release()
	}
}
