package jwtsession

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// bearer is what every request with the same token needs to know of it. It is made once, kept with the claims, and never
// changes.
type bearer struct {
	subjects ledger.Subjects // what the token can be dead by
	who      principal
}

// bearerOf returns the bearer of a verified token.
func bearerOf(claims *validator.Claims) *bearer { return claims.Derived(newBearer).(*bearer) }

func newBearer(claims *validator.Claims) any {
	return &bearer{
		subjects: ledger.SubjectsOf(claims.TokenID(), claims.SessionKey(), claims.Subject()),
		who:      newPrincipal(claims.Subject(), claims.Attributes(), viaToken),
	}
}
