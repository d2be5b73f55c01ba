package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
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

// settle makes a change that depends on what others write. do returns [sessions.ErrBehind] if it has written nothing because
// others are ahead, or may be. It is called once more when the ledger has caught up. sure reports whether the ledger has, so
// that a refusal is based on all that others wrote. settle is called without any lock.
func (b *book) settle(ctx context.Context, do func(sure bool) error) error {
	err := do(b.company.knowsAll())
	for try := 1; errors.Is(err, sessions.ErrBehind); try++ {
		if try == maxTries {
			return fmt.Errorf("%w: %w, again and again", sessions.ErrUnavailable, err)
		}
		if err := b.company.catchUp(ctx); err != nil {
			return fmt.Errorf("hearing of what other gateways have changed: %w", err)
		}
		err = do(true)
	}
	return err
}

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

// hearOwn waits until a revocation that was just made here counts for the moments of the requests that follow: who signs in
// right after it is accepted. If that fails, he signs in once more.
func (b *book) hearOwn(ctx context.Context) { _ = b.company.catchUp(ctx) }
