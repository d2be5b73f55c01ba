package blacklist

import "time"

// Entry says something of its subject until it expires, mostly no.
type Entry struct {
	Subject Subject
	// Second is the last auth_time that is hit, in seconds since 1970: for the end of a session, a user, a realm or
	// everything. What it means for other kinds of subjects is said with them; for a token id it is unused.
	Second int64
	// Expires is when the entry hits no longer. A [List] rounds it up to a whole second.
	Expires time.Time
}

// Merged returns the entry that hits what either entry for one subject hits: the later second until the later expiry.
// The order of merging does not matter, nor does merging twice.
func (e Entry) Merged(other Entry) Entry {
	e.Second = max(e.Second, other.Second)
	if other.Expires.After(e.Expires) {
		e.Expires = other.Expires
	}
	return e
}

// Equal says whether both entries say the same.
func (e Entry) Equal(other Entry) bool {
	return e.Subject == other.Subject && e.Second == other.Second && e.Expires.Equal(other.Expires)
}

// Expired says whether the entry hits no longer at the given time.
func (e Entry) Expired(now time.Time) bool { return !now.Before(e.Expires) }
