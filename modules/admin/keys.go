package admin

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// KeyList is the answer to GET /jwt_session/keys.
type KeyList struct {
	Keys []status.Key `json:"keys"`
}

// listKeys lists the keys that count. The one that signs comes first.
func listKeys(c *Call) (any, error) { return KeyList{Keys: status.Keys(c.app, c.gateway)}, nil }

// rotateRequest is the body of POST /jwt_session/keys/rotate.
type rotateRequest struct {
	Emergency bool `json:"emergency"`
}

// RotateAnswer is the answer to POST /jwt_session/keys/rotate. It is sent once the new key is where the keys are kept.
type RotateAnswer struct {
	ID        string              `json:"kid"`
	Algorithm validator.Algorithm `json:"alg"`
	SignsFrom time.Time           `json:"signs_from"`
}

// rotateKeys makes a new key. It finishes what it began even if the operator does not wait for the answer.
func rotateKeys(c *Call) (any, error) {
	var body rotateRequest
	if err := c.Read(&body); err != nil {
		return nil, err
	}
	keeper := c.gateway.Keeper
	if keeper == nil {
		return nil, apiError(http.StatusConflict, "the keys are those that the configuration gives; to change them, change `key` there")
	}
	rotate, action := keeper.Rotate, "key rotated"
	if body.Emergency {
		rotate, action = keeper.Replace, "all keys replaced"
	}
	ctx := context.WithoutCancel(c.request.Context())
	key, err := rotate(ctx)
	if err != nil {
		c.app.Logger().Error("changing the keys", zap.Error(err))
		return nil, apiError(http.StatusServiceUnavailable, "the keys were not changed: the storage that they are kept in did not take it; the log says more")
	}
	rereadKeys(ctx, keeper)
	c.audit(action, zap.String("kid", key.ID))
	return RotateAnswer{ID: key.ID, Algorithm: key.Algorithm, SignsFrom: key.SignsFrom}, nil
}

// rereadKeys lets the other configurations of this process, if there are any during a reload, read the keys again.
func rereadKeys(ctx context.Context, but *keyring.Keeper) {
	for _, one := range app.AllRunning() {
		if open := one.Opened(); open != nil && open.Keeper != nil && open.Keeper != but {
			_ = open.Keeper.Read(ctx) // what fails is reported
		}
	}
}

// showStatus describes the running gateway.
func showStatus(c *Call) (any, error) {
	return status.Of(c.request.Context(), c.app, c.gateway), nil
}
