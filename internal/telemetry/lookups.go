package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// FoundRecords and foundBytes are how many records the look-ups have found so far, and of how many bytes.
var FoundRecords, FoundBytes atomic.Uint64

// LookedUp counts one look-up of a session.
func LookedUp(record sessions.Session, began time.Time) {
	ObserveSince(LookupDuration, began)
	if record.User != "" {
		FoundRecords.Add(1)
		FoundBytes.Add(uint64(recordBytes(record)))
	}
}

// recordBytes is about how many bytes a store reads for a session: its key, the times and what it says.
func recordBytes(session sessions.Session) int {
	const fixed = 96 // hash, times, source
	size := fixed + len(session.Realm) + len(session.User)
	for name, attribute := range session.Attributes {
		size += len(name)
		for _, text := range attribute.Texts() {
			size += len(text)
		}
	}
	return size
}
