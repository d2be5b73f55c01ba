package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

// canonical returns the one name of a directory, which need not exist: absolute, and with no symbolic link in the part of
// it that exists.
func canonical(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding directory %q: %w", dir, err)
	}
	exists := existing(absolute)
	resolved, err := filepath.EvalSymlinks(exists)
	if err != nil {
		return "", fmt.Errorf("finding directory %q: %w", dir, err)
	}
	return filepath.Join(resolved, strings.TrimPrefix(absolute, exists)), nil
}

// warnOfReaders tells of a directory that others than its owner may read: it was there before, and stays as it is.
func warnOfReaders(logger *zap.Logger, dir string) {
	if runtime.GOOS == "windows" { // where these bits say nothing
		return
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		logger.Warn("other users of this machine may read the session store; the directory should have mode 0700",
			zap.String("dir", dir), zap.Stringer("mode", info.Mode()))
	}
}

// syncDirectory makes durable that files were created or renamed in it.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" { // which can't, and has no need to
		return nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// lockError returns words for Badger's refusal of a directory that is open already, and nil for any other error.
func lockError(dir string, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) && !strings.Contains(err.Error(), "Another process is using this Badger") {
		return nil
	}
	holder := "another process"
	if pid, err := os.ReadFile(filepath.Join(dir, "LOCK")); err == nil {
		if pid := strings.TrimSpace(string(pid)); pid != "" {
			holder = "process " + pid
		}
	}
	return fmt.Errorf("directory %q is in use by %s: stop that, or name another directory", dir, holder)
}
