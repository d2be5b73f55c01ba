package storage

import (
	"context"
	"errors"
	"io"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// ErrOtherStore is returned, wrapped with the reason, by an engine that cannot open a store again because the place has
// gone, is empty, or holds another store.
var ErrOtherStore = errors.New("the store that was here is not here any more")

// Place is one open place that keeps sessions and the blacklist. Its methods are safe for concurrent use.
type Place interface {
	// Sessions returns the store of the sessions, the same one every time.
	Sessions() sessions.Store

	// Journal returns the journal of the blacklist, the same one every time.
	Journal() blacklist.Journal

	// Close ends the use of both. Calls that are still running and later calls return an error that wraps
	// [sessions.ErrUnavailable] or [blacklist.ErrUnavailable]. A [Place] is closed once.
	Close() error
}

// Identifier is implemented by a [Place] that can be told from others.
type Identifier interface {
	// ID returns the id of the store. The id never changes, and no other store has it.
	ID() string
}

// Restorer is implemented by the module of an engine that makes stores out of backups.
type Restorer interface {
	// Restore makes a store out of a backup, in the place that the module names. There must be no store yet. After an error
	// there is none either: no gateway takes what is there for a store. Restore returns what the store holds.
	Restore(ctx context.Context, from io.Reader) (backup.Contents, error)
}

// Checker is implemented by the module of an engine that reads stores through.
type Checker interface {
	// Check reads all that is in the store that the module names. It returns an error if there is no store, or if something is
	// not as it was written, and creates no store.
	Check(ctx context.Context) (backup.Contents, error)
}

// Backuper is implemented by a [Place] that can be backed up while it is open.
type Backuper interface {
	// Backup writes all that the place holds, in the form of package backup. What is in force in the place when Backup begins is
	// in force in a store that is made of the backup. After an error, what was written is no backup.
	Backup(ctx context.Context, to io.Writer) error
}
