package validator

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// InShare reports whether a session is among the given percentage of all sessions. The answer depends on the realm and the
// session id alone, so it is the same on every gateway and after every restart.
func InShare(key sessions.Key, percent float64) bool { return inShare(key.Realm, key.Hash[:], percent) }

// UserInShare reports whether a user, with all his sessions, is among the given percentage of all users. It is for sessions
// whose id changes with every answer: [InShare] would give another answer each time.
func UserInShare(realm, user string, percent float64) bool {
	return inShare(realm, []byte(user), percent)
}

func inShare(realm string, of []byte, percent float64) bool {
	if percent >= 100 {
		return true
	}
	hash := sha256.New()
	hash.Write([]byte(realm))
	hash.Write([]byte{0})
	hash.Write(of)
	// The top 53 bits are a whole number that a float64 holds exactly.
	position := float64(binary.BigEndian.Uint64(hash.Sum(nil))>>11) / (1 << 53)
	return position*100 < percent
}
