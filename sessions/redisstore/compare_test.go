package redisstore

import (
	"slices"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	subject := blacklist.TokenID("one")
	now := time.Unix(1_900_000_000, 0)
	type known struct{ second, hours, at int } // zero: nothing
	entryOf := func(k known) blacklist.Entry {
		return blacklist.Entry{
			Subject: subject, Second: int64(k.second), Expires: now.Add(time.Duration(k.hours) * time.Hour), At: uint64(k.at),
		}
	}
	for _, test := range []struct {
		name                 string
		local, live          known
		localLift, liveLift  int // places
		learn                []known
		learnsLift           bool
		restore, restoreLift bool
	}{
		{name: "nothing"},
		{name: "the same", local: known{5, 1, 10}, live: known{5, 1, 10}},
		{name: "new", live: known{5, 1, 10}, learn: []known{{5, 1, 10}}},
		{name: "new, and expired", live: known{5, 0, 10}},
		{name: "lost by the server", local: known{5, 1, 10}, restore: true},
		{name: "later on the server", local: known{5, 1, 10}, live: known{6, 1, 11}, learn: []known{{6, 1, 11}}},
		{name: "only its place is later", local: known{5, 1, 10}, live: known{5, 1, 11}, learn: []known{{5, 1, 11}}},
		{name: "weaker on the server", local: known{5, 2, 10}, live: known{5, 1, 10}, restore: true},
		{name: "each has something", local: known{5, 2, 10}, live: known{6, 1, 11}, learn: []known{{6, 2, 11}}, restore: true},
		{name: "lifted by another", local: known{5, 1, 10}, liveLift: 11, learnsLift: true},
		{
			name: "lifted by another and written anew", local: known{5, 2, 10}, liveLift: 11, live: known{3, 1, 12},
			learnsLift: true, learn: []known{{3, 1, 12}},
		},
		{name: "lifted by another before", local: known{5, 1, 12}, liveLift: 11, restore: true},
		{name: "a lift that the server has lost", localLift: 11, restoreLift: true},
		{name: "a lift that the server has lost, of an entry that came back", localLift: 11, live: known{5, 1, 10}, restoreLift: true},
		{
			name: "a lift that the server has lost, of an entry that was written since", localLift: 11, live: known{5, 1, 12},
			learn: []known{{5, 1, 12}}, restoreLift: true,
		},
		{name: "a lift that both know", localLift: 11, liveLift: 11},
		{name: "written after a lift that both know", localLift: 11, liveLift: 11, live: known{5, 1, 12}, learn: []known{{5, 1, 12}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			local := make(map[blacklist.Subject]blacklist.Entry)
			server := contents{live: make(map[blacklist.Subject]blacklist.Entry), lifts: make(map[blacklist.Subject]blacklist.Entry)}
			var lifts []blacklist.Entry
			if test.local != (known{}) {
				local[subject] = entryOf(test.local)
			}
			if test.live != (known{}) {
				server.live[subject] = entryOf(test.live)
			}
			if test.liveLift > 0 {
				server.lifts[subject] = entryOf(known{0, 5, test.liveLift})
			}
			if test.localLift > 0 {
				lifts = append(lifts, entryOf(known{0, 5, test.localLift}))
			}
			var learn []change
			if test.learnsLift {
				learn = append(learn, change{entry: server.lifts[subject], lift: true})
			}
			for _, k := range test.learn {
				learn = append(learn, change{entry: entryOf(k)})
			}
			got := compare(local, lifts, server, now)
			if !slices.Equal(got.learn, learn) {
				t.Errorf("the gateway learns %v, want %v", got.learn, learn)
			}
			if restored := len(got.restore) == 1 && got.restore[0] == local[subject]; restored != test.restore || len(got.restore) > 1 {
				t.Errorf("restored: %v", got.restore)
			}
			if len(got.lifts) == 1 != test.restoreLift {
				t.Errorf("restored lifts: %v", got.lifts)
			}
		})
	}
}

func TestFollows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		cursor  uint64
		last    uint64
		entries []entry
		want    bool
	}{
		{"nothing new", 10, 10, nil, true},
		{"one more", 10, 11, []entry{{place: 11, previous: 10}}, true},
		{"one that came while it was read", 10, 10, []entry{{place: 11, previous: 10}}, true},
		{"two more", 10, 12, []entry{{place: 11, previous: 10}, {place: 12, previous: 11}}, true},
		{"the first is missing", 10, 12, []entry{{place: 12, previous: 11}}, false},
		{"one between is missing", 10, 13, []entry{{place: 11, previous: 10}, {place: 13, previous: 12}}, false},
		{"all are missing", 10, 12, nil, false},
		{"the server has less", 10, 9, nil, false},
		{"the server has less, and something new", 10, 9, []entry{{place: 11, previous: 9}}, false},
		{"another entry in the place of the last one", 10, 11, []entry{{place: 11, previous: 9}}, false},
	} {
		if got := follows(test.cursor, reading{last: test.last, entries: test.entries}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestOwnWrites(t *testing.T) {
	t.Parallel()
	lift := change{entry: blacklist.Entry{Subject: blacklist.Lifted(), At: 10}, lift: true}
	var o own

	// Acknowledged, then read.
	first := o.begin()
	o.acknowledge(first, 10, []change{lift})
	if _, later := o.later(blacklist.Lifted(), 9); !later {
		t.Error("an acknowledged write does not overtake an earlier one")
	}
	if _, later := o.later(blacklist.Lifted(), 10); later {
		t.Error("an acknowledged write overtakes itself")
	}
	if !slices.Equal(o.places(), []uint64{10}) || o.missed(9) || !o.missed(10) {
		t.Errorf("places = %v, missed = %v, %v", o.places(), o.missed(9), o.missed(10))
	}
	if o.read(first, 10) || o.missed(10) || len(o.places()) != 0 {
		t.Error("the follower is told of an acknowledged write, or it counts as missed though it was read")
	}
	o.forget(10)
	if _, later := o.later(blacklist.Lifted(), 0); later {
		t.Error("what was forgotten is still known")
	}

	// Read, then acknowledged.
	second := o.begin()
	if o.read(second, 10) {
		t.Error("the follower is told of a write that may yet be acknowledged")
	}
	if o.held(12) != 9 {
		t.Errorf("held = %d while a write at 10 has no answer, want 9", o.held(12))
	}
	o.acknowledge(second, 10, []change{lift})
	if o.held(12) != 12 || o.missed(12) {
		t.Error("a write that was read and then acknowledged is not settled")
	}

	// Read, then failed.
	third := o.begin()
	o.read(third, 10)
	if !o.fail(third) || o.held(12) != 9 {
		t.Error("a write that was read and has failed is settled before the follower knows of it")
	}
	if o.drop(third); o.held(12) != 12 {
		t.Errorf("held = %d after the write was settled, want 12", o.held(12))
	}

	// Failed, then read.
	fourth := o.begin()
	if o.fail(fourth) {
		t.Error("a write that was not read counts as read")
	}
	if !o.read(fourth, 10) {
		t.Error("the follower is not told of a write that was not acknowledged")
	}
}
