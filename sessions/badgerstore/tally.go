package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// tallyName is a file beside the database that says how often the journal was made durable, as a key in the database does.
// Badger cuts a log off at the first damage, without a word, and what follows is lost: then the database has counted less.
const tallyName = "journal-tally"

// tally counts what the journal has made durable. It is guarded by DB.writing, held exclusively.
type tally struct {
	count uint64
	file  *os.File
}

// open compares both counts, and goes on from that of the database. A file that is missing or empty has counted nothing:
// that of a store that is new, or was restored. So has one of zero bytes, which a power failure may leave of a file that was
// just made.
func (t *tally) open(db *DB) error {
	err := db.badger.View(func(txn *badger.Txn) error {
		return readValue(txn, tallyKey, func(payload []byte) error {
			count, size := binary.Uvarint(payload)
			if t.count = count; size != len(payload) {
				return errDamaged
			}
			return nil
		})
	})
	if ignoreMissing(err) != nil {
		return fmt.Errorf("reading from the database in %q: %w", db.dir, reason(err))
	}
	acknowledged, err := readTally(db.dir)
	if err != nil {
		return err
	}
	if t.count < acknowledged {
		return fmt.Errorf("the database in directory %q has lost revocations or ends of sessions that were acknowledged: bring the "+
			"directory back from a backup; to go on without them, remove its file %s", db.dir, tallyName)
	}
	if t.file, err = os.OpenFile(filepath.Join(db.dir, tallyName), os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("opening file %s in directory %q: %w", tallyName, db.dir, err)
	}
	return nil
}

func readTally(dir string) (uint64, error) {
	data, err := os.ReadFile(filepath.Join(dir, tallyName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading file %s in directory %q: %w", tallyName, dir, err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if strings.Trim(text, "\x00") == "" {
		return 0, nil
	}
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("file %s in directory %q is damaged: %s", tallyName, dir, wayOut)
	}
	return count, nil
}

// add counts one transaction of the journal, in itself.
func (t *tally) add(txn *badger.Txn) error {
	value := binary.AppendUvarint(newValue(binary.MaxVarintLen64), t.count+1)
	return txn.Set(tallyKey, seal(tallyKey, value))
}

// acknowledge writes how much is durable. It is not synced, so that it is never ahead of the database; a kill loses nothing
// of it. Where it can't be written, later damage is only found out less well.
func (t *tally) acknowledge() { _, _ = t.file.WriteAt(fmt.Appendf(nil, "%020d\n", t.count), 0) }
