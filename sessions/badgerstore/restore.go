package badgerstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// Restore makes a store out of a backup, in a directory that must be empty or not exist. The store has the id of the one
// that was backed up, so that it can take its place; if that had no id, the store gets a new one. It is made beside the directory, read through as [Check] does, and
// moved into its place as the last step: after an error there is nothing, and the backup was not whole or the error says
// what else was wrong.
func Restore(dir string, from io.Reader, logger *zap.Logger) (backup.Contents, error) {
	contents, err := restore(dir, from, logger, freeSpace)
	if err != nil {
		return backup.Contents{}, fmt.Errorf("restoring: %w", err)
	}
	return contents, nil
}

func restore(dir string, from io.Reader, logger *zap.Logger, free func(dir string) (uint64, error)) (backup.Contents, error) {
	dir, err := canonical(dir)
	if err != nil {
		return backup.Contents{}, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return backup.Contents{}, fmt.Errorf("directory %q is not empty: move it away, or name another one", dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return backup.Contents{}, fmt.Errorf("reading directory %q: %w", dir, err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return backup.Contents{}, fmt.Errorf("creating directory %q: %w", filepath.Dir(dir), err)
	}
	workshop, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".restoring-")
	if err != nil {
		return backup.Contents{}, fmt.Errorf("creating a directory beside %q: %w", dir, err)
	}
	defer func() { _ = os.RemoveAll(workshop) }() // gone once it has moved
	if err := fill(workshop, from, logger, free); err != nil {
		return backup.Contents{}, err
	}
	contents, err := Check(workshop, logger)
	if err != nil {
		return backup.Contents{}, err
	}
	return contents, moveInto(workshop, dir)
}

// moveInto puts the finished store in its place.
func moveInto(workshop, dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the empty directory %q: %w", dir, err)
	}
	if err := os.Rename(workshop, dir); err != nil {
		return fmt.Errorf("moving the restored store to %q: %w", dir, err)
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	return syncDirectory(filepath.Dir(dir))
}

// fill makes a complete store in an empty directory.
func fill(dir string, from io.Reader, logger *zap.Logger, free func(dir string) (uint64, error)) (err error) {
	r, err := backup.NewReader(from)
	if err != nil {
		return err
	}
	if err := prepareDirectory(dir); err != nil {
		return err
	}
	database, err := openBadger(dir, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	load := loader{dir: dir, database: database, free: free, now: time.Now()}
	id, err := load.all(r)
	if err != nil {
		return err
	}
	if err := database.Sync(); err != nil {
		return fmt.Errorf("writing to %q: %w", dir, reason(err))
	}
	return completeMarker(dir, id)
}
