package status

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Key says of a key what is not secret. Of keys that the configuration gives it is not known when they were made.
type Key struct {
	ID        string              `json:"kid"`
	Algorithm validator.Algorithm `json:"alg"`
	State     keyring.State       `json:"state"`
	Created   *time.Time          `json:"created,omitempty"`
	SignsFrom *time.Time          `json:"signs_from,omitempty"`
	Age       *int64              `json:"age,omitempty"` // in seconds
}

func Keys(a *app.App, open *app.Core) []Key {
	keys := []Key{}
	if keeper := open.Keeper; keeper != nil {
		now := a.Now()
		for _, key := range keeper.Keys() {
			age := int64(now.Sub(key.Created) / time.Second)
			keys = append(keys, Key{
				ID: key.ID, Algorithm: key.Algorithm, State: key.State, Created: &key.Created, SignsFrom: &key.SignsFrom, Age: &age,
			})
		}
		return keys
	}
	state := keyring.StateSigning
	for _, key := range a.ConfiguredKeys() {
		keys = append(keys, Key{ID: key.ID(), Algorithm: key.Algorithm(), State: state})
		state = keyring.StateVerifying
	}
	return keys
}
