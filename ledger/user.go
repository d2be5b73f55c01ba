package ledger

import (
	"crypto/sha256"
	"sync"
)

// users holds the locks of users. Sessions of a user are learned, opened and renewed under his shared lock. He is revoked and
// watched, and this is lifted, under his exclusive lock. The lock of a user is taken after that of a session, and no call
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
