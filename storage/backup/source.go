package backup

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// source is what a backup is read from. It adds all that was read to a sum, and remembers why reading failed, which is not
// the backup's fault.
type source struct {
	from   io.Reader
	buffer *bufio.Reader
	sum    hash.Hash
	last   [1]byte
	failed error
}

func newSource(from io.Reader) *source {
	s := &source{from: from, sum: sha256.New()}
	s.buffer = bufio.NewReaderSize(readerFunc(s.read), bufferSize)
	return s
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// read fills the buffer.
func (s *source) read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// ReadByte implements [io.ByteReader].
func (s *source) ReadByte() (byte, error) {
	value, err := s.buffer.ReadByte()
	if err == nil {
		s.last[0] = value
		_, _ = s.sum.Write(s.last[:])
	}
	return value, err
}

// readFull fills the slice.
func (s *source) readFull(data []byte) error {
	_, err := io.ReadFull(s.buffer, data)
	_, _ = s.sum.Write(data)
	return err
}
