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

// ErrBusy is returned by [Queue.Do] if a question was not asked because too many callers wait already, because its turn did
// not come in time, or because it had to make room.
var ErrBusy = errors.New("asking the application: too many questions at a time")

// Limits are the limits of a [Queue]. All of them must be more than 0.
type Limits struct {
	// Concurrent is how many questions may run at a time. Questions about unknown sessions take at most half of these slots,
	// and at least one.
	Concurrent int
	// PerClient is how many of these slots one client may take.
	PerClient int
	// Waiting is how many callers may wait at a time, for a slot or for an answer that another caller asked for.
	Waiting int
	// Timeout is how long a caller waits for a slot.
	Timeout time.Duration
}

// DefaultLimits returns the limits that hold unless others are configured.
func DefaultLimits() Limits {
	return Limits{Concurrent: 8, PerClient: 2, Waiting: 1024, Timeout: DefaultTimeout}
}

// unknown is how many questions about sessions that are not known may run.
func (l Limits) unknown() int { return max(1, l.Concurrent/2) }

// Query is what a question is about.
type Query struct {
	// Key is the session. There is one question at a time about each.
	Key sessions.Key
	// Known reports whether the gateway knows the session already and asks again.
	Known bool
	// Client is the address of the client, with or without a port. [Limits.PerClient] does not bound clients without an
	// address.
	Client string
	// Crowded is called if the question must wait, or is turned away, while as many questions of its client run as
	// [Limits.PerClient] admits and [Crowd] sessions of it wait at least, with the number of these. It is nil, or waits for
	// nothing.
	Crowded func(waiting int)
}

// Crowd is from how many sessions on those of one client are a crowd. One visitor has no such number of sessions, so that many
// visitors come from one address.
const Crowd = 16

// Queue keeps questions from flooding the application, however many requests need an answer. It runs one question at a
// time about each session and hands its answer to all callers, and it runs no more questions than its [Limits] admit.
//
// Clients take turns. A free slot goes to the client whose last turn is longest ago, among those that the limits admit,
// and there to the caller who has waited longest. When no more callers may wait, the most recent waiter for an unknown
// session is turned away: for a caller with a known session, or among the callers of a client that has more of them than
// the newcomer's client. So neither random session ids nor one client keep others out.
//
// A Queue is made by [NewQueue] and is safe for concurrent use. It starts no goroutine but those that ask.
type Queue[T any] struct {
	limits Limits

	mutex   sync.Mutex
	flights map[sessions.Key]*flight[T] // the question that callers about a session join
	waiting []*flight[T]                // those that wait for a slot, in order
	turns   turns                       // of the clients that wait
	callers []*caller[T]                // the callers who wait, in order
	running int
	unknown int
	clients map[netip.Prefix]int // running questions
}

// NewQueue returns an empty queue. It returns an error for a limit below one, with which nobody could ever ask.
func NewQueue[T any](limits Limits) (*Queue[T], error) {
	if limits.Concurrent < 1 || limits.PerClient < 1 || limits.Waiting < 1 || limits.Timeout <= 0 {
		return nil, fmt.Errorf("limiting questions: want at least 1 of each kind and a timeout over 0, got %+v", limits)
	}
	return &Queue[T]{
		limits:  limits,
		flights: make(map[sessions.Key]*flight[T]),
		clients: make(map[netip.Prefix]int),
	}, nil
}

// Do returns the answer about one session. If nobody asks about the session at the time, Do calls ask in a goroutine of its
// own, so that the question outlives its caller. Otherwise it waits for the answer that is under way. Among callers who wait
// for a slot about the same session, the first one that has not left asks.
//
// The function ask must call release when what it started has come to an end, which frees the slot. This may be after ask has
// returned: the answer is handed out as soon as it returns. Further calls of release do nothing.
//
// Do returns the error of ctx if the caller left, [ErrBusy] if the question was not asked, and a [PanicError] if ask did not
// return.
func (q *Queue[T]) Do(ctx context.Context, query Query, ask func(release func()) T) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	self := &caller[T]{network: clientNetwork(query.Client), ask: ask, turnedAway: make(chan struct{})}
	flight, queued, ok := q.join(query, self)
	if self.crowd >= Crowd && query.Crowded != nil {
		query.Crowded(self.crowd)
	}
	if !ok {
		return none, ErrBusy
	}
	defer q.leave(flight, self)
	var expired <-chan time.Time
	if queued {
		timer := time.NewTimer(q.limits.Timeout)
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
			if q.isQueued(flight) {
				return none, ErrBusy
			}
			expired = nil
		}
	}
}

// Forget makes later callers ask about the session anew instead of joining a question that runs. The answer of that question
// may be out of date.
func (q *Queue[T]) Forget(key sessions.Key) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if flight := q.flights[key]; flight != nil && flight.running {
		delete(q.flights, key)
	}
}

// join adds a caller to the question about a session. It reports whether the question waits for a slot, and whether the
// caller was added.
func (q *Queue[T]) join(query Query, self *caller[T]) (joined *flight[T], queued, ok bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	joined, found := q.flights[query.Key]
	if !found {
		joined = &flight[T]{key: query.Key, known: query.Known, done: make(chan struct{})}
		joined.callers = []*caller[T]{self}
		if q.admits(joined) {
			q.flights[query.Key] = joined
			q.start(joined)
			return joined, false, true
		}
	}
	if !found {
		self.crowd = q.crowdOf(self.network)
	}
	if !q.makeRoom(query.Known, self) {
		return nil, false, false
	}
	self.known = query.Known
	q.callers = append(q.callers, self)
	if !found {
		q.flights[query.Key] = joined
		q.waiting = append(q.waiting, joined)
		q.turns.join(self.network)
		return joined, true, true
	}
	joined.callers = append(joined.callers, self)
	if query.Known && !joined.known {
		joined.known = true
		q.advance()
	}
	return joined, !joined.running, true
}

// leave takes a caller out of the question, which is given up where it has not begun and nobody wants it any more.
func (q *Queue[T]) leave(left *flight[T], self *caller[T]) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.callers = without(q.callers, self)
	left.callers = without(left.callers, self)
	if left.running {
		return
	}
	if len(left.callers) == 0 {
		q.waiting = without(q.waiting, left)
		if q.flights[left.key] == left {
			delete(q.flights, left.key)
		}
	}
	// The next caller may be of a client that has a slot to spare.
	q.advance()
}

func (q *Queue[T]) isQueued(flight *flight[T]) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return !flight.running
}

// without removes one element and keeps the order.
func without[E comparable](list []E, element E) []E {
	if i := slices.Index(list, element); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
