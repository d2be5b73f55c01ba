package validator

import (
	"crypto/sha256"
	"encoding/base64"

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

// sealSessionID seals the session id for the token with the given id (jti). A token's payload is readable by all who
// see the token; sealed, a token that leaked does not leak the session. The token's id as additional data keeps a
// sealed id from being moved into another token.
func sealSessionID(key Key, tokenID, sessionID string) string {
	plain := append([]byte{sealedWhole}, sessionID...)
	if len(sessionID) > maxSealedID {
		hash := sessions.HashOf(sessionID)
		plain = append([]byte{sealedHash}, hash[:]...)
	}
	// The AEAD puts a random nonce of 96 bits in front; the empty one is what its interface asks for.
	sealed := key.hidden().sealing.Seal(nil, nil, plain, []byte(tokenID))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// openSessionID returns the hash of the session id that is sealed in a token.
func openSessionID(key Key, tokenID, sealed string) (sessions.Hash, bool) {
	if len(sealed) > maxSealedText || !onlyBase64(sealed) {
		return sessions.Hash{}, false
	}
	decoded, err := strictBase64.DecodeString(sealed)
	if err != nil {
		return sessions.Hash{}, false
	}
	plain, err := key.hidden().sealing.Open(nil, nil, decoded, []byte(tokenID))
	if err != nil || len(plain) < 2 {
		return sessions.Hash{}, false
	}
	form, content := plain[0], plain[1:]
	switch {
	case form == sealedWhole && len(content) <= maxSealedID:
		return sessions.HashOf(string(content)), true
	case form == sealedHash && len(content) == sha256.Size:
		return sessions.Hash(content), true
	default:
		return sessions.Hash{}, false
	}
}
