package validator

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Forwarded is what a token for a service says, one that verifies tokens by itself.
type Forwarded struct {
	User, Realm string
	// Audience names the service (aud).
	Audience string
	// Attributes are those of the user.
	Attributes sessions.Attributes
	// Expires is the first second at which the token is not good any more: that of the token or the confirmation that
	// it is made from.
	Expires int64
}

// forwardKind is the typ of tokens for services (RFC 9068 section 2.1). Our own gate admits none of it, so that a service
// can't come back with a token that it was given.
const forwardKind = "at+jwt"

// Forward returns a token for a service. It is bound to no session. The realm, which gives the user id its meaning, is in
// it as the client that the user signed in to (client_id, RFC 9068 section 2.2). The minter must have an issuer.
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

// SigningKeyID returns the id of the key that signs, and nothing where there is none.
func (s *KeySet) SigningKeyID() string {
	key, _ := s.signing()
	return key.id
}
