package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// startPatience is how long a gateway that starts waits for a storage of which there is a copy.
const startPatience = 5 * time.Second

// openShared reads the keys of a storage of which there is a copy. It fails only if the file, or the copy of a file that has
// gone, is damaged or can't be read: to make new keys then would end every token.
func (k *Keeper) openShared(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	copied, copyErr := loadFrom(ctx, k.options.Copy, copyPlace, known{})
	switch {
	case copyErr == nil:
		copied.text = nil // it is not what the storage says
		copyErr = k.apply(k.nextReading(), copied)
	case errors.Is(copyErr, ErrMissing):
		copyErr = nil
	}
	err := k.read(ctx)
	if err == nil && k.hasToWrite() || errors.Is(err, ErrMissing) && copyErr == nil {
		_, err = k.change(ctx, Published, k.begin)
	}
	k.forgetSigning()
	if k.isEmpty() && copyErr != nil {
		return copyErr
	}
	if k.isEmpty() && errors.Is(err, ErrDamaged) {
		return err
	}
	for _, err := range []error{copyErr, err} {
		if err != nil {
			k.options.Report(err)
		}
	}
	return nil
}

const copyPlace = "Caddy's storage"

// isEmpty reports whether there are no keys as yet.
func (k *Keeper) isEmpty() bool { return len(k.memory().file.Keys) == 0 }

// mayBegin reports whether the first key is to be made if the storage has none. That is so as long as the gateway knows no key
// and has no copy.
func (k *Keeper) mayBegin() bool { return k.options.Copy != nil && k.isEmpty() }

// forgetSigning drops the news that another key signs than that of the copy: the gateway only starts.
func (k *Keeper) forgetSigning() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.untold = slices.DeleteFunc(k.untold, func(change Change) bool { return change.Kind == Signing })
}

// regained returns what a reading of the storage amounts to. Where the storage has lost something that this gateway knows, that
// is in it, and is to be written again.
func (k *Keeper) regained(loaded known, err error, last known) (known, error) {
	switch {
	case errors.Is(err, ErrMissing) && len(last.file.Keys) > 0:
		loaded = known{}
	case err != nil:
		return known{}, err
	case last.text != nil && bytes.Equal(loaded.text, last.text):
		return last, nil
	}
	joined := loaded.join(last, k.options.Now())
	if joined.lacks {
		k.options.Report(fmt.Errorf("reading %s from %s: it lacks keys, or an emergency change of keys, that this gateway knows; "+
			"they are put back", Path, k.options.Place))
	}
	return joined, nil
}

// join returns what two files with their keys amount to together. It lacks something if the first file does.
func (k known) join(other known, now time.Time) known {
	joined := known{text: k.text, file: k.file.join(other.file, now), keys: maps.Clone(other.keys), lacks: k.lacks}
	if !joined.file.hasMoreThan(k.file) {
		return k
	}
	if joined.keys == nil {
		joined.keys = k.keys
	} else {
		maps.Copy(joined.keys, k.keys)
	}
	joined.lacks = true
	return joined
}

// keepCopy keeps the copy up to date until ctx is done.
func (k *Keeper) keepCopy(ctx context.Context) {
	for {
		if err := k.updateCopy(ctx); err != nil && ctx.Err() == nil {
			k.options.Report(err)
		}
		timer := time.NewTimer(readEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-k.uncopied:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// updateCopy writes to the copy what it lacks. What the copy has and this gateway does not know, it takes over: gateways that
// keep their keys in the place of the copy may still be running.
func (k *Keeper) updateCopy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, behind, err := k.compareCopy(ctx)
	if err != nil || !behind {
		return err
	}
	if err := k.options.Copy.Lock(ctx, Path); err != nil {
		return fmt.Errorf("copying the keys: locking %s in %s: %w", Path, copyPlace, err)
	}
	defer func() {
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		_ = k.options.Copy.Unlock(unlocking, Path) // a lock that stays is taken over when it is stale
	}()
	wanted, behind, err := k.compareCopy(ctx) // others may have written it
	if err != nil || !behind {
		return err
	}
	text, err := wanted.text()
	if err == nil {
		err = k.options.Copy.Store(ctx, Path, text)
	}
	if err != nil {
		return fmt.Errorf("copying the keys: writing %s to %s: %w", Path, copyPlace, err)
	}
	return nil
}

// compareCopy takes over what the copy has and this gateway does not know. It returns what the copy is to be, and whether that is
// more than it is.
func (k *Keeper) compareCopy(ctx context.Context) (wanted file, behind bool, err error) {
	last := k.memory()
	copied, err := loadFrom(ctx, k.options.Copy, copyPlace, known{file: last.file, keys: last.keys})
	if err != nil && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrDamaged) {
		return file{}, false, err
	}
	if err == nil {
		if err := k.adopt(copied); err != nil {
			return file{}, false, err
		}
	}
	wanted = k.memory().file
	return wanted, len(wanted.Keys) > 0 && wanted.hasMoreThan(copied.file), nil
}

// adopt puts in force what the copy has and this gateway does not know, and has it written to the storage.
func (k *Keeper) adopt(copied known) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	joined := k.known.join(copied, k.options.Now())
	if !joined.file.hasMoreThan(k.known.file) {
		return nil
	}
	k.known = joined
	signal(k.wake)
	return k.advance()
}
