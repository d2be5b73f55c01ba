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

// keepHouse retries and sweeps until ctx is done.
func (l *Ledger) keepHouse(ctx context.Context) {
	defer close(l.stopped)
	retry, sweep := time.NewTicker(retryEvery), time.NewTicker(sweepEvery)
	defer retry.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
			l.retry(ctx)
		case <-sweep.C:
			l.sweep(ctx)
		}
	}
}

// retry deletes the records and makes the entries durable for which this failed before.
func (l *Ledger) retry(ctx context.Context) {
	if err := l.retryDeletions(ctx); err != nil {
		l.report(fmt.Errorf("deleting the record of an ended session: %w", err))
	}
	// After the deletions, which keep an end for longer while they fail.
	if err := l.blacklist.Retry(ctx); err != nil {
		l.report(err)
	}
}

func (l *Ledger) sweep(ctx context.Context) {
	l.refusals.Sweep(l.now())
	if err := l.blacklist.Sweep(ctx); err != nil {
		l.report(err)
	}
	l.revokedAt.sweep(l.blacklist)
}

// retryDeletions returns the first error.
func (l *Ledger) retryDeletions(ctx context.Context) error {
	var first error
	for i := range l.stripes {
		for _, key := range l.stripes[i].undeletedKeys() {
			if err := l.retryDeletion(ctx, key); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

func (s *stripe) undeletedKeys() []sessions.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]sessions.Key, 0, len(s.undeleted))
	for key := range s.undeleted {
		keys = append(keys, key)
	}
	return keys
}

func (l *Ledger) retryDeletion(ctx context.Context, key sessions.Key) error {
	s := l.lock(key)
	defer s.mu.Unlock()
	second, undeleted := s.undeleted[key]
	if !undeleted {
		return nil // learned again meanwhile
	}
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err == nil && found.present && found.AuthTime <= second {
		_, err = l.store.Delete(ctx, key)
	}
	if err != nil {
		l.outlive(s, found, second, now)
		return err
	}
	delete(s.undeleted, key)
	return nil
}

// nextHours returns a time between one and two hours ahead. It changes once an hour, so that an end that must be kept is
// written no more often than that.
func nextHours(now time.Time) time.Time { return now.Truncate(time.Hour).Add(2 * time.Hour) }
