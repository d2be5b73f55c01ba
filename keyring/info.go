package keyring

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Info describes a key. Nothing of it is secret.
type Info struct {
	// ID is the key id (kid).
	ID string
	// Algorithm is the algorithm of the key.
	Algorithm validator.Algorithm
	// Created is when the key was made.
	Created time.Time
	// SignsFrom is when the key begins to sign.
	SignsFrom time.Time
	// State is what the key is for now.
	State State
}

// State is what a key is for at the moment.
type State string

const (
	// StateUpcoming means that the key verifies and is going to sign.
	StateUpcoming State = "upcoming"
	// StateSigning means that the key signs and verifies. Only one key has this state.
	StateSigning State = "signing"
	// StateVerifying means that the key has signed and still verifies.
	StateVerifying State = "verifying"
)

// infos describes the keys of the plan: the one that signs, and then the others from the newest to the oldest.
func (p plan) infos(now time.Time) []Info {
	infos := make([]Info, len(p.keys))
	for i, key := range p.keys {
		infos[i] = p.info(key, now)
	}
	return infos
}

// info describes a key.
func (p plan) info(key entry, now time.Time) Info {
	info := Info{
		ID: key.ID, Algorithm: key.Algorithm, Created: key.Created, SignsFrom: key.SignsFrom, State: StateVerifying,
	}
	switch {
	case len(p.keys) > 0 && p.keys[0].ID == key.ID:
		info.State = StateSigning
	case key.SignsFrom.After(now):
		info.State = StateUpcoming
	}
	return info
}
