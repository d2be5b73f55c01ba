package validator

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrNothingToMint is returned for a token that would have expired when it is minted: the last confirmation of the session is
// older than the lifetime of a token, or the session itself is over.
var ErrNothingToMint = errors.New(
	"minting token: the session is over, or was last confirmed longer ago than a token lives")

// Minter mints tokens. It is safe for concurrent use. The zero value mints nothing.
type Minter struct {
	// Keys holds the key that signs.
	Keys *KeySet
	// Issuer is the claim iss. If it is empty, tokens have no iss.
	Issuer string
	// Lifetime is how long a token is valid after the last confirmation of its session.
	Lifetime time.Duration
	// Attributes holds the names of the attributes that every token carries. One that is not known is null.
	Attributes []string
	// Encrypt reports whether tokens are nested JWTs, which only a gateway with the same key can read.
	Encrypt bool
}

// Mint returns a token for the session in compact form. The credential must be the one that the session was looked up by.
// The token expires a lifetime after the session was last confirmed, or with the session if that is sooner. Mint returns
// [ErrNothingToMint] if that time has come already.
func (m Minter) Mint(session sessions.Session, credential SessionCredential, now time.Time) (string, error) {
	key, ok := m.Keys.signing()
	if !ok {
		return "", errors.New("minting token: there is no key")
	}
	if credential.Presence != Present || !credential.Hash.Equal(session.Hash) {
		return "", errors.New("minting token: the session id is not that of the session")
	}
	if !isVisibleASCII(session.User, maxClaimText) || session.Realm == "" {
		return "", errors.New("minting token: the session has no realm or no usable user id")
	}
	if session.AuthTime <= 0 {
		return "", errors.New("minting token: the session has no time of authentication")
	}
	return m.mint(key, minted{
		user: session.User, realm: session.Realm, bound: bindingOf(credential.raw()), authTime: session.AuthTime,
		attributes: session.Attributes, expires: m.Expires(session, now), issued: now.Unix(),
	}, now)
}

// Renew returns a token in the place of a usable one, without looking up its session. It is for routes where the token alone
// counts. The new token expires a lifetime after now, or maxAge after the user was first known in the session if that is
// sooner. Renew returns [ErrNothingToMint] if that time has come already.
func (m Minter) Renew(claims *Claims, maxAge time.Duration, now time.Time) (string, error) {
	key, ok := m.Keys.signing()
	if !ok {
		return "", errors.New("minting token: there is no key")
	}
	if claims == nil || claims.bound == nil {
		return "", errors.New("minting token: there is none to renew")
	}
	return m.mint(key, minted{
		user: claims.subject, realm: claims.realm, bound: claims.bound.binding(), authTime: claims.authTime,
		attributes: claims.attributes,
		expires:    m.ExpiresRenewed(claims, maxAge, now),
		issued:     now.Unix(),
	}, now)
}

// ExpiresRenewed returns the first second at which a token that [Minter.Renew] makes now has expired, in seconds since 1970.
func (m Minter) ExpiresRenewed(claims *Claims, maxAge time.Duration, now time.Time) int64 {
	return min(now.Unix()+wholeSeconds(m.Lifetime), claims.authTime+wholeSeconds(maxAge))
}

// minted holds what goes into a token.
type minted struct {
	user, realm string
	bound       binding
	authTime    int64
	attributes  sessions.Attributes
	expires     int64
	issued      int64
}

func (m Minter) mint(key Key, token minted, now time.Time) (string, error) {
	if token.expires <= now.Unix() {
		return "", ErrNothingToMint
	}
	tokenID := newTokenID()
	payload := make(jsonObject, 0, 512)
	payload = payload.text("sub", token.user)
	payload = payload.text("aud", token.realm)
	payload = payload.base64("sid", token.bound.seal(key, tokenID))
	payload = payload.text("jti", tokenID)
	payload = payload.number("iat", token.issued)
	payload = payload.number("exp", token.expires)
	payload = payload.number("auth_time", token.authTime)
	if m.Issuer != "" {
		payload = payload.text("iss", m.Issuer)
	}
	for _, name := range attributeNames(token.attributes, m.Attributes) {
		value, err := token.attributes[name].MarshalJSON()
		if err != nil {
			return "", fmt.Errorf("minting token: writing the attribute %q: %w", name, err)
		}
		payload = payload.raw(name, value)
	}
	text, err := compact(key, payload.end())
	if err != nil || !m.Encrypt {
		return text, err
	}
	return encrypt(key, text)
}

// Expires returns the first second at which a token that is minted for the session now has expired, in seconds since 1970. It
// is at most a lifetime after now, whatever the session says. A confirmation may have the time of a gateway whose clock is
// ahead, or may be later than the now of this request, and a token that seems to live too long is refused everywhere.
func (m Minter) Expires(session sessions.Session, now time.Time) int64 {
	return min(
		session.Confirmed.Add(m.Lifetime).Unix(),
		session.Ends.Unix(),
		session.Expires.Unix(),
		now.Unix()+wholeSeconds(m.Lifetime),
	)
}

// attributeNames returns the names of both, each once, in alphabetical order. It leaves out reserved names: a member that
// occurs twice makes a token malformed.
func attributeNames(attributes sessions.Attributes, needed []string) []string {
	names := slices.Clone(needed)
	for name := range attributes {
		names = append(names, name)
	}
	names = slices.DeleteFunc(names, IsReservedClaim)
	slices.Sort(names)
	return slices.Compact(names)
}

// newTokenID returns 128 random bits in base64url.
func newTokenID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the process instead
	var text [22]byte
	base64.RawURLEncoding.Encode(text[:], id[:])
	return string(text[:])
}

// compact returns a token with the payload.
func compact(key Key, payload []byte) (string, error) {
	material := key.hidden()
	return signCompact(material.header, payload, material.signature.sign)
}

// signCompact returns a compact JWS (RFC 7515 section 7.1). The header is in base64url already.
func signCompact(header string, payload []byte, sign func(text []byte) ([]byte, error)) (string, error) {
	encoding := base64.RawURLEncoding
	text := make([]byte, 0, len(header)+encoding.EncodedLen(len(payload))+512)
	text = append(text, header...)
	text = append(text, '.')
	text = encoding.AppendEncode(text, payload)
	signature, err := sign(text)
	if err != nil {
		return "", err
	}
	text = append(text, '.')
	return string(encoding.AppendEncode(text, signature)), nil
}
