package ledger

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// company is who else writes to the place of a ledger: nobody, or the ledgers of other gateways.
type company interface {
	// knowsAll reports whether everything that was written to the place is in force here.
	knowsAll() bool
	// catchUp returns nil once what others wrote before the call is in force here. It is called without any lock.
	catchUp(ctx context.Context) error
	// isCurrent reports whether what others wrote is in force here, but for the last moments. It waits for nothing.
	isCurrent() bool
}

// maxTries is how often a change is tried that other gateways overtake.
const maxTries = 4

// nobody is the company of a ledger that has its place for itself.
type nobody struct{}

func (nobody) knowsAll() bool                { return true }
func (nobody) catchUp(context.Context) error { return nil }
func (nobody) isCurrent() bool               { return true }

// others is the company of a ledger that shares its place.
type others struct{ place storage.Shared }

// maxLag is for how long a ledger may be without a word from the place until a record that it reads there does not count any
// more: it may have missed a revocation. Tokens count for longer, see [Ledger.AllowStale].
const maxLag = 3 * time.Second

// catchUpTime bounds how long a ledger tries to catch up.
const catchUpTime = 3 * time.Second

func (others) knowsAll() bool { return false }

func (o others) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	return o.place.CatchUp(ctx)
}

func (o others) isCurrent() bool { return !isStale(o.place.Link(), maxLag) }
