package blacklisttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Journal is a journal in memory, for tests of what stands above a journal. It is as durable as its own value: a list
// that is opened on it again finds what was appended. It drops nothing by itself.
type Journal struct {
	mu      sync.Mutex
	entries map[blacklist.Subject]blacklist.Entry
	failure error
	writes  int
}

var _ blacklist.Journal = (*Journal)(nil)

// NewJournal returns an empty journal.
func NewJournal() *Journal { return &Journal{entries: make(map[blacklist.Subject]blacklist.Entry)} }

// Fail makes every method fail with an error that wraps [blacklist.ErrUnavailable] until it is called with false.
func (j *Journal) Fail(fail bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failure = nil
	if fail {
		j.failure = fmt.Errorf("%w: told to fail", blacklist.ErrUnavailable)
	}
}

// Entries returns a copy of what the journal holds, expired entries included.
func (j *Journal) Entries() map[blacklist.Subject]blacklist.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.entries)
}

// Writes returns how many entries were appended so far.
func (j *Journal) Writes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writes
}

// Load implements [blacklist.Journal].
func (j *Journal) Load(ctx context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	unlock, err := j.begin(ctx)
	if err != nil {
		return err
	}
	entries := slices.Collect(maps.Values(j.entries))
	unlock()
	for _, entry := range entries {
		if entry.Expired(now) {
			continue
		}
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

// Append implements [blacklist.Journal].
func (j *Journal) Append(ctx context.Context, entries ...blacklist.Entry) error {
	unlock, err := j.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, entry := range entries {
		if old, ok := j.entries[entry.Subject]; ok {
			entry = old.Merged(entry)
		}
		j.entries[entry.Subject] = entry
		j.writes++
	}
	return nil
}

// Remove implements [blacklist.Journal].
func (j *Journal) Remove(ctx context.Context, subjects ...blacklist.Subject) error {
	unlock, err := j.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, subject := range subjects {
		delete(j.entries, subject)
	}
	return nil
}

func (j *Journal) begin(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", blacklist.ErrUnavailable, err)
	}
	j.mu.Lock()
	if j.failure != nil {
		defer j.mu.Unlock()
		return nil, j.failure
	}
	return j.mu.Unlock, nil
}
