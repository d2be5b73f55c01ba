package badgerstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// The marker is a file beside the database that holds the store's id, a line of 32 hexadecimal digits. It is there, empty,
// before the database is created, and gets the id once the database holds it too: while it is empty the store has never
// been in use, so that a first start that was killed is simply begun again.
const (
	markerName = "store-id"
	idSize     = 16
)

// wayOut ends the error for a directory that is not what it was.
const wayOut = "bring the directory back from a backup, or move it away to begin with no sessions and no revocations"

// prepareDirectory makes sure that the directory is there and has a marker, and that opening the database in it loses
// nothing. It leaves a directory that is refused as it was.
func prepareDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating directory %q: %w", dir, err)
	}
	id, err := readMarker(dir)
	if errors.Is(err, fs.ErrNotExist) {
		id, err = beginDirectory(dir)
	}
	if err != nil {
		return err
	}
	return checkManifest(dir, id)
}

// beginDirectory creates the marker. Where another process is faster it returns what that one has written; the database's
// lock decides between the two.
func beginDirectory(dir string) (string, error) {
	if err := checkEmpty(dir); err != nil {
		return "", err
	}
	if err := createMarker(dir); !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readMarker(dir)
}

// checkEmpty refuses a directory without a marker in which there is anything.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading directory %q: %w", dir, err)
	}
	foreign := ""
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "lost+found": // the root of a file system of its own
		case name == markerName:
			return nil // another process has just begun here
		case name == badger.ManifestFilename, strings.HasSuffix(name, ".sst"):
			return fmt.Errorf("directory %q holds a database but no file %s: %s", dir, markerName, wayOut)
		default:
			foreign = name
		}
	}
	if foreign != "" {
		return fmt.Errorf("directory %q holds other things than a session store, such as %q: name a directory that is "+
			"empty or does not exist yet", dir, foreign)
	}
	return nil
}

// checkManifest refuses a directory whose database has lost its table of contents: Badger would take it for empty and
// delete the rest of it. A store that was never completed may not have one yet.
func checkManifest(dir, id string) error {
	_, err := os.Stat(filepath.Join(dir, badger.ManifestFilename))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the database in %q: %w", dir, err)
	}
	tables, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.sst"))
	if err == nil && id == "" && len(tables) == 0 {
		return nil
	}
	return fmt.Errorf("directory %q has lost the database's file %s: %s", dir, badger.ManifestFilename, wayOut)
}

// escapeGlob returns the pattern that matches the path itself.
func escapeGlob(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// readMarker returns the store's id, which is empty where the store was never completed.
func readMarker(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		return "", fmt.Errorf("reading file %s in directory %q: %w", markerName, dir, err)
	}
	if len(data) == 0 {
		return "", nil
	}
	id := strings.TrimSuffix(string(data), "\n")
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != idSize {
		return "", fmt.Errorf("file %s in directory %q holds no store id: %s", markerName, dir, wayOut)
	}
	return id, nil
}

// createMarker writes the empty marker; the error wraps [fs.ErrExist] where there is one.
func createMarker(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, markerName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(file.Sync(), file.Close(), syncDirectory(dir))
	}
	if err != nil {
		return fmt.Errorf("creating file %s in directory %q: %w", markerName, dir, err)
	}
	return nil
}

// completeMarker puts the id into the marker. A crash leaves the empty one or the complete one.
func completeMarker(dir, id string) error {
	path := filepath.Join(dir, markerName)
	temporary := path + ".new"
	err := writeSynced(temporary, id+"\n")
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = syncDirectory(dir)
	}
	if err != nil {
		return fmt.Errorf("writing file %s in directory %q: %w", markerName, dir, err)
	}
	return nil
}

func writeSynced(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func newID() string {
	var id [idSize]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
