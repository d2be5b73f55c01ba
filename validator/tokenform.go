package validator

import (
	"slices"
	"strings"
)

// HasTokenForm reports whether a text has the form of a token that the gateway mints, encrypted or not: its parts, and a
// header with the members of ours. It verifies nothing. A text of that form may be somebody else's token.
func HasTokenForm(text string) bool {
	if len(text) > MaxTokenBytes {
		return false
	}
	if isEncrypted(text) {
		parts := strings.Split(text, ".")
		_, ok := readJWEHeader(parts[0])
		return ok && parts[1] == "" && len(parts[2]) == jweNonceChars && len(parts[4]) == jweTagChars &&
			onlyBase64(parts[2]) && onlyBase64(parts[3]) && onlyBase64(parts[4])
	}
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if !onlyBase64(header) || !onlyBase64(payload) || !onlyBase64(signature) {
		return false
	}
	fields, ok := ourForm.readHeader(header)
	return ok && slices.Contains(ourForm.algorithms, Algorithm(fields.algorithm))
}
