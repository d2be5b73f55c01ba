package ledger

import (
	"context"
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Counts is what a ledger holds at one moment, more or less.
type Counts struct {
	// Sessions is how many records the store holds, expired ones that it has not dropped yet included.
	Sessions int
	// Entries is how many entries the blacklist holds: revocations and ends.
	Entries int
	// Revocations is how many of them an operator asked for: see [Ledger.Revocations].
	Revocations int
	// Pending is how many entries are in force that would not survive a crash.
	Pending int
	// Undeleted is how many records of ended sessions could not be deleted yet.
	Undeleted int
	// Questions is how many questions to the application are in flight.
	Questions int
}

// Count counts. After an error all but Sessions is right. It waits for each session that is being settled.
func (l *Ledger) Count(ctx context.Context) (Counts, error) {
	counts, err := l.Stock(ctx)
	for i := range l.stripes {
		counts.add(&l.stripes[i])
	}
	return counts, err
}

// Stock counts what is there, and not what is in motion, which Count tells of too: Undeleted and Questions are 0. It waits
// for the store alone. After an error all but Sessions is right.
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
