package validator

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrNothingToMint is returned by [Minter.Mint] where a token would be over before it began: the last confirmation of
// the session is older than the lifetime of a token.
var ErrNothingToMint = errors.New("minting token: the session was last confirmed longer ago than a token lives")

// Minter mints tokens. It is safe for concurrent use; the zero value mints nothing.
type Minter struct {
	// Keys holds the key that signs.
	Keys *KeySet
	// Issuer becomes iss, where not empty.
	Issuer string
	// Lifetime is how long after the last confirmation of its session a token is good.
	Lifetime time.Duration
	// Attributes are those that every token carries, be it as null.
	Attributes []string
}

// Mint returns a token for the session in compact form. The credential must be the one that the session was looked up
// by. The token ends a lifetime after the session was last confirmed, or with the session if that is sooner.
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
	expires := session.Confirmed.Add(m.Lifetime)
	if session.Ends.Before(expires) {
		expires = session.Ends
	}
	if expires.Unix() <= now.Unix() {
		return "", ErrNothingToMint
	}
	tokenID := newTokenID()
	payload := newPayload()
	payload.add("sub", session.User)
	payload.add("aud", session.Realm)
	payload.add("sid", sealSessionID(key, tokenID, credential.id))
	payload.add("jti", tokenID)
	payload.add("iat", now.Unix())
	payload.add("exp", expires.Unix())
	payload.add("auth_time", session.AuthTime)
	if m.Issuer != "" {
		payload.add("iss", m.Issuer)
	}
	for _, name := range attributeNames(session.Attributes, m.Attributes) {
		payload.add(name, session.Attributes[name])
	}
	text, err := payload.bytes()
	if err != nil {
		return "", err
	}
	return compact(key, text)
}

// attributeNames returns the names of both, each once, in the order of the alphabet.
func attributeNames(attributes sessions.Attributes, needed []string) []string {
	names := slices.Clone(needed)
	for name := range attributes {
		if !IsReservedClaim(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newTokenID returns 128 random bits as base64url.
func newTokenID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func compact(key Key, payload []byte) (string, error) {
	header := newPayload()
	header.add("alg", string(key.algorithm))
	header.add("kid", key.id)
	header.add("typ", "JWT")
	headerText, err := header.bytes()
	if err != nil {
		return "", err
	}
	encoding := base64.RawURLEncoding
	text := make([]byte, 0, encoding.EncodedLen(len(headerText))+encoding.EncodedLen(len(payload))+512)
	text = encoding.AppendEncode(text, headerText)
	text = append(text, '.')
	text = encoding.AppendEncode(text, payload)
	signature, err := key.signature.sign(text)
	if err != nil {
		return "", err
	}
	text = append(text, '.')
	return string(encoding.AppendEncode(text, signature)), nil
}

// payload writes a JSON object member by member, in the order given, so that tokens of one session look alike.
type payload struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
	err     error
}

func newPayload() *payload {
	p := &payload{}
	p.encoder = json.NewEncoder(&p.buffer)
	// A token is not HTML; the escapes would only make it longer.
	p.encoder.SetEscapeHTML(false)
	return p
}

func (p *payload) add(name string, value any) {
	if p.err != nil {
		return
	}
	separator := byte(',')
	if p.buffer.Len() == 0 {
		separator = '{'
	}
	p.buffer.WriteByte(separator)
	p.encode(name)
	p.buffer.WriteByte(':')
	p.encode(value)
}

// encode appends the value without the line break that the encoder ends it with.
func (p *payload) encode(value any) {
	if err := p.encoder.Encode(value); err != nil && p.err == nil {
		p.err = fmt.Errorf("minting token: %w", err)
		return
	}
	p.buffer.Truncate(p.buffer.Len() - 1)
}

func (p *payload) bytes() ([]byte, error) {
	p.buffer.WriteByte('}')
	return p.buffer.Bytes(), p.err
}
