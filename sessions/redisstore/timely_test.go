package redisstore

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

var lateErrors = regexp.MustCompile(`errorstat_LATE:count=(\d+)`)

// lateOn returns how many scripts the server has refused because they came late.
func lateOn(server *redistest.Server) int {
	found := lateErrors.FindStringSubmatch(server.Do("INFO", "errorstats"))
	if found == nil {
		return 0
	}
	count, _ := strconv.Atoi(found[1])
	return count
}

// clockOf returns what the server's clock says.
func clockOf(t *testing.T, g *gateway) time.Time {
	t.Helper()
	server, err := g.replica.client.connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var clock serverClock
	if err := clock.read(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	return clock.last.Load().server
}

// What a network has held back does nothing once its caller was told that it has failed.
func TestWhatArrivesLateDoesNothing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		way := redistest.NewProxy(t, server.Address())
		direct := openGateway(t, server.URL(), t.TempDir(), nil)
		kept, lifted := newSession("kept", "ann"), revoked("cid", 5)
		contents := func() map[string]string {
			all := make(map[string]string)
			for _, command := range [][]string{
				{"HGETALL", "{test}:live"},
				{"HGETALL", "{test}:lifted"},
				{"XLEN", "{test}:log"},
				{"HGETALL", "{test}:counts"},
				{"DBSIZE"},
				{"HGET", "{test}:facts", "last"},
			} {
				all[strings.Join(command, " ")] = server.Do(command...)
			}
			return all
		}
		for name, do := range map[string]func(ctx context.Context, g *gateway, fresh string) error{
			"a record": func(ctx context.Context, g *gateway, fresh string) error {
				return g.Sessions().Put(ctx, newSession(fresh, "bob"), start)
			},
			"a deletion": func(ctx context.Context, g *gateway, _ string) error {
				_, err := g.Sessions().Delete(ctx, kept.Key)
				return err
			},
			"a revocation": func(ctx context.Context, g *gateway, fresh string) error {
				_, err := g.shared().Write(ctx, revoked(fresh, 5))
				return err
			},
			"a lift": func(ctx context.Context, g *gateway, _ string) error { return g.shared().Remove(ctx, lifted.Subject) },
			"a claim": func(ctx context.Context, g *gateway, fresh string) error {
				_, err := g.Notes().Claim(ctx, fresh, "mine", time.Hour)
				return err
			},
			"a file": func(ctx context.Context, g *gateway, fresh string) error {
				return g.Files().Store(ctx, fresh, []byte("value"))
			},
		} {
			t.Run(name, func(t *testing.T) {
				g := openGateway(t, way.URL(), t.TempDir(), nil)
				g.catchUp(t)
				for _, fresh := range []string{"first", "second"} { // the server knows the script by its hash then
					if err := g.Sessions().Put(t.Context(), kept, start); err != nil {
						t.Fatal(err)
					}
					g.revoke(t, lifted)
					if fresh == "first" {
						if err := do(t.Context(), g, name+fresh); err != nil {
							t.Fatal(err)
						}
					}
				}
				before, late := contents(), lateOn(server)
				for lateOn(server) == late { // once, unless this machine is too slow to send anything in time
					way.Cut(redistest.ToServer)
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					err := do(ctx, g, name+"second")
					deadline, _ := ctx.Deadline()
					cancel()
					if err == nil {
						t.Fatal("done although the way to the server was cut")
					}
					until, _ := g.replica.client.clock.at(deadline)
					for !clockOf(t, direct).After(until.Add(5 * time.Millisecond)) { // scripts read the clock in milliseconds
					}
					way.Heal()
					clockOf(t, g) // what was held has been sent on
					if got := contents(); !maps.Equal(got, before) {
						t.Fatalf("the server has\n%v\nwant\n%v", got, before)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
				defer cancel()
				if err := do(ctx, g, name+"third"); err != nil {
					t.Errorf("once more: %v", err)
				}
			})
		}
	})
}

// The clock of a server may be set, and another server has another clock.
func TestServerWhoseClockIsSet(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		g := openGateway(t, engine.Start(t, redistest.Settings{}).URL(), t.TempDir(), nil)
		g.catchUp(t)
		for _, off := range []time.Duration{-time.Hour, time.Hour} {
			g.replica.client.clock.note(time.Now(), time.Now().Add(off))
			if err := g.Sessions().Put(t.Context(), newSession("one", "ann"), start); err != nil {
				t.Errorf("with a clock that is %s off: %v", off, err)
			}
		}
		if err := g.replica.beacon().beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if at, known := g.replica.client.clock.at(now); !known || at.Sub(now).Abs() > time.Minute {
			t.Errorf("after a heartbeat the server's clock is taken to say %s, want %s", at, now)
		}
	})
}

// Every script says until when it may run.
func TestScriptsWithoutADeadline(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		store := openOn(t, engine.Start(t, redistest.Settings{}))
		server, err := store.client.connected(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		result := countScript.runInTime(context.Background(), &store.client.clock, server, []string{store.client.keys.epoch()}, []string{store.client.joined()})
		if !errors.Is(result.Error(), errUnlimited) {
			t.Errorf("without a deadline: %v", result.Error())
		}
	})
}
