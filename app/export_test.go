package app

import (
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
)

// StartPatience is how long a request waits for the first configuration.
const StartPatience = startPatience

// NewClosed returns an app whose configuration was replaced.
func NewClosed() *App { return &App{opening: opening{closed: true}, logger: zap.NewNop()} }

// Announce tells of an app that is going to start, Add that it has started, and Remove that it is gone.
func Announce(a *App) { running.announce(a) }
func Add(a *App)      { running.add(a) }
func Remove(a *App)   { running.remove(a) }

// IsAwaited reports whether some app is going to start.
func IsAwaited() bool { return running.awaited() != nil }

// OpenProvider opens a provider, and IsNewest reports whether one that is opened under the same name would take over its keys.
func OpenProvider(options issuer.Options) interface{ Close() error } { return open(options) }

func IsNewest(opened interface{ Close() error }) bool {
	provider := opened.(openProvider)
	newest, found := newestProviders.Load(provider.name)
	return found && newest == provider.Provider
}
