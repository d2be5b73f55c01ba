package jwtsession

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// holder is what every request with the same token needs to know of it. It is made once, kept with the claims, and never
// changes.
type holder struct {
	subjects ledger.Subjects // what the token can be dead by
	who      identity.Principal
}

// holderOf returns the holder of a verified token.
func holderOf(claims *validator.Claims) *holder { return claims.Derived(newHolder).(*holder) }

func newHolder(claims *validator.Claims) any {
	return &holder{
		subjects: ledger.SubjectsOf(claims.TokenID(), claims.SessionKey(), claims.Subject()),
		who:      identity.OfToken(claims),
	}
}
