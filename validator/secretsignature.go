package validator

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"
)

// secretSignature makes and checks the HS256 signatures of one secret (RFC 7518 section 3.2). To prepare an HMAC hashes the
// secret twice, so those that were prepared are used again. It is safe for concurrent use.
type secretSignature struct{ idle sync.Pool } // of *mac

// mac is one HMAC with room for the text that it is over and for what comes out. One goroutine uses it at a time.
type mac struct {
	hash hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newSecretSignature(secret []byte) *secretSignature {
	signature := new(secretSignature)
	signature.idle.New = func() any { return &mac{hash: hmac.New(sha256.New, secret)} }
	return signature
}

// verify reports whether the signature over the text holds. It compares in constant time.
func (s *secretSignature) verify(text string, value []byte) bool {
	one := s.idle.Get().(*mac)
	defer s.idle.Put(one)
	one.text = append(one.text[:0], text...)
	return hmac.Equal(one.of(one.text), value)
}

// sign returns the signature over the text.
func (s *secretSignature) sign(text []byte) []byte {
	one := s.idle.Get().(*mac)
	defer s.idle.Put(one)
	return slices.Clone(one.of(text))
}

// of returns the HMAC of the text. It holds until the next call.
func (m *mac) of(text []byte) []byte {
	m.hash.Reset()
	m.hash.Write(text)
	return m.hash.Sum(m.sum[:0])
}
