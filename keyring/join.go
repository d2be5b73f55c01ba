package keyring

import (
	"slices"
	"time"
)

// join returns what two files amount to that were kept apart, for example since a server has lost its last writes.
//
// The file of the later emergency counts alone: the other one is of a gateway, or of a server, that has not heard of it. Files of
// the same emergency, or of none, hold keys that are all good. So no key is lost that may have signed. Keys that are over are left
// out.
func (f file) join(other file, now time.Time) file {
	joined := f
	joined.TokenLifetime = max(f.TokenLifetime, other.TokenLifetime)
	joined.RotateEvery = max(f.RotateEvery, other.RotateEvery)
	switch later := f.Replaced.Compare(other.Replaced); {
	case len(other.Keys) == 0 || later > 0 && len(f.Keys) > 0:
	case len(f.Keys) == 0 || later < 0:
		joined.Keys, joined.Replaced = other.Keys, other.Replaced
	default:
		joined.Keys = slices.Clone(f.Keys)
		for _, key := range other.Keys {
			if !f.hasKey(key.ID) {
				joined.Keys = append(joined.Keys, key)
			}
		}
		joined.Keys = joined.current(now)
	}
	return joined
}

// hasMoreThan reports whether the file, which is what another one was joined to, has something that the other one lacks.
func (f file) hasMoreThan(other file) bool {
	return !f.Replaced.Equal(other.Replaced) || f.TokenLifetime > other.TokenLifetime || f.RotateEvery > other.RotateEvery ||
		slices.ContainsFunc(f.Keys, func(key entry) bool { return !other.hasKey(key.ID) })
}

func (f file) hasKey(id string) bool {
	return slices.ContainsFunc(f.Keys, func(key entry) bool { return key.ID == id })
}

// nextEmergency returns the time of an emergency that comes after all that the file knows.
func (f file) nextEmergency(now time.Time) time.Time {
	now = now.UTC().Round(0)
	if now.After(f.Replaced) {
		return now
	}
	return f.Replaced.Add(1)
}
