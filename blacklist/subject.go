package blacklist

import (
	"crypto/sha256"
	"errors"
)

// ErrSubject is returned by [ParseSubject] for bytes that [Subject.Bytes] did not write.
var ErrSubject = errors.New("parsing blacklist subject: not a subject's bytes")

// Subject is what an entry hits. Subjects are comparable; the zero value names nothing and is always hit.
type Subject struct {
	kind   kind
	realm  string
	digest [sha256.Size]byte
}

// kind is written to journals: a value never changes its meaning.
type kind uint8

const (
	tokenID kind = iota + 1
	endOfSession
)

// TokenID returns the subject that is one token, by its jti (RFC 7519, section 4.1.7).
func TokenID(jti string) Subject {
	return Subject{kind: tokenID, digest: sha256.Sum256([]byte(jti))}
}

// EndOf returns the subject that is the end of a session: tokens of the session whose auth_time is at or before the
// entry's second are dead. The session is named by the SHA-256 of its id.
func EndOf(realm string, session [sha256.Size]byte) Subject {
	return Subject{kind: endOfSession, realm: realm, digest: session}
}

// Bytes returns the form that journals use as a key; [ParseSubject] reads it. No two subjects have the same one.
func (s Subject) Bytes() []byte {
	data := make([]byte, 0, 1+len(s.digest)+len(s.realm))
	data = append(data, byte(s.kind))
	data = append(data, s.digest[:]...)
	return append(data, s.realm...)
}

// ParseSubject reads what [Subject.Bytes] writes, and refuses anything else with [ErrSubject].
func ParseSubject(data []byte) (Subject, error) {
	var subject Subject
	if len(data) < 1+len(subject.digest) {
		return Subject{}, ErrSubject
	}
	subject.kind = kind(data[0])
	copy(subject.digest[:], data[1:])
	subject.realm = string(data[1+len(subject.digest):])
	switch subject.kind {
	case tokenID:
		if subject.realm != "" { // a token id is unique by itself
			return Subject{}, ErrSubject
		}
	case endOfSession:
	default:
		return Subject{}, ErrSubject
	}
	return subject, nil
}
