package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"go.uber.org/zap"
)

// checkTables refuses tables that Badger can't refuse: it opens them in goroutines of its own and trusts the lengths in
// them, so that one which was cut short ends the process. Only the tables that are part of the database count; a kill may
// leave others, which Badger removes. What is missing or can't be read is left to Badger, which has words for it.
func checkTables(dir string) error {
	file, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return nil
	}
	defer file.Close()
	opts := badgerOptions(dir, zap.NewNop())
	manifest, _, err := badger.ReplayManifestFile(file, opts.ExternalMagicVersion, opts)
	if err != nil {
		return nil
	}
	for id := range manifest.Tables {
		name := table.IDToFilename(id)
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if err := checkTable(data, id); err != nil {
			return fmt.Errorf("table %s of the database in directory %q is damaged: %w: %s", name, dir, err, wayOut)
		}
	}
	return nil
}

var errCutShort = errors.New("its end is missing")

// checkTable reads a table as Badger does, with its checksums. What panics over it does so here, where it is an error.
func checkTable(data []byte, id uint64) (err error) {
	if !hasIndex(data) {
		return errCutShort
	}
	defer func() {
		if recover() != nil {
			err = errors.New("it can't be read")
		}
	}()
	read, err := table.OpenInMemoryTable(data, id, &table.Options{Compression: options.None})
	if err != nil {
		return reason(err)
	}
	if err := read.VerifyChecksum(); err != nil {
		return reason(err)
	}
	return nil
}

// hasIndex reports whether the lengths at the end of a table stay inside of it: the index, its length, the index's checksum,
// the checksum's length. Badger ends the process where they don't.
func hasIndex(data []byte) bool {
	for range 2 { // the checksum, then the index
		if len(data) < 4 {
			return false
		}
		rest := data[:len(data)-4]
		length := uint64(binary.BigEndian.Uint32(data[len(rest):]))
		if length == 0 || length > uint64(len(rest)) {
			return false
		}
		data = rest[:uint64(len(rest))-length]
	}
	return true
}
