package redisstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// lockLife is how long a lock excludes others if it is not given back.
	lockLife = time.Minute
	// lockPause is the time between two attempts to take a lock that another gateway has.
	lockPause = 50 * time.Millisecond
)

// files is the storage.Files on the server. Each file that is stored makes an entry of the log, so that other gateways hear of it.
// Its methods are safe for concurrent use.
type files struct {
	client *client
	author string // how this gateway is named in the log
	store  *script

	mu     sync.Mutex
	tokens map[string]string // the values of the locks that this gateway has, by the names of the files
	kept   map[string][]byte // the values of the files as they were last seen, with their places
}

// newFiles returns the files. The text of log.lua tells how an entry of the log is written.
func newFiles(client *client, author, log string) *files {
	return &files{
		client: client, author: author, store: newScript(beginLua + log + fileLua),
		tokens: make(map[string]string), kept: make(map[string][]byte),
	}
}

// Lock implements [storage.Files].
func (f *files) Lock(ctx context.Context, name string) error {
	token, key := rand.Text(), f.client.keys.lock(name)
	for {
		done, err := f.client.note(ctx, noteScript, "hold", key, token, lockLife)
		if done && err == nil {
			f.mu.Lock()
			f.tokens[name] = token
			f.mu.Unlock()
			return nil
		}
		if err == nil {
			err = pauseFor(ctx, lockPause)
		}
		if err != nil {
			f.giveUp(ctx, key, token)
			return unavailable(sessions.ErrUnavailable, "locking a shared file", err)
		}
	}
}

// giveUp removes a lock that may have been taken all the same.
func (f *files) giveUp(ctx context.Context, key, token string) {
	ctx = context.WithoutCancel(ctx)
	go func() { _, _ = f.client.note(ctx, noteScript, "drop", key, token, 0) }() // else it is over after a minute
}

// pauseFor waits for the time, or until ctx is done.
func pauseFor(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock implements [storage.Files].
func (f *files) Unlock(ctx context.Context, name string) error {
	f.mu.Lock()
	token := f.tokens[name]
	delete(f.tokens, name)
	f.mu.Unlock()
	if token == "" {
		return nil
	}
	_, err := f.client.note(ctx, noteScript, "drop", f.client.keys.lock(name), token, 0)
	return unavailable(sessions.ErrUnavailable, "unlocking a shared file", err)
}

// Load implements [storage.Files].
func (f *files) Load(ctx context.Context, name string) ([]byte, error) {
	content, err := f.load(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a shared file: %w", fs.ErrNotExist)
	}
	return content, unavailable(sessions.ErrUnavailable, "reading a shared file", err)
}

func (f *files) load(ctx context.Context, name string) ([]byte, error) {
	values, err := f.client.read(ctx, f.client.keys.file(name))
	if err != nil {
		return nil, err
	}
	value, err := values[0].AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return f.keep(name, value)
}

// keep remembers the value of a file, and returns the content.
func (f *files) keep(name string, value []byte) ([]byte, error) {
	place, content, both := bytes.Cut(value, []byte("\n"))
	if _, err := placeOf(string(place)); err != nil || !both {
		return nil, errAnswer
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[name] = bytes.Clone(value)
	return bytes.Clone(content), nil
}

// Store implements [storage.Files]. It returns an error if this gateway had the lock of the file and it is over.
func (f *files) Store(ctx context.Context, name string, content []byte) error {
	f.mu.Lock()
	token := f.tokens[name]
	f.mu.Unlock()
	return unavailable(sessions.ErrUnavailable, "storing a shared file", f.run(ctx, "store", name, content, token))
}

// restore stores a value that the server may have lost, unless it has that or a later one.
func (f *files) restore(ctx context.Context, name string, value []byte) error {
	return f.run(ctx, "restore", name, value, "")
}

func (f *files) run(ctx context.Context, what, name string, content []byte, token string) error {
	epoch, k := f.client.joined(), f.client.keys
	if epoch == "" {
		return errNotJoined
	}
	names := []string{k.epoch(), k.facts(), k.live(), k.lifted(), k.expiries(), k.log(), k.file(name), k.lock(name)}
	value, err := f.client.run(ctx, f.store, names, []string{epoch, f.author, what, name, string(content), token}).AsBytes()
	if err != nil {
		return err
	}
	_, err = f.keep(name, value)
	return err
}

// known returns the values of the files as this gateway has last seen them, by name.
func (f *files) known() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.kept)
}
