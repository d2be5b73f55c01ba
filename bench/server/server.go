package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// Role is the role of the children that serve.
const Role = "server"

// Settings is how much is measured.
type Settings struct {
	// Dir is a directory for all that is written.
	Dir string
	// Passes is how often each server is measured. Time is how long each time.
	Passes int
	Time   time.Duration
	// Users is how many users send requests in turn.
	Users int
	// Revoked is how many revocations a filled blacklist has.
	Revoked int
}

// row is one server, and what the passes have found.
type row struct {
	name string
	goal float64 // at most so many times a bare proxy; 0: none
	spec chain.Spec
	used []time.Duration // for a request
}

// Title is the title of the table.
const Title = "Whole server: CPU a request, against a bare `reverse_proxy`"

// rows are all servers, the bare one first.
func rows(settings Settings) []*row {
	const mixed = "jwt_session shop {\nwhoami /whoami json user\ntoken_lifetime 10m\n}"
	const stateful = "jwt_session shop {\nwhoami /whoami json user\nmode stateful\ntoken_lifetime 10m\n}"
	ours := func(handler string, with chain.Credential) chain.Spec {
		return chain.Spec{Handler: handler, With: with, Answers: http.StatusOK, OnDisk: true}
	}
	filled, first, mint := ours(mixed, chain.Token), ours(mixed, chain.Token), ours(mixed, chain.Session)
	filled.Revoked, first.Options, mint.Sets = settings.Revoked, "token_cache 100", true
	all := []*row{
		{name: "bare `reverse_proxy`", spec: chain.Spec{With: chain.Session, Answers: http.StatusOK}},
		{name: "token seen before, empty blacklist", goal: 1.05, spec: ours(mixed, chain.Token)},
		{name: "token seen before, filled blacklist", goal: 1.05, spec: filled},
		{name: "token, first sight (HS256)", spec: first},
		{name: "session hit", spec: ours(stateful, chain.Session)},
		{name: "session hit and mint", goal: 1.10, spec: mint},
	}
	for _, one := range all {
		one.spec.Dir, one.spec.Users = filepath.Join(settings.Dir, "server"), settings.Users
	}
	return all
}

// Rows returns the names of the table's rows.
func Rows() []string {
	var names []string
	for _, one := range rows(Settings{}) {
		names = append(names, one.name)
	}
	return names
}

// Measure measures all servers. Each pass measures them in another order, each in a process of its own.
func Measure(ctx context.Context, settings Settings, progress *report.Progress) (report.Table, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return report.Table{}, err
	}
	upstream := &http.Server{Handler: application.New(false), ReadHeaderTimeout: time.Minute}
	go func() { _ = upstream.Serve(listener) }()
	defer func() { _ = upstream.Close() }()
	all := rows(settings)
	progress.Part("whole server", len(all)*settings.Passes)
	for range settings.Passes {
		for _, i := range rand.Perm(len(all)) {
			one := all[i]
			progress.Step("%s", one.name)
			one.spec.Behind = "reverse_proxy " + listener.Addr().String()
			used, err := measure(ctx, settings, one.spec)
			if err != nil {
				return report.Table{}, fmt.Errorf("measuring %s: %w", one.name, err)
			}
			one.used = append(one.used, used)
		}
	}
	return table(all), nil
}

// measure returns how long a request takes a processor in a server of its own.
func measure(ctx context.Context, settings Settings, spec chain.Spec) (used time.Duration, err error) {
	if spec.Listen, err = process.FreeAddress(); err != nil {
		return 0, err
	}
	child, err := process.Start(ctx, settings.Dir, Role)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.End(), os.RemoveAll(spec.Dir)) }()
	var served chain.Served
	if err := child.Ask(spec, &served); err != nil {
		return 0, err
	}
	load := newLoad(spec, served.Cookies)
	defer load.close()
	if _, err := load.run(ctx, settings.Time/5, len(served.Cookies)); err != nil {
		return 0, err
	}
	var before, after chain.Usage
	if err := child.Ask(struct{}{}, &before); err != nil {
		return 0, err
	}
	requests, err := load.run(ctx, settings.Time, 1)
	if err != nil {
		return 0, err
	}
	if err := child.Ask(struct{}{}, &after); err != nil {
		return 0, err
	}
	return (after.CPU - before.CPU) / time.Duration(requests), nil
}

func table(all []*row) report.Table {
	t := report.Table{
		Title: Title, Heads: []string{"path", "CPU, µs", "× bare", "goal", ""},
		Note: "HTTP/1.1 over loopback, connections that stay open, and an application that costs next to nothing.",
	}
	bare := report.Median(all[0].used)
	for _, one := range all {
		used := report.Median(one.used)
		factor := float64(used) / float64(bare)
		cells := []string{one.name, report.Micros(used), fmt.Sprintf("%.2f", factor), report.None, ""}
		if one.goal > 0 {
			cells[3], cells[4] = fmt.Sprintf("%.2f", one.goal), report.Met(factor <= one.goal)
		}
		t.Add(cells...)
	}
	return t
}
