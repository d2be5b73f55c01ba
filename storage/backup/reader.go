package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// Reader reads a backup. Its errors wrap [ErrNotWhole], except those of reading what the backup comes from.
type Reader struct {
	from     *source
	origin   Origin
	contents Contents
	items    uint64
	buffer   []byte
	err      error // why an item could not be read
	over     error // what Next returns from now on
}

// NewReader reads the beginning of a backup.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{from: newSource(from)}
	if begin := string(r.bytes(uint64(len(header)))); begin != header {
		if strings.HasPrefix(begin, headerStart) {
			return nil, r.failure("it was written by another version of this module, which alone can read it")
		}
		return nil, r.failure("it does not begin as one")
	}
	r.origin.ID = string(r.sized())
	if seconds := r.signed(); seconds != 0 {
		r.origin.Clock = time.Unix(seconds, 0)
	}
	if r.err != nil {
		return nil, r.failure("it ends early")
	}
	return r, nil
}

// Origin returns the store that was backed up.
func (r *Reader) Origin() Origin { return r.origin }

// Contents returns what the items hold that were read so far. Sessions and entries that are there twice count twice.
func (r *Reader) Contents() Contents { return r.contents }

// Next returns the next item. It returns [io.EOF] after the last one if the backup was whole and as it was written.
func (r *Reader) Next() (Item, error) {
	if r.over != nil {
		return nil, r.over
	}
	kind := r.byte()
	var item Item
	switch {
	case r.err != nil:
		return nil, r.failure("it ends early")
	case kind == endKind:
		return nil, r.end()
	case kind == sessionKind:
		item = r.session()
	case kind == entryKind:
		item = r.entry()
	default:
		r.err = record.ErrDamaged
	}
	if errors.Is(r.err, record.ErrDamaged) {
		return nil, r.failure("it is not as it was written")
	}
	if r.err != nil {
		return nil, r.failure("it ends early")
	}
	r.items++
	return item, nil
}

// ReadAll reads a backup to its end and returns what it holds.
func ReadAll(from io.Reader) (Contents, error) {
	r, err := NewReader(from)
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) {
		return Contents{}, err
	}
	return r.contents, nil
}

func (r *Reader) session() Item {
	key := sessions.Key{Realm: string(r.sized())}
	copy(key.Hash[:], r.bytes(uint64(len(key.Hash))))
	session := Session{Record: r.sized()}
	if r.err == nil {
		session.Session, r.err = record.ParseSession(key, session.Record)
	}
	r.contents.Sessions++
	return session
}

func (r *Reader) entry() Item {
	subject, err := blacklist.ParseSubject(r.sized())
	data := r.sized()
	if r.err == nil && err != nil {
		r.err = record.ErrDamaged
	}
	var entry blacklist.Entry
	if r.err == nil {
		entry, r.err = record.ParseEntry(subject, data)
	}
	if entry.At != 0 {
		r.err = record.ErrDamaged
	}
	r.contents.Entries++
	return Entry{entry}
}

// end reads what stands behind the last item.
func (r *Reader) end() error {
	items, want := r.number(), r.from.sum.Sum(nil)
	got := r.bytes(sha256.Size)
	if r.err != nil {
		return r.failure("it ends early")
	}
	if items != r.items || string(got) != string(want) {
		return r.failure("it is not as it was written")
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return r.failure("something follows behind its end")
	}
	r.over = io.EOF
	return r.over
}

// failure ends the reading: with the error that reading the source had, or with one that says why this is no backup.
func (r *Reader) failure(why string) error {
	if r.from.failed != nil {
		r.over = fmt.Errorf("reading backup: %w", r.from.failed)
	} else {
		r.over = fmt.Errorf("reading backup: %w: %s", ErrNotWhole, why)
	}
	return r.over
}

// The methods below return zero once err is set.

func (r *Reader) byte() byte {
	if r.err != nil {
		return 0
	}
	var value byte
	value, r.err = r.from.ReadByte()
	return value
}

func (r *Reader) number() uint64 {
	if r.err != nil {
		return 0
	}
	var value uint64
	value, r.err = binary.ReadUvarint(r.from)
	return value
}

func (r *Reader) signed() int64 {
	if r.err != nil {
		return 0
	}
	var value int64
	value, r.err = binary.ReadVarint(r.from)
	return value
}

// sized reads bytes with their length before them.
func (r *Reader) sized() []byte { return r.bytes(r.number()) }

// bytes reads so many bytes, which are good until the next call. It takes memory only for bytes that are there.
func (r *Reader) bytes(length uint64) []byte {
	if r.err == nil && length > maxItem {
		r.err = io.ErrUnexpectedEOF
	}
	data := r.buffer[:0]
	for r.err == nil && uint64(len(data)) < length {
		read := len(data)
		more := int(min(length-uint64(read), bufferSize))
		data = slices.Grow(data, more)[:read+more]
		r.err = r.from.readFull(data[read:])
	}
	if r.err != nil {
		return nil
	}
	r.buffer = data
	return data
}
