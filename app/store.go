package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/registry"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore" // the default store
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// Engine is what a module in the namespace `jwt_session.stores` must be. None of its methods but Open may open, create or
// lock anything.
type Engine interface {
	// Location names the place that the data is in: two configurations with the same location share one open store. It holds no
	// secret.
	Location() (string, error)
	// Options describes what is fixed while the store is open. For one location it must not change.
	Options() string
	// Open opens the store that had the given id the last time, and refuses any other and an empty place. Where the id is
	// empty it opens what is there, or creates a new store.
	Open(id string, logger *zap.Logger) (storage.Place, error)
}

// stores holds the open stores of this process, by location. Configurations come and go; the store that they name stays
// open as long as one of them does.
var stores registry.Registry[*ledger.Ledger]

// storeLease is a configuration's share of the open store that its engine names.
type storeLease struct {
	engine Engine
	lease  *registry.Lease[*ledger.Ledger] // nil: the store is not open
}

// name returns the name of the engine and the place that the data is in.
func (s *storeLease) name() (engine, location string) {
	location, _ = s.engine.Location() // it was found when the store was opened
	return nameOf(s.engine), location
}

func nameOf(engine Engine) string {
	if module, ok := engine.(caddy.Module); ok {
		return module.CaddyModule().ID.Name()
	}
	return ""
}

// open returns the ledger of the store, and opens it unless another configuration has.
func (s *storeLease) open(ctx caddy.Context, clock func() time.Time) (*ledger.Ledger, error) {
	if s.lease != nil {
		return s.lease.Value(), nil
	}
	location, err := s.engine.Location()
	if err != nil {
		return nil, fmt.Errorf("opening session store: %w", err)
	}
	lease, err := stores.Acquire(location, s.engine.Options(), func() (*ledger.Ledger, error) {
		return openLedger(ctx, s.engine, location, clock)
	})
	if err != nil {
		return nil, fmt.Errorf("opening session store: %w", err)
	}
	s.lease = lease
	return lease.Value(), nil
}

// release gives the share back. It does nothing if the store is not open.
func (s *storeLease) release() error {
	lease := s.lease
	s.lease = nil
	if lease == nil {
		return nil
	}
	return lease.Release()
}

// openLedger opens the store for the first configuration that names it. The store may outlive that configuration, so it
// gets Caddy's own logger and no context of ours.
func openLedger(ctx caddy.Context, engine Engine, location string, clock func() time.Time) (*ledger.Ledger, error) {
	logger := caddy.Log().Named("jwt_session")
	memory := memoryOf(location)
	id, err := memory.recall(ctx, ctx.Storage())
	if err != nil {
		return nil, err
	}
	place, err := engine.Open(id, logger)
	if errors.Is(err, storage.ErrOtherStore) {
		return nil, fmt.Errorf("%w; to begin with no sessions and no revocations, remove %s from Caddy's storage", err, memory.path)
	}
	if err != nil {
		return nil, err
	}
	if err := memory.keep(ctx, ctx.Storage(), id, place); err != nil {
		return nil, errors.Join(err, place.Close())
	}
	news := &linkNews{engine: nameOf(engine), location: location}
	shared, err := ledger.Open(context.Background(), place, ledger.Options{
		Now: clock, LinkChanged: news.changed, Stored: storedFile,
		Report: func(err error) {
			telemetry.CountStoreError(err)
			logger.Error("keeping sessions", zap.Error(err))
		},
	})
	if err != nil {
		return nil, errors.Join(err, place.Close())
	}
	news.atStart(ctx, shared)
	return shared, nil
}
