package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

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
	server, err := r.remote().contents(ctx)
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
	r.copy.rememberAll(server.lifts)
	if err := t.writeBack(ctx, difference); err != nil {
		return err
	}
	r.link.writes.Store(true)
	r.mine.settle(acknowledged)
	r.link.sync(now) // before the log is read for the first time, which may take a moment
	r.link.reads.Store(true)
	r.standing.trust(last)
	r.publish()
	t.tell()
	return nil
}

// writeBack tells the server what it has lost: lifts first.
func (t *tail) writeBack(ctx context.Context, difference comparison) error {
	w := t.replica.writer()
	for part := range slices.Chunk(difference.lifts, writeBatch) {
		if _, err := w.attempt(ctx, lifting(part, true), nil); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(difference.restore, writeBatch) {
		if _, err := w.attempt(ctx, writing("restore", part), nil); err != nil {
			return err
		}
	}
	for name, content := range t.replica.files() {
		if err := t.replica.restore(ctx, name, content); err != nil {
			return err
		}
	}
	return t.replica.beacon().beat(ctx) // with the newest auth_time
}
