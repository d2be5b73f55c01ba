package blacklist

import "time"

// Entry is a statement about its subject that holds until it expires. Most entries say no.
type Entry struct {
	Subject Subject
	// Second is the last auth_time that is hit, in seconds since 1970, for the end of a session, a user, a realm or
	// everything. The functions that make the other subjects describe what it means for them. It is unused for a token id.
	Second int64
	// Expires is the time from which on the entry hits nothing. A [List] rounds it up to a whole second.
	Expires time.Time
	// At is the place of the last change of the entry in the order of a [SharedJournal]. It is 0 in any other journal, and for
	// an entry that was not written yet. It is no part of what the entry states.
	At uint64
}

// Merged returns the entry that hits whatever either entry hits: it has the later second and the later expiry. Both entries
// must be for one subject. The order of merging does not matter, nor does merging twice.
func (e Entry) Merged(other Entry) Entry {
	e.Second = max(e.Second, other.Second)
	if other.Expires.After(e.Expires) {
		e.Expires = other.Expires
	}
	e.At = max(e.At, other.At)
	return e
}

// Equal reports whether both entries have the same subject, second and expiry.
func (e Entry) Equal(other Entry) bool {
	return e.Subject == other.Subject && e.Second == other.Second && e.Expires.Equal(other.Expires)
}

// Expired reports whether the entry hits nothing any more at the given time.
func (e Entry) Expired(now time.Time) bool { return !now.Before(e.Expires) }
