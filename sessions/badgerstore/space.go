package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// leastSpace is how many bytes must be free before anything is written. Badger fills its memory tables, each with a file
// behind it, while older ones wait for being written out.
const leastSpace = max(64<<20, 4*memTableSize)

var errSpace = errors.New("too little space left on the file system")

// checkSpace returns an error that wraps errSpace where less than leastSpace bytes are free.
func checkSpace(free func(dir string) (uint64, error), dir string) error {
	available, err := free(dir)
	if err != nil {
		return fmt.Errorf("%w: asking for the free space of %q: %w", errSpace, dir, err)
	}
	if available < leastSpace {
		return fmt.Errorf("%w: %q has %d MiB free, want at least %d: free some space", errSpace, dir,
			available>>20, uint64(leastSpace)>>20)
	}
	return nil
}

// existing returns the longest part of the path that exists.
func existing(path string) string {
	for {
		if _, err := os.Lstat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}
