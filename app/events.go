package app

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// events sends events to Caddy's events app. The zero value sends them to nobody.
type events struct {
	ctx caddy.Context
	app *caddyevents.App // nil: the configuration has none, and nobody listens
}

// findEvents finds Caddy's events app, if the configuration has one.
func findEvents(ctx caddy.Context) (events, error) {
	app, err := ctx.AppIfConfigured("events")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return events{}, nil
	}
	if err != nil {
		return events{}, fmt.Errorf("finding the events app: %w", err)
	}
	return events{ctx: ctx, app: app.(*caddyevents.App)}, nil
}

// emit sends an event. See [App.Emit].
func (e events) emit(name string, data map[string]any) {
	if e.app != nil {
		e.app.Emit(e.ctx, name, data)
	}
}
