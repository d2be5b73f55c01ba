package ledger

import (
	"crypto/sha256"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// users holds the locks of users. Sessions of a user are learned, opened and renewed under his shared lock. He is revoked and
// watched, and this is lifted, under his exclusive lock. The lock of a user is taken after that of a session, and nobody
// takes two of them.
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
	// second is the last auth_time of a revoked user that is refused.
	second int64
	// since is the moment at which the latest of these came into force.
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

// isFlagged reports whether the user is revoked or watched.
func (s standing) isFlagged() bool { return s.revoked || s.watched }
