package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

const (
	// writeBatch is how many entries one script writes. The server does nothing else meanwhile.
	writeBatch = 500
	// attempts is how often a write is tried where the gateway and the server turn out to be out of step.
	attempts = 3
	// liftRemembered is for how long a lift is remembered at least: no gateway that was cut off for less brings the entry back,
	// even if the server has lost it meanwhile.
	liftRemembered = 31 * 24 * time.Hour
)

// journal is the blacklist.SharedJournal of this gateway.
type journal struct {
	replica *replica
	gate    *gate
}

// Write implements [blacklist.SharedJournal].
func (j journal) Write(ctx context.Context, entries ...blacklist.Entry) ([]blacklist.Entry, error) {
	const doing = "writing to the blacklist's journal"
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return nil, unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer leave()
	results := make([]blacklist.Entry, 0, len(entries))
	for part := range slices.Chunk(entries, writeBatch) {
		written, err := j.replica.writer().write(ctx, writing("write", part))
		if err != nil {
			return nil, unavailable(blacklist.ErrUnavailable, doing, err)
		}
		results = append(results, written...)
	}
	return last(results), nil
}

// last returns the entries with the last one of each subject in the place of all of that subject.
func last(entries []blacklist.Entry) []blacklist.Entry {
	newest := make(map[blacklist.Subject]blacklist.Entry, len(entries))
	for _, entry := range entries {
		newest[entry.Subject] = entry
	}
	for i, entry := range entries {
		entries[i] = newest[entry.Subject]
	}
	return entries
}

// Append implements [blacklist.Journal].
func (j journal) Append(ctx context.Context, entries ...blacklist.Entry) error {
	_, err := j.Write(ctx, entries...)
	return err
}

// Prolong implements [blacklist.SharedJournal].
func (j journal) Prolong(ctx context.Context, entries ...blacklist.Entry) error {
	const doing = "prolonging entries in the blacklist's journal"
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer leave()
	for part := range slices.Chunk(entries, writeBatch) {
		known := slices.Clone(part)
		for i, entry := range known {
			found, err := j.replica.copy.find(ctx, entry.Subject)
			if err != nil {
				return unavailable(blacklist.ErrUnavailable, doing, err)
			}
			known[i].At = found.At // 0 if it was lifted since, or never written
		}
		if _, err := j.replica.writer().write(ctx, writing("prolong", known)); err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
	}
	return nil
}

// Remove implements [blacklist.Journal]: it lifts the entries on all gateways.
func (j journal) Remove(ctx context.Context, subjects ...blacklist.Subject) error {
	_, err := j.Lift(ctx, subjects...)
	return err
}

// Lift implements [blacklist.SharedJournal].
func (j journal) Lift(ctx context.Context, subjects ...blacklist.Subject) (at uint64, err error) {
	const doing = "removing from the blacklist's journal"
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return 0, unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer leave()
	for part := range slices.Chunk(subjects, writeBatch) {
		lifts := make([]blacklist.Entry, len(part))
		for i, subject := range part {
			found, err := j.replica.copy.find(ctx, subject)
			if err != nil {
				return 0, unavailable(blacklist.ErrUnavailable, doing, err)
			}
			lifts[i] = blacklist.Entry{Subject: subject, Expires: j.replica.now().Add(liftRemembered)}
			if found.Expires.After(lifts[i].Expires) {
				lifts[i].Expires = found.Expires
			}
		}
		lifted, err := j.replica.writer().write(ctx, lifting(lifts, false))
		if err != nil {
			return 0, unavailable(blacklist.ErrUnavailable, doing, err)
		}
		for _, lift := range lifted {
			at = max(at, lift.At)
		}
	}
	return at, nil
}

// Drop implements [blacklist.SharedJournal].
func (j journal) Drop(ctx context.Context, subjects ...blacklist.Subject) error {
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, "dropping entries of the blacklist", err)
	}
	defer leave()
	return j.replica.copy.copy.Remove(ctx, subjects...)
}

// Load implements [blacklist.Journal].
func (j journal) Load(ctx context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	const doing = "reading the blacklist's journal"
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer leave()
	local, err := j.replica.copy.entries(ctx, now)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, doing, err)
	}
	for _, entry := range j.merged(ctx, local, now) {
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

// merged returns what the copy and the server have, or what the copy has if the server does not answer in time.
func (j journal) merged(ctx context.Context, local map[blacklist.Subject]blacklist.Entry, now time.Time) map[blacklist.Subject]blacklist.Entry {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	server, err := j.replica.remote().contents(ctx)
	if err != nil {
		return local
	}
	for _, changed := range compare(local, j.replica.copy.rememberedLifts(now), server, now).learn {
		if changed.lift {
			delete(local, changed.entry.Subject)
		} else {
			local[changed.entry.Subject] = changed.entry
		}
	}
	return local
}
