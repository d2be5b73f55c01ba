//go:build !windows && !aix

package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A lock whose holder has closed it may last until a process that is being started is its own program.
const (
	lockTries = 200
	lockPause = 5 * time.Millisecond
)

// lockDirectory takes the lock that Badger takes, if nobody has it, and returns how to give it back.
func lockDirectory(dir string) (unlock func(), err error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for range lockTries {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) || isHeld(dir) {
			break
		}
		time.Sleep(lockPause)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() {
		// A process that is being started holds a copy of the file. Closing alone would leave it locked.
		_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
		_ = file.Close()
	}, nil
}

// isHeld reports whether somebody has the database open: Badger writes who that is, and removes it before it closes the lock.
func isHeld(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "LOCK"))
	return err == nil
}
