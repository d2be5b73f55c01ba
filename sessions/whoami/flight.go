package whoami

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// PanicError is returned by [Queue.Do] if the function that asks panics or ends its goroutine.
type PanicError struct {
	// Stack is the stack trace, for the log. It leaves out the value of the panic, which may hold secrets.
	Stack []byte
}

func (e *PanicError) Error() string { return "asking the application: panic" }

// flight is one question about a session, with the callers who wait for its answer. Result and err may be read when
// done is closed; everything else is guarded by the queue's mutex.
type flight[T any] struct {
	key     sessions.Key
	known   bool
	running bool
	callers []*caller[T]

	done   chan struct{}
	result T
	err    error
}

// caller is one call of [Queue.Do].
type caller[T any] struct {
	network    netip.Prefix
	ask        func(release func()) T
	known      bool
	crowd      int // how many sessions of the client wait because it has as many questions as it may have
	turnedAway chan struct{}
}

// admits reports whether the limits let a question run now. Call it with the mutex held.
func (q *Queue[T]) admits(flight *flight[T]) bool {
	network := flight.callers[0].network
	return q.running < q.limits.Concurrent &&
		(flight.known || q.unknown < q.limits.unknown()) &&
		(!network.IsValid() || q.clients[network] < q.limits.PerClient)
}

// crowdOf returns how many sessions wait with one more of this client, if as many of its questions run as may. Otherwise, and
// for far fewer than are a [Crowd], it returns 0. Call it with the mutex held.
func (q *Queue[T]) crowdOf(network netip.Prefix) int {
	if !network.IsValid() || len(q.waiting)+1 < Crowd || q.clients[network] < q.limits.PerClient {
		return 0
	}
	waiting := 1
	for _, flight := range q.waiting {
		if flight.callers[0].network == network {
			waiting++
		}
	}
	return waiting
}

// start takes a slot and asks. Call it with the mutex held.
func (q *Queue[T]) start(flight *flight[T]) {
	first := flight.callers[0]
	q.callers = without(q.callers, first)
	flight.running = true
	q.running++
	q.clients[first.network]++
	if !flight.known {
		q.unknown++
	}
	known := flight.known
	go q.run(flight, first.ask, sync.OnceFunc(func() { q.free(first.network, known) }))
}

// free gives a slot back, and on to whoever it admits.
func (q *Queue[T]) free(network netip.Prefix, known bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.running--
	if q.clients[network]--; q.clients[network] == 0 {
		delete(q.clients, network)
	}
	if !known {
		q.unknown--
	}
	q.advance()
}

// advance starts questions in the queue until the limits admit none of those that are left. Call it with the mutex held.
func (q *Queue[T]) advance() {
	for {
		next := q.next()
		if next < 0 {
			break
		}
		flight := q.waiting[next]
		q.waiting = slices.Delete(q.waiting, next, next+1)
		q.turns.take(flight.callers[0].network)
		q.start(flight)
	}
	q.forgetTurns()
}

// next returns the place in the queue of the question whose turn it is, or -1 where the limits admit none. Call it with the
// mutex held.
func (q *Queue[T]) next() int {
	next, earliest := -1, uint64(0)
	if q.running >= q.limits.Concurrent {
		return next
	}
	for i, flight := range q.waiting {
		if !q.admits(flight) {
			continue
		}
		if turn := q.turns.join(flight.callers[0].network); next < 0 || turn < earliest {
			next, earliest = i, turn
		}
	}
	return next
}

// forgetTurns drops the turns of clients that wait no more, once nobody waits or there are many turns. Call it with the mutex
// held.
func (q *Queue[T]) forgetTurns() {
	switch {
	case len(q.waiting) == 0:
		q.turns.of = nil
		return
	case len(q.turns.of) <= 2*q.limits.Waiting:
		return
	}
	waiting := make(map[netip.Prefix]uint64, len(q.waiting))
	for _, flight := range q.waiting {
		network := flight.callers[0].network
		waiting[network] = q.turns.join(network)
	}
	q.turns.of = waiting
}

func (q *Queue[T]) run(flight *flight[T], ask func(release func()) T, release func()) {
	returned := false
	defer func() {
		if !returned {
			// Also where ask ended the goroutine instead of panicking.
			_ = recover()
			release()
			flight.err = &PanicError{Stack: debug.Stack()}
		}
		q.mutex.Lock()
		if q.flights[flight.key] == flight {
			delete(q.flights, flight.key)
		}
		q.mutex.Unlock()
		close(flight.done)
	}()
	flight.result = ask(release)
	returned = true
}

// makeRoom reports whether one more caller may wait. It turns another one away for it if need be. Call it with the mutex
// held.
func (q *Queue[T]) makeRoom(known bool, newcomer *caller[T]) bool {
	if len(q.callers) < q.limits.Waiting {
		return true
	}
	waiting := make(map[netip.Prefix]int)
	for _, waiter := range q.callers {
		waiting[waiter.network]++
	}
	var victim *caller[T]
	for _, waiter := range slices.Backward(q.callers) {
		if !waiter.known && (victim == nil || waiting[waiter.network] > waiting[victim.network]) {
			victim = waiter
		}
	}
	if victim == nil || !known && waiting[victim.network] <= waiting[newcomer.network]+1 {
		return false
	}
	q.callers = without(q.callers, victim)
	close(victim.turnedAway)
	return true
}
