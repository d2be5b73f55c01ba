package badgerstore

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

func init() {
	caddy.RegisterModule(Badger{})
}

// Badger keeps sessions, ends and revocations in a directory on this machine's disk. The directory belongs to one running
// Caddy: a second one that names it is refused. All sites and configurations of one Caddy share it.
//
// Where the store is damaged or incomplete the configuration is refused, with an error that names the directory; it is
// never taken for empty. Nothing is written while the file system has less than 64 MiB free.
type Badger struct {
	// The directory of the store, which is created if need be and must hold nothing else. Placeholders for environment
	// variables and files are replaced. Default: `jwt_session` in Caddy's data directory.
	Dir string `json:"dir,omitempty"`

	dir string
}

// CaddyModule returns the Caddy module information.
func (Badger) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "jwt_session.stores.badger",
		New: func() caddy.Module { return new(Badger) },
	}
}

// Provision finds the directory's name. It opens and creates nothing.
func (b *Badger) Provision(caddy.Context) error {
	if b.Dir == "" {
		b.dir = filepath.Join(caddy.AppDataDir(), "jwt_session")
		return nil
	}
	dir, err := caddy.NewReplacer().ReplaceOrErr(b.Dir, true, true)
	if err != nil {
		return fmt.Errorf("reading option dir %q of store badger: %w", b.Dir, err)
	}
	b.dir = dir
	return nil
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	badger [<dir>]
func (b *Badger) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name of the engine
	if d.NextArg() {
		b.Dir = d.Val()
		if b.Dir == "" {
			return d.Err("store badger: the directory's name is empty: leave it out for the default one")
		}
	}
	if d.NextArg() {
		return d.Errf("store badger: unexpected argument %q: it takes at most a directory", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("store badger: unexpected option %q: it takes none", d.Val())
	}
	return nil
}

// Location returns the canonical name of the directory: absolute, and without symbolic links as far as it exists.
func (b *Badger) Location() (string, error) { return canonical(b.dir) }

// Options describes what is fixed while the store is open.
func (b *Badger) Options() string { return "badger" }

// Open opens the store with the given id, as [Reopen] does. If the id is empty, it opens whatever is there, as [Open] does.
func (b *Badger) Open(id string, logger *zap.Logger) (storage.Place, error) {
	var db *DB
	var err error
	if id == "" {
		db, err = Open(b.dir, logger)
	} else {
		db, err = Reopen(b.dir, id, logger)
	}
	if err != nil {
		return nil, err // not db, which as an interface would be a nil that is not nil
	}
	return db, nil
}

// Restore makes a store out of a backup in the directory. See [Restore].
func (b *Badger) Restore(_ context.Context, from io.Reader) (backup.Contents, error) {
	return Restore(b.dir, from, zap.NewNop())
}

// Check reads through the store in the directory, which must not be in use. See [Check].
func (b *Badger) Check(context.Context) (backup.Contents, error) { return Check(b.dir, zap.NewNop()) }

// Interface guards.
var (
	_ caddy.Provisioner     = (*Badger)(nil)
	_ caddyfile.Unmarshaler = (*Badger)(nil)
	_ storage.Place         = (*DB)(nil)
	_ storage.Identifier    = (*DB)(nil)
	_ storage.Backuper      = (*DB)(nil)
	_ storage.Restorer      = (*Badger)(nil)
	_ storage.Checker       = (*Badger)(nil)
)
