package validator

import "slices"

// verificationKey is what verifies signatures: the public half of a key, or the secret where both ends share one. The
// zero value verifies none.
type verificationKey struct {
	id        string
	algorithm Algorithm
	// verifies says whether a signature over a text holds. It is a function because fmt shows no more of one than its
	// address: there may be a secret behind it.
	verifies func(text string, signature []byte) bool
}

// verificationKeys are the keys that one place accepts signatures of; no two share an id.
type verificationKeys []verificationKey

// verify returns the payload of a compact JWS and which of the keys its signature holds under. The payload is nil
// unless the reason is empty. The text must be of the form; its header selects one key by kid and is then compared with
// it: the key fixes the algorithm, and the form which algorithms the place allows at all (RFC 8725 section 3.1).
func (k verificationKeys) verify(text string, form form) (payload []byte, key int, reason Reason) {
	compact, reason := form.read(text)
	if reason != "" {
		return nil, -1, reason
	}
	key = k.find(compact.header)
	if key < 0 || !slices.Contains(form.algorithms, k[key].algorithm) {
		return nil, -1, TokenUnknownKey
	}
	if !k[key].verifies(compact.signed, compact.signature) {
		return nil, -1, TokenBadSignature
	}
	return compact.payload, key, ""
}

// find returns the one key that a token's header selects, or -1. An algorithm that is not the key's own selects none.
func (k verificationKeys) find(header joseHeader) int {
	return slices.IndexFunc(k, func(key verificationKey) bool {
		return key.id != "" && key.id == header.keyID && string(key.algorithm) == header.algorithm
	})
}
