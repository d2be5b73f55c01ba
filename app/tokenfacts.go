package app

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// TokenFacts is what every request with the same token needs to know of it. It is made once and kept with the claims.
type TokenFacts struct {
	Token ledger.Token
	Who   identity.Principal
}

// FactsOf returns the facts of a verified token.
func FactsOf(claims *validator.Claims) *TokenFacts { return claims.Derived(newFacts).(*TokenFacts) }

func newFacts(claims *validator.Claims) any {
	facts := &TokenFacts{Who: identity.OfToken(claims)}
	facts.Token.Init(claims.TokenID(), claims.SessionKey(), claims.Subject(), claims.AuthTime())
	return facts
}
