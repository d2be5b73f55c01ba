package app

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// ownKeys are the keys that change while a configuration runs, and the goroutine that keeps them up to date: those that the
// gateway makes itself, or those of the configuration that are in files. The zero value is not open.
type ownKeys struct {
	keeper *keyring.Keeper    // nil: the configuration gives the keys, or they are not open
	files  *keyFiles          // nil: none of the configuration's keys is in a file, or they are not open
	cancel context.CancelFunc // nil: the goroutine was not started
	done   sync.WaitGroup
}

// open reads the keys, unless they are open. Where gateways share a place the keys are there, and Caddy's storage has a copy: it is
// also where they come from if the store was on this machine before, and where they go if it is again.
func (o *ownKeys) open(ctx caddy.Context, place storage.Shared, options keyring.Options) (*validator.KeyRing, error) {
	if o.keeper == nil {
		var keys keyring.Storage = ctx.Storage()
		if place != nil {
			keys, options.Copy, options.Place = place.Files(), keys, "the session store"
		}
		keeper, err := keyring.Open(ctx, keys, options)
		if err != nil {
			return nil, err
		}
		o.keeper = keeper
	}
	return o.keeper.Ring(), nil
}

// start starts the goroutine, if the keys are open. It reads the keys once more before: a key change through the admin API may
// have gone to the configuration before this one, which reads for this one only what is changed from now on.
func (o *ownKeys) start() {
	if o.keeper == nil && o.files == nil || o.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	if o.files != nil {
		o.files.read() // what has changed since the configuration was loaded
		o.done.Go(func() { o.files.run(ctx) })
		return
	}
	_ = o.keeper.Read(ctx) // what fails is reported
	o.done.Go(func() { o.keeper.Run(ctx) })
}

// stop ends the goroutine, and waits for it.
func (o *ownKeys) stop() {
	if o.cancel != nil {
		o.cancel()
		o.done.Wait()
	}
	if o.keeper != nil {
		o.keeper.Close()
	}
}

// keyNews tells the operator what happens to the gateway's own keys.
type keyNews struct {
	logger   *zap.Logger
	clock    func() time.Time
	events   *events
	warnings telemetry.Warnings
}

// failed writes to the log what fails with the keys, once a minute at most.
func (n *keyNews) failed(err error) {
	if n.warnings.Due("keys", n.clock()) {
		n.logger.Error("keeping the keys: going on with those in memory", zap.Error(err))
	}
}

// changed tells of a change of the keys, in the log and as an event.
func (n *keyNews) changed(change keyring.Change) {
	key := change.Key
	message, event := "a new key is published", "key_published"
	switch change.Kind {
	case keyring.Replaced:
		message, event = "all keys were replaced by a new one", "keys_replaced"
	case keyring.Signing:
		message, event = "another key signs from now on", "key_signing"
	default:
	}
	n.logger.Info(message, zap.String("kid", key.ID), zap.String("alg", string(key.Algorithm)), zap.Time("signs_from", key.SignsFrom))
	n.events.emit(event, map[string]any{"kid": key.ID, "alg": string(key.Algorithm), "signs_from": key.SignsFrom.Format(time.RFC3339)})
}
