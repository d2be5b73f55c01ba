package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// notes is the storage.Notes on the server.
type notes struct{ client *client }

// Claim implements [storage.Notes].
func (n *notes) Claim(ctx context.Context, name, value string, life time.Duration) (bool, error) {
	done, err := n.client.note(ctx, claimScript, "claim", n.client.keys.note(name), value, life)
	return done && err == nil, unavailable(sessions.ErrUnavailable, "claiming a note", err)
}

// Put implements [storage.Notes].
func (n *notes) Put(ctx context.Context, name, value string, life time.Duration) error {
	_, err := n.client.note(ctx, noteScript, "put", n.client.keys.note(name), value, life)
	return unavailable(sessions.ErrUnavailable, "writing a note", err)
}

// Get implements [storage.Notes].
func (n *notes) Get(ctx context.Context, name string) (string, bool, error) {
	values, err := n.client.read(ctx, n.client.keys.note(name))
	if err != nil {
		return "", false, unavailable(sessions.ErrUnavailable, "reading a note", err)
	}
	value, err := values[0].ToString()
	if rueidis.IsRedisNil(err) {
		return "", false, nil
	}
	return value, err == nil, unavailable(sessions.ErrUnavailable, "reading a note", err)
}

// Drop implements [storage.Notes].
func (n *notes) Drop(ctx context.Context, name, value string) error {
	_, err := n.client.note(ctx, noteScript, "drop", n.client.keys.note(name), value, 0)
	return unavailable(sessions.ErrUnavailable, "removing a note", err)
}

// note runs a script of note.lua and reports whether the note is as it is to be.
func (c *client) note(ctx context.Context, script *script, what, key, value string, life time.Duration) (bool, error) {
	milliseconds := max((life + time.Millisecond - 1).Milliseconds(), 1)
	return c.change(ctx, script, []string{c.keys.epoch(), key},
		[]string{c.joined(), what, value, strconv.FormatInt(milliseconds, 10)})
}
