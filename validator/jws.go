package validator

import "slices"

// verificationKey verifies signatures. It is the public half of a key, or the secret if both ends share one. The zero value
// verifies none.
type verificationKey struct {
	id        string
	algorithm Algorithm
	// verifies reports whether a signature over a text holds. It is a function because there may be a secret behind it, and
	// fmt shows no more of a function than its address.
	verifies func(text string, signature []byte) bool
	// isHeader reports whether a text is the header of the tokens of ours that the key signs, as it is in them. It is nil for
	// keys of others. It is a function so that no text form of the key shows a part of a token.
	isHeader func(encoded string) bool
}

// verificationKeys holds the keys whose signatures one place accepts. No two of them share both the id and the algorithm.
type verificationKeys []verificationKey

// verify returns the payload of a compact JWS and the index of the key that its signature holds under. The payload is nil
// unless the reason is empty. The text must be of the form.
func (k verificationKeys) verify(text string, form form) (payload []byte, key int, reason Reason) {
	compact, reason := form.readOf(k, text)
	if reason != "" {
		return nil, -1, reason
	}
	return k.verifyCompact(&compact, form)
}

// verifyCompact is verify for a token that form.read has read. The header selects one key by kid and alg: each key has one
// algorithm, and the form fixes which algorithms the place accepts (RFC 8725 section 3.1).
func (k verificationKeys) verifyCompact(compact *compactToken, form form) (payload []byte, key int, reason Reason) {
	key = k.find(compact.header)
	if key < 0 || !slices.Contains(form.algorithms, k[key].algorithm) {
		return nil, -1, TokenUnknownKey
	}
	if !k[key].verifies(compact.signed, compact.signature) {
		return nil, -1, TokenBadSignature
	}
	return compact.payload, key, ""
}

// header returns what a token's header says that is that of one of the keys, letter by letter.
func (k verificationKeys) header(encoded string) (joseHeader, bool) {
	for i := range k {
		if k[i].isHeader != nil && k[i].isHeader(encoded) {
			return joseHeader{algorithm: string(k[i].algorithm), keyID: k[i].id, kind: ourKind}, true
		}
	}
	return joseHeader{}, false
}

// find returns the index of the one key that a token's header selects, or -1. The algorithm must be that of the key.
func (k verificationKeys) find(header joseHeader) int {
	return slices.IndexFunc(k, func(key verificationKey) bool {
		return key.id != "" && key.id == header.keyID && string(key.algorithm) == header.algorithm
	})
}
