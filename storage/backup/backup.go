package backup

import (
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// headerStart begins the first line, in every version.
	headerStart = "jwt_session backup "
	header      = headerStart + "1\n"
)

// The bytes that items begin with. None of them ever changes its meaning.
const (
	endKind     = 0
	sessionKind = 's'
	entryKind   = 'e'
)

// maxItem bounds what is believed of a length.
const maxItem = 16 << 20

// ErrNotWhole is returned by a [Reader], wrapped, for data that is no whole backup or was changed.
var ErrNotWhole = errors.New("not a whole backup")

// Origin is the store that was backed up.
type Origin struct {
	// ID is the id of the store. It is empty if the store has none that another one could take over.
	ID string
	// Clock is the latest time that the store has seen. It is zero if the store has seen none.
	Clock time.Time
}

// Item is one thing in a backup: a [Session] or an [Entry].
//
//sumtype:decl
type Item interface{ isItem() }

// Session is a session in a backup.
type Session struct {
	sessions.Session

	// Record is the session as [record.AppendSession] wrote it. It is good until the next item is read.
	Record []byte
}

// Entry is an entry of the blacklist in a backup. Its At is 0: the order of the writes is that of one store.
type Entry struct{ blacklist.Entry }

func (Session) isItem() {}
func (Entry) isItem()   {}

// Contents holds what is in a store or a backup.
type Contents struct {
	// Sessions is the number of sessions, including expired ones that have not been dropped yet.
	Sessions uint64
	// Entries is the number of revocations and ends.
	Entries uint64
}

// Ended returns the session whose record is gone because of the entry, if its AuthTime is at most the entry's second. It
// returns false if the entry ends no record.
//
// Engines write the entry first and delete the record then, or both at once. A backup may have the record all the same: from
// before, or because the deletion failed. No store that is made of it keeps the record.
func Ended(entry blacklist.Entry) (sessions.Key, bool) {
	switch subject := entry.Subject; subject.Kind() {
	case blacklist.KindEnd, blacklist.KindSession:
		return sessions.Key{Realm: subject.Realm(), Hash: subject.Digest()}, true
	default:
		return sessions.Key{}, false
	}
}
