package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/paths"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/scale"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/server"
)

// The exit codes.
const (
	exitAboveBound = 1
	exitFailed     = 2
)

// errAboveBound is returned where a path allocates more than its bound.
var errAboveBound = errors.New("a path allocates more than its bound in bench/paths/paths.go")

// roles are what the children do.
var roles = map[string]process.Role{
	paths.Role:                process.Answered(chain.Measure),
	server.Role:               chain.Serve,
	scale.BlacklistRole:       process.Answered(scale.MeasureBlacklist),
	scale.EndsRole:            process.Answered(scale.MeasureEnds),
	scale.StartRole:           chain.Start,
	breakeven.RedisRole:       process.Answered(breakeven.MeasureRedis),
	breakeven.ApplicationRole: breakeven.Application,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == process.CaddyCommand {
		os.Args = os.Args[1:]
		caddycmd.Main()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "Error:", err)
	if errors.Is(err, errAboveBound) {
		os.Exit(exitAboveBound)
	}
	os.Exit(exitFailed)
}
