package keyring

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Info is what may be known of a key. Nothing of it is secret.
type Info struct {
	ID        string
	Algorithm validator.Algorithm
	Created   time.Time
	SignsFrom time.Time
	State     State
}

// State is what a key is for at the moment.
type State string

const (
	// StateUpcoming keys verify, and are going to sign.
	StateUpcoming State = "upcoming"
	// StateSigning is that of the one key that signs.
	StateSigning State = "signing"
	// StateVerifying keys have signed.
	StateVerifying State = "verifying"
)

// Keys returns the keys that count now: the one that signs, then the others from the newest to the oldest.
func (k *Keeper) Keys() []Info {
	k.progress()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	infos := make([]Info, len(k.plan.keys))
	for i, key := range k.plan.keys {
		infos[i] = k.info(key)
	}
	return infos
}

// info describes a key. The mutex is held.
func (k *Keeper) info(key entry) Info {
	info := Info{
		ID: key.ID, Algorithm: key.Algorithm, Created: key.Created, SignsFrom: key.SignsFrom, State: StateVerifying,
	}
	switch {
	case len(k.plan.keys) > 0 && k.plan.keys[0].ID == key.ID:
		info.State = StateSigning
	case key.SignsFrom.After(k.options.Now()):
		info.State = StateUpcoming
	}
	return info
}
