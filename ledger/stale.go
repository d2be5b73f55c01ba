package ledger

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// DefaultMaxStale is how long a ledger may be relied on without a word from the place that it shares, unless
// [Ledger.AllowStale] is called.
const DefaultMaxStale = 5 * time.Minute

// clockStep is by how much the clock of the machine may be set back without any harm.
const clockStep = 5 * time.Second

// isStale reports whether what was heard last is older than the age. What was heard in the future is from before the clock
// was set back, and as old as can be.
func isStale(link storage.Link, age time.Duration) bool {
	since := time.Since(link.Synced)
	return link.Synced.IsZero() || since > age || since < -clockStep
}
