package badgerstore

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/dgraph-io/badger/v4"
)

// A backup is the line backupHeader, then for each key its length, itself, the length of its value, that, and when Badger
// may drop it; then a 0 in the place of a length, how many keys there were, and the SHA-256 of all that. Lengths and
// numbers are varints. What ends early, or was changed, is no backup.
//
// Badger's own backup is none of this: its readers don't begin at one moment, and it leaves out what it can't read.
const backupHeader = "jwt_session badger backup 1\n"

// maxBackupItem bounds what is believed of a length.
const maxBackupItem = 16 << 20

// ErrBackup is returned by [ReadBackup], wrapped, for data that is no whole backup or was changed.
var ErrBackup = errors.New("not a whole backup")

// Backup writes all that the store holds at one moment. What is written to the store meanwhile is not in it. Backup returns an
// error if a value is damaged or if the store is closed. After an error, what was written is no backup. [Restore] reads a
// backup.
func (db *DB) Backup(ctx context.Context, to io.Writer) error {
	if err := db.enter(ctx); err != nil {
		return fmt.Errorf("backing up: %w", reason(err))
	}
	defer db.leave()
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	w := newBackupWriter(to)
	iterator := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: prefetched})
	defer iterator.Close()
	for iterator.Rewind(); iterator.Valid(); iterator.Next() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("backing up: %w", ctx.Err())
		case <-db.house.stopping:
			return fmt.Errorf("backing up: %w", errClosed)
		default:
		}
		if err := w.item(iterator.Item()); err != nil {
			return fmt.Errorf("backing up: %w", err)
		}
	}
	if err := w.end(); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return nil
}

type backupWriter struct {
	to      *bufio.Writer
	sum     hash.Hash
	count   uint64
	scratch []byte
}

func newBackupWriter(to io.Writer) *backupWriter {
	w := &backupWriter{to: bufio.NewWriterSize(to, 64<<10), sum: sha256.New()}
	w.write([]byte(backupHeader))
	return w
}

// write leaves errors to the last flush, as the buffer does.
func (w *backupWriter) write(data []byte) {
	_, _ = w.sum.Write(data)
	_, _ = w.to.Write(data)
}

func (w *backupWriter) number(value uint64) {
	w.scratch = binary.AppendUvarint(w.scratch[:0], value)
	w.write(w.scratch)
}

func (w *backupWriter) item(item *badger.Item) error {
	return item.Value(func(value []byte) error {
		if err := checkValue(item.Key(), value); err != nil {
			return err
		}
		w.number(uint64(len(item.Key())))
		w.write(item.Key())
		w.number(uint64(len(value)))
		w.write(value)
		w.number(item.ExpiresAt())
		w.count++
		if _, err := w.to.Write(nil); err != nil { // the error of a write before, so that a reader who left ends this
			return err
		}
		return nil
	})
}

func (w *backupWriter) end() error {
	w.number(0)
	w.number(w.count)
	_, _ = w.to.Write(w.sum.Sum(nil))
	return w.to.Flush()
}

// checkValue returns an error for a value that is not as it was written. Keys that only lead to others have no value.
func checkValue(key, value []byte) error {
	if len(key) > 0 && (key[0] == userKind || key[0] == signInKind) {
		if len(value) > 0 {
			return errDamaged
		}
		return nil
	}
	_, err := unseal(key, value)
	return err
}

// backupItem is one key of a backup. It is good until the next one is read.
type backupItem struct {
	key, value []byte
	expiresAt  uint64
}

// Contents holds what is in a store or a backup.
type Contents struct {
	// Sessions is the number of sessions, including expired ones that have not been dropped yet.
	Sessions uint64
	// Entries is the number of revocations and ends.
	Entries uint64
}

func (c *Contents) count(key []byte) {
	switch key[0] {
	case recordKind:
		c.Sessions++
	case entryKind:
		c.Entries++
	}
}

// ReadBackup reads a backup to its end and returns what it holds. The error wraps [ErrBackup] if the backup is not whole or
// not as it was written.
func ReadBackup(from io.Reader) (Contents, error) {
	var contents Contents
	err := readBackup(from, func(item backupItem) error {
		contents.count(item.key)
		return nil
	})
	if err != nil {
		return Contents{}, err
	}
	return contents, nil
}

// readBackup calls take with each key, and returns nil only where all of them were as they were written.
func readBackup(from io.Reader, take func(backupItem) error) error {
	source := &source{from: from}
	r := &backupReader{source: source, from: bufio.NewReaderSize(source, 64<<10), sum: sha256.New()}
	if string(r.bytes(uint64(len(backupHeader)), nil)) != backupHeader {
		return r.failure("it does not begin as one")
	}
	var item backupItem
	for count := uint64(0); ; count++ {
		length := r.number()
		if length == 0 {
			return r.end(count)
		}
		item.key = r.bytes(length, item.key)
		item.value = r.bytes(r.number(), item.value)
		item.expiresAt = r.number()
		if r.err != nil {
			return r.failure("it ends early")
		}
		if err := take(item); err != nil {
			return err
		}
	}
}

// source remembers why reading failed, which is not the backup's fault.
type source struct {
	from io.Reader
	err  error
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

type backupReader struct {
	source *source
	from   *bufio.Reader
	sum    hash.Hash
	err    error
}

// failure returns the error that reading had, or one that says why this is no backup.
func (r *backupReader) failure(why string) error {
	if r.source.err != nil {
		return fmt.Errorf("reading backup: %w", r.source.err)
	}
	return fmt.Errorf("reading backup: %w: %s", ErrBackup, why)
}

func (r *backupReader) number() uint64 {
	if r.err != nil {
		return 0
	}
	value, err := binary.ReadUvarint(r.from)
	if err != nil {
		r.err = err
		return 0
	}
	_, _ = r.sum.Write(binary.AppendUvarint(nil, value))
	return value
}

// bytes reads so many bytes, into the given ones where they have room.
func (r *backupReader) bytes(length uint64, into []byte) []byte {
	if r.err != nil || length > maxBackupItem {
		r.err = errors.Join(r.err, io.ErrUnexpectedEOF)
		return nil
	}
	if uint64(cap(into)) < length {
		into = make([]byte, length)
	}
	into = into[:length]
	if _, r.err = io.ReadFull(r.from, into); r.err != nil {
		return nil
	}
	_, _ = r.sum.Write(into)
	return into
}

// end reads what stands behind the last key.
func (r *backupReader) end(count uint64) error {
	if r.err != nil {
		return r.failure("it ends early")
	}
	counted, want := r.number(), r.sum.Sum(nil)
	got := r.bytes(sha256.Size, nil)
	if r.err != nil {
		return r.failure("it ends early")
	}
	if counted != count || string(got) != string(want) {
		return r.failure("it is not as it was written")
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return r.failure("something follows behind its end")
	}
	return nil
}
