package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

const bufferSize = 64 << 10

// Writer writes a backup. What it has written is a backup once [Writer.Close] has returned nil.
type Writer struct {
	to      *bufio.Writer
	sum     hash.Hash
	items   uint64
	scratch []byte
}

// NewWriter returns a writer of a backup of a store.
func NewWriter(to io.Writer, origin Origin) *Writer {
	w := &Writer{to: bufio.NewWriterSize(to, bufferSize), sum: sha256.New()}
	w.write([]byte(header))
	w.sized([]byte(origin.ID))
	var seconds int64
	if !origin.Clock.IsZero() {
		seconds = origin.Clock.Unix()
	}
	w.write(binary.AppendVarint(w.scratch[:0], seconds))
	return w
}

// Session writes a session, of which it gets the record as [record.AppendSession] wrote it.
func (w *Writer) Session(key sessions.Key, record []byte) error {
	w.begin(sessionKind)
	w.sized([]byte(key.Realm))
	w.write(key.Hash[:])
	w.sized(record)
	return w.failed()
}

// Entry writes an entry of the blacklist without its At.
func (w *Writer) Entry(entry blacklist.Entry) error {
	entry.At = 0
	w.begin(entryKind)
	w.sized(entry.Subject.Bytes())
	w.scratch = record.AppendEntry(w.scratch[:0], entry)
	data := w.scratch
	w.scratch = nil // sized uses it
	w.sized(data)
	w.scratch = data
	return w.failed()
}

// Close writes the end. It does not close what the backup is written to.
func (w *Writer) Close() error {
	items := w.items
	w.begin(endKind)
	w.number(items)
	_, _ = w.to.Write(w.sum.Sum(nil))
	return w.to.Flush()
}

func (w *Writer) begin(kind byte) {
	w.items++
	w.write([]byte{kind})
}

// write leaves errors to failed and to the last flush, as the buffer does.
func (w *Writer) write(data []byte) {
	_, _ = w.sum.Write(data)
	_, _ = w.to.Write(data)
}

func (w *Writer) number(value uint64) {
	w.scratch = binary.AppendUvarint(w.scratch[:0], value)
	w.write(w.scratch)
}

func (w *Writer) sized(data []byte) {
	w.number(uint64(len(data)))
	w.write(data)
}

// failed returns the error of a write before, so that a backup ends once its reader has left.
func (w *Writer) failed() error {
	_, err := w.to.Write(nil)
	return err
}
