package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// blockTime is how long the server waits for a new entry before it answers that there is none.
	blockTime = 100 * time.Millisecond
	// answerTime is how much longer an answer may take before the connection counts as lost.
	answerTime = time.Second
	// readBatch is how many entries are read at once.
	readBatch = 1000
)

// tail reads the log and tells the follower of it. It belongs to one goroutine.
type tail struct {
	replica  *replica
	follower storage.Follower
	told     bool // whether the follower has been told that there is a connection
	warned   bool // whether the log has been told that there is none
}

// entry is one entry of the log.
type entry struct {
	place, previous uint64
	gateway         string
	number          uint64
	changes         []change
	file            string // the name of a file that was stored, or ""
}

// placed is a change at its place in the log.
type placed struct {
	change
	place uint64
}

// reading is what the server has answered.
type reading struct {
	last    uint64 // the last entry of the log, before the entries were read
	entries []entry
}

// run reads the log until something fails. It reports whether anything was read.
func (t *tail) run(ctx context.Context) (read bool, err error) {
	server, release, err := t.replica.client.dedicate(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	defer context.AfterFunc(ctx, server.Close)()
	for ctx.Err() == nil {
		if _, trusted, _ := t.replica.standing.now(); !trusted {
			if err := t.reconcile(ctx); err != nil {
				return read, err
			}
		}
		if err := t.step(ctx, server); err != nil {
			return read, err
		}
		read = true
	}
	return read, ctx.Err()
}

// step reads what comes next, tells the follower of it, and goes on. Where the log does not go on from what was read before, the
// gateway and the server are to be compared.
func (t *tail) step(ctx context.Context, server rueidis.DedicatedClient) error {
	r := t.replica
	_, _, cursor := r.standing.now()
	sent := r.now()
	next, err := r.read(ctx, server, cursor)
	if isOutOfStep(err) {
		r.logger.Warn("the server was emptied or exchanged: it is told again what this gateway knows of revocations")
		r.distrust()
		return nil
	}
	if err == nil && !follows(cursor, next) {
		r.logger.Warn("the server's log does not go on from what this gateway has read, as it was away for long or the server has lost " +
			"something: both are compared")
		r.distrust()
		return nil
	}
	if err != nil {
		return err
	}
	if _, trusted, _ := r.standing.now(); !trusted {
		return nil // what was read would be told after what comes out of the comparison
	}
	if len(next.entries) > 0 {
		t.apply(next.entries)
		cursor = next.entries[len(next.entries)-1].place
		r.standing.advance(cursor)
		r.mine.forget(cursor)
	}
	if r.mine.missed(cursor) {
		r.distrust()
		return nil
	}
	r.publish()
	if cursor >= next.last {
		r.link.sync(sent)
	}
	r.link.reads.Store(true)
	t.tell()
	return nil
}

// follows reports whether the entries go on from the cursor without a gap.
func follows(cursor uint64, next reading) bool {
	if next.last < cursor || len(next.entries) == 0 && next.last != cursor {
		return false
	}
	for _, e := range next.entries {
		if e.previous != cursor {
			return false
		}
		cursor = e.place
	}
	return true
}

// apply tells the follower of the entries.
func (t *tail) apply(entries []entry) {
	var changes []placed
	var files []string
	for _, e := range entries {
		if e.gateway == t.replica.gateway.id && (e.number == 0 || !t.replica.mine.read(e.number, e.place)) {
			continue
		}
		changes = append(changes, e.placed()...)
		if e.file != "" {
			files = append(files, e.file)
		}
	}
	t.deliver(changes)
	for _, name := range files {
		t.follower.Stored(name)
	}
}

func (e entry) placed() []placed {
	changes := make([]placed, len(e.changes))
	for i, changed := range e.changes {
		changes[i] = placed{changed, e.place}
	}
	return changes
}

// deliver tells the follower of the changes, but for those that this gateway has overtaken itself. Then they are saved.
func (t *tail) deliver(changes []placed) {
	r := t.replica
	var told []storage.Change
	var kept []placed
	for _, changed := range changes {
		if t.isOvertaken(changed) {
			continue
		}
		kept = append(kept, changed)
		told = append(told, changed.told(changed.place))
	}
	if len(told) == 0 {
		return
	}
	t.follower.Apply(told)
	told = nil
	saved := make([]change, len(kept))
	for i, changed := range kept {
		saved[i] = changed.change
		// It may have been overtaken a moment ago, and have undone that.
		if own, overtaken := r.mine.later(changed.entry.Subject, changed.place); overtaken {
			told = append(told, own.change.told(own.place))
		}
	}
	if len(told) > 0 {
		t.follower.Apply(told)
	}
	r.copy.keep(saved)
}

// isOvertaken reports whether this gateway knows of something later about the subject.
func (t *tail) isOvertaken(changed placed) bool {
	if _, overtaken := t.replica.mine.later(changed.entry.Subject, changed.place); overtaken {
		return true
	}
	if changed.entry.At >= changed.place {
		return false
	}
	if !changed.lift {
		return t.replica.copy.wasLifted(changed.entry)
	}
	known, found, err := t.replica.copy.copy.Find(context.Background(), changed.entry.Subject)
	return err == nil && found && known.At > changed.entry.At
}

// tell tells the follower if the connection was lost or is back.
func (t *tail) tell() {
	state := t.replica.link.state()
	if state.Connected == t.told {
		return
	}
	t.told = state.Connected
	if t.warned && state.Connected {
		t.warned = false
		t.replica.logger.Info("this gateway is in step with the others again")
	}
	t.follower.Linked(state)
}

// lost notes that the connection has failed.
func (t *tail) lost(err error) {
	t.replica.link.reads.Store(false)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errTimeout
	}
	if !t.warned {
		t.warned = true
		t.replica.logger.Warn("this gateway has lost the server that it shares with others: it goes on with what it knows and can't revoke "+
			"or renew anything", zap.Error(reason(err)))
	}
	t.tell()
}

// read reads the log behind the cursor. It waits a little where there is nothing new.
func (r *replica) read(ctx context.Context, server rueidis.DedicatedClient, cursor uint64) (reading, error) {
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
func (r *replica) factsOf(answer rueidis.RedisResult) (uint64, error) {
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
func (r *replica) last(ctx context.Context) (uint64, error) {
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
