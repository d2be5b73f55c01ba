package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// A value is one byte of version, four of checksum, and the payload. The checksum covers the key, so that a value in
// another's place is found out too.
const (
	version    = 1
	headerSize = 1 + crc32.Size
)

var (
	errDamaged = fmt.Errorf("%w: bring the directory back from a backup", record.ErrDamaged)
	errVersion = errors.New("a value was written by another version of this module, which alone can read it")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newValue returns the start of a value, with room for a payload of the given size. The payload is appended to it.
func newValue(size int) []byte { return append(make([]byte, 0, headerSize+size), version, 0, 0, 0, 0) }

// seal completes a value: it writes the checksum.
func seal(key, value []byte) []byte {
	binary.BigEndian.PutUint32(value[1:], checksum(key, value))
	return value
}

// unseal returns the payload of a value, which is a part of it.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < headerSize || binary.BigEndian.Uint32(value[1:]) != checksum(key, value) {
		return nil, errDamaged
	}
	if value[0] != version {
		return nil, errVersion
	}
	return value[headerSize:], nil
}

func checksum(key, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, value[:1])
	return crc32.Update(sum, castagnoli, value[headerSize:])
}
