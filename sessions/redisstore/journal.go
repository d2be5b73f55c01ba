package redisstore

import (
	"context"
	"errors"
	"fmt"
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
		written, err := j.replica.write(ctx, writing("write", part))
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
			found, _, err := j.replica.copy.copy.Find(ctx, entry.Subject)
			if err != nil {
				return unavailable(blacklist.ErrUnavailable, doing, err)
			}
			known[i].At = found.At // 0 if it was lifted since, or never written
		}
		if _, err := j.replica.write(ctx, writing("prolong", known)); err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
	}
	return nil
}

// Remove implements [blacklist.Journal]: it lifts the entries on all gateways.
func (j journal) Remove(ctx context.Context, subjects ...blacklist.Subject) error {
	const doing = "removing from the blacklist's journal"
	ctx, leave, err := j.gate.enter(ctx)
	if err != nil {
		return unavailable(blacklist.ErrUnavailable, doing, err)
	}
	defer leave()
	for part := range slices.Chunk(subjects, writeBatch) {
		lifts := make([]blacklist.Entry, len(part))
		for i, subject := range part {
			found, _, err := j.replica.copy.copy.Find(ctx, subject)
			if err != nil {
				return unavailable(blacklist.ErrUnavailable, doing, err)
			}
			lifts[i] = blacklist.Entry{Subject: subject, Expires: j.replica.now().Add(liftRemembered)}
			if found.Expires.After(lifts[i].Expires) {
				lifts[i].Expires = found.Expires
			}
		}
		if _, err := j.replica.write(ctx, lifting(lifts, false)); err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
	}
	return nil
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
	for _, entry := range j.replica.merged(ctx, local, now) {
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

// merged returns what the copy and the server have, or what the copy has if the server does not answer in time.
func (r *replica) merged(ctx context.Context, local map[blacklist.Subject]blacklist.Entry, now time.Time) map[blacklist.Subject]blacklist.Entry {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	server, err := r.contents(ctx)
	if err != nil {
		return local
	}
	for _, changed := range compare(local, r.copy.rememberedLifts(now), server, now).learn {
		if changed.lift {
			delete(local, changed.entry.Subject)
		} else {
			local[changed.entry.Subject] = changed.entry
		}
	}
	return local
}

// write makes a write durable on the server and in the copy. It tries again where the server turns out to have lost something,
// once it has been told.
func (r *replica) write(ctx context.Context, op operation) ([]blacklist.Entry, error) {
	for attempt := 1; ; attempt++ {
		known, err := r.inStep(ctx)
		if err != nil {
			return nil, err
		}
		entries, err := r.attempt(ctx, op, known)
		switch later, found := errors.AsType[*laterError](err); {
		case attempt == attempts:
			return entries, err
		case found:
			if err := r.readUpTo(ctx, later.place); err != nil {
				return nil, err
			}
		case isOutOfStep(err):
			r.distrust()
		default:
			return entries, err
		}
	}
}

// laterError is the error of a write before which the gateway must read the log up to a place.
type laterError struct{ place uint64 }

func (*laterError) Error() string {
	return "another gateway has written about the same at the same time: try again"
}

// readUpTo waits until the follower knows all writes up to the place, or the gateway and the server are to be compared.
func (r *replica) readUpTo(ctx context.Context, place uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.standing.wait(ctx, func(s *standing) bool { return !s.trusted || s.cursor >= place })
}

// isOutOfStep reports whether the gateway and the server must be compared.
func isOutOfStep(err error) bool {
	return errors.Is(err, errOutOfStep) || errors.Is(reason(err), errExchanged)
}

// attempt sends a write to the server, and saves what has become of it.
func (r *replica) attempt(ctx context.Context, op operation, known []uint64) ([]blacklist.Entry, error) {
	number := r.mine.begin()
	place, changes, err := r.send(ctx, op, number, known)
	if err == nil {
		if following, trusted, _ := r.standing.now(); following && trusted || op.knows {
			err = r.copy.save(ctx, changes...)
		} else {
			err = r.mergeIntoCopy(ctx, changes)
		}
	}
	if err != nil {
		if r.mine.fail(number) { // what has become of the write comes out when the gateway and the server are compared
			r.distrust()
			r.mine.drop(number)
		}
		r.publish()
		return nil, err
	}
	r.mine.acknowledge(number, place, changes)
	if following, _, _ := r.standing.now(); !following && place > 0 {
		r.standing.advance(place)
		r.mine.settle([]uint64{number})
		r.mine.forget(place)
	}
	r.publish()
	entries := make([]blacklist.Entry, len(changes))
	for i, changed := range changes {
		entries[i] = changed.entry
	}
	return entries, nil
}

// mergeIntoCopy saves the changes where the copy may hold more than the server.
func (r *replica) mergeIntoCopy(ctx context.Context, changes []change) error {
	var entries []blacklist.Entry
	for _, changed := range changes {
		if changed.lift {
			return r.copy.save(ctx, changes...)
		}
		entries = append(entries, changed.entry)
	}
	return r.copy.copy.Append(ctx, entries...)
}

// send runs the script of a write. It returns the place of the write in the log, or 0 if there was nothing to write, and what
// has become of the subjects.
func (r *replica) send(ctx context.Context, op operation, number uint64, known []uint64) (uint64, []change, error) {
	arguments := op.arguments(r.client.joined(), signature(r.gateway.id, number), known)
	answer, err := r.runDurably(ctx, op.script, arguments)
	if err != nil {
		return 0, nil, err
	}
	if len(answer) == 1 && answer[0] == answerBehind {
		return 0, nil, errOutOfStep
	}
	if len(answer) < 2 || answer[0] != answerWritten && answer[0] != answerLater {
		return 0, nil, errAnswer
	}
	place, err := placeOf(answer[1])
	if err != nil {
		return 0, nil, err
	}
	if answer[0] == answerLater {
		return 0, nil, &laterError{place}
	}
	changes, err := op.outcome(place, answer[2:])
	if err != nil {
		return 0, nil, fmt.Errorf("reading the answer of a write: %w", err)
	}
	return place, changes, nil
}
