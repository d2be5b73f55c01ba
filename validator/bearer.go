package validator

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeaderText is the length of the longest JOSE header, in base64url, in which the id of one of our keys is looked for.
const maxHeaderText = 1 << 10

// CutBearer returns the credential of an Authorization line of the scheme Bearer (RFC 6750 section 2.1), and false if the
// line has none.
func CutBearer(line string) (string, bool) {
	line = strings.Trim(line, " \t")
	end := strings.IndexAny(line, " \t")
	if end < 0 || !strings.EqualFold(line[:end], "Bearer") {
		return "", false
	}
	credential := strings.Trim(line[end:], " \t")
	return credential, credential != ""
}

// ReadBearer reads our token from the Authorization lines of a request and returns the lines without it. A Bearer credential
// that names none of our keys is the application's and stays. If one of the lines is ours and the lines differ, the
// credential is unusable: a request has one Authorization (RFC 9110 section 11.6.2), and another reader may choose another
// line.
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

// isOurs reports whether an Authorization line holds a token that names one of our keys, usable or not.
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

// NamesKey reports whether an Authorization line holds a token that names any key. With keys that are not known yet, it may
// be one of ours.
func NamesKey(line string) bool {
	text, isBearer := CutBearer(line)
	if !isBearer {
		return false
	}
	_, ok := readKeyID(text)
	return ok
}

// readKeyID returns the kid of a token's header, whatever else the header has.
func readKeyID(token string) (string, bool) {
	encoded, _, found := strings.Cut(token, ".")
	if !found || len(encoded) > maxHeaderText {
		return "", false
	}
	text, ok := appendBase64(nil, encoded)
	if !ok {
		return "", false
	}
	keyID := ""
	err := readObject(text, func(name string, decoder *jsontext.Decoder) (err error) {
		if name != "kid" {
			return decoder.SkipValue()
		}
		keyID, err = readString(decoder)
		return err
	})
	return keyID, err == nil && keyID != ""
}

// Same reports whether both are present and are the same token.
func (c TokenCredential) Same(other TokenCredential) bool {
	return c.Presence == Present && other.Presence == Present && c.raw() == other.raw()
}
