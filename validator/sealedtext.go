package validator

import (
	"encoding/base64"
	"errors"
	"strings"
)

// errSealed is returned for every sealed text that does not open. It tells nothing else of it.
var errSealed = errors.New("not sealed by a key of ours, or not for this purpose")

// maxSealed is the length of the longest sealed text that is read, in bytes.
const maxSealed = 4096

// Seal encrypts a text that the gateway gives away and wants back unread and unchanged. It uses AES-256-GCM with a key for
// the purpose, which is derived from the key that signs. The result holds the key id and the sealed text in base64url, which
// is safe in a cookie.
func (s *KeySet) Seal(purpose string, text []byte) (string, error) {
	key, ok := s.signing()
	if !ok {
		return "", errors.New("sealing: there is no key")
	}
	sealing, err := key.sealingFor(purpose)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(key.id)) + "." + encode(sealing.Seal(nil, nil, text, nil)), nil
}

// Open returns the text that [KeySet.Seal] sealed for the purpose with a key of the set. The error does not tell what is wrong
// with the sealed text.
func (s *KeySet) Open(purpose, sealed string) ([]byte, error) {
	first, second, ok := strings.Cut(sealed, ".")
	if !ok || len(sealed) > maxSealed || s == nil {
		return nil, errSealed
	}
	id, okID := appendBase64(nil, first)
	content, okContent := appendBase64(nil, second)
	if !okID || !okContent {
		return nil, errSealed
	}
	for _, key := range s.keys {
		if key.id != string(id) {
			continue
		}
		sealing, err := key.sealingFor(purpose)
		if err != nil {
			return nil, err
		}
		text, err := sealing.Open(nil, nil, content, nil)
		if err != nil {
			return nil, errSealed
		}
		return text, nil
	}
	return nil, errSealed
}
