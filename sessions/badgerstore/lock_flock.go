//go:build !windows && !aix

package badgerstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockDirectory takes the lock that Badger takes, if nobody has it, and returns how to give it back.
func lockDirectory(dir string) (unlock func(), err error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}
