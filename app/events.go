package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// events sends events to Caddy's events app. It keeps those that are sent before the configuration has started, and sends them then:
// Caddy starts its apps in any order, and the events app must have started before anybody sends to it. A nil *events sends to
// nobody. Its methods are safe for concurrent use.
type events struct {
	ctx caddy.Context
	app *caddyevents.App

	mu      sync.Mutex
	started bool
	pending []event // what was sent before the start
}

// event is an event that was not sent yet.
type event struct {
	name string
	data map[string]any
}

// findEvents finds Caddy's events app. It returns nil if the configuration has none, as nobody listens then.
func findEvents(ctx caddy.Context) (*events, error) {
	app, err := ctx.AppIfConfigured("events")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the events app: %w", err)
	}
	e := &events{ctx: ctx, app: app.(*caddyevents.App)}
	if err := e.app.On("started", starting{e}); err != nil {
		return nil, fmt.Errorf("waiting for the start: %w", err)
	}
	return e, nil
}

// emit sends an event. See [App.Emit].
func (e *events) emit(name string, data map[string]any) {
	if e == nil || e.keeps(event{name, data}) {
		return
	}
	e.app.Emit(e.ctx, name, data)
}

// keeps keeps the event if the configuration has not started.
func (e *events) keeps(sent event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.started {
		return false
	}
	e.pending = append(e.pending, sent)
	return true
}

// next takes the next event that was kept. It returns false once there are none, and none is kept from then on.
func (e *events) next() (event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pending) == 0 {
		e.started = true
		return event{}, false
	}
	next := e.pending[0]
	e.pending = e.pending[1:]
	return next, true
}

// starting sends what was kept. Caddy calls it when all apps have started.
type starting struct{ events *events }

// Handle implements [caddyevents.Handler].
func (s starting) Handle(context.Context, caddy.Event) error {
	for {
		kept, ok := s.events.next()
		if !ok {
			return nil
		}
		s.events.app.Emit(s.events.ctx, kept.name, kept.data)
	}
}
