package whoami

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrBusy is returned by [Desk.Do] where a question was not asked: too many wait already, its turn did not come in
// time, or it had to make room.
var ErrBusy = errors.New("asking the application: too many questions at a time")

// Limits bound how many questions there are at a time.
type Limits struct {
	// Concurrent is how many questions run at a time. Questions about sessions that are not known take at most half of
	// them, but may always take one.
	Concurrent int
	// PerClient is how many of them one client address may have running.
	PerClient int
	// Waiting is how many callers may wait at a time, for a slot or for an answer that another caller asked for.
	Waiting int
	// Timeout is how long each waits for a slot.
	Timeout time.Duration
}

// DefaultLimits are the ones that hold unless the configuration says otherwise.
func DefaultLimits() Limits {
	return Limits{Concurrent: 8, PerClient: 2, Waiting: 1024, Timeout: DefaultTimeout}
}

// unknown is how many questions about sessions that are not known may run.
func (l Limits) unknown() int { return max(1, l.Concurrent/2) }

// Query says what a question is about.
type Query struct {
	// Key is the session. There is one question at a time about each.
	Key sessions.Key
	// Known says that the gateway knows the session already and asks again.
	Known bool
	// Client is the address of the client, with a port or without. Clients without an address are not bounded one by
	// one.
	Client string
}

// Desk sees to it that the application is not flooded with questions, however many requests need an answer: one at a
// time about each session, whose answer all callers get, and no more than the limits say about all of them.
//
// The turn goes round from client to client: a slot goes to the client whose last turn is longest ago among those that the
// limits admit, and there to the caller who has waited longest. When no more may wait, room is
// made by turning away who waits since most recently for a session that is not known: for a caller with a known
// session, or else among the callers of a client that has more of them than the newcomer's. So neither random session
// ids nor one client keep others out.
//
// Make one with [NewDesk]; safe for concurrent use. It starts no goroutine but those that ask.
type Desk[T any] struct {
	limits Limits

	mutex   sync.Mutex
	flights map[sessions.Key]*flight[T] // the question that callers about a session join
	queue   []*flight[T]                // those that wait for a slot, in order
	turns   turns                       // of the clients in the queue
	room    []*caller[T]                // the callers who wait, in order
	running int
	unknown int
	clients map[netip.Prefix]int // running questions
}

// NewDesk makes a desk. Limits below one are errors: nobody could ever ask.
func NewDesk[T any](limits Limits) (*Desk[T], error) {
	if limits.Concurrent < 1 || limits.PerClient < 1 || limits.Waiting < 1 || limits.Timeout <= 0 {
		return nil, fmt.Errorf("limiting questions: want at least 1 of each kind and a timeout over 0, got %+v", limits)
	}
	return &Desk[T]{
		limits:  limits,
		flights: make(map[sessions.Key]*flight[T]),
		clients: make(map[netip.Prefix]int),
	}, nil
}

// Do returns the answer about one session. Where nobody asks about it at the time, ask is called, in a goroutine of its
// own, so that the question outlives its caller; else the caller waits for the answer under way. Of callers who wait
// for a slot about the same session, the first one that has not left asks.
//
// Ask must call release once, when what it started has come to an end: at that moment the slot is free. This may be
// after it has returned, since the answer is handed out when it returns. Calls after the first do nothing.
//
// The error is ctx's where the caller left, [ErrBusy], or a [PanicError] where ask did not return.
func (d *Desk[T]) Do(ctx context.Context, query Query, ask func(release func()) T) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	self := &caller[T]{network: clientNetwork(query.Client), ask: ask, turnedAway: make(chan struct{})}
	flight, queued, ok := d.join(query, self)
	if !ok {
		return none, ErrBusy
	}
	defer d.leave(flight, self)
	var expired <-chan time.Time
	if queued {
		timer := time.NewTimer(d.limits.Timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		select {
		case <-flight.done:
			return flight.result, flight.err
		case <-ctx.Done():
			return none, ctx.Err()
		case <-self.turnedAway:
			return none, ErrBusy
		case <-expired:
			if d.isQueued(flight) {
				return none, ErrBusy
			}
			expired = nil
		}
	}
}

// Forget lets callers from now on ask anew about a session instead of joining a question that runs: what it finds out
// may be of the past.
func (d *Desk[T]) Forget(key sessions.Key) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if flight := d.flights[key]; flight != nil && flight.running {
		delete(d.flights, key)
	}
}

// join adds a caller to the question about a session, and says whether that is to wait for a slot.
func (d *Desk[T]) join(query Query, self *caller[T]) (joined *flight[T], queued, ok bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	joined, found := d.flights[query.Key]
	if !found {
		joined = &flight[T]{key: query.Key, known: query.Known, done: make(chan struct{})}
		joined.callers = []*caller[T]{self}
		if d.admits(joined) {
			d.flights[query.Key] = joined
			d.start(joined)
			return joined, false, true
		}
	}
	if !d.makeRoom(query.Known, self) {
		return nil, false, false
	}
	self.known = query.Known
	d.room = append(d.room, self)
	if !found {
		d.flights[query.Key] = joined
		d.queue = append(d.queue, joined)
		d.turns.join(self.network)
		return joined, true, true
	}
	joined.callers = append(joined.callers, self)
	if query.Known && !joined.known {
		joined.known = true
		d.advance()
	}
	return joined, !joined.running, true
}

// leave takes a caller out of the question, which is given up where it has not begun and nobody wants it any more.
func (d *Desk[T]) leave(left *flight[T], self *caller[T]) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.room = without(d.room, self)
	left.callers = without(left.callers, self)
	if left.running {
		return
	}
	if len(left.callers) == 0 {
		d.queue = without(d.queue, left)
		if d.flights[left.key] == left {
			delete(d.flights, left.key)
		}
	}
	// The next caller may be of a client that has a slot to spare.
	d.advance()
}

func (d *Desk[T]) isQueued(flight *flight[T]) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return !flight.running
}

// without removes one element and keeps the order.
func without[E comparable](list []E, element E) []E {
	if i := slices.Index(list, element); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
