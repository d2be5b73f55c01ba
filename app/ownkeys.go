package app

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// openKeys returns the keys of the configuration, or those that the gateway keeps itself, which it reads first. The mutex
// opening is held.
func (a *App) openKeys() (*validator.KeyRing, error) {
	if a.keys != nil {
		set, err := validator.NewKeySet(a.keys...)
		if err != nil {
			return nil, err
		}
		return validator.NewKeyRing(set), nil
	}
	if a.keeper == nil {
		keeper, err := keyring.Open(a.ctx, a.ctx.Storage(), keyring.Options{
			Algorithm:     a.KeyRotation.algorithm,
			RotateEvery:   time.Duration(a.KeyRotation.RotateEvery),
			KeyDelay:      time.Duration(a.KeyRotation.KeyDelay),
			TokenLifetime: a.names.longestVerified(),
			Now:           a.clock,
			Report:        a.reportKeys,
			Changed:       a.keyChanged,
		})
		if err != nil {
			return nil, err
		}
		a.keeper = keeper
	}
	return a.keeper.Ring(), nil
}

// keysBackground is the goroutine that keeps the keys up to date. The zero value is one that was not started.
type keysBackground struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start begins with reading the keys once more: a key change through the admin API may have gone to the configuration
// before this one, which reads for this one only what is changed from now on.
func (b *keysBackground) start(keeper *keyring.Keeper) {
	if keeper == nil || b.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	_ = keeper.Read(ctx) // what fails is reported
	b.done.Go(func() { keeper.Run(ctx) })
}

// stop ends it, and waits.
func (b *keysBackground) stop(keeper *keyring.Keeper) {
	if b.cancel != nil {
		b.cancel()
		b.done.Wait()
	}
	if keeper != nil {
		keeper.Close()
	}
}

// reportKeys writes to the log what fails with the keys, once a minute at most.
func (a *App) reportKeys(err error) {
	if a.warnings.Due("keys", a.clock()) {
		a.logger.Error("keeping the keys: going on with those in memory", zap.Error(err))
	}
}

// keyChanged tells of a change of the gateway's own keys.
func (a *App) keyChanged(change keyring.Change) {
	key := change.Key
	message, event := "a new key is published", "key_published"
	switch change.Kind {
	case keyring.Replaced:
		message, event = "all keys were replaced by a new one", "keys_replaced"
	case keyring.Signing:
		message, event = "another key signs from now on", "key_signing"
	default:
	}
	a.logger.Info(message, zap.String("kid", key.ID), zap.String("alg", string(key.Algorithm)), zap.Time("signs_from", key.SignsFrom))
	a.Emit(event, map[string]any{"kid": key.ID, "alg": string(key.Algorithm), "signs_from": key.SignsFrom.Format(time.RFC3339)})
}
