package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/paths"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/scale"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/server"
)

// run measures what the flags say, and prints it.
func (f *flags) run(ctx context.Context, out, progress io.Writer) (err error) {
	dir, err := os.MkdirTemp(f.dir, "jwt-session-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	steps := report.NewProgress(progress)
	if f.check != "" {
		return f.checkAllocations(ctx, dir, out, steps)
	}
	for _, part := range partNames {
		if !slices.Contains(f.parts, part) {
			continue
		}
		text, err := f.measure(ctx, part, dir, steps)
		if err != nil {
			return err
		}
		text += "\n" + f.measuredOn(part) + "\n"
		fmt.Fprintln(out, text)
		if f.docs == "" {
			continue
		}
		if err := writeInto(f.docs, part, text); err != nil {
			return err
		}
	}
	return nil
}

// measure measures one part and returns its table.
func (f *flags) measure(ctx context.Context, part, dir string, steps *report.Progress) (string, error) {
	var table report.Table
	var err error
	switch part {
	case "paths":
		var results paths.Results
		results, err = paths.Measure(ctx, f.paths(dir, true), steps)
		table = results.Table()
	case "server":
		table, err = server.Measure(ctx, server.Settings{Dir: dir, Passes: f.passes, Time: f.time, Users: f.users, Revoked: f.filled}, steps)
	case "scale":
		var found *scale.Found
		found, err = scale.Measure(ctx, scale.Settings{
			Dir: dir, Sessions: f.sessions, Revoked: f.revocations, Passes: f.passes, Time: f.time,
		}, steps)
		if err == nil {
			table = found.Table()
		}
	default:
		var figures breakeven.Figures
		figures, err = breakeven.Measure(ctx, dir, steps)
		table = figures.Table()
	}
	if err != nil {
		return "", err
	}
	return table.String(), nil
}

func (f *flags) paths(dir string, floor bool) paths.Settings {
	return paths.Settings{Dir: dir, Passes: f.passes, Time: f.time, Users: f.users, Revoked: f.filled, Floor: floor}
}

// checkAllocations measures the gateway alone, once and for a moment: allocations do not depend on the machine.
func (f *flags) checkAllocations(ctx context.Context, dir string, out io.Writer, steps *report.Progress) error {
	settings := f.paths(dir, false)
	settings.Passes, settings.Time = 1, min(f.time, 300*time.Millisecond)
	results, err := paths.Measure(ctx, settings, steps)
	if err != nil {
		return err
	}
	table, within := results.Check()
	fmt.Fprint(out, table.String())
	if !within {
		return errAboveBound
	}
	return nil
}

// measuredOn says where the figures of a part are from.
func (f *flags) measuredOn(part string) string {
	text := "Measured on " + machine()
	if part == "paths" || part == "server" {
		text += fmt.Sprintf(", passes: %d of %s", f.passes, f.time)
	}
	return text + "."
}
