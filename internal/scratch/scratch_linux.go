package scratch

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	memory = "/dev/shm"
	prefix = "jwt-session-test-"
	// enough is what all packages take at once, many times over: a file that grows beyond the room ends the process.
	enough = 4 << 30
)

// inMemory makes a folder in memory and returns how to remove it, or "".
func inMemory() (dir string, remove func()) {
	var stat unix.Statfs_t
	if err := unix.Statfs(memory, &stat); err != nil || stat.Type != unix.TMPFS_MAGIC || stat.Flags&unix.ST_NOEXEC != 0 ||
		stat.Bavail*uint64(stat.Bsize) < enough {
		return "", nil
	}
	removeLeftOver()
	dir, err := os.MkdirTemp(memory, prefix)
	if err != nil {
		return "", nil
	}
	lock, err := lockOf(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", nil
	}
	return dir, func() {
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// removeLeftOver removes the folders of test programs that were killed: nobody holds their locks.
func removeLeftOver() {
	dirs, _ := filepath.Glob(filepath.Join(memory, prefix+"*"))
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
			continue // it is being made
		}
		if lock, err := lockOf(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

const lockName = "lock"

// lockOf takes the lock of a folder. The system releases it with the end of the process.
func lockOf(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
