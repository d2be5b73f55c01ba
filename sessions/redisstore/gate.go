package redisstore

import (
	"context"
	"sync"
)

// gate lets calls in until it is closed, and then ends those that are under way.
type gate struct {
	closing context.Context
	shut    context.CancelFunc

	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

func newGate() *gate {
	g := new(gate)
	g.closing, g.shut = context.WithCancel(context.Background())
	return g
}

// enter lets a call in. Its ctx ends with the gate. The caller calls leave at the end.
func (g *gate) enter(ctx context.Context) (inside context.Context, leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, errClosed
	}
	g.inside.Add(1)
	inside, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.closing, func() { cancel(errClosed) })
	return inside, func() {
		stop()
		cancel(nil)
		g.inside.Done()
	}, nil
}

// close lets nobody in any more and returns when all are out.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.shut()
	g.inside.Wait()
}
