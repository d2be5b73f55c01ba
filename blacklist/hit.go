package blacklist

import "time"

// hit is an entry without its subject: both times are in seconds since 1970.
type hit struct {
	second, expires int64
	at              uint64 // the place of the last change in a shared journal
}

func (h hit) expired(now time.Time) bool { return now.Unix() >= h.expires }

func (h hit) entry(subject Subject) Entry {
	return Entry{Subject: subject, Second: h.second, Expires: time.Unix(h.expires, 0), At: h.at}
}

// merged returns the hit with the later second and the later expiry, and reports whether that hits more than h does.
func (h hit) merged(other hit) (merged hit, more bool) {
	merged = hit{second: max(h.second, other.second), expires: max(h.expires, other.expires), at: max(h.at, other.at)}
	return merged, merged.second != h.second || merged.expires != h.expires
}

// hitOf returns the hit of an entry. It rounds the expiry up, so that an entry holds too long rather than too short.
func hitOf(entry Entry) hit {
	expires := entry.Expires.Unix()
	if entry.Expires.Nanosecond() > 0 {
		expires++
	}
	return hit{second: entry.Second, expires: expires, at: entry.At}
}
