package validator

import "time"

// revocationKind is the typ of the tokens that authenticate a request to revoke all tokens of a user. Okta gives it to them; the
// draft of the specification names none.
const revocationKind = "global-token-revocation+jwt"

var revocationForm = form{
	size: maxForeignToken, kinds: []string{revocationKind}, algorithms: theirs, foreign: true,
}

// untypedForm is the form of tokens that do not say what they are for.
var untypedForm = form{
	size: maxForeignToken, kinds: []string{"JWT", ""}, algorithms: theirs, foreign: true,
}

// RevocationRules are the rules for the token that authenticates a request to revoke all tokens of a user. The zero value
// accepts none.
type RevocationRules struct {
	// Issuer is what the claim iss must be.
	Issuer string
	// ClientID is the name that the provider knows this gateway by.
	ClientID string
	// Audiences holds the audiences of which the claim aud must name at least one.
	Audiences []string
	// MaxAge is how long ago the token may have been issued.
	MaxAge time.Duration
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
}

// RevocationToken is a verified token that authenticates a request of the provider itself. It is made by verification alone and
// never changes.
type RevocationToken struct{ statement }

// Verify verifies the token that authenticates a request to revoke all tokens of a user. The token is nil unless the reason is
// empty. Verify does not check whether the token came before.
//
// A user's own token must not sign others out. So a token counts only if it says by its typ what it is for, or if the provider
// speaks in it for itself or for this client: the claim sub is the issuer or the client id.
func (r RevocationRules) Verify(keys *ProviderKeys, text string, now time.Time) (*RevocationToken, Reason) {
	claims, reason := verifiedClaims(keys, text, revocationForm)
	typed := reason == ""
	if reason == TokenMalformed {
		claims, reason = verifiedClaims(keys, text, untypedForm)
	}
	if reason != "" {
		return nil, reason
	}
	common := statementRules{issuer: r.Issuer, audiences: r.Audiences, maxAge: r.MaxAge, leeway: r.Leeway}
	read, reason := common.read(claims, now)
	if reason != "" {
		return nil, reason
	}
	if typed {
		return &RevocationToken{read}, ""
	}
	subject, ok := claims.text("sub")
	switch {
	case !ok:
		return nil, TokenMalformed
	case claims.isForSomethingElse():
		return nil, TokenNoAccess
	case subject == "" || subject != r.Issuer && subject != r.ClientID:
		return nil, TokenNoSubject
	}
	return &RevocationToken{read}, ""
}

// isForSomethingElse reports whether the claims are those of an ID token or of an event.
func (c foreignClaims) isForSomethingElse() bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if _, there := c[name]; there {
			return true
		}
	}
	kind, _ := c.text("typ")
	use, _ := c.text("token_use")
	return kind == "ID" || kind == "Logout" || use == "id"
}
