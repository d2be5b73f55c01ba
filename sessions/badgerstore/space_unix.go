//go:build linux || darwin || freebsd || dragonfly

package badgerstore

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeSpace returns how many bytes a process without privileges may still write where the directory is. A file system
// that tells no size has no end that could be guarded.
func freeSpace(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	if stat.Blocks == 0 {
		return math.MaxUint64, nil
	}
	available := int64(stat.Bavail) //nolint:unconvert // unsigned on some systems; where it is signed it may be below 0
	return uint64(max(available, 0)) * uint64(stat.Bsize), nil
}
