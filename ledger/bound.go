package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// MaxRecords is the greatest number of records that a user has in a realm. Many ids may stand for one session: an
// application that decodes its cookie accepts every spelling of it, and each spelling has a record.
const MaxRecords = 100

// bound drops the oldest records of the user whose session was opened just now, until he has no more than [MaxRecords].
// A session that the application owns goes on without its record; one that was opened through the gateway has ended. bound
// is called without any lock.
//
// If bound fails, the session is open all the same, and the next one tries again.
func (b *book) bound(ctx context.Context, opened sessions.Session) {
	now := b.now()
	count := b.recordCounts.of(realmUser{opened.Realm, opened.User})
	writes, isWithin := count.wrote(now, b.maxRecords)
	if isWithin && b.company.knowsAll() { // nobody else has written more
		return
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	kept, err := b.dropOldest(ctx, opened, now)
	if err != nil {
		b.report(fmt.Errorf("dropping the oldest records of a user: %w", err))
		return
	}
	count.list(kept, writes, now)
}

// dropOldest returns how many records are left.
func (b *book) dropOldest(ctx context.Context, opened sessions.Session, now time.Time) (kept int, err error) {
	query := sessions.Query{Realm: opened.Realm, User: opened.User, Limit: b.maxRecords + 1}
	var records []sessions.Session
	for {
		page, err := b.store.List(ctx, query, now)
		if err != nil {
			return 0, err
		}
		records = append(records, page.Sessions...)
		if !page.More {
			break
		}
		query.After = records[len(records)-1].Hash
	}
	dropped := excess(records, opened.Key, b.maxRecords)
	for _, old := range dropped {
		if err := b.drop(ctx, old); err != nil {
			return 0, err
		}
	}
	return len(records) - len(dropped), nil
}

// surplus is a record that is to be dropped.
type surplus struct {
	sessions.Session

	// replaced reports whether the application has replaced the id of the record, so that the session goes on without it.
	replaced bool
}

// excess returns the records beyond the bound. The records of replaced ids come first, by their expiry, and then those of
// the sessions that were seen longest ago. The record that was opened just now is never among them. Some more replaced ids are
// returned with them, so that the records need not be listed with each answer of an application that replaces ids all the time.
func excess(records []sessions.Session, opened sessions.Key, bound int) []surplus {
	if len(records) <= bound {
		return nil
	}
	newest := make(map[Lineage]sessions.Session)
	for _, record := range records {
		if of := lineageOf(record); record.Rolling && !record.Expires.Before(newest[of].Expires) {
			newest[of] = record
		}
	}
	oldest := make([]surplus, 0, len(records))
	for _, record := range records {
		if record.Key != opened {
			replaced := record.Rolling && newest[lineageOf(record)].Key != record.Key
			oldest = append(oldest, surplus{record, replaced})
		}
	}
	slices.SortFunc(oldest, func(a, b surplus) int {
		switch {
		case a.replaced != b.replaced && a.replaced:
			return -1
		case a.replaced != b.replaced:
			return 1
		case a.replaced:
			return cmp.Or(a.Expires.Compare(b.Expires), slices.Compare(a.Hash[:], b.Hash[:]))
		default:
			return cmp.Or(a.Seen.Compare(b.Seen), a.Expires.Compare(b.Expires), slices.Compare(a.Hash[:], b.Hash[:]))
		}
	})
	beyond := min(len(records)-bound, len(oldest))
	for spare := bound / 10; spare > 0 && beyond < len(oldest) && oldest[beyond].replaced; spare-- {
		beyond++
	}
	return oldest[:beyond]
}

// drop drops a record, unless it is in use again or belongs to another user by now.
func (b *book) drop(ctx context.Context, old surplus) error {
	ended, err := b.dropRecord(ctx, old)
	return b.persistEnd(ctx, ended, err)
}

func (b *book) dropRecord(ctx context.Context, old surplus) (ended []blacklist.Subject, err error) {
	c := begin(b, old.Key)
	defer c.done()
	if err := c.look(ctx, b.now()); err != nil {
		return nil, err
	}
	found := &c.found
	if !found.present || lineageOf(found.Session) != lineageOf(old.Session) || !found.Seen.Equal(old.Seen) {
		return nil, nil
	}
	if found.Source == sessions.Added && !found.ended && !old.replaced {
		return c.end(ctx, nil, Lineage{})
	}
	_, err = b.store.Delete(ctx, old.Key)
	return nil, err
}
