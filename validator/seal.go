package validator

import (
	"crypto/sha256"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// The first byte inside a sealed session id.
const (
	sealedWhole byte = 0x01 // the session id follows
	sealedHash  byte = 0x02 // its SHA-256 follows: the id is too long to be carried in every token
)

// maxSealedID is the length of the longest session id that is sealed whole.
const maxSealedID = 256

// maxSealedText is the length of the longest sealed session id in base64url: nonce, first byte, id and tag.
const maxSealedText = 380

// binding is what a token carries of the session id: the id or its hash.
type binding struct {
	form    byte
	content string
}

// bindingOf returns the binding of the session id.
func bindingOf(sessionID string) binding {
	if len(sessionID) > maxSealedID {
		hash := sessions.HashOf(sessionID)
		return binding{form: sealedHash, content: string(hash[:])}
	}
	return binding{form: sealedWhole, content: sessionID}
}

// boundID is the binding that a token carried: one byte for the form, then the id or its hash.
type boundID string

// binding returns the same binding for a token that takes the place of this one.
func (b boundID) binding() binding {
	if b == "" {
		return binding{}
	}
	return binding{form: b[0], content: string(b[1:])}
}

// hash returns the hash of the session id, and false if the form is unknown.
func (b boundID) hash() (sessions.Hash, bool) {
	if len(b) < 2 {
		return sessions.Hash{}, false
	}
	form, content := b[0], b[1:]
	switch {
	case form == sealedWhole && len(content) <= maxSealedID:
		return sessions.HashOf(string(content)), true
	case form == sealedHash && len(content) == sha256.Size:
		return sessions.Hash([]byte(content)), true
	default:
		return sessions.Hash{}, false
	}
}

// whole returns the session id, and false if only its hash is carried.
func (b boundID) whole() (string, bool) {
	if len(b) < 2 || b[0] != sealedWhole {
		return "", false
	}
	return string(b[1:]), true
}

// seal seals a binding for the token with the given id (jti). It returns the bytes of the claim sid. Everybody who sees a
// token can read its payload. Because the session id is sealed, a token that leaks does not leak the session. The token's id
// is additional data, so that a sealed session id can't be moved into another token.
func (b binding) seal(key Key, tokenID string) []byte {
	sealing := key.hidden().sealing
	// One piece of memory for all that goes in and comes out.
	size := 1 + len(b.content)
	room := make([]byte, 0, size+len(tokenID)+size+sealing.Overhead())
	room = append(append(append(room, b.form), b.content...), tokenID...)
	plain, id, sealed := room[:size], room[size:], room[len(room):]
	// The AEAD puts a random nonce of 96 bits in front; the empty one is what its interface asks for.
	return sealing.Seal(sealed, nil, plain, id)
}

// openBinding returns the binding that is sealed in a token.
func openBinding(key Key, tokenID, sealed string) (boundID, bool) {
	if len(sealed) > maxSealedText {
		return "", false
	}
	// One piece of memory for all that goes in and comes out.
	size := strictBase64.DecodedLen(len(sealed))
	room := make([]byte, 0, size+len(tokenID)+size)
	decoded, ok := appendBase64(room, sealed)
	if !ok {
		return "", false
	}
	room = append(decoded, tokenID...)
	id := room[len(decoded):]
	plain, err := key.hidden().sealing.Open(room[len(room):], nil, decoded, id)
	if err != nil {
		return "", false
	}
	return boundID(plain), true
}
