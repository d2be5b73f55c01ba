package breakeven

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore"
)

// RedisRole is the role of the child that looks up in Redis.
const RedisRole = "redis"

// users is how many sessions there are.
const users = 10_000

// MeasureRedis is the role: it starts a server of its own, and returns how long a look-up takes.
func MeasureRedis(dir string) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address, stop, err := startRedis(ctx, filepath.Join(dir, "redis"))
	if err != nil {
		return 0, err
	}
	defer stop()
	engine := &redisstore.Redis{URL: "redis://" + address, Dir: filepath.Join(dir, "redis-copy")}
	if err := engine.Provision(caddy.Context{}); err != nil {
		return 0, err
	}
	place, err := engine.Open("", zap.NewNop())
	if err != nil {
		return 0, err
	}
	l, err := ledger.Open(ctx, place, ledger.Options{})
	if err != nil {
		return 0, errors.Join(err, place.Close())
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	keys := make([]sessions.Key, users)
	for i := range keys {
		keys[i] = sessions.Key{Realm: seed.Realm, Hash: sessions.HashOf(application.Session(i))}
		_, err := l.Add(ctx, keys[i], ledger.Identity{User: application.User(i)}, ledger.Lifetimes{Idle: time.Hour, MaxAge: time.Hour})
		if err != nil {
			return 0, err
		}
	}
	next := 0
	return quickest(func() error {
		next++
		_, active, err := l.Active(ctx, keys[next%len(keys)])
		if err == nil && !active {
			err = errors.New("a session that was added is not in Redis")
		}
		return err
	})
}

// startRedis starts a Redis or Valkey server that keeps everything in memory.
func startRedis(ctx context.Context, dir string) (address string, stop func(), err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if program, err = exec.LookPath("valkey-server"); err != nil {
			return "", nil, errors.New("the break-even needs redis-server or valkey-server: install one, or leave that part out with --parts")
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	if address, err = process.FreeAddress(); err != nil {
		return "", nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, err
	}
	command := exec.CommandContext(ctx, program, "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = command.Process.Kill()
		_ = command.Wait() // killed
	}
	for range 200 {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return address, stop, connection.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("%s does not answer", program)
}
