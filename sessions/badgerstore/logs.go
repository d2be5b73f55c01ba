package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// removeEmptyLogs removes logs of no length at all. Badger creates a log empty before it gives it a length, and takes the
// length away before it removes one; a process that is killed between the two leaves a file that keeps Badger from
// opening the database, and in which there is nothing.
//
// While somebody has the database open, its newest log may be just as empty for a moment.
func removeEmptyLogs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading directory %q: %w", dir, err)
	}
	for _, entry := range entries {
		if extension := filepath.Ext(entry.Name()); extension != ".mem" && extension != ".vlog" {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = os.Remove(filepath.Join(dir, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an empty log from directory %q: %w", dir, err)
		}
	}
	return nil
}
