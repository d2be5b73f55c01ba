package redisstore

import (
	"context"

	"github.com/redis/rueidis"
)

// dedicate returns a connection that nobody else uses. The caller gives it back with release.
func (c *client) dedicate(ctx context.Context) (connection rueidis.DedicatedClient, release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	server, err := c.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	connection, release = server.Dedicate()
	return connection, release, nil
}

// dedicated calls use with a connection that nobody else uses, within the client's timeout.
func (c *client) dedicated(ctx context.Context, use func(context.Context, rueidis.DedicatedClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	connection, release, err := c.dedicate(ctx)
	if err != nil {
		return err
	}
	defer release()
	return use(ctx, connection)
}

// doMulti sends commands and returns the answers, within the client's timeout.
func (c *client) doMulti(ctx context.Context, commands func(rueidis.Builder) rueidis.Commands) ([]rueidis.RedisResult, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	server, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	return server.DoMulti(ctx, commands(server.B())...), nil
}
