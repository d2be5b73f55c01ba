package validator

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Forwarded holds the claims of a token for a service that verifies tokens by itself.
type Forwarded struct {
	// User is the user id (sub), and Realm is its realm (client_id).
	User, Realm string
	// Audience is the name of the service (aud).
	Audience string
	// Attributes are those of the user.
	Attributes sessions.Attributes
	// Expires is the first second at which the token has expired (exp), in seconds since 1970. It is that of the token or
	// of the confirmation that this token is made from.
	Expires int64
}

// forwardKind is the typ of tokens for services (RFC 9068 section 2.1). Our own gate refuses it, so that a service can't use
// the token against the gateway.
const forwardKind = "at+jwt"

// Forward returns a token for a service in compact form. It is bound to no session. The realm gives the user id its meaning;
// it is the client that the user signed in to (client_id, RFC 9068 section 2.2). The minter must have an issuer. Forward
// returns [ErrNothingToMint] for a token that has expired already.
func (m Minter) Forward(token Forwarded, now time.Time) (string, error) {
	key, ok := m.Keys.signing()
	if !ok {
		return "", errors.New("making token for a service: there is no key")
	}
	if m.Issuer == "" || token.Audience == "" || token.Realm == "" || !isVisibleASCII(token.User, maxClaimText) {
		return "", errors.New("making token for a service: it lacks an issuer, an audience, a realm or a usable user id")
	}
	if token.Expires <= now.Unix() {
		return "", ErrNothingToMint
	}
	payload := make(jsonObject, 0, 512)
	payload = payload.text("iss", m.Issuer)
	payload = payload.text("sub", token.User)
	payload = payload.text("aud", token.Audience)
	payload = payload.text("client_id", token.Realm)
	payload = payload.text("jti", newTokenID())
	payload = payload.number("iat", now.Unix())
	payload = payload.number("exp", token.Expires)
	for _, name := range attributeNames(token.Attributes, nil) {
		value, err := token.Attributes[name].MarshalJSON()
		if err != nil {
			return "", fmt.Errorf("making token for a service: writing the attribute %q: %w", name, err)
		}
		payload = payload.raw(name, value)
	}
	return signCompact(newHeader(key.algorithm, key.id, forwardKind), payload.end(), key.hidden().signature.sign)
}
