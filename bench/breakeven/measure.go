package breakeven

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// The ways to learn whose session it is.
const (
	rowEmbedded    = "look-up in the embedded store (`badger`)"
	rowRedis       = "look-up in Redis, over loopback"
	rowNetwork     = "look-up in Redis, over a network (0.5 ms, modelled)"
	rowApplication = "asking the application (whoami, over loopback, one that answers at once)"
)

// network is the round trip of a network that is modelled.
const network = 500 * time.Microsecond

// commandFigures is what `caddy jwt-session bench --json` prints.
type commandFigures struct {
	LookUp struct {
		CookieBytes int     `json:"cookie_bytes"`
		Nanoseconds float64 `json:"ns"`
	} `json:"look_up"`
	Tokens []struct {
		Bytes int     `json:"bytes"`
		First float64 `json:"first_ns"`
		Seen  float64 `json:"seen_ns"`
		Mint  float64 `json:"mint_ns"`
	} `json:"tokens"`
}

// Measure measures tokens and the embedded store with the command that users have, and the other look-ups in children.
func Measure(ctx context.Context, dir string, progress *report.Progress) (Figures, error) {
	progress.Part("break-even", 3)
	progress.Step("caddy jwt-session bench")
	var command commandFigures
	if err := process.Caddy(ctx, dir, &command, "jwt-session", "bench", "--json"); err != nil {
		return Figures{}, err
	}
	if len(command.Tokens) == 0 {
		return Figures{}, fmt.Errorf("caddy jwt-session bench measured no tokens: %+v", command)
	}
	progress.Step("look-ups in Redis")
	var redis, application time.Duration
	if err := process.Ask(ctx, dir, RedisRole, dir, &redis); err != nil {
		return Figures{}, err
	}
	progress.Step("asking an application")
	application, err := askApplication(ctx, dir)
	if err != nil {
		return Figures{}, err
	}
	first := command.Tokens[0] // the default algorithm
	return Figures{
		Token:  Token{Bytes: first.Bytes, Mint: time.Duration(first.Mint), First: time.Duration(first.First), Seen: time.Duration(first.Seen)},
		Cookie: command.LookUp.CookieBytes,
		LookUps: []LookUp{
			{rowEmbedded, time.Duration(command.LookUp.Nanoseconds)},
			{rowRedis, redis},
			{rowNetwork, redis + network},
			{rowApplication, application},
		},
	}, nil
}

// quickest returns how long something takes: the quickest of several rounds, since whatever disturbs one makes it slower.
func quickest(do func() error) (time.Duration, error) {
	const rounds, times = 7, 2000
	best := time.Duration(0)
	for range rounds {
		began := time.Now()
		for range times {
			if err := do(); err != nil {
				return 0, err
			}
		}
		if took := time.Since(began) / times; best == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
