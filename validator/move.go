package validator

import (
	"errors"
	"time"
)

// Move returns a token in the place of a usable one whose session the application has given another id. The credential is
// the new id, and the new token is bound to it. Otherwise the token says the same, is as old and expires at the same second:
// the session is no more confirmed than it was. Move returns [ErrNothingToMint] for a token that has expired.
func (m Minter) Move(claims *Claims, credential SessionCredential, now time.Time) (string, error) {
	if claims == nil {
		return "", errors.New("minting token: there is none to move")
	}
	return m.replace(claims, credential, claims.issuedAt, claims.expires, now)
}

// MoveRenewed is like [Minter.Move], but the token begins now and expires as that of [Minter.Renew] does.
func (m Minter) MoveRenewed(
	claims *Claims, credential SessionCredential, maxAge time.Duration, now time.Time,
) (string, error) {
	if claims == nil {
		return "", errors.New("minting token: there is none to move")
	}
	return m.replace(claims, credential, now.Unix(), m.ExpiresRenewed(claims, maxAge, now), now)
}

func (m Minter) replace(
	claims *Claims, credential SessionCredential, issued, expires int64, now time.Time,
) (string, error) {
	key, ok := m.Keys.signing()
	if !ok {
		return "", errors.New("minting token: there is no key")
	}
	if credential.Presence != Present {
		return "", errors.New("minting token: there is no session id to bind it to")
	}
	return m.mint(key, minted{
		user: claims.subject, realm: claims.realm, bound: bindingOf(credential.raw()), authTime: claims.authTime,
		attributes: claims.attributes, expires: expires, issued: issued,
	}, now)
}
