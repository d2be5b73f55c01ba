package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// writer writes to the journal: on the server, and then in the copy.
type writer struct{ replica *replica }

// write makes a write durable on the server and in the copy. It tries again where the server turns out to have lost something,
// once it has been told.
func (w writer) write(ctx context.Context, op operation) ([]blacklist.Entry, error) {
	for attempt := 1; ; attempt++ {
		known, err := w.replica.inStep(ctx)
		if err != nil {
			return nil, err
		}
		entries, err := w.attempt(ctx, op, known)
		switch later, found := errors.AsType[*laterError](err); {
		case attempt == attempts:
			return entries, err
		case found:
			if err := w.readUpTo(ctx, later.place); err != nil {
				return nil, err
			}
		case isOutOfStep(err):
			w.replica.distrust()
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
func (w writer) readUpTo(ctx context.Context, place uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return w.replica.standing.wait(ctx, func(s *standing) bool { return !s.trusted || s.cursor >= place })
}

// isOutOfStep reports whether the gateway and the server must be compared.
func isOutOfStep(err error) bool {
	return errors.Is(err, errOutOfStep) || errors.Is(reason(err), errExchanged)
}

// attempt sends a write to the server, and saves what has become of it.
func (w writer) attempt(ctx context.Context, op operation, known []uint64) ([]blacklist.Entry, error) {
	number := w.replica.mine.begin()
	place, changes, err := w.send(ctx, op, number, known)
	if err == nil {
		if following, trusted, _ := w.replica.standing.now(); following && trusted || op.knows {
			err = w.replica.copy.save(ctx, changes...)
		} else {
			err = w.mergeIntoCopy(ctx, changes)
		}
	}
	if err != nil {
		if w.replica.mine.fail(number) { // what has become of the write comes out when the gateway and the server are compared
			w.replica.distrust()
			w.replica.mine.drop(number)
		}
		w.replica.publish()
		return nil, err
	}
	w.replica.mine.acknowledge(number, place, changes)
	if following, _, _ := w.replica.standing.now(); !following && place > 0 {
		w.replica.standing.advance(place)
		w.replica.mine.settle([]uint64{number})
		w.replica.mine.forget(place)
	}
	w.replica.publish()
	entries := make([]blacklist.Entry, len(changes))
	for i, changed := range changes {
		entries[i] = changed.entry
	}
	return entries, nil
}

// mergeIntoCopy saves the changes where the copy may hold more than the server.
func (w writer) mergeIntoCopy(ctx context.Context, changes []change) error {
	var entries []blacklist.Entry
	for _, changed := range changes {
		if changed.lift {
			return w.replica.copy.save(ctx, changes...)
		}
		entries = append(entries, changed.entry)
	}
	return w.replica.copy.copy.Append(ctx, entries...)
}

// send runs the script of a write. It returns the place of the write in the log, or 0 if there was nothing to write, and what
// has become of the subjects.
func (w writer) send(ctx context.Context, op operation, number uint64, known []uint64) (uint64, []change, error) {
	arguments := op.arguments(w.replica.client.joined(), signature(w.replica.gateway.id, number), known)
	answer, err := w.runDurably(ctx, op.script, arguments)
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

// runDurably runs a script that writes. If replicas of the server are to have the write as well, it waits for them.
func (w writer) runDurably(ctx context.Context, script *script, arguments []string) ([]string, error) {
	names := w.replica.client.keys.journal()
	if w.replica.replicas == 0 {
		return w.replica.client.run(ctx, script, names, arguments).AsStrSlice()
	}
	var answer []string
	err := w.replica.client.dedicated(ctx, func(ctx context.Context, server rueidis.DedicatedClient) error {
		var err error
		if answer, err = script.runInTime(ctx, &w.replica.client.clock, server, names, arguments).AsStrSlice(); err != nil {
			return err
		}
		limit := (w.replica.client.timeout / 2).Milliseconds()
		count, err := server.Do(ctx, server.B().Wait().Numreplicas(int64(w.replica.replicas)).Timeout(limit).Build()).AsInt64()
		if err == nil && count < int64(w.replica.replicas) {
			err = errReplicas
		}
		return err
	})
	return answer, err
}
