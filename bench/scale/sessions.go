package scale

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/paths"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/server"
)

const (
	// users is how many of the users send requests.
	users = 1000
	// starts is how often a start is measured.
	starts = 3
)

// gateway is the one that gets the sessions.
func gateway(dir string) chain.Spec {
	return chain.Spec{
		Dir: dir, Handler: "jwt_session shop {\nwhoami /whoami json user\nmode stateful\n}", With: chain.Session, Answers: http.StatusOK,
		Users: 1,
	}
}

// importSessions imports the sessions of the users from..to over the admin API, and returns how long that took.
func importSessions(ctx context.Context, dir string, from, to int) (took time.Duration, err error) {
	spec := gateway(dir)
	if spec.Admin, err = process.FreeAddress(); err != nil {
		return 0, err
	}
	child, err := process.Start(ctx, filepath.Dir(dir), server.Role)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.End()) }()
	if err := child.Ask(spec, new(chain.Served)); err != nil {
		return 0, err
	}
	lines, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(writeSessions(writer, from, to)) }()
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+spec.Admin+"/jwt_session/sessions", lines)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	took = time.Since(began)
	var answer struct{ Imported int }
	if err = errors.Join(err, json.Unmarshal(text, &answer)); err != nil || answer.Imported != to-from {
		return 0, fmt.Errorf("importing %d sessions: status %d: %s: %w", to-from, response.StatusCode, text, err)
	}
	return took, nil
}

func writeSessions(to io.Writer, from, end int) error {
	buffered := bufio.NewWriterSize(to, 1<<16)
	for i := from; i < end; i++ {
		// Nothing in it needs an escape.
		fmt.Fprintf(buffered, `{"realm":%q,"id":%q,"user":%q}`+"\n", seed.Realm, application.Session(i), application.User(i))
	}
	return buffered.Flush()
}

// onDisk returns how many bytes the tables and logs of a store have.
func onDisk(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{".sst", ".vlog"}, filepath.Ext(path)) {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// hit returns what a session hit costs a processor, with a bare chain, when the store has so many sessions.
func hit(ctx context.Context, dir string, of int, settings Settings) (time.Duration, error) {
	spec := gateway(dir)
	spec.Users, spec.Apart, spec.Time, spec.OnDisk = min(users, of), max(of/users, 1), settings.Time, true
	var found []time.Duration
	for range settings.Passes {
		var one chain.Measured
		if err := process.Ask(ctx, filepath.Dir(dir), paths.Role, spec, &one); err != nil {
			return 0, err
		}
		found = append(found, one.CPU)
	}
	return report.Median(found), nil
}

// start returns how long it takes from the start of a process until the first request is answered.
func start(ctx context.Context, dir string) (time.Duration, error) {
	var found []time.Duration
	for range starts {
		began := time.Now()
		child, err := process.Start(ctx, filepath.Dir(dir), StartRole)
		if err != nil {
			return 0, err
		}
		var answered bool
		if err := child.Ask(gateway(dir), &answered); err != nil {
			return 0, err
		}
		found = append(found, time.Since(began))
		if err := child.End(); err != nil {
			return 0, err
		}
	}
	return report.Median(found), nil
}

// StartRole is the role of the children that start.
const StartRole = "start"
