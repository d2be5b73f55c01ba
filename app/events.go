package app

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// provisionEvents finds Caddy's events app, if the configuration has one: without it nobody listens.
func (a *App) provisionEvents() error {
	app, err := a.ctx.AppIfConfigured("events")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the events app: %w", err)
	}
	a.events = app.(*caddyevents.App)
	return nil
}

// Emit sends an event about something rare to Caddy's events app. Caddy runs its handlers before Emit returns. The data holds
// nothing secret, and no user or session.
func (a *App) Emit(name string, data map[string]any) {
	if a.events != nil {
		a.events.Emit(a.ctx, name, data)
	}
}
