package validator

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An encrypted token is a nested JWT (RFC 7519 section 5.2): a JWS inside of a JWE (RFC 7516) whose content is encrypted
// with a key that both ends have (dir). Exactly one of the many forms of a JWE is read, with the standard library alone.

// The parts of a JWE (RFC 7516 section 7.1) in base64url.
const (
	jweDots       = 4
	jweNonceChars = 16 // 96 bits
	jweTagChars   = 22 // 128 bits
)

// jweMembers are the members that the header of a JWE has besides kid.
var jweMembers = map[string]string{"alg": "dir", "enc": "A256GCM", "cty": "JWT"}

// isEncrypted reports whether a text has as many parts as a JWE. It decodes nothing.
func isEncrypted(text string) bool { return strings.Count(text, ".") == jweDots }

// encrypt puts a token into a JWE, with the key that signed it.
func encrypt(key Key, token string) (string, error) {
	if key.hidden == nil {
		return "", errors.New("encrypting token: there is no key")
	}
	material, encoding := key.hidden(), base64.RawURLEncoding
	// The AEAD puts a random nonce of 96 bits in front and the tag of 128 bits at the end. The encoded header is
	// authenticated with the content (RFC 7516 section 5.1).
	sealed := material.encryption.Seal(nil, nil, []byte(token), []byte(material.jweHeader))
	text := make([]byte, 0, len(material.jweHeader)+encoding.EncodedLen(len(sealed))+8)
	text = append(append(text, material.jweHeader...), '.')
	for _, part := range [][]byte{sealed[:12], sealed[12 : len(sealed)-16], sealed[len(sealed)-16:]} {
		text = encoding.AppendEncode(append(text, '.'), part)
	}
	return string(text), nil
}

// newJWEHeader returns the header of the JWEs of the key with the id, in base64url.
func newJWEHeader(id string) string {
	var header jsonObject
	for _, name := range []string{"alg", "enc", "cty"} {
		header = header.text(name, jweMembers[name])
	}
	return base64.RawURLEncoding.EncodeToString(header.text("kid", id).end())
}

// decryptJWE returns the token inside of a JWE and the id of the key that opened it.
func decryptJWE(keys []Key, text string) (token, keyID string, reason Reason) {
	if len(text) > MaxTokenBytes {
		return "", "", TokenTooLarge
	}
	parts := strings.Split(text, ".")
	if len(parts) != jweDots+1 || parts[1] != "" || len(parts[2]) != jweNonceChars || len(parts[4]) != jweTagChars {
		return "", "", TokenMalformed
	}
	protected := parts[0]
	keyID, ok := readJWEHeader(protected)
	if !ok {
		return "", "", TokenMalformed
	}
	sealed := make([]byte, 0, len(text))
	for _, part := range parts[2:] {
		if sealed, ok = appendBase64(sealed, part); !ok {
			return "", "", TokenMalformed
		}
	}
	n := slices.IndexFunc(keys, func(key Key) bool { return key.id == keyID })
	if n < 0 {
		return "", "", TokenUnknownKey
	}
	opened, err := keys[n].hidden().encryption.Open(nil, nil, sealed, []byte(protected))
	if err != nil {
		return "", "", TokenBadSignature
	}
	return string(opened), keyID, ""
}

// readJWEHeader returns the kid of a header that has exactly the members alg, enc, cty and kid, the first three with our
// values. So it refuses zip, epk, p2c, crit and their like (RFC 7516 section 4.1).
func readJWEHeader(encoded string) (keyID string, ok bool) {
	text, ok := appendBase64(nil, encoded)
	if !ok {
		return "", false
	}
	count := 0
	err := readObject(text, func(name string, decoder *jsontext.Decoder) error {
		value, err := readString(decoder)
		if err != nil {
			return err
		}
		count++
		if name == "kid" {
			keyID = value
			return nil
		}
		if want, known := jweMembers[name]; !known || value != want {
			return errStrictJSON
		}
		return nil
	})
	// Names don't repeat, so this many members are all of them.
	if err != nil || count != len(jweMembers)+1 || keyID == "" || len(keyID) > maxHeaderMember {
		return "", false
	}
	return keyID, true
}
