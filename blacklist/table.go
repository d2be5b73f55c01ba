package blacklist

import (
	"crypto/sha256"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
)

// table holds entries by their subject. Its rows are on pages, and two slices of numbers lead to them, so that the collector
// has nothing to scan but a pointer for each page. An entry of a token takes about 46 bytes, and one of a session 54.
//
// A hash chooses the place of a subject, and a byte of it tells most other subjects apart without a look at the row. Both
// only lead to rows: subjects are equal if every part of them is, all 256 bits of the digest included. So no other subject is
// ever taken for a revoked one, nor a revoked one overlooked. The hash is keyed with a secret of this process, so that
// who may choose what is revoked can't choose the places.
//
// A table is not safe for concurrent use. Its zero value is empty.
type table struct {
	tags   []uint8  // by place: noRow, goneRow or the tag of the row
	rows   []uint32 // by place: the address of the row
	pages  [][]byte
	realms realmNumbers

	live, used      int // how many places lead to rows, and how many have a tag other than noRow
	written, wasted int // how many bytes all rows have, and how many those have that count no more
}

const (
	noRow   = 0 // nothing was ever here: a search ends
	goneRow = 1 // a search goes on
	minTag  = 2

	// pageBits is how many bits of an address are the position on the page.
	pageBits = 12
	pageSize = 1 << pageBits

	minPlaces = 16
)

var hashSeed = maphash.MakeSeed()

// hashOf returns the hash of a subject. The kind has no part in it: most questions about one session are answered with one
// look at memory.
func hashOf(subject *Subject) uint64 {
	hash := maphash.Bytes(hashSeed, subject.digest[:])
	if subject.realm != "" {
		hash = mixed(hash, maphash.String(hashSeed, subject.realm))
	}
	if subject.user != "" {
		hash = mixed(hash, maphash.String(hashSeed, subject.user))
	}
	return hash
}

// hashOfParts is hashOf for the parts of a row.
func hashOfParts(digest []byte, realm string, user []byte) uint64 {
	hash := maphash.Bytes(hashSeed, digest)
	if realm != "" {
		hash = mixed(hash, maphash.String(hashSeed, realm))
	}
	if len(user) > 0 {
		hash = mixed(hash, maphash.Bytes(hashSeed, user))
	}
	return hash
}

func mixed(hash, other uint64) uint64 { return (hash ^ other) * 0x9E3779B97F4A7C15 }

func tagOf(hash uint64) uint8 { return max(uint8(hash), minTag) }

// home returns the place where a search begins.
func (t *table) home(hash uint64) int {
	place, _ := bits.Mul64(hash, uint64(len(t.tags)))
	return int(place)
}

// next returns the place where a search goes on.
func (t *table) next(place int) int {
	if place++; place < len(t.tags) {
		return place
	}
	return 0
}

// find returns the place of the subject, and false if there is none. It does not allocate.
func (t *table) find(subject *Subject, hash uint64) (int, bool) {
	if t.live == 0 {
		return 0, false
	}
	tag := tagOf(hash)
	for place := t.home(hash); t.tags[place] != noRow; place = t.next(place) {
		if t.tags[place] == tag && t.isAbout(t.row(place), subject) {
			return place, true
		}
	}
	return 0, false
}

func (t *table) row(place int) row { return t.rowAt(t.rows[place]) }

// rowAt returns the row at an address.
func (t *table) rowAt(address uint32) row { return row(t.pages[address>>pageBits][address%pageSize:]) }

// addressOf returns the address of a position on a page.
func addressOf(page, position int) uint32 { return uint32(page)<<pageBits | uint32(position) }

// hit returns the hit at a place.
func (t *table) hit(place int) hit {
	h, _ := t.row(place).hit()
	return h
}

// isAbout reports whether the row is about the subject.
func (t *table) isAbout(r row, subject *Subject) bool {
	if r.kind() != subject.kind || [sha256.Size]byte(r.digest()) != subject.digest {
		return false
	}
	form := subject.kind.form()
	if form.hasRealm() && t.realms.names[r.realm()] != subject.realm {
		return false
	}
	if !form.hasUser() {
		return true
	}
	_, rest := r.hit()
	user, _ := r.userBehind(rest)
	return string(user) == subject.user
}

// subject returns what the row is about. user is the row's user id.
func (t *table) subject(r row, user []byte) Subject {
	subject := Subject{kind: r.kind(), digest: [sha256.Size]byte(r.digest()), user: string(user)}
	if subject.kind.form().hasRealm() {
		subject.realm = t.realms.names[r.realm()]
	}
	return subject
}

// hasRoom reports whether one more entry may be added. A fifth of the places stays free, so that searches are short.
func (t *table) hasRoom() bool { return 5*(t.used+1) <= 4*len(t.tags) }

// isWasteful reports whether many bytes are of rows that count no more.
func (t *table) isWasteful() bool { return t.wasted > pageSize && 4*t.wasted > t.written }

// add adds an entry for a subject that is not there. There must be room.
func (t *table) add(subject *Subject, hash uint64, h hit) {
	realm := uint32(0)
	if subject.kind.form().hasRealm() {
		realm = t.realms.number(subject.realm)
	}
	var room [128]byte
	t.lead(hash, t.write(appendRow(room[:0], subject, realm, h)))
}

// lead lets a free place lead to a row.
func (t *table) lead(hash uint64, address uint32) {
	place := t.home(hash)
	for t.tags[place] != noRow {
		place = t.next(place)
	}
	t.tags[place], t.rows[place] = tagOf(hash), address
	t.live++
	t.used++
}

// write writes a row and returns its address.
func (t *table) write(r row) uint32 {
	last := len(t.pages) - 1
	switch {
	case last < 0:
		t.pages, last = [][]byte{nil}, 0 // grows, so that a small table is small
	case len(t.pages[last])+len(r) > pageSize:
		t.pages, last = append(t.pages, make([]byte, 0, max(pageSize, len(r)))), last+1
	}
	if last > math.MaxUint32>>pageBits {
		panic("the rows of a 256th of a blacklist fill 4 GiB")
	}
	page := t.pages[last]
	t.pages[last] = append(page, r...)
	t.written += len(r)
	return addressOf(last, len(page))
}

// set changes the hit at a place.
func (t *table) set(place int, subject *Subject, h hit) {
	old := t.row(place)
	if old.setHit(h) {
		return
	}
	realm := uint32(0)
	if subject.kind.form().hasRealm() {
		realm = old.realm()
	}
	t.waste(old)
	var room [128]byte
	t.rows[place] = t.write(appendRow(room[:0], subject, realm, h))
}

// remove removes the entry at a place.
func (t *table) remove(place int) {
	if t.live == 1 {
		*t = table{}
		return
	}
	t.waste(t.row(place))
	t.tags[place] = goneRow
	t.live--
}

func (t *table) waste(r row) {
	r.kill()
	_, rest := r.hit()
	_, others := r.userBehind(rest)
	t.wasted += len(r) - len(others)
}

// rebuilt returns a table with the same entries that has room for more and is not wasteful, and the bits of their kinds. It
// only reads t. It copies the rows if t is wasteful, and shares them with t otherwise: t must not be changed any more.
func (t *table) rebuilt() (next table, kinds uint32) {
	places := t.live + t.live/2 + minPlaces
	next = table{tags: make([]uint8, places), rows: make([]uint32, places)}
	copies := t.isWasteful()
	if !copies {
		next.pages, next.realms, next.written, next.wasted = t.pages, t.realms, t.written, t.wasted
	}
	t.each(func(address uint32, r row, _ hit, user []byte) {
		kinds |= bitOf(r.kind())
		realm := ""
		if r.kind().form().hasRealm() {
			realm = t.realms.names[r.realm()]
		}
		if copies {
			address = next.copy(r, realm)
		}
		next.lead(hashOfParts(r.digest(), realm, user), address)
	})
	return next, kinds
}

// copy writes a row of another table, and returns its address. realm is the name of its realm.
func (t *table) copy(r row, realm string) uint32 {
	address := t.write(r)
	if r.kind().form().hasRealm() {
		t.rowAt(address).setRealm(t.realms.number(realm))
	}
	return address
}

// each calls do with each row that counts. The row has no other bytes behind it.
func (t *table) each(do func(address uint32, r row, h hit, user []byte)) {
	for i, page := range t.pages {
		for rest := page; len(rest) > 0; {
			address := addressOf(i, len(page)-len(rest))
			r := row(rest)
			h, behind := r.hit()
			user, others := r.userBehind(behind)
			if !r.isDead() {
				do(address, r[:len(r)-len(others)], h, user)
			}
			rest = others
		}
	}
}

// realmNumbers numbers the realms of the rows. The zero value is ready for use.
type realmNumbers struct {
	names   []string
	numbers map[string]uint32
}

// number returns the number of the realm, which is a new one for a new realm.
func (n *realmNumbers) number(realm string) uint32 {
	number, known := n.numbers[realm]
	if known {
		return number
	}
	if n.numbers == nil {
		n.numbers = make(map[string]uint32)
	}
	number, realm = uint32(len(n.names)), strings.Clone(realm)
	n.names, n.numbers[realm] = append(n.names, realm), number
	return number
}
