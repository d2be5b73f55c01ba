package whoami

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// PanicError is returned by [Desk.Do] where the function that asks did not return.
type PanicError struct {
	// Stack is where, for the log. What the panic said may hold secrets and is left out.
	Stack []byte
}

func (e *PanicError) Error() string { return "asking the application: panic" }

// flight is one question about a session, with the callers who wait for its answer. Result and err may be read when
// done is closed; everything else is guarded by the desk's mutex.
type flight[T any] struct {
	key     sessions.Key
	known   bool
	running bool
	callers []*caller[T]

	done   chan struct{}
	result T
	err    error
}

// caller is one call of [Desk.Do].
type caller[T any] struct {
	network    netip.Prefix
	ask        func(release func()) T
	known      bool
	turnedAway chan struct{}
}

// admits says whether the limits let a question run now. Call it with the mutex held.
func (d *Desk[T]) admits(flight *flight[T]) bool {
	network := flight.callers[0].network
	return d.running < d.limits.Concurrent &&
		(flight.known || d.unknown < d.limits.unknown()) &&
		(!network.IsValid() || d.clients[network] < d.limits.PerClient)
}

// start takes a slot and asks. Call it with the mutex held.
func (d *Desk[T]) start(flight *flight[T]) {
	first := flight.callers[0]
	d.room = without(d.room, first)
	flight.running = true
	d.running++
	d.clients[first.network]++
	if !flight.known {
		d.unknown++
	}
	known := flight.known
	go d.run(flight, first.ask, sync.OnceFunc(func() { d.free(first.network, known) }))
}

// free gives a slot back, and on to whoever it admits.
func (d *Desk[T]) free(network netip.Prefix, known bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.running--
	if d.clients[network]--; d.clients[network] == 0 {
		delete(d.clients, network)
	}
	if !known {
		d.unknown--
	}
	d.advance()
}

// advance starts questions in the queue until the limits admit none of those that are left. Call it with the mutex held.
func (d *Desk[T]) advance() {
	for {
		next := d.next()
		if next < 0 {
			break
		}
		flight := d.queue[next]
		d.queue = slices.Delete(d.queue, next, next+1)
		d.turns.take(flight.callers[0].network)
		d.start(flight)
	}
	d.forgetTurns()
}

// next returns the place in the queue of the question whose turn it is, or -1 where the limits admit none. Call it with the
// mutex held.
func (d *Desk[T]) next() int {
	next, earliest := -1, uint64(0)
	if d.running >= d.limits.Concurrent {
		return next
	}
	for i, flight := range d.queue {
		if !d.admits(flight) {
			continue
		}
		if turn := d.turns.join(flight.callers[0].network); next < 0 || turn < earliest {
			next, earliest = i, turn
		}
	}
	return next
}

// forgetTurns drops the turns of clients that wait no more, once nobody waits or there are many turns. Call it with the mutex
// held.
func (d *Desk[T]) forgetTurns() {
	switch {
	case len(d.queue) == 0:
		d.turns.of = nil
		return
	case len(d.turns.of) <= 2*d.limits.Waiting:
		return
	}
	waiting := make(map[netip.Prefix]uint64, len(d.queue))
	for _, flight := range d.queue {
		network := flight.callers[0].network
		waiting[network] = d.turns.join(network)
	}
	d.turns.of = waiting
}

func (d *Desk[T]) run(flight *flight[T], ask func(release func()) T, release func()) {
	returned := false
	defer func() {
		if !returned {
			// Also where ask ended the goroutine instead of panicking.
			_ = recover()
			release()
			flight.err = &PanicError{Stack: debug.Stack()}
		}
		d.mutex.Lock()
		if d.flights[flight.key] == flight {
			delete(d.flights, flight.key)
		}
		d.mutex.Unlock()
		close(flight.done)
	}()
	flight.result = ask(release)
	returned = true
}

// makeRoom says whether one more caller may wait, turning another one away for it if need be. Call it with the mutex
// held.
func (d *Desk[T]) makeRoom(known bool, newcomer *caller[T]) bool {
	if len(d.room) < d.limits.Waiting {
		return true
	}
	waiting := make(map[netip.Prefix]int)
	for _, waiter := range d.room {
		waiting[waiter.network]++
	}
	var victim *caller[T]
	for _, waiter := range slices.Backward(d.room) {
		if !waiter.known && (victim == nil || waiting[waiter.network] > waiting[victim.network]) {
			victim = waiter
		}
	}
	if victim == nil || !known && waiting[victim.network] <= waiting[newcomer.network]+1 {
		return false
	}
	d.room = without(d.room, victim)
	close(victim.turnedAway)
	return true
}
