package sessions

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"time"
)

// Hash is the SHA-256 of a session id as the validator reads it from the cookies.
type Hash [sha256.Size]byte

// HashOf returns the hash of a session id.
func HashOf(sessionID string) Hash { return sha256.Sum256([]byte(sessionID)) }

// ParseHash reads the form that [Hash.String] writes. The error does not repeat the text.
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

// Equal compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// Key names one session: a session id means something only inside its realm.
type Key struct {
	Realm string
	Hash  Hash
}

// Source says how the gateway came to know a session.
type Source uint8

const (
	// Learned sessions were named by the application, which owns them: when the record expires only the record is gone.
	Learned Source = iota + 1
	// Added sessions were opened through the gateway (admin API, command line): when the record expires they have ended.
	Added
)

// Session is one active session. The zero value is not a session.
type Session struct {
	Key

	// User is the user id inside the realm: visible ASCII, at most 256 bytes.
	User string
	// Attributes is what else is known of the user, by name.
	Attributes Attributes
	// Source says who opened the session.
	Source Source

	// AuthTime is when the gateway first knew this user in this session, in seconds since 1970 (the claim auth_time).
	// A token whose auth_time is not after the second of an end is dead, so a session that is learned again after an end
	// has an AuthTime after it, by a second in the future if need be.
	AuthTime int64
	// Seen is when the session was last in use, to the coarseness with which it is touched.
	Seen time.Time
	// Confirmed is when the application, or the operator, last said that the session is active.
	Confirmed time.Time
	// Ends is when the session ends however much it is used.
	Ends time.Time
	// Expires is when the record is gone unless the session is used: at most Ends.
	Expires time.Time
	// Rolling says that the application has given the session another id in the place of one that it had before. There is
	// a record for each of its ids, and User and AuthTime are the same in all of them.
	Rolling bool
}

// Expired says whether the record counts as absent at the given time.
func (s Session) Expired(now time.Time) bool { return !now.Before(s.Expires) }

// Touched returns the session as it is after a use: seen now, its idle time started anew, its end where it was.
func (s Session) Touched(now time.Time, idle time.Duration) Session {
	s.Seen = now
	s.Expires = now.Add(idle)
	if s.Ends.Before(s.Expires) {
		s.Expires = s.Ends
	}
	return s
}

// String returns the source in a word.
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
