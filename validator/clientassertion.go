package validator

import (
	"errors"
	"fmt"
	"time"
)

// clientAssertionLifetime is how long an assertion counts. It is used at once, and the provider's clock may differ.
const clientAssertionLifetime = time.Minute

// ClientAssertion is what a client says of itself at a provider in the place of a secret (RFC 7523 section 3).
type ClientAssertion struct {
	// ClientID is the name that the provider knows the client by.
	ClientID string
	// Audience names the provider.
	Audience string
}

// ErrNoClientKey is returned for keys that a client can't prove itself with.
var ErrNoClientKey = errors.New("want exactly one private key, in PEM or as a JWK")

// ReadClientKey reads the text of a key file that holds the private key of a client. The text has the form that [ReadKeys]
// reads. A secret is refused: the provider would know it too.
func ReadClientKey(text []byte) (Key, error) {
	keys, err := ReadKeys(text)
	if err != nil {
		return Key{}, err
	}
	if len(keys) != 1 || keys[0].Algorithm() == HS256 {
		return Key{}, ErrNoClientKey
	}
	return keys[0], nil
}

// Sign returns the assertion as a token that counts for a minute and once. It names the key by its id.
func (a ClientAssertion) Sign(key Key, now time.Time) (string, error) {
	if a.ClientID == "" || a.Audience == "" || key.Algorithm() == "" || key.Algorithm() == HS256 {
		return "", fmt.Errorf("signing client assertion: %w", ErrNoClientKey)
	}
	var payload jsonObject
	payload = payload.text("iss", a.ClientID).text("sub", a.ClientID).text("aud", a.Audience).text("jti", newTokenID()).
		number("iat", now.Unix()).number("exp", now.Add(clientAssertionLifetime).Unix())
	return compact(key, payload.end())
}
