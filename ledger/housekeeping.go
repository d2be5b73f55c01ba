package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	retryEvery = 5 * time.Second
	sweepEvery = time.Minute
)

// housekeeping does the work that no caller waits for: it tries again what failed, and drops what is over.
type housekeeping struct {
	book    *book
	stop    context.CancelFunc
	stopped chan struct{} // closed once run has returned
	linked  chan struct{} // receives when a place that gateways share was reached, with room for one
}

// run retries and sweeps until ctx is done.
func (h *housekeeping) run(ctx context.Context) {
	defer close(h.stopped)
	retry, sweep := time.NewTicker(retryEvery), time.NewTicker(sweepEvery)
	defer retry.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
			h.retry(ctx)
		case <-h.linked: // the others wait for what could not be written before
			h.retry(ctx)
		case <-sweep.C:
			h.sweep(ctx)
		}
	}
}

// retry deletes the records and makes the entries durable for which this failed before.
func (h *housekeeping) retry(ctx context.Context) {
	if err := h.retryDeletions(ctx); err != nil {
		h.book.report(fmt.Errorf("deleting the record of an ended session: %w", err))
	}
	// After the deletions, which keep an end for longer while they fail.
	if err := h.book.blacklist.Retry(ctx); err != nil {
		h.book.report(err)
	}
}

// sweep drops what is over.
func (h *housekeeping) sweep(ctx context.Context) {
	h.book.refusals.Sweep(h.book.now())
	h.book.mintTurns.sweep(h.book.now())
	if err := h.book.blacklist.Sweep(ctx); err != nil {
		h.book.report(err)
	}
	h.book.blacklist.revokedAt.sweep(h.book.blacklist.List)
}

// retryDeletions returns the first error.
func (h *housekeeping) retryDeletions(ctx context.Context) error {
	var first error
	for i := range h.book.stripes {
		for _, key := range h.book.stripes[i].undeletedKeys() {
			if err := h.retryDeletion(ctx, key); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

func (h *housekeeping) retryDeletion(ctx context.Context, key sessions.Key) error {
	c := begin(h.book, key)
	defer c.done()
	second, undeleted := c.stripe.undeleted[key]
	if !undeleted {
		return nil // learned again meanwhile
	}
	err := c.look(ctx, c.now())
	if err == nil && c.found.present && c.found.AuthTime <= second {
		err = c.order.erase(ctx, &c, second)
	}
	if err != nil {
		c.outlive(second)
		return err
	}
	delete(c.stripe.undeleted, key)
	return nil
}
