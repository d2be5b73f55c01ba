package ledger

import (
	"crypto/sha256"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// users orders what is learned of users against what the operator says of them. Sessions of a user are learned, opened
// and renewed under his lock, shared; he is revoked, watched and pardoned under it, exclusively. Whoever holds the lock of
// a session takes that of a user after it, and nobody takes two of these.
type users [256]sync.RWMutex

func (u *users) of(user string) *sync.RWMutex {
	digest := sha256.Sum256([]byte(user))
	return &u[digest[0]]
}

// lockShared locks the user for learning a session, and returns the function that unlocks him.
func (u *users) lockShared(user string) (unlock func()) {
	lock := u.of(user)
	lock.RLock()
	return lock.RUnlock
}

// lockExclusively locks the user for a revocation or its end, and returns the function that unlocks him.
func (u *users) lockExclusively(user string) (unlock func()) {
	lock := u.of(user)
	lock.Lock()
	return lock.Unlock
}

// standing is what is in force against a user in a realm.
type standing struct {
	subject blacklist.Subject // of the user, revoked in the realm
	watched bool
	revoked bool
	// second is, of a revoked user, the last auth_time that is refused.
	second int64
	// since is the moment of the latest of what is in force.
	since Moment
}

func (l *Ledger) standingOf(realm, user string) standing {
	found := standing{subject: blacklist.RevokedUser(realm, user)}
	for _, subject := range []blacklist.Subject{found.subject, found.subject.Everywhere()} {
		if second, revoked := l.blacklist.Second(subject); revoked {
			found.second = max(found.second, second)
			found.revoked = true
			found.since = max(found.since, l.revokedAt.of(subject))
		}
	}
	if watched := found.subject.Watched(); l.blacklist.Contains(watched) {
		found.watched = true
		found.since = max(found.since, l.revokedAt.of(watched))
	}
	return found
}

// isFlagged says whether sessions of the user are looked at more closely.
func (s standing) isFlagged() bool { return s.revoked || s.watched }
