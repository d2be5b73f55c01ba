package record

import (
	"encoding/binary"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// AppendEntry appends the bytes of an entry: all but its subject. It rounds the expiry up to a whole second.
func AppendEntry(data []byte, entry blacklist.Entry) []byte {
	expires := entry.Expires.Unix()
	if entry.Expires.Nanosecond() > 0 {
		expires++
	}
	data = binary.AppendVarint(data, entry.Second)
	data = binary.AppendVarint(data, expires)
	if entry.At > 0 {
		data = binary.AppendUvarint(data, entry.At)
	}
	return data
}

// ParseEntry reads what [AppendEntry] wrote. It returns [ErrDamaged] for anything else.
func ParseEntry(subject blacklist.Subject, data []byte) (blacklist.Entry, error) {
	p := parser{data: data}
	entry := blacklist.Entry{Subject: subject, Second: p.varint(), Expires: time.Unix(p.varint(), 0)}
	if p.at < len(data) {
		if entry.At = p.uvarint(); entry.At == 0 {
			p.fail()
		}
	}
	if p.bad || p.at != len(data) {
		return blacklist.Entry{}, ErrDamaged
	}
	return entry, nil
}
