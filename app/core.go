package app

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Core is what requests work with once the store is open and the keys are there. It never changes. The keys in the ring do.
type Core struct {
	Ledger   *ledger.Ledger
	Verifier *validator.Verifier
	Keys     *validator.KeyRing
	Keeper   *keyring.Keeper // nil where the configuration gives the keys
	Shared   storage.Shared  // nil where this gateway has its store alone

	files *keyFiles // nil where no key of the configuration is in a file
}

// Dead reports whether a verified token was revoked or its session has ended. It waits for nothing.
func (g *Core) Dead(claims *validator.Claims) (validator.Reason, bool) {
	dead, cause := g.Ledger.IsDead(&FactsOf(claims).Token)
	if dead && cause == ledger.Ended {
		return validator.TokenEnded, true
	}
	return validator.TokenRevoked, dead
}

// Verify verifies a token. If the key is unknown, Verify reads the gateway's own keys again first: another gateway may have
// changed them.
func (g *Core) Verify(ctx context.Context, credential validator.TokenCredential, now time.Time, route validator.Route) validator.Token {
	token := g.Verifier.Verify(credential, now, route)
	if token.Reason == validator.TokenUnknownKey && g.RereadKeys(ctx) {
		token = g.Verifier.Verify(credential, now, route)
	}
	return token
}

// Authenticate reads the claims of a token that an operator names. If the key is unknown, it reads the gateway's own keys
// again first.
func (g *Core) Authenticate(ctx context.Context, text string) (*validator.Claims, validator.Reason) {
	claims, reason := g.Verifier.Authenticate(text)
	if reason == validator.TokenUnknownKey && g.RereadKeys(ctx) {
		claims, reason = g.Verifier.Authenticate(text)
	}
	return claims, reason
}

// RereadKeys reads the gateway's own keys, or those in files, again, since a token has an unknown key id. It reports whether the
// token is to be verified again. See [keyring.Keeper.Reread].
func (g *Core) RereadKeys(ctx context.Context) bool {
	if g.files != nil {
		return g.files.reread()
	}
	return g.Keeper != nil && g.Keeper.Reread(ctx)
}

// Opened returns the open store and the keys, or nil if they are not open yet.
func (a *App) Opened() *Core { return a.opening.core.Load() }

// Open returns the open store and the keys, and opens them first if need be: apps start in no particular order, so
// that a request may come before Start did.
func (a *App) Open() (*Core, error) {
	if open := a.Opened(); open != nil {
		return open, nil
	}
	return a.opening.once(a.openCore)
}

// openCore opens the store and the keys.
func (a *App) openCore(store *storeLease, own *ownKeys) (*Core, error) {
	shared, err := store.open(a.ctx, a.clock)
	if err != nil {
		return nil, err
	}
	place, _ := shared.Shared()
	keys, err := a.openKeys(own, place)
	if err != nil {
		return nil, err
	}
	if engine, ok := store.engine.(stalling); ok {
		shared.AllowStale(engine.StaleAfter())
	}
	shared.Retain(a.names.longestToken, a.names.longestIdle)
	shared.KeepRevocations(time.Duration(a.RevokedFor))
	verifier := validator.NewVerifier(keys, validator.NewCache(*a.TokenCache))
	return &Core{Ledger: shared, Verifier: verifier, Keys: keys, Keeper: own.keeper, Shared: place, files: own.files}, nil
}

// openKeys returns the keys of the configuration, or opens those that the gateway keeps itself: in the place that gateways share,
// or else in Caddy's storage.
func (a *App) openKeys(own *ownKeys, place storage.Shared) (*validator.KeyRing, error) {
	news := &keyNews{logger: a.logger, clock: a.clock, events: a.events}
	if a.keys.configured != nil {
		set, err := validator.NewKeySet(a.keys.configured...)
		if err != nil {
			return nil, err
		}
		ring := validator.NewKeyRing(set)
		own.files = followKeyFiles(a.Keys, a.keys.configured, ring, news)
		return ring, nil
	}
	return own.open(a.ctx, place, keyring.Options{
		Algorithm:     a.keys.rotation.algorithm,
		RotateEvery:   time.Duration(a.keys.rotation.RotateEvery),
		KeyDelay:      time.Duration(a.keys.rotation.KeyDelay),
		TokenLifetime: a.names.longestVerified(),
		Now:           a.clock,
		Report:        news.failed,
		Changed:       news.changed,
	})
}

var errNoKeys = errors.New("there are no keys yet: the store that gateways share has not been reached since the start, and Caddy's " +
	"storage has no copy of its keys")

// CoreForRequest returns what a request is to be decided with. It returns an error as long as there are no keys: a gateway that
// starts while the store is out of reach may have none.
func (a *App) CoreForRequest() (*Core, error) {
	open, err := a.CoreForOperator()
	if err == nil && open.Keys.Current() == nil {
		return nil, errNoKeys
	}
	return open, err
}

// CoreForOperator returns what is open, whatever it is worth for a request. Caddy sends requests to a configuration that it is about
// to refuse, since its HTTP server may have started before the store turns out not to open: until the refusal they are
// decided with what the running configuration has open, as if they had gone there.
func (a *App) CoreForOperator() (*Core, error) {
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
