package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

// EndsRole is the role of the child that revokes while many ends are in force.
const EndsRole = "ends"

// endsFound is what the child has measured.
type endsFound struct {
	// RevokeUser and Flush are how long a call takes while nobody writes. Writer is the longest that another writer waits for such
	// calls.
	RevokeUser, Flush, Writer time.Duration
}

// MeasureEnds is the role.
func MeasureEnds(spec blacklistSpec) (found endsFound, err error) {
	ctx := context.Background()
	now := time.Now()
	if err := seed.Revoke(ctx, spec.Dir, seed.Ends(spec.Revoked, now, now.Add(revokedFor))); err != nil {
		return found, err
	}
	db, err := badgerstore.Open(spec.Dir, zap.NewNop())
	if err != nil {
		return found, err
	}
	l, err := ledger.Open(ctx, db, ledger.Options{})
	if err != nil {
		return found, errors.Join(err, db.Close())
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if found.RevokeUser, found.Flush, err = revoke(ctx, l, "quiet"); err != nil {
		return found, err
	}
	added := 0
	writer := watch(true, func() error {
		added++
		name := fmt.Sprint("writer-", added%1000)
		_, err := l.Add(ctx, keyOf(name), ledger.Identity{User: name}, lives)
		return err
	})
	_, _, err = revoke(ctx, l, "busy")
	waits, writeErr := writer.stop()
	found.Writer = waits.longest()
	return found, errors.Join(err, writeErr)
}

// revoke revokes users and flushes, and returns how long each takes.
func revoke(ctx context.Context, l *ledger.Ledger, name string) (user, flush time.Duration, err error) {
	const times = 15
	var users, flushes []time.Duration
	for i := range times {
		began := time.Now()
		if err := l.RevokeUser(ctx, seed.Realm, fmt.Sprint(name, "-", i)); err != nil {
			return 0, 0, err
		}
		users, began = append(users, time.Since(began)), time.Now()
		if err := l.Flush(ctx, "blog"); err != nil {
			return 0, 0, err
		}
		flushes = append(flushes, time.Since(began))
	}
	return report.Median(users), report.Median(flushes), nil
}
