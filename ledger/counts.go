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

// Count returns all counts. It waits for every session that is being changed. After an error, all counts but Sessions are
// right.
func (l *Ledger) Count(ctx context.Context) (Counts, error) {
	counts, err := l.Stock(ctx)
	for i := range l.stripes {
		counts.add(&l.stripes[i])
	}
	return counts, err
}

// Stock returns the counts that [Ledger.Count] returns, except that Undeleted and Questions are 0. It waits for the store
// alone. After an error, all counts but Sessions are right.
func (l *Ledger) Stock(ctx context.Context) (Counts, error) {
	counts := Counts{Entries: l.blacklist.Len(), Pending: l.blacklist.PendingLen()}
	for _, kind := range blacklist.Revocations() {
		counts.Revocations += l.blacklist.Count(kind)
	}
	var err error
	if counts.Sessions, err = l.store.Count(ctx); err != nil {
		return counts, fmt.Errorf("counting sessions: %w", err)
	}
	return counts, nil
}

func (c *Counts) add(s *stripe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Undeleted += len(s.undeleted)
	for _, questions := range s.questions {
		c.Questions += len(questions)
	}
}
