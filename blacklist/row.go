package blacklist

import (
	"crypto/sha256"
	"encoding/binary"
)

// row is an entry as bytes of a [table]. There may be millions, so a row has no pointer that the collector would follow, and
// has a field only if its subject and its hit need one:
//
//	kind, widths, digest, [number of the realm], expiry, [second], [place], [length of the user id, user id]
//
// The digest is complete. What follows the row on its page belongs to other rows.
type row []byte

const (
	realmAt   = 2 + sha256.Size // where the number of the realm is
	realmSize = 4
)

// The widths of a row tell how wide its numbers are.
const (
	dead        = 1 << iota // the row counts no more
	wideExpires             // the expiry has 8 bytes, and 4 otherwise
	hasSecond               // the second is not 0 and has 4 bytes
	wideSecond              // the second has 8 bytes
	hasPlace                // the place is not 0 and has 8 bytes
)

func widthsOf(h hit) (widths byte) {
	if !isNarrow(h.expires) {
		widths |= wideExpires
	}
	if h.second != 0 {
		widths |= hasSecond
	}
	if !isNarrow(h.second) {
		widths |= wideSecond
	}
	if h.at != 0 {
		widths |= hasPlace
	}
	return widths
}

// isNarrow reports whether 4 bytes hold the number.
func isNarrow(number int64) bool { return number == int64(uint32(number)) }

// appendRow appends the row of an entry. realm is the number of its realm.
func appendRow(data []byte, subject *Subject, realm uint32, h hit) []byte {
	data = append(data, byte(subject.kind), widthsOf(h))
	data = append(data, subject.digest[:]...)
	form := subject.kind.form()
	if form.hasRealm() {
		data = binary.LittleEndian.AppendUint32(data, realm)
	}
	data = appendHit(data, h)
	if form.hasUser() {
		data = binary.AppendUvarint(data, uint64(len(subject.user)))
		data = append(data, subject.user...)
	}
	return data
}

// appendHit appends the numbers of a hit, as wide as they need be.
func appendHit(data []byte, h hit) []byte {
	data = appendNumber(data, uint64(h.expires), !isNarrow(h.expires))
	if h.second != 0 {
		data = appendNumber(data, uint64(h.second), !isNarrow(h.second))
	}
	if h.at != 0 {
		data = appendNumber(data, h.at, true)
	}
	return data
}

func appendNumber(data []byte, number uint64, wide bool) []byte {
	if wide {
		return binary.LittleEndian.AppendUint64(data, number)
	}
	return binary.LittleEndian.AppendUint32(data, uint32(number))
}

// takeNumber returns the number that data begins with, and what follows it.
func takeNumber(data []byte, wide bool) (uint64, []byte) {
	if wide {
		return binary.LittleEndian.Uint64(data), data[8:]
	}
	return uint64(binary.LittleEndian.Uint32(data)), data[4:]
}

func (r row) kind() Kind { return Kind(r[0]) }

func (r row) isDead() bool { return r[1]&dead != 0 }

// kill lets the row count no more.
func (r row) kill() { r[1] |= dead }

func (r row) digest() []byte { return r[2:realmAt] }

// hitAt returns where the hit begins.
func (r row) hitAt() int {
	if r.kind().form().hasRealm() {
		return realmAt + realmSize
	}
	return realmAt
}

// realm returns the number of the realm. The subject must have one.
func (r row) realm() uint32 { return binary.LittleEndian.Uint32(r[realmAt:]) }

func (r row) setRealm(number uint32) { binary.LittleEndian.PutUint32(r[realmAt:], number) }

// hit returns the hit, and what follows it.
func (r row) hit() (h hit, rest []byte) {
	rest, widths := r[r.hitAt():], r[1]
	var number uint64
	number, rest = takeNumber(rest, widths&wideExpires != 0)
	h.expires = int64(number)
	if widths&hasSecond != 0 {
		number, rest = takeNumber(rest, widths&wideSecond != 0)
		h.second = int64(number)
	}
	if widths&hasPlace != 0 {
		h.at, rest = takeNumber(rest, true)
	}
	return h, rest
}

// setHit changes the hit in its place, and reports whether it fits there.
func (r row) setHit(h hit) bool {
	if widthsOf(h) != r[1] {
		return false
	}
	appendHit(r[:r.hitAt()], h)
	return true
}

// userBehind returns the user id that is behind a hit, and the bytes of other rows that follow it.
func (r row) userBehind(hit []byte) (user, others []byte) {
	if !r.kind().form().hasUser() {
		return nil, hit
	}
	length, size := binary.Uvarint(hit)
	end := size + int(length)
	return hit[size:end], hit[end:]
}
