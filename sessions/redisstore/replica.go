package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// beatEvery is the time between two heartbeats.
	beatEvery = time.Second
	// patience is how long a write waits for the gateway to be in step again with a server that was emptied or exchanged.
	patience = 2 * time.Second
)

// errOutOfStep is the error of a write or a read of the log where the server may lack what this gateway knows, or the other way
// round.
var errOutOfStep = errors.New("the server has lost what this gateway knows: it is being told again")

// replica keeps this gateway in step with the others. Its methods are safe for concurrent use.
type replica struct {
	client   *client
	copy     *localCopy
	file     syncFile
	logger   *zap.Logger
	now      func() time.Time
	replicas int // how many replicas of the server must have a write before it is acknowledged
	gateway  identity

	mine     own
	standing *standing
	link     link
	latest   atomic.Int64                                // the newest auth_time of all sessions that this gateway knows of
	files    func() map[string][]byte                    // the files that this gateway knows, for a server that has lost them
	restore  func(context.Context, string, []byte) error // stores a file unless the server has a later one
}

func (r *replica) remote() remote { return remote{client: r.client, note: r.note} }
func (r *replica) writer() writer { return writer{r} }
func (r *replica) beacon() beacon { return beacon{r} }

// follow implements [storage.Shared].
func (r *replica) follow(ctx context.Context, follower storage.Follower) {
	r.standing.follow()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		r.beacon().beatUntil(ctx)
	}()
	defer func() { <-beating }()
	t := tail{replica: r, follower: follower}
	var pause time.Duration
	for ctx.Err() == nil {
		read, err := t.run(ctx)
		if ctx.Err() != nil {
			break
		}
		t.lost(err)
		if read {
			pause = 0
		}
		pause = nextPause(pause)
		timer := time.NewTimer(jitter(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	r.link.reads.Store(false)
}

// nextPause returns the pause after the given one.
func nextPause(pause time.Duration) time.Duration {
	return min(max(2*pause, leastPause), longestPause)
}

// jitter returns between half of the pause and all of it, so that gateways do not come back all at once.
func jitter(pause time.Duration) time.Duration { return pause/2 + rand.N(pause/2+1) }

// distrust makes the follower compare this gateway and the server anew.
func (r *replica) distrust() { r.standing.distrust() }

// position returns the place up to which this gateway knows every write.
func (r *replica) position() uint64 { return r.standing.position() }

// own returns the places of its own writes that may be later than the position.
func (r *replica) own() []uint64 { return r.mine.places() }

// lost reports whether the follower reads the log, and the server does not answer it.
func (r *replica) lost() bool {
	following, _, _ := r.standing.now()
	return following && !r.link.reads.Load()
}

// publish makes known up to where every write is known.
func (r *replica) publish() {
	if _, trusted, cursor := r.standing.now(); trusted {
		r.standing.publish(r.mine.held(cursor))
	}
}

// catchUp implements [storage.Shared].
func (r *replica) catchUp(ctx context.Context) error {
	const doing = "asking for what other gateways have written"
	ctx, cancel := context.WithTimeout(ctx, r.client.timeout+patience)
	defer cancel()
	for {
		if _, err := r.inStep(ctx); err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
		known := r.newest()
		last, err := r.remote().last(ctx)
		if err == nil && last < known { // a failover has lost writes
			err = errOutOfStep
		}
		if errors.Is(err, errOutOfStep) {
			r.distrust()
			continue
		}
		if err != nil {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
		if following, _, _ := r.standing.now(); !following {
			r.standing.advance(last)
			r.publish()
			return nil
		}
		var read bool
		err = r.standing.wait(ctx, func(s *standing) bool {
			// The position, and not the cursor: a record is refused as long as the answer to a write of this gateway is on its way.
			read = s.trusted && s.position() >= last
			return read || !s.trusted
		})
		if err != nil || read {
			return unavailable(blacklist.ErrUnavailable, doing, err)
		}
	}
}

// newest returns the latest place of a write that the server must have.
func (r *replica) newest() uint64 {
	_, trusted, newest := r.standing.now()
	if !trusted {
		return 0
	}
	for _, place := range r.mine.places() {
		newest = max(newest, place)
	}
	return newest
}

// inStep waits until this gateway and the server were compared, and returns the places that a write must find in the log. Where
// nobody follows, it joins the server.
func (r *replica) inStep(ctx context.Context) ([]uint64, error) {
	following, trusted, cursor := r.standing.now()
	switch {
	case !following && !trusted:
		return nil, r.joinAlone(ctx)
	case !following:
		return nil, nil
	case !trusted:
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := r.standing.wait(ctx, func(s *standing) bool {
			cursor = s.cursor
			return s.trusted
		})
		if err != nil {
			return nil, errNotJoined
		}
	}
	known := []uint64{cursor}
	if places := r.mine.places(); len(places) > 0 {
		known = append(known, places[len(places)-1])
	}
	return known, nil
}

// joinAlone joins the server where nobody follows, as in a command that moves a store.
func (r *replica) joinAlone(ctx context.Context) error {
	known, err := r.copy.entries(ctx, time.Unix(0, 0))
	if err != nil {
		return err
	}
	last, err := r.join(ctx, known)
	if err != nil {
		return err
	}
	r.standing.trust(last)
	r.publish()
	return nil
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
		[]string{newEpoch(), signature(r.gateway.id, 0), idOf(floor)}).AsStrSlice()
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
