// Package secret makes random texts that nobody can guess.
package secret

import (
	"crypto/rand"
	"encoding/base64"
)

// New returns 256 random bits in base64url. It is safe for concurrent use.
func New() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(secret[:])
}
