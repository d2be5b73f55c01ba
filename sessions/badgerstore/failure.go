package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

var (
	errClosed = errors.New("the store is closed")
	errBadger = errors.New("the database failed")
)

// plain are the errors whose text holds no key. Badger's others may.
var plain = []error{
	errClosed, errDamaged, errVersion, errRealm, errLimit, errUnsynced,
	context.Canceled, context.DeadlineExceeded,
	badger.ErrDBClosed, badger.ErrBlockedWrites, badger.ErrTxnTooBig, badger.ErrConflict,
}

// reason returns what may be told of an error: the error itself where it is known to name no key.
func reason(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errSpace) {
		return err // all of its text is ours
	}
	if errors.Is(err, record.ErrDamaged) {
		return errDamaged
	}
	for _, known := range plain {
		if errors.Is(err, known) {
			return known // what wraps it may name a key
		}
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%w: %w", errBadger, path)
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%w: %w", errBadger, number)
	}
	return errBadger
}

// unavailable returns the error of a method: of the given kind, with what was being done and what may be told. nil stays
// nil.
func unavailable(kind error, doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, reason(err))
}
