package validator

import (
	"math"
	"slices"
	"time"
)

// statement is what tokens have in common by which a provider tells something to this gateway.
type statement struct {
	id      string
	expires time.Time
}

// ID returns the id of the token (jti).
func (s *statement) ID() string { return s.id }

// Expires returns when the rules that the token was verified with no longer accept it. Until then it must be known whether it
// came before.
func (s *statement) Expires() time.Time { return s.expires }

// statementRules are the rules that such tokens have in common. The zero value accepts none.
type statementRules struct {
	issuer         string
	audiences      []string
	maxAge, leeway time.Duration
}

func (r statementRules) read(claims foreignClaims, now time.Time) (statement, Reason) {
	issuer, okIssuer := claims.text("iss")
	audience, okAudience := claims.texts("aud")
	id, okID := claims.text("jti")
	issuedAt, okIssued := claims.seconds("iat", math.Floor)
	notBefore, okNotBefore := claims.seconds("nbf", math.Ceil)
	ends, okEnds := claims.seconds("exp", math.Floor)
	switch {
	case !okIssuer || !okAudience || !okID || !okIssued || !okNotBefore || !okEnds || id == "" || len(id) > maxClaimText || issuedAt <= 0:
		return statement{}, TokenMalformed
	case r.issuer == "" || issuer != r.issuer:
		return statement{}, TokenWrongIssuer
	case !slices.ContainsFunc(audience, func(name string) bool { return name != "" && slices.Contains(r.audiences, name) }):
		return statement{}, TokenWrongAudience
	}
	expires := time.Unix(issuedAt, 0).Add(r.maxAge + r.leeway)
	if !now.Before(expires) {
		return statement{}, TokenTooOld
	}
	if _, limited := claims["exp"]; limited {
		if limit := time.Unix(ends, 0).Add(r.leeway); limit.Before(expires) {
			expires = limit
		}
	}
	switch latest := now.Add(r.leeway).Unix(); {
	case !now.Before(expires):
		return statement{}, TokenExpired
	case issuedAt > latest || notBefore > latest:
		return statement{}, TokenNotYetValid
	}
	return statement{id: id, expires: expires}, ""
}

// verifiedClaims returns the claims of a token of the form whose signature holds.
func verifiedClaims(keys *ProviderKeys, text string, of form) (foreignClaims, Reason) {
	if keys == nil {
		return nil, TokenUnknownKey
	}
	payload, _, reason := keys.keys.verify(text, of)
	if reason != "" {
		return nil, reason
	}
	claims, ok := readForeignClaims(payload)
	if !ok {
		return nil, TokenMalformed
	}
	return claims, ""
}
