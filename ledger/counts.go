package ledger

import (
	"context"
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Counts holds what a ledger holds at about one moment.
type Counts struct {
	// Sessions is the number of records in the store, including expired ones that it has not dropped yet.
	Sessions int
	// Entries is the number of entries in the blacklist, ends included.
	Entries int
	// Revocations is the number of entries that an operator asked for. See [Ledger.Revocations].
	Revocations int
	// Pending is the number of entries in force that would not survive a crash.
	Pending int
	// Undeleted is the number of records of ended sessions that could not be deleted yet.
	Undeleted int
	// Questions is the number of questions to the application that are in flight.
	Questions int
}

// stock counts what is in the store and in the blacklist.
func stock(ctx context.Context, b *book) (Counts, error) {
	counts := Counts{Entries: b.blacklist.Len(), Pending: b.blacklist.PendingLen()}
	for _, kind := range blacklist.Revocations() {
		counts.Revocations += b.blacklist.Count(kind)
	}
	var err error
	if counts.Sessions, err = b.store.Count(ctx); err != nil {
		return counts, fmt.Errorf("counting sessions: %w", err)
	}
	return counts, nil
}

// add adds what is in flight in a stripe. It waits for the session that is being changed there.
func (c *Counts) add(s *stripe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Undeleted += len(s.undeleted)
	c.Questions += s.inFlight()
}
