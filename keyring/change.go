package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Change is a change of the keys.
type Change struct {
	Kind ChangeKind
	Key  Info
}

// ChangeKind is what happened to a key. The zero value is no kind.
type ChangeKind uint8

const (
	// Published means that this gateway made a key. It verifies already, and it signs from [Info.SignsFrom] on.
	Published ChangeKind = iota + 1
	// Replaced means that this gateway made a key in an emergency. All other keys were dropped.
	Replaced
	// Signing means that this gateway signs with the key from now on. There is no such change when a gateway starts.
	Signing
)

// edit is a change of the file. It gets what the file says, or why it can't be read, and returns what it is to say. The
// fresh key, if there is one, is a part of that.
type edit func(last known, err error, now time.Time) (next file, fresh entry, _ error)

// errNothingToDo is returned by an edit if another gateway was first.
var errNothingToDo = errors.New("nothing to do")

// Rotate publishes a new key and returns it. The key signs after [Options.KeyDelay].
func (k *Keeper) Rotate(ctx context.Context) (Info, error) {
	return k.change(ctx, Published, func(last known, err error, now time.Time) (file, entry, error) {
		if err != nil {
			return file{}, entry{}, err
		}
		return k.successor(last.file, now)
	})
}

// Replace makes a new key that signs at once and drops all others at once, so that no earlier token is accepted. It is for an
// emergency. The change is in force on this gateway when Replace returns, and on another one as soon as that reads the file.
// Replace succeeds even if the file has gone or is damaged.
func (k *Keeper) Replace(ctx context.Context) (Info, error) {
	return k.change(ctx, Replaced, func(last known, err error, now time.Time) (file, entry, error) {
		if errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged) {
			last, err = k.memory(), nil // for the durations
		}
		if err != nil {
			return file{}, entry{}, err
		}
		return k.emergency(last.file, now)
	})
}

// begin is the edit of a gateway that starts.
func (k *Keeper) begin(last known, err error, now time.Time) (file, entry, error) {
	if errors.Is(err, ErrMissing) {
		return k.only(file{}, now)
	}
	return k.renew(last, err, now)
}

// renew is the edit of a gateway that runs: it writes what [Keeper.hasToWrite] misses.
func (k *Keeper) renew(last known, err error, now time.Time) (file, entry, error) {
	switch {
	case err != nil:
		return file{}, entry{}, err
	case k.planOf(last.file, now).due:
		return k.successor(last.file, now)
	case last.file.isRaised(k.options) && !last.lacks:
		return file{}, entry{}, errNothingToDo
	}
	return last.file, entry{}, nil
}

// successor adds a key that signs after the key delay, and drops those that are over.
func (k *Keeper) successor(last file, now time.Time) (file, entry, error) {
	fresh, err := k.newKey(now, now.Add(k.options.KeyDelay))
	last.Keys = append(last.current(now), fresh)
	return last, fresh, err
}

// only makes a key that signs at once and is the only one.
func (k *Keeper) only(last file, now time.Time) (file, entry, error) {
	fresh, err := k.newKey(now, now)
	last.Keys = []entry{fresh}
	return last, fresh, err
}

// emergency is [Keeper.only] after an emergency.
func (k *Keeper) emergency(last file, now time.Time) (file, entry, error) {
	last.Replaced = last.nextEmergency(now)
	return k.only(last, now)
}

func (k *Keeper) newKey(now, signsFrom time.Time) (entry, error) {
	key, private, err := validator.GenerateKey(k.options.Algorithm)
	if err != nil {
		return entry{}, fmt.Errorf("making a key: %w", err)
	}
	return entry{
		ID: key.ID(), Algorithm: key.Algorithm(), Private: private, Created: now.UTC(), SignsFrom: signsFrom.UTC(),
	}, nil
}

// change writes the file under the storage's lock, and puts it in force here. It returns the fresh key.
func (k *Keeper) change(ctx context.Context, kind ChangeKind, edit edit) (Info, error) {
	defer k.tell() // last, when the lock has been given back
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.storage.Lock(ctx, Path); err != nil {
		return Info{}, fmt.Errorf("changing the keys: locking %s in %s: %w", Path, k.options.Place, err)
	}
	defer func() {
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		_ = k.storage.Unlock(unlocking, Path) // a lock that stays is taken over when it is stale
	}()
	reading := k.nextReading()
	last, err := k.load(ctx)
	next, fresh, err := edit(last, err, k.options.Now())
	if errors.Is(err, errNothingToDo) {
		return Info{}, k.apply(reading, last)
	}
	if err != nil {
		return Info{}, err
	}
	written := known{file: next.raised(k.options)}
	if written.keys, err = written.file.load(last); err != nil {
		return Info{}, fmt.Errorf("changing the keys: %w", err)
	}
	if written.text, err = written.file.text(); err != nil {
		return Info{}, fmt.Errorf("changing the keys: %w", err)
	}
	if err := k.storage.Store(ctx, Path, written.text); err != nil {
		return Info{}, fmt.Errorf("changing the keys: writing %s to %s: %w", Path, k.options.Place, err)
	}
	if err := k.apply(k.nextReading(), written); err != nil { // what somebody read before this is older
		return Info{}, err
	}
	return k.note(kind, fresh), nil
}

// note keeps a change to be told of.
func (k *Keeper) note(kind ChangeKind, fresh entry) Info {
	if fresh.ID == "" {
		return Info{}
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	info := k.plan.info(fresh, k.options.Now())
	k.untold = append(k.untold, Change{Kind: kind, Key: info})
	return info
}
