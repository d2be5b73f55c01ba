package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// ErrNoBackup is returned by [Ledger.Backup] if the engine can't back up its store.
var ErrNoBackup = errors.New("this store is backed up with its own tools")

// Backup writes all that the store holds at one moment, in the engine's own form. After an error, what was written is no
// backup. It returns [ErrNoBackup] if the store is no [storage.Backuper].
func (l *Ledger) Backup(ctx context.Context, to io.Writer) error {
	engine, able := l.place.(storage.Backuper)
	if !able {
		return ErrNoBackup
	}
	if err := engine.Backup(ctx, to); err != nil {
		return fmt.Errorf("backing up the session store: %w", err)
	}
	return nil
}
