package jwtsession

import (
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Why a token is sent.
const (
	causeFirst    = "first"    // the session had none
	causeRenewal  = "renewal"  // the one that came is near its end
	causeReplaced = "replaced" // the one that came did not count
)

// countIssued counts a token that goes out with the response.
func (v *visit) countIssued(size int) {
	cause := causeReplaced
	switch {
	case v.token.State == validator.TokenAbsent:
		cause = causeFirst
	case v.token.State == validator.TokenUsable && !v.isOfOtherSession():
		cause = causeRenewal
	}
	tokensIssuedTotal.WithLabelValues(cause).Inc()
	tokenSize.Observe(float64(size))
}

// isOfOtherSession says whether the token does not count because of the session that came with it.
func (v *visit) isOfOtherSession() bool {
	return v.mode != validator.Stateless && validator.Bind(v.token, v.credential) == validator.OtherSession
}

// foundRecords and foundBytes are how many records the look-ups have found so far, and of how many bytes.
var foundRecords, foundBytes atomic.Uint64

// lookedUp counts one look-up of a session.
func lookedUp(record sessions.Session, began time.Time) {
	observeSince(lookupDuration, began)
	if record.User != "" {
		foundRecords.Add(1)
		foundBytes.Add(uint64(recordBytes(record)))
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
