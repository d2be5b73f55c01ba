package keyring

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// grace is how much longer than a token lives a key verifies that stopped signing. Until a gateway knows of the new key it
// signs with the old one: its clock may be 5 seconds behind, and its last reading of the file as long ago as a reading may
// be. It makes no token live longer.
const grace = 5*time.Second + readEvery

// plan is what a file amounts to at a moment, for one gateway. The zero value has no keys.
type plan struct {
	// keys verify; the first one signs, the others follow from the newest to the oldest.
	keys []entry
	// due reports whether a new key is to be made.
	due bool
	// next is when something changes by the clock alone. It is zero where nothing does.
	next time.Time
}

// planOf decides what a file amounts to.
//
//   - Of the keys of the gateway's algorithm that have begun and not stopped the newest signs; where there is none, of all
//     keys. Where no key has begun the first one to do so signs: better early than not at all.
//   - A key verifies from when it is published until the longest lived token that it may have signed is over.
//   - A new key is due a key delay before the newest one of the algorithm has signed for the time between two keys.
func planOf(f file, algorithm validator.Algorithm, rotateEvery, keyDelay time.Duration, now time.Time) plan {
	var result plan
	events := make([]time.Time, 0, 3*len(f.Keys)+1)
	result.keys = f.current(now)
	for _, key := range result.keys {
		events = append(events, key.SignsFrom)
		if stop, stops := f.stop(key); stops {
			events = append(events, stop, f.end(stop))
		}
	}
	if i := f.signing(result.keys, algorithm, now); i > 0 {
		signing := result.keys[i]
		result.keys = slices.Insert(slices.Delete(slices.Clone(result.keys), i, i+1), 0, signing)
	}
	due, known := f.due(algorithm, rotateEvery, keyDelay, now)
	result.due = !known || !now.Before(due)
	events = append(events, due)
	for _, event := range events {
		if event.After(now) && (result.next.IsZero() || event.Before(result.next)) {
			result.next = event
		}
	}
	return result
}

// current returns the keys that verify, the newest first.
func (f file) current(now time.Time) []entry {
	keys := slices.DeleteFunc(slices.Clone(f.Keys), func(key entry) bool {
		stop, stops := f.stop(key)
		return stops && !now.Before(f.end(stop))
	})
	slices.SortFunc(keys, func(a, b entry) int { return -compareAge(a, b) })
	return keys
}

// signing returns the place of the key that signs; the keys are sorted, the newest first.
func (f file) signing(keys []entry, algorithm validator.Algorithm, now time.Time) int {
	newest := -1
	for i, key := range keys {
		if key.SignsFrom.After(now) || f.hasStopped(key, now) {
			continue
		}
		if key.Algorithm == algorithm {
			return i
		}
		if newest < 0 {
			newest = i
		}
	}
	if newest < 0 {
		newest = len(keys) - 1
	}
	return newest
}

// stop returns when a key stops signing on every gateway: when the next key of its algorithm begins. A key of another
// algorithm stops it too, but only when it has signed for the longest time between two keys: gateways may disagree on the
// algorithm for a while, and each one rotates its own.
func (f file) stop(key entry) (at time.Time, stops bool) {
	for _, other := range f.Keys {
		if compareAge(other, key) <= 0 {
			continue
		}
		begin := other.SignsFrom
		if rotated := key.SignsFrom.Add(f.RotateEvery.duration()); other.Algorithm != key.Algorithm && begin.Before(rotated) {
			begin = rotated
		}
		if !stops || begin.Before(at) {
			at, stops = begin, true
		}
	}
	return at, stops
}

func (f file) hasStopped(key entry, now time.Time) bool {
	stop, stops := f.stop(key)
	return stops && !now.Before(stop)
}

// end returns when a key that stopped then verifies no more.
func (f file) end(stop time.Time) time.Time { return stop.Add(f.TokenLifetime.duration() + grace) }

// due returns when the next key of the algorithm is to be made; it is not known where there is no key of it.
func (f file) due(algorithm validator.Algorithm, rotateEvery, keyDelay time.Duration, now time.Time) (at time.Time, known bool) {
	for _, key := range f.Keys {
		if key.Algorithm != algorithm || f.hasStopped(key, now) {
			continue
		}
		if due := key.SignsFrom.Add(rotateEvery - keyDelay); !known || due.After(at) {
			at, known = due, true
		}
	}
	return at, known
}

// compareAge orders keys by when they begin to sign. Keys that begin at the same time are in some order all the same, the
// same one on every gateway.
func compareAge(a, b entry) int {
	return cmp.Or(a.SignsFrom.Compare(b.SignsFrom), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}
