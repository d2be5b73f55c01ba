package redisstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// scanned is how many fields of a hash the server returns at once, about.
const scanned = 1000

// remote reads what the server has of the journal.
type remote struct {
	client *client
	note   func(latest string) // is called with the newest auth_time that the server knows of
}

// contents is what the server has of the journal.
type contents struct {
	live  map[blacklist.Subject]blacklist.Entry
	lifts map[blacklist.Subject]blacklist.Entry
}

// reading is what the server has answered.
type reading struct {
	last    uint64 // the last entry of the log, before the entries were read
	entries []entry
}

// contents reads all entries and lifts from the server. What is written meanwhile may be among them or not.
func (r remote) contents(ctx context.Context) (contents, error) {
	all := contents{live: make(map[blacklist.Subject]blacklist.Entry), lifts: make(map[blacklist.Subject]blacklist.Entry)}
	err := r.scan(ctx, r.client.keys.live(), func(subject, values string) error {
		entry, _, err := parseEntry(subject, values)
		all.live[entry.Subject] = entry
		return err
	})
	if err != nil {
		return all, err
	}
	return all, r.scan(ctx, r.client.keys.lifted(), func(subject, values string) error {
		lift, err := parseLift(subject, values)
		all.lifts[lift.Subject] = lift
		return err
	})
}

// scan calls yield with each field of a hash, perhaps more than once.
func (r remote) scan(ctx context.Context, key string, yield func(field, value string) error) error {
	cursor := uint64(0)
	for {
		part, err := r.client.do(ctx, func(b rueidis.Builder) rueidis.Completed {
			return b.Hscan().Key(key).Cursor(cursor).Count(scanned).Build()
		}).AsScanEntry()
		if err != nil {
			return err
		}
		for pair := range slices.Chunk(part.Elements, 2) {
			if len(pair) < 2 {
				return errAnswer
			}
			if err := yield(pair[0], pair[1]); err != nil {
				return err
			}
		}
		if cursor = part.Cursor; cursor == 0 {
			return nil
		}
	}
}

// read reads the log behind the cursor. It waits a little where there is nothing new.
func (r remote) read(ctx context.Context, server rueidis.DedicatedClient, cursor uint64) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTime+answerTime)
	defer cancel()
	names := r.client.keys
	answers := server.DoMulti(ctx,
		server.B().Get().Key(names.epoch()).Build(),
		server.B().Hmget().Key(names.facts()).Field("last", "latest").Build(),
		server.B().Xread().Count(readBatch).Block(blockTime.Milliseconds()).Streams().Key(names.log()).Id(idOf(cursor)).Build())
	var next reading
	epoch, err := answers[0].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return next, err
	}
	if epoch != r.client.joined() {
		return next, errOutOfStep
	}
	if next.last, err = r.factsOf(answers[1]); err != nil {
		return next, err
	}
	streams, err := answers[2].AsXRead()
	if rueidis.IsRedisNil(err) {
		return next, nil
	}
	if err != nil {
		return next, err
	}
	for _, item := range streams[names.log()] {
		parsed, err := parseLogEntry(item)
		if err != nil {
			return next, fmt.Errorf("reading the log: %w", err)
		}
		next.entries = append(next.entries, parsed)
	}
	return next, nil
}

// factsOf returns the place of the last entry of the log. It is 0 if there is none.
func (r remote) factsOf(answer rueidis.RedisResult) (uint64, error) {
	facts, err := answer.AsStrSlice()
	if err != nil {
		return 0, err
	}
	if len(facts) != 2 {
		return 0, errAnswer
	}
	r.note(facts[1])
	if facts[0] == "" {
		return 0, nil
	}
	return placeOf(facts[0])
}

// last returns the place of the last entry of the log.
func (r remote) last(ctx context.Context) (uint64, error) {
	names := r.client.keys
	var epoch string
	answers, err := r.client.doMulti(ctx, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Get().Key(names.epoch()).Build(), b.Hmget().Key(names.facts()).Field("last", "latest").Build()}
	})
	if err != nil {
		return 0, err
	}
	if epoch, err = answers[0].ToString(); err != nil && !rueidis.IsRedisNil(err) {
		return 0, err
	}
	if epoch != r.client.joined() {
		return 0, errOutOfStep
	}
	return r.factsOf(answers[1])
}

// parseLogEntry reads an entry of the log.
func parseLogEntry(item rueidis.XRangeEntry) (entry, error) {
	place, err := placeOf(item.ID)
	if err != nil {
		return entry{}, err
	}
	previous, err := placeOf(item.FieldValues["p"])
	if err != nil {
		return entry{}, err
	}
	parsed := entry{place: place, previous: previous, file: item.FieldValues["f"]}
	parsed.gateway, parsed.number = parseSignature(item.FieldValues["g"])
	parsed.changes, err = parseChanges(item.FieldValues["e"])
	return parsed, err
}
