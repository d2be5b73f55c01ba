package redisstore

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

const (
	// headSize is the size of a record's beginning without the user and the provider's session. See begin.lua.
	headSize = 8 + 8 + 4 + 2
	// sumSize is the size of the sum at the end of a record.
	sumSize = 4
)

var sumTable = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends the bytes of a session: what scripts read, the session, and a sum of both and of the key.
func appendRecord(data []byte, session sessions.Session) []byte {
	begin := len(data)
	data = appendHead(data, session)
	data = record.AppendSession(data, session)
	return binary.BigEndian.AppendUint32(data, sum(session.Key, data[begin:]))
}

func appendHead(data []byte, session sessions.Session) []byte {
	data = binary.BigEndian.AppendUint64(data, uint64(session.AuthTime))
	data = binary.BigEndian.AppendUint64(data, uint64(session.Expires.Unix()))
	data = binary.BigEndian.AppendUint32(data, uint32(session.Expires.Nanosecond()))
	data = binary.BigEndian.AppendUint16(data, uint16(len(session.User)))
	data = append(data, session.User...)
	return append(data, session.Provider[:]...)
}

// parseRecord reads what [appendRecord] wrote for the key. It returns [record.ErrDamaged] for anything else.
func parseRecord(key sessions.Key, data []byte) (sessions.Session, error) {
	if len(data) < headSize+sumSize {
		return sessions.Session{}, record.ErrDamaged
	}
	body, end := data[:len(data)-sumSize], data[len(data)-sumSize:]
	head := headSize + int(binary.BigEndian.Uint16(body[headSize-2:])) + len(sessions.ProviderSession{})
	if head > len(body) || binary.BigEndian.Uint32(end) != sum(key, body) {
		return sessions.Session{}, record.ErrDamaged
	}
	session, err := record.ParseSession(key, body[head:])
	if err != nil {
		return sessions.Session{}, err
	}
	var want [128]byte
	if string(appendHead(want[:0], session)) != string(body[:head]) { // a script has read another session than we do
		return sessions.Session{}, record.ErrDamaged
	}
	return session, nil
}

// sum returns a sum that shows that a record was damaged or is that of another session.
func sum(key sessions.Key, body []byte) uint32 {
	total := crc32.Update(0, sumTable, []byte(key.Realm))
	total = crc32.Update(total, sumTable, key.Hash[:])
	return crc32.Update(total, sumTable, body)
}

// dropAfter is how much longer than a record the server keeps it. Its clock is another one than the caller's, and must not
// drop anything sooner than the record itself expires.
const dropAfter = time.Hour

// lifetime returns how long the server keeps what has so long to live, in milliseconds. 0 is for ever.
func lifetime(left time.Duration) int64 {
	if left > math.MaxInt64-dropAfter {
		return 0
	}
	return (left + dropAfter).Milliseconds() + 1
}
