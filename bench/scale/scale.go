package scale

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
)

// Settings is how much is measured.
type Settings struct {
	// Dir is a directory for all that is written.
	Dir string
	// Sessions and Revoked are how many sessions and revocations there are.
	Sessions, Revoked int
	// Passes is how often a session hit is measured. Time is how long each time.
	Passes int
	Time   time.Duration
}

// Found is all that was measured.
type Found struct {
	settings Settings

	blacklist blacklistFound
	ends      endsFound
	imported  time.Duration
	bytes     int64
	few, many time.Duration // a session hit among a tenth of the sessions, and among all
	start     time.Duration
}

// Measure measures everything.
func Measure(ctx context.Context, settings Settings, progress *report.Progress) (*Found, error) {
	f := &Found{settings: settings}
	revoked, all := humanize.Comma(int64(settings.Revoked)), humanize.Comma(int64(settings.Sessions))
	store := filepath.Join(settings.Dir, "many") // of a gateway
	tenth := settings.Sessions / 10
	steps := []struct {
		name string
		do   func() error
	}{
		{revoked + " revocations, and all of them expire", func() error {
			spec := blacklistSpec{filepath.Join(settings.Dir, "revocations"), settings.Revoked}
			return process.Ask(ctx, settings.Dir, BlacklistRole, spec, &f.blacklist)
		}},
		{revoked + " ends, and a user is revoked", func() error {
			spec := blacklistSpec{filepath.Join(settings.Dir, "ends"), settings.Revoked}
			return process.Ask(ctx, settings.Dir, EndsRole, spec, &f.ends)
		}},
		{"a tenth of " + all + " sessions is imported", func() (err error) {
			f.imported, err = importSessions(ctx, store, 0, tenth)
			return err
		}},
		{"session hits", func() (err error) {
			f.few, err = hit(ctx, store, tenth, settings)
			return err
		}},
		{"the other sessions are imported", func() error {
			took, err := importSessions(ctx, store, tenth, settings.Sessions)
			if f.imported += took; err != nil {
				return err
			}
			f.bytes, err = onDisk(filepath.Join(store, "store"))
			return err
		}},
		{"session hits", func() (err error) {
			f.many, err = hit(ctx, store, settings.Sessions, settings)
			return err
		}},
		{"the gateway starts with all sessions and revocations", func() (err error) {
			now := time.Now()
			mixed := seed.Mixed(settings.Revoked, now, now.Add(revokedFor))
			if err := seed.Revoke(ctx, filepath.Join(store, "store"), mixed); err != nil {
				return err
			}
			f.start, err = start(ctx, store)
			return err
		}},
	}
	progress.Part("scale", len(steps))
	for _, step := range steps {
		progress.Step("%s", step.name)
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("measuring how %s: %w", step.name, err)
		}
	}
	return f, nil
}
