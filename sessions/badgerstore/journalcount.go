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

// journalCountName is the name of the file beside the database that holds how often the journal was made durable. A key in
// the database holds the same count. Badger cuts off a log at the first damage, without a word, and what follows is lost.
// Then the count of the database is less than that of the file.
const journalCountName = "journal-tally"

// journalCount counts what the journal has made durable. It is guarded by DB.writing, held exclusively.
type journalCount struct {
	count uint64
	file  *os.File
}

// open compares both counts and goes on from that of the database. A file that is missing or empty has counted nothing: the
// store is new or was restored. So has a file of zero bytes, which a power failure may leave of a file that was just made.
func (c *journalCount) open(db *DB) error {
	err := db.badger.View(func(txn *badger.Txn) error {
		return readValue(txn, journalCountKey, func(payload []byte) error {
			count, size := binary.Uvarint(payload)
			if c.count = count; size != len(payload) {
				return errDamaged
			}
			return nil
		})
	})
	if ignoreMissing(err) != nil {
		return fmt.Errorf("reading from the database in %q: %w", db.dir, reason(err))
	}
	acknowledged, err := readJournalCount(db.dir)
	if err != nil {
		return err
	}
	if c.count < acknowledged {
		return fmt.Errorf("the database in directory %q has lost revocations or ends of sessions that were acknowledged: bring the "+
			"directory back from a backup; to go on without them, remove its file %s", db.dir, journalCountName)
	}
	if c.file, err = os.OpenFile(filepath.Join(db.dir, journalCountName), os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("opening file %s in directory %q: %w", journalCountName, db.dir, err)
	}
	return nil
}

func readJournalCount(dir string) (uint64, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalCountName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading file %s in directory %q: %w", journalCountName, dir, err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if strings.Trim(text, "\x00") == "" {
		return 0, nil
	}
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("file %s in directory %q is damaged: %s", journalCountName, dir, wayOut)
	}
	return count, nil
}

// add counts one transaction of the journal, in itself.
func (c *journalCount) add(txn *badger.Txn) error {
	value := binary.AppendUvarint(newValue(binary.MaxVarintLen64), c.count+1)
	return txn.Set(journalCountKey, seal(journalCountKey, value))
}

// acknowledge writes the count to the file. The file is not synced, so that it is never ahead of the database. A kill loses
// nothing of it. If it can't be written, later damage is only less likely to be found.
func (c *journalCount) acknowledge() { _, _ = c.file.WriteAt(fmt.Appendf(nil, "%020d\n", c.count), 0) }
