package paths

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// Role is the role of the children that measure.
const Role = "chain"

// Settings is how much is measured.
type Settings struct {
	// Dir is a directory for all that is written.
	Dir string
	// Passes is how often each chain is measured. Time is how long each time.
	Passes int
	Time   time.Duration
	// Users is how many users send requests in turn.
	Users int
	// Revoked is how many revocations a filled blacklist has.
	Revoked int
	// Floor says whether the floor handler is measured as well.
	Floor bool
}

// ballast is the heap of every chain besides its own, in bytes.
const ballast = 64 << 20

// Row is what a path adds to a bare chain.
type Row struct {
	Path

	Ours, Floor chain.Measured
}

// Results are the rows of all paths.
type Results []Row

// ours returns what a path costs that another one's goal names.
func (r Results) ours(name string) chain.Measured {
	for _, row := range r {
		if row.Name == name {
			return row.Ours
		}
	}
	panic("there is no path " + name)
}

// subject is one chain that is measured, with what each pass has found.
type subject struct {
	name  string
	spec  chain.Spec
	found []chain.Measured
}

// Measure measures all paths. Each pass measures all chains in another order, each in a process of its own.
func Measure(ctx context.Context, settings Settings, progress *report.Progress) (Results, error) {
	subjects := settings.subjects()
	progress.Part("paths", len(subjects)*settings.Passes)
	for range settings.Passes {
		for _, i := range rand.Perm(len(subjects)) {
			one := subjects[i]
			progress.Step("%s", one.name)
			var found chain.Measured
			err := process.Ask(ctx, settings.Dir, Role, one.spec, &found)
			if err = errors.Join(err, os.RemoveAll(one.spec.Dir)); err != nil {
				return nil, fmt.Errorf("measuring %s: %w", one.name, err)
			}
			one.found = append(one.found, found)
		}
	}
	return settings.rows(subjects), nil
}

// The bare chains have a handler in the place of the gateway that does nothing. A rolling session's answers cost the application a
// cookie.
const (
	nobody      = "bench_nothing"
	bare        = "bare chain"
	bareRolling = "bare chain, the application sets a cookie"
)

func nameOfFloor(path string) string { return "floor: " + path }

func (s Settings) subjects() []*subject {
	all := []*subject{
		{name: bare, spec: chain.Spec{Handler: nobody, With: chain.Session, Answers: http.StatusOK}},
		{name: bareRolling, spec: chain.Spec{Handler: nobody, With: chain.Rolling, Answers: http.StatusOK}},
	}
	for _, path := range All {
		spec := chain.Spec{
			Handler: path.Handler, Options: path.Options, With: path.With, Answers: path.Answers, Sets: path.Sets, OnDisk: true,
		}
		if path.Revoked {
			spec.Revoked = s.Revoked
		}
		all = append(all, &subject{name: path.Name, spec: spec})
		if path.Floor != "" && s.Floor {
			spec.Handler, spec.Revoked = "bench_floor "+fmt.Sprint(s.Users)+" "+path.Floor, 0
			all = append(all, &subject{name: nameOfFloor(path.Name), spec: spec})
		}
	}
	for _, one := range all {
		one.spec.Dir = filepath.Join(s.Dir, "chain") // a new one for each measurement
		one.spec.Users, one.spec.Time, one.spec.Ballast = s.Users, s.Time, ballast
	}
	return all
}

func (s Settings) rows(subjects []*subject) Results {
	of := make(map[string]chain.Measured)
	for _, one := range subjects {
		of[one.name] = median(one.found)
	}
	var rows Results
	for _, path := range All {
		base := of[bare]
		if path.With == chain.Rolling {
			base = of[bareRolling]
		}
		row := Row{Path: path, Ours: less(of[path.Name], base)}
		if floor, there := of[nameOfFloor(path.Name)]; there {
			row.Floor = less(floor, base)
		}
		rows = append(rows, row)
	}
	return rows
}

// median returns what is in the middle, for each number by itself.
func median(found []chain.Measured) chain.Measured {
	var cpu []time.Duration
	var allocations, bytes []float64
	for _, one := range found {
		cpu, allocations, bytes = append(cpu, one.CPU), append(allocations, one.Allocations), append(bytes, one.Bytes)
	}
	return chain.Measured{CPU: report.Median(cpu), Allocations: report.Median(allocations), Bytes: report.Median(bytes)}
}

func less(whole, part chain.Measured) chain.Measured {
	return chain.Measured{
		CPU: whole.CPU - part.CPU, Allocations: whole.Allocations - part.Allocations, Bytes: whole.Bytes - part.Bytes,
	}
}
