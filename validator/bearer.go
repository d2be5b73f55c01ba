package validator

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeaderText is the length of the longest JOSE header that is looked at for the id of one of our keys.
const maxHeaderText = 1 << 10

// CutBearer returns the credential of an Authorization line of the scheme Bearer (RFC 6750 section 2.1), and false for a
// line that has none.
func CutBearer(line string) (string, bool) {
	line = strings.Trim(line, " \t")
	end := strings.IndexAny(line, " \t")
	if end < 0 || !strings.EqualFold(line[:end], "Bearer") {
		return "", false
	}
	credential := strings.Trim(line[end:], " \t")
	return credential, credential != ""
}

// ReadBearer reads our token from a request's Authorization lines, and returns the lines without it. A Bearer credential
// that names none of our keys is the application's and stays. Several lines that are not all the same are unusable where
// one of them is ours, since a request has one Authorization (RFC 9110 section 11.6.2) and another reader may choose
// another one.
func (v *Verifier) ReadBearer(lines []string) (TokenCredential, []string) {
	keys := v.ring.Current()
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return v.isOurs(line, keys) })
	if len(kept) == len(lines) {
		return TokenCredential{Presence: Absent}, lines
	}
	for _, line := range lines[1:] {
		if line != lines[0] {
			return TokenCredential{Presence: Unusable}, kept
		}
	}
	text, _ := CutBearer(lines[0])
	return TokenCredential{Presence: Present, text: &text}, kept
}

// isOurs says whether an Authorization line holds a token under the name of one of our keys, of whatever worth.
func (v *Verifier) isOurs(line string, keys *KeySet) bool {
	text, isBearer := CutBearer(line)
	if !isBearer {
		return false
	}
	if remembered, ok := v.cache.get(text); ok && keys.holds(remembered.key) {
		return true
	}
	keyID, ok := readKeyID(text)
	return ok && keys.names(keyID)
}

// NamesKey says whether an Authorization line holds a token under the name of any key: whether it could become one of ours
// with keys that are not known yet.
func NamesKey(line string) bool {
	text, isBearer := CutBearer(line)
	if !isBearer {
		return false
	}
	_, ok := readKeyID(text)
	return ok
}

// names says whether one of the keys has the id.
func (s *KeySet) names(id string) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key Key) bool { return key.id == id })
}

// readKeyID returns the kid of a token's header, whatever else that has.
func readKeyID(token string) (string, bool) {
	encoded, _, found := strings.Cut(token, ".")
	if !found || len(encoded) > maxHeaderText || !onlyBase64(encoded) {
		return "", false
	}
	text, err := strictBase64.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	keyID := ""
	err = readObject(text, func(name string, decoder *jsontext.Decoder) error {
		if name != "kid" {
			return decoder.SkipValue()
		}
		keyID, err = readString(decoder)
		return err
	})
	return keyID, err == nil && keyID != ""
}

// Same says whether both are one and the same token.
func (c TokenCredential) Same(other TokenCredential) bool {
	return c.Presence == Present && other.Presence == Present && c.raw() == other.raw()
}
