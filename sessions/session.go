package sessions

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Hash is the SHA-256 of a session id, as package validator reads the id from the cookies.
type Hash [sha256.Size]byte

// HashOf returns the hash of a session id.
func HashOf(sessionID string) Hash { return sha256.Sum256([]byte(sessionID)) }

// ParseHash parses the form that [Hash.String] returns. The error does not repeat the text.
func ParseHash(text string) (Hash, error) {
	var hash Hash
	if len(text) != hex.EncodedLen(len(hash)) {
		return Hash{}, fmt.Errorf("parsing session hash: want %d hexadecimal digits, got %d characters",
			hex.EncodedLen(len(hash)), len(text))
	}
	if _, err := hex.Decode(hash[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("parsing session hash: want hexadecimal digits only")
	}
	return hash, nil
}

// String returns the hash as 64 lower-case hexadecimal digits, as sha256sum prints it.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Equal reports whether both hashes are the same. It compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// ProviderSession names a session at an identity provider: the SHA-256 of the provider and of the claim sid of its ID token
// (OpenID Connect Back-Channel Logout 1.0 section 2.1). The zero value is none. Nobody can tell the sid from it.
type ProviderSession [sha256.Size]byte

// ProviderSessionOf returns the name of a provider's session. sid is the claim: it is one text that is not empty, and anything
// else is no session.
func ProviderSessionOf(issuer string, sid ...string) ProviderSession {
	if len(sid) != 1 || sid[0] == "" || issuer == "" {
		return ProviderSession{}
	}
	named := binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))
	return sha256.Sum256(append(append(named, issuer...), sid[0]...))
}

// Present reports whether there is such a session.
func (p ProviderSession) Present() bool { return p != ProviderSession{} }

// Key names one session. A session id has a meaning only inside its realm.
type Key struct {
	Realm string
	Hash  Hash
}

// Source is how the gateway came to know a session. The zero value is no source.
type Source uint8

const (
	// Learned is the source of a session that the application named and owns. When its record expires, only the record is
	// gone.
	Learned Source = iota + 1
	// Added is the source of a session that was opened through the gateway, by the admin API or the command line. When its
	// record expires, the session has ended.
	Added
)

// Session is one active session. The zero value is no session.
type Session struct {
	Key

	// User is the user id inside the realm: visible ASCII, at most 256 bytes.
	User string
	// Attributes holds what else is known of the user, by name.
	Attributes Attributes
	// Source is how the gateway came to know the session.
	Source Source

	// AuthTime is when the gateway first knew this user in this session, in seconds since 1970 (the claim auth_time of
	// OpenID Connect Core 1.0 section 2). A token whose auth_time is not after the second of an end is dead. So a session
	// that is learned again after an end has an AuthTime after it, in the future if need be.
	AuthTime int64
	// Seen is when the session was last in use. It may lag behind, as it is not written with every use.
	Seen time.Time
	// Confirmed is when the application, or the operator, last said that the session is active.
	Confirmed time.Time
	// Ends is when the session ends, however much it is used.
	Ends time.Time
	// Expires is when the record is gone unless the session is used. It is at most Ends.
	Expires time.Time
	// Provider names the session at the identity provider that this one was opened with. It is zero if there is none, or if
	// the provider did not name it.
	Provider ProviderSession
	// Rolling reports whether the application has replaced an id of the session by another. Each of the ids has a record,
	// and User and AuthTime are the same in all of them.
	Rolling bool
}

// Expired reports whether the record counts as absent at the given time.
func (s Session) Expired(now time.Time) bool { return !now.Before(s.Expires) }

// Touched returns the session as it is after a use: Seen is now, Expires is the idle time later but at most Ends, and the
// rest is unchanged.
func (s Session) Touched(now time.Time, idle time.Duration) Session {
	s.Seen = now
	s.Expires = now.Add(idle)
	if s.Ends.Before(s.Expires) {
		s.Expires = s.Ends
	}
	return s
}

// String returns the name of the source: one word in lower case.
func (s Source) String() string {
	switch s {
	case Learned:
		return "learned"
	case Added:
		return "added"
	default:
		return "unknown"
	}
}
