package jwtsession

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/registry"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore" // the default store
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
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
	// and keeps in Caddy's storage.
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

	ctx     caddy.Context
	logger  *zap.Logger
	engine  Engine
	events  *caddyevents.App
	keys    []validator.Key // as configured; nil: the gateway's own
	names   Names
	onStart []func() error
	shared  map[string]any // what modules of the configuration share, by name

	clock func() time.Time

	warnings  telemetry.Warnings
	providers providers

	opening        sync.Mutex
	closed         bool
	lease          *registry.Lease[*ledger.Ledger]
	keeper         *keyring.Keeper // of the gateway's own keys
	keysBackground keysBackground
	open           atomic.Pointer[Core]
}

// Engine is what a module in the namespace `jwt_session.stores` must be. None of its methods but Open may open, create or
// lock anything.
type Engine interface {
	// Location names the place that the data is in: two configurations with the same location share one open store.
	Location() (string, error)
	// Options describes what is fixed while the store is open. For one location it must not change.
	Options() string
	// Open opens the store that had the given id the last time, and refuses any other and an empty place. Where the id is
	// empty it opens what is there, or creates a new store.
	Open(id string, logger *zap.Logger) (storage.Place, error)
}

// Core is what requests work with once the store is open and the keys are there. It never changes, but the keys in the
// ring do.
type Core struct {
	Ledger   *ledger.Ledger
	Verifier *validator.Verifier
	Keys     *validator.KeyRing
	Keeper   *keyring.Keeper // nil where the configuration gives the keys
}

// Dead says whether a verified token was revoked or its session has ended. It waits for nothing.
func (g *Core) Dead(claims *validator.Claims) (validator.Reason, bool) {
	dead, cause := g.Ledger.TokenDead(FactsOf(claims).Subjects, claims.AuthTime())
	if dead && cause == ledger.Ended {
		return validator.TokenEnded, true
	}
	return validator.TokenRevoked, dead
}

// stores holds the open stores of this process, by location. Configurations come and go; the store that they name stays
// open as long as one of them does.
var stores registry.Registry[*ledger.Ledger]

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
	a.engine = engine
	if err := a.prepareKeys(); err != nil {
		return err
	}
	if err := a.provisionEvents(); err != nil {
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
func (a *App) OnStart(start func() error) { a.onStart = append(a.onStart, start) }

// Start opens the store and reads the keys.
func (a *App) Start() error {
	if _, err := a.Open(); err != nil {
		return err
	}
	for _, start := range a.onStart {
		if err := start(); err != nil {
			return err
		}
	}
	a.review()
	running.add(a)
	a.keysBackground.start(a.keeper)
	return nil
}

// Stop does nothing: requests may still be under way, and the next configuration may use the same store.
func (a *App) Stop() error { return nil }

// Cleanup gives the store back. Caddy also calls it for a configuration that it refused.
func (a *App) Cleanup() error {
	running.remove(a)
	failed := a.providers.release()
	a.opening.Lock()
	defer a.opening.Unlock()
	a.keysBackground.stop(a.keeper)
	a.closed = true
	lease := a.lease
	a.lease = nil
	if lease != nil {
		failed = errors.Join(failed, lease.Release())
	}
	return failed
}

// Names returns what the modules of the configuration say of themselves.
func (a *App) Names() *Names { return &a.names }

// Logger returns the app's logger.
func (a *App) Logger() *zap.Logger { return a.logger }

// Now returns the time.
func (a *App) Now() time.Time { return a.clock() }

// SetClock has the app take the time from another clock than the computer's. It is for tests, before the app starts.
func (a *App) SetClock(now func() time.Time) { a.clock = now }

// ConfiguredKeys returns the keys that the configuration gives, the one that signs first. It returns nil where the gateway
// makes its own.
func (a *App) ConfiguredKeys() []validator.Key { return a.keys }

// Store returns the name of the store's engine and the place that the data is in.
func (a *App) Store() (engine, location string) {
	if module, ok := a.engine.(caddy.Module); ok {
		engine = module.CaddyModule().ID.Name()
	}
	location, _ = a.engine.Location() // it was found when the store was opened
	return engine, location
}

// CloseStore gives the store back while the app goes on. It is for tests of what a store that fails does to requests.
func (a *App) CloseStore() error {
	a.opening.Lock()
	defer a.opening.Unlock()
	lease := a.lease
	a.lease = nil
	if lease == nil {
		return nil
	}
	return lease.Release()
}

var errAppClosed = errors.New("the configuration was replaced")

// Opened returns the open store and the keys, or nil if they are not open yet.
func (a *App) Opened() *Core { return a.open.Load() }

// Open returns the open store and the keys, and opens them first if need be: apps start in no particular order, so
// that a request may come before Start did.
func (a *App) Open() (*Core, error) {
	if open := a.Opened(); open != nil {
		return open, nil
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if open := a.Opened(); open != nil {
		return open, nil
	}
	if a.closed {
		return nil, errAppClosed
	}
	shared, err := a.openStore()
	if err != nil {
		return nil, err
	}
	keys, err := a.openKeys()
	if err != nil {
		return nil, err
	}
	shared.Retain(a.names.longestToken, a.names.longestIdle)
	shared.KeepRevocations(time.Duration(a.RevokedFor))
	verifier := validator.NewVerifier(keys, validator.NewCache(*a.TokenCache))
	open := &Core{Ledger: shared, Verifier: verifier, Keys: keys, Keeper: a.keeper}
	a.open.Store(open)
	return open, nil
}

// CoreForRequest returns what a request is to be decided with. Caddy sends requests to a configuration that it is about
// to refuse, since its HTTP server may have started before the store turns out not to open: until the refusal they are
// decided with what the running configuration has open, as if they had gone there.
func (a *App) CoreForRequest() (*Core, error) {
	open, err := a.Open()
	if err == nil {
		return open, nil
	}
	if app := running.newest(); app != nil {
		if open := app.Opened(); open != nil {
			return open, nil
		}
	}
	return nil, err
}

func (a *App) openStore() (*ledger.Ledger, error) {
	if a.lease != nil {
		return a.lease.Value(), nil
	}
	location, err := a.engine.Location()
	if err != nil {
		return nil, fmt.Errorf("opening session store: %w", err)
	}
	lease, err := stores.Acquire(location, a.engine.Options(), func() (*ledger.Ledger, error) { return a.openLedger(location) })
	if err != nil {
		return nil, fmt.Errorf("opening session store: %w", err)
	}
	a.lease = lease
	return lease.Value(), nil
}

// openLedger opens the store for the first configuration that names it. The store may outlive that configuration, so it
// gets Caddy's own logger and no context of ours.
func (a *App) openLedger(location string) (*ledger.Ledger, error) {
	logger := caddy.Log().Named("jwt_session")
	memory := memoryOf(location)
	id, err := memory.recall(a.ctx, a.ctx.Storage())
	if err != nil {
		return nil, err
	}
	place, err := a.engine.Open(id, logger)
	if errors.Is(err, storage.ErrOtherStore) {
		return nil, fmt.Errorf("%w; to begin with no sessions and no revocations, remove %s from Caddy's storage", err, memory.path)
	}
	if err != nil {
		return nil, err
	}
	if err := memory.keep(a.ctx, a.ctx.Storage(), id, place); err != nil {
		return nil, errors.Join(err, place.Close())
	}
	shared, err := ledger.Open(context.Background(), place, ledger.Options{
		Now: a.clock,
		Report: func(err error) {
			telemetry.CountStoreError(err)
			logger.Error("keeping sessions", zap.Error(err))
		},
	})
	if err != nil {
		return nil, errors.Join(err, place.Close())
	}
	return shared, nil
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
