package redisstore

import (
	"maps"
	"slices"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// own keeps what this gateway has written to the log and not read from it yet. What it was told of, its caller puts in force,
// so that the follower need not be told. The zero value is ready for use.
type own struct {
	mu      sync.Mutex
	last    uint64 // the number of the last write
	running map[uint64]*running
	done    map[uint64]uint64            // the places of writes that were acknowledged, by their numbers
	recent  map[blacklist.Subject]recent // what acknowledged writes have made of their subjects
}

// running is a write that has no answer yet. Its place is 0 as long as it was not read.
type running struct{ place uint64 }

// recent is what a write that was acknowledged has made of a subject.
type recent struct {
	change change
	place  uint64
}

// begin returns the number of a write that begins. It must be ended.
func (o *own) begin() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running == nil {
		o.running, o.done, o.recent = make(map[uint64]*running), make(map[uint64]uint64), make(map[blacklist.Subject]recent)
	}
	o.last++
	o.running[o.last] = new(running)
	return o.last
}

// acknowledge ends a write that stands in the log at this place, and is acknowledged to its caller. The place is 0 if nothing
// had to be written.
func (o *own) acknowledge(number, place uint64, changes []change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	read := o.running[number].place > 0
	delete(o.running, number)
	if place == 0 {
		return
	}
	if !read {
		o.done[number] = place
	}
	for _, c := range changes {
		if o.recent[c.entry.Subject].place < place {
			o.recent[c.entry.Subject] = recent{c, place}
		}
	}
}

// fail notes that a write is not acknowledged. It may stand in the log all the same. If it was read there already, fail reports
// true: then the follower has not been told, and the write is not settled before drop is called.
func (o *own) fail(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running[number].place > 0 {
		return true
	}
	delete(o.running, number)
	return false
}

// drop ends a write that has failed.
func (o *own) drop(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.running, number)
}

// read notes that a write of this gateway was read from the log at this place. It reports whether the follower is to be told of it:
// it is not if it was or may yet be acknowledged.
func (o *own) read(number, place uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if running, found := o.running[number]; found {
		running.place = place
		return false
	}
	_, acknowledged := o.done[number]
	delete(o.done, number)
	return !acknowledged
}

// later returns what an acknowledged write has made of the subject if it stands in the log behind the place.
func (o *own) later(subject blacklist.Subject, place uint64) (recent, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, ok := o.recent[subject]
	return found, ok && found.place > place
}

// missed reports whether an acknowledged write up to the place was never read: the log has lost it.
func (o *own) missed(place uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range o.done {
		if at <= place {
			return true
		}
	}
	return false
}

// acknowledged returns the numbers of the acknowledged writes that were not read yet.
func (o *own) acknowledged() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.done))
}

// settle forgets these writes: this gateway and the server were compared since they were acknowledged.
func (o *own) settle(numbers []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, number := range numbers {
		delete(o.done, number)
	}
}

// forget forgets what has become of subjects up to the place. The follower has been told of all that stands before it.
func (o *own) forget(place uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.recent, func(_ blacklist.Subject, r recent) bool { return r.place <= place })
}

// places returns the places of acknowledged writes that were not read yet, in ascending order.
func (o *own) places() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Values(o.done))
}

// held returns the place up to which all is known if the log was read up to the given place: a write that was read and has no
// answer yet is not known.
func (o *own) held(place uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, running := range o.running {
		if running.place > 0 {
			place = min(place, running.place-1)
		}
	}
	return place
}
