package app

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// TokenFacts is what every request with the same token needs to know of it. It is made once, kept with the claims, and never
// changes.
type TokenFacts struct {
	Subjects ledger.Subjects // what can make the token dead
	Who      identity.Principal
}

// FactsOf returns the facts of a verified token.
func FactsOf(claims *validator.Claims) *TokenFacts { return claims.Derived(newFacts).(*TokenFacts) }

func newFacts(claims *validator.Claims) any {
	return &TokenFacts{
		Subjects: ledger.SubjectsOf(claims.TokenID(), claims.SessionKey(), claims.Subject()),
		Who:      identity.OfToken(claims),
	}
}
