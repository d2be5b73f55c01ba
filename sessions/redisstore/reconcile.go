package redisstore

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// scanned is how many fields of a hash the server returns at once, about.
const scanned = 1000

// contents is what the server has of the journal.
type contents struct {
	live  map[blacklist.Subject]blacklist.Entry
	lifts map[blacklist.Subject]blacklist.Entry
}

// join joins the server's store, or begins one. It returns the place of the last write. All writes after it have later places
// than any that this gateway knows.
func (r *replica) join(ctx context.Context, known map[blacklist.Subject]blacklist.Entry) (uint64, error) {
	floor := max(r.position(), 1)
	for _, entry := range known {
		floor = max(floor, entry.At)
	}
	for _, place := range r.mine.places() {
		floor = max(floor, place)
	}
	answer, err := r.client.run(ctx, joinScript, r.client.keys.journal(),
		[]string{rand.Text(), signature(r.gateway.id, 0), idOf(floor)}).AsStrSlice()
	if err != nil {
		return 0, err
	}
	if len(answer) != 2 {
		return 0, errAnswer
	}
	last, err := placeOf(answer[1])
	if err != nil {
		return 0, err
	}
	r.client.join(answer[0])
	return last, nil
}

// contents reads all entries and lifts from the server. What is written meanwhile may be among them or not.
func (r *replica) contents(ctx context.Context) (contents, error) {
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
func (r *replica) scan(ctx context.Context, key string, yield func(field, value string) error) error {
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

// comparison is what is to be done so that a gateway and the server know the same.
type comparison struct {
	learn   []change          // what the gateway is to be told, lifts first
	restore []blacklist.Entry // what the server has lost
	lifts   []blacklist.Entry // the lifts that the server has lost
}

// compare compares what a gateway knows with what the server has.
func compare(local map[blacklist.Subject]blacklist.Entry, lifts []blacklist.Entry, server contents, now time.Time) comparison {
	var c comparison
	for _, lift := range lifts {
		if server.lifts[lift.Subject].At < lift.At {
			c.lifts = append(c.lifts, lift)
		}
	}
	lost := make(map[blacklist.Subject]uint64, len(c.lifts))
	for _, lift := range c.lifts {
		lost[lift.Subject] = lift.At
	}
	for subject, entry := range local {
		if lift, found := server.lifts[subject]; found && lift.At > entry.At {
			c.learn = append(c.learn, change{entry: lift, lift: true})
			continue
		}
		live, found := server.live[subject]
		if !found || !entry.Merged(live).Equal(live) {
			c.restore = append(c.restore, entry)
		}
	}
	for subject, live := range server.live {
		if live.Expired(now) || lost[subject] > live.At {
			continue
		}
		known, found := local[subject]
		if found && server.lifts[subject].At <= known.At {
			if merged := known.Merged(live); !merged.Equal(known) || merged.At != known.At {
				c.learn = append(c.learn, change{entry: merged})
			}
			continue
		}
		c.learn = append(c.learn, change{entry: live})
	}
	return c
}

// reconcile makes this gateway and the server know the same: the follower is told what is new, and the server what it has lost.
// Afterwards the log is read from where it ended before.
func (t *tail) reconcile(ctx context.Context) error {
	r := t.replica
	now := r.now()
	acknowledged := r.mine.acknowledged() // first: these are in the copy
	local, err := r.copy.entries(ctx, now)
	if err != nil {
		return err
	}
	last, err := r.join(ctx, local)
	if err != nil {
		return err
	}
	server, err := r.contents(ctx)
	if err != nil {
		return err
	}
	difference := compare(local, r.copy.rememberedLifts(now), server, now)
	for part := range slices.Chunk(difference.learn, saveBatch) {
		placed := make([]placed, len(part))
		for i, changed := range part {
			placed[i].change, placed[i].place = changed, last
		}
		t.deliver(placed)
	}
	r.remember(server.lifts)
	if err := r.writeBack(ctx, difference); err != nil {
		return err
	}
	r.link.writes.Store(true)
	r.mine.settle(acknowledged)
	r.standing.trust(last)
	r.publish()
	return nil
}

// remember keeps the server's lifts, so that they can be written back should it lose them.
func (r *replica) remember(lifts map[blacklist.Subject]blacklist.Entry) {
	r.copy.order.Lock()
	defer r.copy.order.Unlock()
	for _, lift := range lifts {
		r.copy.remember(lift)
	}
}

// writeBack tells the server what it has lost: lifts first.
func (r *replica) writeBack(ctx context.Context, difference comparison) error {
	for part := range slices.Chunk(difference.lifts, writeBatch) {
		if _, err := r.attempt(ctx, lifting(part, true), nil); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(difference.restore, writeBatch) {
		if _, err := r.attempt(ctx, writing("restore", part), nil); err != nil {
			return err
		}
	}
	for name, content := range r.files() {
		if err := r.restore(ctx, name, content); err != nil {
			return err
		}
	}
	return r.beat(ctx) // with the newest auth_time
}

// note remembers the newest auth_time that the server knows of.
func (r *replica) note(latest string) {
	second, err := strconv.ParseInt(latest, 10, 64)
	for err == nil {
		old := r.latest.Load()
		if second <= old || r.latest.CompareAndSwap(old, second) {
			return
		}
	}
}
