package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// eachLoss runs a part of a test with each way in which a server can lose its data while gateways use it.
func eachLoss(t *testing.T, run func(t *testing.T, server *redistest.Server, lose func())) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		t.Run("emptied", func(t *testing.T) {
			server := engine.Start(t, redistest.Settings{})
			run(t, server, func() { server.Do("FLUSHALL") })
		})
		t.Run("killed without a file", func(t *testing.T) {
			server := engine.Start(t, redistest.Settings{})
			run(t, server, func() {
				server.Kill()
				server.Start()
			})
		})
	})
}

func TestEmptiedServerIsFilledAgain(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, server *redistest.Server, lose func()) {
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		first, second, gone := a.revoke(t, revoked("ann", 5)), b.revoke(t, revoked("bob", 7)), a.revoke(t, revoked("cid", 3))
		b.waitFor(t, first)
		b.waitFor(t, gone)
		a.waitFor(t, second)
		b.lift(t, gone.Subject)
		a.waitGone(t, gone.Subject)
		if err := a.Files().Store(t.Context(), "keys", []byte("secret")); err != nil {
			t.Fatal(err)
		}
		session := newSession("one", "dan")
		session.AuthTime += 1000
		a.catchUp(t)
		if err := a.Sessions().Put(t.Context(), session, start); err != nil {
			t.Fatal(err)
		}
		a.catchUp(t)
		b.catchUp(t)
		before := a.Position()

		lose()
		// Until a gateway has told the server, nobody says that there is no such session.
		for _, g := range []*gateway{a, b} {
			if _, found, err := g.Sessions().Get(t.Context(), session.Key, start); !found && err == nil && len(server.Do("HGETALL", "{test}:live")) < 10 {
				t.Error("a record is said to be absent on a server that has lost it")
			}
		}
		// A write waits until the server was told.
		third := b.revoke(t, revoked("eve", 1))
		a.waitFor(t, third)
		a.catchUp(t)
		b.catchUp(t)
		for _, entry := range []blacklist.Entry{first, second, third} {
			values := server.Do("HGET", "{test}:live", string(entry.Subject.Bytes()))
			if !strings.HasPrefix(values, fmt.Sprintf("%d %d ", entry.Second, entry.Expires.Unix())) {
				t.Errorf("the server has %q, want %v", values, entry)
			}
		}
		if values := server.Do("HGET", "{test}:live", string(gone.Subject.Bytes())); values != "" {
			t.Errorf("what was lifted came back: %q", values)
		}
		if values := server.Do("HGET", "{test}:lifted", string(gone.Subject.Bytes())); values == "" {
			t.Error("the server has not been told what was lifted")
		}
		if latest := server.Do("HGET", "{test}:facts", "latest"); latest != strconv.FormatInt(session.AuthTime, 10) {
			t.Errorf("the newest auth_time is %q, want %d", latest, session.AuthTime)
		}
		if content, err := b.Files().Load(t.Context(), "keys"); string(content) != "secret" || err != nil {
			t.Errorf("the file has %q, %v", content, err)
		}
		if third.At <= before {
			t.Errorf("the place %d of a write after the loss is not behind %d", third.At, before)
		}
		if third.Second != session.AuthTime {
			t.Errorf("the revocation hits up to %d, want %d: that of the newest session", third.Second, session.AuthTime)
		}
		if _, found, err := b.Sessions().Get(t.Context(), session.Key, start); found || err != nil {
			t.Errorf("after the loss: %v, %v, want no such session", found, err)
		}
	})
}

func TestSavedServerGoesOn(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{AppendOnly: true})
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		first := a.revoke(t, revoked("ann", 5))
		b.waitFor(t, first)
		epoch := server.Do("GET", "{test}:epoch")
		server.Kill()
		a.waitLinked(t, false)
		if _, err := a.shared().Write(t.Context(), revoked("bob", 7)); !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("Write without a server: %v", err)
		}
		if err := a.CatchUp(t.Context()); !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("CatchUp without a server: %v", err)
		}
		server.Start()
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		second := b.revoke(t, revoked("cid", 3))
		a.waitFor(t, second)
		if now := server.Do("GET", "{test}:epoch"); now != epoch {
			t.Error("the server is taken for another one")
		}
	})
}

func TestLiftIsNotUndoneByWhoWasCutOff(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, part := range []struct {
			name string
			lose bool // the server, after the lift
		}{{"the server goes on", false}, {"the server loses everything", true}} {
			t.Run(part.name, func(t *testing.T) {
				server := engine.Start(t, redistest.Settings{})
				proxy := redistest.NewProxy(t, server.Address())
				a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, proxy.URL(), t.TempDir(), shortly)
				first := a.revoke(t, revoked("ann", 5))
				b.waitFor(t, first)
				b.waitSaved(t)
				proxy.Cut(redistest.Both)
				b.waitLinked(t, false)
				a.lift(t, first.Subject)
				if part.lose {
					dir := a.dir
					a.end()
					server.Do("FLUSHALL")
					a = startGateway(t, server.URL(), dir, nil)
					a.revoke(t, revoked("bob", 1)) // so that the gateway has told the server
				}
				proxy.Heal()
				b.waitLinked(t, true)
				b.waitGone(t, first.Subject)
				first.Expires = first.Expires.Add(time.Hour)
				if err := b.shared().Prolong(t.Context(), first); err != nil {
					t.Fatalf("Prolong: %v", err)
				}
				a.catchUp(t)
				a.waitGone(t, first.Subject)
				if values := server.Do("HGET", "{test}:live", string(first.Subject.Bytes())); values != "" {
					t.Errorf("what was lifted came back: %q", values)
				}
				again := b.revoke(t, revoked("ann", 2))
				a.waitFor(t, again)
			})
		}
	})
}

func TestWriteBeforeFollowingTellsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		lifted, kept := a.revoke(t, revoked("ann", 5)), a.revoke(t, revoked("bob", 7))
		a.lift(t, lifted.Subject)
		a.end()
		server.Do("FLUSHALL")
		a = openGateway(t, server.URL(), a.dir, nil)
		a.revoke(t, revoked("cid", 1))
		a.follow(t)
		a.waitLinked(t, true) // before that, it does not follow yet
		a.catchUp(t)
		if values := server.Do("HGET", "{test}:lifted", string(lifted.Subject.Bytes())); values == "" {
			t.Error("the server has not been told what was lifted")
		}
		if values := server.Do("HGET", "{test}:live", string(kept.Subject.Bytes())); values == "" {
			t.Error("the server has not been told what is revoked")
		}
	})
}

// shortly makes a gateway give up a call soon.
func shortly(s *settings) { s.timeout = 300 * time.Millisecond }

func TestTrimmedLogIsReadAnew(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		proxy := redistest.NewProxy(t, server.Address())
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, proxy.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		for _, left := range []int{0, 1} {
			proxy.Cut(redistest.Both)
			b.waitLinked(t, false)
			first, second := a.revoke(t, revoked(fmt.Sprint("ann", left), 5)), a.revoke(t, revoked(fmt.Sprint("bob", left), 7))
			server.Do("XTRIM", "{test}:log", "MAXLEN", strconv.Itoa(left))
			proxy.Heal()
			b.waitFor(t, first)
			b.waitFor(t, second)
			b.catchUp(t)
			if b.Position() < second.At {
				t.Errorf("Position = %d, want at least %d", b.Position(), second.At)
			}
		}
	})
}

func TestNetworkIsCut(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, direction := range []redistest.Direction{redistest.ToServer, redistest.ToClient, redistest.Both} {
			t.Run(fmt.Sprint("direction ", direction), func(t *testing.T) {
				server := engine.Start(t, redistest.Settings{})
				proxy := redistest.NewProxy(t, server.Address())
				a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, proxy.URL(), t.TempDir(), shortly)
				b.waitLinked(t, true)
				proxy.Cut(direction)
				entry := a.revoke(t, revoked("ann", 5))
				if _, err := b.shared().Write(t.Context(), revoked("bob", 7)); !errors.Is(err, blacklist.ErrUnavailable) {
					t.Errorf("Write over a network that is cut: %v", err)
				}
				b.waitLinked(t, false)
				synced := b.Link().Synced
				proxy.Heal()
				b.waitLinked(t, true)
				b.waitFor(t, entry)
				b.catchUp(t)
				if after := b.Link().Synced; !after.After(synced) {
					t.Errorf("Synced is %v after the cut and %v before", after, synced)
				}
			})
		}
	})
}

func TestServerIsPaused(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b := startGateway(t, server.URL(), t.TempDir(), shortly), startGateway(t, server.URL(), t.TempDir(), shortly)
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		server.Pause()
		a.waitLinked(t, false)
		b.waitLinked(t, false)
		// The server may do this when it goes on, though nobody was told that it is done.
		unsure := revoked("ann", 5)
		if _, err := a.shared().Write(t.Context(), unsure); !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("Write to a server that is paused: %v", err)
		}
		server.Resume()
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		entry := b.revoke(t, revoked("bob", 7))
		a.waitFor(t, entry)
		a.catchUp(t)
		b.catchUp(t)
		if server.Do("HGET", "{test}:live", string(unsure.Subject.Bytes())) != "" {
			a.waitFor(t, unsure)
			b.waitFor(t, unsure)
		}
	})
}

func TestFailoverThatLostWrites(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, part := range []struct {
			name   string
			others bool // another gateway writes to the promoted server first
		}{{"nobody has written since", false}, {"another has written since", true}} {
			t.Run(part.name, func(t *testing.T) {
				master := engine.Start(t, redistest.Settings{More: []string{"repl-diskless-sync-delay 0"}})
				link := redistest.NewProxy(t, master.Address())
				host, port, _ := strings.Cut(link.Address(), ":")
				replica := engine.Start(t, redistest.Settings{More: []string{"replicaof " + host + " " + port}})
				switched := redistest.NewProxy(t, master.Address())
				a, b := startGateway(t, switched.URL(), t.TempDir(), nil), startGateway(t, switched.URL(), t.TempDir(), nil)
				first := a.revoke(t, revoked("ann", 5))
				b.waitFor(t, first)
				master.Do("WAIT", "1", "10000")

				link.Cut(redistest.Both)
				lost := a.revoke(t, revoked("bob", 7)) // acknowledged
				session := newSession("one", "bob")
				link.Break()
				replica.Do("REPLICAOF", "NO", "ONE")
				switched.Switch(replica.Address())
				if part.others {
					c := startGateway(t, replica.URL(), t.TempDir(), nil)
					other := c.revoke(t, revoked("cid", 3))
					a.waitFor(t, other)
					b.waitFor(t, other)
				}
				b.waitFor(t, lost)
				a.catchUp(t)
				b.catchUp(t)
				if values := replica.Do("HGET", "{test}:live", string(lost.Subject.Bytes())); !strings.HasPrefix(values, "7 ") {
					t.Errorf("the promoted server has %q of an acknowledged revocation", values)
				}
				if err := b.Sessions().Put(t.Context(), session, start); err != nil {
					t.Errorf("Put after the failover: %v", err)
				}
			})
		}
	})
}

func TestWriteWaitsForReplicas(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		master := engine.Start(t, redistest.Settings{More: []string{"repl-diskless-sync-delay 0"}})
		link := redistest.NewProxy(t, master.Address())
		host, port, _ := strings.Cut(link.Address(), ":")
		engine.Start(t, redistest.Settings{More: []string{"replicaof " + host + " " + port}})
		master.Do("SET", "first", "write")
		for master.Do("WAIT", "1", "1000") != "1" { // until the replica is there
		}
		a := startGateway(t, master.URL(), t.TempDir(), func(s *settings) { s.replicas, s.timeout = 1, 2*time.Second })
		b := startGateway(t, master.URL(), t.TempDir(), nil)
		b.waitFor(t, a.revoke(t, revoked("ann", 5)))
		link.Cut(redistest.Both)
		entry := revoked("bob", 7)
		if _, err := a.shared().Write(t.Context(), entry); !errors.Is(err, blacklist.ErrUnavailable) || !errors.Is(err, errReplicas) {
			t.Errorf("Write that the replica has not: %v", err)
		}
		// It stands in the log all the same. So it is in force on all gateways, this one too.
		a.waitFor(t, entry)
		b.waitFor(t, entry)
	})
}

func TestStartWithoutServer(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		dirA, dirB := t.TempDir(), t.TempDir()
		a, b := startGateway(t, server.URL(), dirA, nil), startGateway(t, server.URL(), dirB, nil)
		own, foreign, gone := a.revoke(t, revoked("ann", 5)), b.revoke(t, revoked("bob", 7)), b.revoke(t, revoked("cid", 3))
		a.waitFor(t, foreign)
		a.waitFor(t, gone)
		b.lift(t, gone.Subject)
		a.waitGone(t, gone.Subject)
		a.catchUp(t)
		b.end()
		a.end()
		synced := a.Link().Synced
		server.Kill()

		a = startGateway(t, server.URL(), dirA, shortly)
		a.waitFor(t, own)
		a.waitFor(t, foreign)
		a.waitGone(t, gone.Subject)
		link := a.Link()
		if link.Connected || !link.Synced.Equal(synced) {
			t.Errorf("Link = %v after a restart without the server, want Synced %v", link, synced)
		}
		if a.Position() != 0 {
			t.Errorf("Position = %d before the server was reached", a.Position())
		}
		if _, err := a.shared().Write(t.Context(), revoked("dan", 1)); !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("Write without a server: %v", err)
		}
		if _, _, err := a.Sessions().Get(t.Context(), newSession("one", "ann").Key, start); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("Get without a server: %v", err)
		}
		server.Start() // with nothing
		a.waitLinked(t, true)
		b = startGateway(t, server.URL(), dirB, nil)
		b.waitFor(t, own)
		b.waitFor(t, foreign)
		c := startGateway(t, server.URL(), t.TempDir(), nil)
		c.waitFor(t, own)
		c.waitFor(t, foreign)
		c.waitGone(t, gone.Subject)
	})
}

func TestGateways(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		list, err := a.Gateways(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("Gateways = %v, %v, want two", list, err)
		}
		for _, g := range list {
			if own := g.ID == a.replica.gateway.id; own != g.Self || g.Seen.Before(start.Add(-time.Minute)) || g.Started.Before(start.Add(-time.Minute)) {
				t.Errorf("unexpected gateway %+v", g)
			}
		}
		b.end()
		if list, err = a.Gateways(t.Context()); err != nil || len(list) != 1 || !list[0].Self {
			t.Errorf("Gateways = %v, %v after the other one has ended", list, err)
		}
	})
}

func TestClosedPlace(t *testing.T) {
	t.Parallel()
	engine := redistest.Engines(t)[0]
	server := engine.Start(t, redistest.Settings{})
	a := startGateway(t, server.URL(), t.TempDir(), nil)
	a.waitLinked(t, true)
	a.end()
	ctx := context.Background()
	_, writeErr := a.shared().Write(ctx, revoked("ann", 1))
	_, listErr := a.Gateways(ctx)
	for _, err := range []error{
		writeErr, listErr, a.CatchUp(ctx), a.shared().Prolong(ctx, revoked("ann", 1)), a.shared().Remove(ctx, blacklist.Lifted()),
		a.shared().Drop(ctx, blacklist.Lifted()), a.shared().Load(ctx, start, func(blacklist.Entry) error { return nil }),
	} {
		if !errors.Is(err, blacklist.ErrUnavailable) || !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if _, _, err := a.Sessions().Get(ctx, newSession("one", "ann").Key, start); !errors.Is(err, sessions.ErrUnavailable) {
		t.Errorf("Get after Close: %v", err)
	}
}
