package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App holds what all `jwt_session` handlers of a configuration share: the store of active sessions, the list of what was
// ended and revoked, the keys, and the memory of verified tokens.
//
// The store stays open across reloads. If it can't be opened, the configuration is refused.
type App struct {
	// Where sessions, ends and revocations are kept. Default: `{"engine": "badger"}`.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=jwt_session.stores inline_key=engine"`

	// The keys that tokens are signed and verified with. The first one signs. Default: keys that the gateway makes itself
	// and keeps in Caddy's storage or, where gateways share a store of sessions, in that.
	Keys []KeySource `json:"keys,omitempty"`

	// How the gateway makes its own keys. It can't stand beside `keys`.
	KeyRotation *KeyRotation `json:"key_rotation,omitempty"`

	// How many verified tokens are remembered, so that their signature is not checked again, in at most 2 KiB of memory
	// each on average: where tokens are larger, fewer are; and how many of those that were made for services
	// (`forward_token`). 0 remembers none. Default: 100000.
	TokenCache *int `json:"token_cache,omitempty"`

	// How long the revocation of a session or a user lasts, counted from when it was made or last refused somebody. However
	// short it is, a revocation outlives the tokens and the records that it is about. Default: `720h`, which is 30 days.
	RevokedFor caddy.Duration `json:"revoked_for,omitempty"`

	ctx    caddy.Context
	logger *zap.Logger
	clock  func() time.Time
	events *events
	keys   keyPlan

	// What the modules of the configuration bring while they are provisioned.
	names  Names
	hooks  hooks
	shared map[string]any // by name

	providers providers
	opening   opening
}

// DefaultTokenCache is how many verified tokens are remembered where the configuration does not say.
const DefaultTokenCache = 100_000

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "jwt_session",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision loads the store's module and the keys. It opens and creates nothing.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger = ctx, ctx.Logger()
	running.announce(a)
	a.shared = make(map[string]any)
	if a.clock == nil {
		a.clock = time.Now
	}
	if a.TokenCache == nil {
		entries := DefaultTokenCache
		a.TokenCache = &entries
	}
	option.SetDefault(&a.RevokedFor, caddy.Duration(ledger.DefaultRevocationLife))
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"engine": "badger"}`)
	}
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading store: %w", err)
	}
	engine, ok := module.(Engine)
	if !ok {
		return fmt.Errorf("loading store: the module %T is no store engine", module)
	}
	a.opening.store.engine = engine
	if len(a.Keys) == 0 && a.KeyRotation == nil {
		a.KeyRotation = new(KeyRotation)
	}
	if a.keys, err = planKeys(a.Keys, a.KeyRotation); err != nil {
		return err
	}
	if a.events, err = findEvents(ctx); err != nil {
		return err
	}
	return telemetry.Register(ctx.GetMetricsRegistry(), RunningStock)
}

// Validate checks the finished configuration.
func (a *App) Validate() error {
	if *a.TokenCache < 0 {
		return fmt.Errorf("token_cache %d: want a number of tokens, or off", *a.TokenCache)
	}
	if a.RevokedFor < 0 {
		return fmt.Errorf("revoked_for %s: want more than 0", time.Duration(a.RevokedFor))
	}
	return nil
}

// Shared returns what modules of a configuration share under a name, and makes it if it is not there. It is for
// provisioning, which happens in one goroutine.
func Shared[T any](a *App, name string, make func() (T, error)) (T, error) {
	if known, ok := a.shared[name].(T); ok {
		return known, nil
	}
	made, err := make()
	if err == nil {
		a.shared[name] = made
	}
	return made, err
}

// OnStart has a function called when the configuration starts, once its store is open. An error refuses the configuration.
func (a *App) OnStart(start func() error) { a.hooks.start = append(a.hooks.start, start) }

// OnCleanup has a function called when the configuration is given up, before its store is. The function ends what goes on in the
// background and waits for that.
func (a *App) OnCleanup(stop func()) { a.hooks.cleanup = append(a.hooks.cleanup, stop) }

// hooks are what the modules of a configuration have called.
type hooks struct {
	start   []func() error
	cleanup []func()
}

// Start opens the store and reads the keys.
func (a *App) Start() error {
	if _, err := a.Open(); err != nil {
		return err
	}
	for _, start := range a.hooks.start {
		if err := start(); err != nil {
			return err
		}
	}
	review(&a.names, a.logger, a.keys.publishes())
	running.add(a)
	a.opening.keys.start()
	return nil
}

// Stop does nothing: requests may still be under way, and the next configuration may use the same store.
func (a *App) Stop() error { return nil }

// Cleanup gives the store back. Caddy also calls it for a configuration that it refused.
func (a *App) Cleanup() error {
	running.remove(a)
	for _, stop := range a.hooks.cleanup {
		stop()
	}
	return errors.Join(a.providers.release(), a.opening.close())
}

// Of returns the app of a configuration that is being provisioned. Caddy provisions it first if need be.
func Of(ctx caddy.Context) (*App, error) {
	app, err := ctx.App("jwt_session")
	if err != nil {
		return nil, err
	}
	found := app.(*App)
	readRoutes(found, ctx)
	return found, nil
}

// Names returns what the modules of the configuration say of themselves.
func (a *App) Names() *Names { return &a.names }

// Logger returns the app's logger.
func (a *App) Logger() *zap.Logger { return a.logger }

// Now returns the time.
func (a *App) Now() time.Time { return a.clock() }

// SetClock has the app take the time from another clock than the computer's. It is for tests, before the app starts.
func (a *App) SetClock(now func() time.Time) { a.clock = now }

// ConfiguredKeys returns the keys that the configuration gives, the one that signs first. Those in files are as they were read
// last. It returns nil where the gateway makes its own.
func (a *App) ConfiguredKeys() []validator.Key {
	if open := a.Opened(); open != nil && open.files != nil {
		return open.files.current()
	}
	return a.keys.configured
}

// PublishesKeys reports whether other services can verify tokens: whether there is a key, or will be, with a public half.
func (a *App) PublishesKeys() bool { return a.keys.publishes() }

// CheckOldKeys returns an error if a lifetime would keep more than maxOldKeys keys at this rotation. The option is the
// lifetime's, for the error.
func (a *App) CheckOldKeys(option string, life time.Duration) error {
	return a.keys.checkOldKeys(option, life)
}

// Provider returns the identity provider that is opened with the options. It waits for nothing.
func (a *App) Provider(options issuer.Options) (*issuer.Provider, error) {
	return a.providers.get(options)
}

// Emit sends an event about something rare to Caddy's events app. Caddy runs its handlers before Emit returns, or once the
// configuration has started. The data holds nothing secret, and no user or session.
func (a *App) Emit(name string, data map[string]any) { a.events.emit(name, data) }

// Store returns the name of the store's engine and the place that the data is in.
func (a *App) Store() (engine, location string) { return a.opening.store.name() }

// CloseStore gives the store back while the app goes on. It is for tests of what a store that fails does to requests.
func (a *App) CloseStore() error { return a.opening.closeStore() }

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
