package redisstore

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// Restore implements [storage.Restorer]. There must be no store under the prefix. If Restore breaks off, what is there is no
// store, and the next Restore begins anew.
func (r *Redis) Restore(ctx context.Context, from io.Reader) (backup.Contents, error) {
	client, err := r.connection(newKeys(r.Prefix).draft())
	if err != nil {
		return backup.Contents{}, err
	}
	defer client.close()
	return restore(ctx, client, from)
}

// Check implements [storage.Checker]. Gateways may use the store meanwhile.
func (r *Redis) Check(ctx context.Context) (backup.Contents, error) {
	client, err := r.connection(newKeys(r.Prefix))
	if err != nil {
		return backup.Contents{}, err
	}
	defer client.close()
	return check(ctx, client)
}

// connection returns a connection of its own to the server. It must be closed.
func (r *Redis) connection(keys keys) (*client, error) {
	server := r.address.option(secured(r.trusted))
	if err := credentials(r.credentials).use(&server); err != nil {
		return nil, fmt.Errorf("store redis: %w", err)
	}
	return newClient(server, keys, time.Duration(r.Timeout)), nil
}

// Interface guards.
var (
	_ storage.Restorer = (*Redis)(nil)
	_ storage.Checker  = (*Redis)(nil)
	_ storage.Backuper = (*Place)(nil)
)
