package validator

import "time"

// logoutForm is the form of the logout tokens that are accepted (OpenID Connect Back-Channel Logout 1.0 section 2.4). The typ
// logout+jwt is recommended and not required: Auth0, and Keycloak before version 25, write JWT. What such a token is, its claims
// say.
var logoutForm = form{
	size: maxForeignToken, kinds: []string{"logout+jwt", "application/logout+jwt", "JWT", ""}, algorithms: theirs, foreign: true,
}

// logoutEvent is the event that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutRules are the rules for a logout token. The zero value accepts none.
type LogoutRules struct {
	// Issuer is what the claim iss must be.
	Issuer string
	// ClientID is what the claim aud must name.
	ClientID string
	// MaxAge is how long ago the token may have been issued.
	MaxAge time.Duration
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
}

// LogoutToken holds the claims of a verified logout token. It is made by verification alone and never changes.
type LogoutToken struct {
	statement

	session string
	claims  foreignClaims
}

// Session returns the session at the provider that is over (sid). It is empty if the token is about all sessions of the user.
func (t *LogoutToken) Session() string { return t.session }

// Claim returns a claim of the user. It is empty if the token has no such claim, or one that is no text or number.
func (t *LogoutToken) Claim(name string) string {
	if texts := t.claims.attribute(name).Texts(); len(texts) == 1 {
		return texts[0]
	}
	return ""
}

// Verify verifies a logout token with the keys of its provider (OpenID Connect Back-Channel Logout 1.0 section 2.6). The token is
// nil unless the reason is empty. Verify does not check whether the token came before.
func (r LogoutRules) Verify(keys *ProviderKeys, text string, now time.Time) (*LogoutToken, Reason) {
	if r.ClientID == "" {
		return nil, TokenUnknownKey
	}
	claims, reason := verifiedClaims(keys, text, logoutForm)
	if reason != "" {
		return nil, reason
	}
	common := statementRules{issuer: r.Issuer, audiences: []string{r.ClientID}, maxAge: r.MaxAge, leeway: r.Leeway}
	read, reason := common.read(claims, now)
	if reason != "" {
		return nil, reason
	}
	subject, okSubject := claims.text("sub")
	session, okSession := claims.text("sid")
	events, okEvents := claims.object("events")
	_, hasNonce := claims["nonce"]
	switch {
	case !okSubject || !okSession || !okEvents || len(session) > maxClaimText:
		return nil, TokenMalformed
	case events[logoutEvent].Kind() != '{', claims.isNoLogoutToken():
		return nil, TokenNoEvent
	case hasNonce:
		return nil, TokenWrongNonce
	case subject == "" && session == "":
		return nil, TokenNoSubject
	}
	return &LogoutToken{statement: read, session: session, claims: claims}, ""
}
