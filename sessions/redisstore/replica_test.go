package redisstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// memory is a follower that keeps what is in force, like a gateway's list.
type memory struct {
	mu      sync.Mutex
	entries map[blacklist.Subject]blacklist.Entry
	link    storage.Link
	stored  map[string]int
	applied []storage.Change
	changed chan struct{} // closed at the next change
}

func newMemory() *memory {
	return &memory{entries: make(map[blacklist.Subject]blacklist.Entry), stored: make(map[string]int), changed: make(chan struct{})}
}

func (m *memory) update(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Apply(changes []storage.Change) {
	m.update(func() {
		m.applied = append(m.applied, changes...)
		for _, change := range changes {
			if change.Lifted {
				delete(m.entries, change.Entry.Subject)
			} else {
				m.put(change.Entry)
			}
		}
	})
}

// put merges an entry, with m.mu held.
func (m *memory) put(entry blacklist.Entry) {
	if old, found := m.entries[entry.Subject]; found {
		entry = entry.Merged(old)
	}
	m.entries[entry.Subject] = entry
}

func (m *memory) Linked(link storage.Link) { m.update(func() { m.link = link }) }
func (m *memory) Stored(name string)       { m.update(func() { m.stored[name]++ }) }

// wait waits until the condition holds, which is called with m.mu held.
func (m *memory) wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		m.mu.Lock()
		holds, changed := condition(), m.changed
		m.mu.Unlock()
		if holds {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("waiting too long until %s", what)
		}
	}
}

// gateway is one gateway: a place, and a follower that is its memory.
type gateway struct {
	*Place
	memory *memory
	dir    string
	end    func()
}

// openGateway opens a gateway, without following.
func openGateway(t testing.TB, url, dir string, change func(*settings)) *gateway {
	t.Helper()
	s := settings{
		server: optionOf(t, url), prefix: "test", timeout: testTimeout, dir: dir, logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), now: time.Now,
	}
	if change != nil {
		change(&s)
	}
	place, err := openPlace(s)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Place: place, memory: newMemory(), dir: dir}
	g.end = sync.OnceFunc(func() {
		if err := place.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	t.Cleanup(g.end)
	return g
}

// startGateway opens a gateway, loads its journal and lets it follow.
func startGateway(t testing.TB, url, dir string, change func(*settings)) *gateway {
	t.Helper()
	g := openGateway(t, url, dir, change)
	err := g.Journal().Load(t.Context(), time.Now(), func(entry blacklist.Entry) error {
		g.memory.update(func() { g.memory.put(entry) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g.follow(t)
	return g
}

// follow lets the gateway follow until it ends.
func (g *gateway) follow(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		g.Follow(ctx, g.memory)
	}()
	end := g.end
	g.end = func() {
		cancel()
		<-followed
		end()
	}
	t.Cleanup(g.end)
}

func (g *gateway) shared() blacklist.SharedJournal { return g.Journal().(blacklist.SharedJournal) }

// revoke writes an entry and puts it in force, as a list does.
func (g *gateway) revoke(t testing.TB, entry blacklist.Entry) blacklist.Entry {
	t.Helper()
	written, err := g.shared().Write(t.Context(), entry)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	g.memory.update(func() { g.memory.put(written[0]) })
	return written[0]
}

// lift lifts an entry, as a list does.
func (g *gateway) lift(t testing.TB, subject blacklist.Subject) {
	t.Helper()
	if err := g.shared().Remove(t.Context(), subject); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	g.memory.update(func() { delete(g.memory.entries, subject) })
}

// waitFor waits until the gateway has exactly this in force for the subject.
func (g *gateway) waitFor(t testing.TB, entry blacklist.Entry) {
	t.Helper()
	g.memory.wait(t, "the entry is in force", func() bool { return g.memory.entries[entry.Subject].Equal(entry) })
}

// waitGone waits until nothing is in force for the subject.
func (g *gateway) waitGone(t testing.TB, subject blacklist.Subject) {
	t.Helper()
	g.memory.wait(t, "the entry is gone", func() bool {
		_, found := g.memory.entries[subject]
		return !found
	})
}

// waitLinked waits until the gateway is connected, or is not.
func (g *gateway) waitLinked(t testing.TB, connected bool) {
	t.Helper()
	g.memory.wait(t, "the link is as expected", func() bool { return g.memory.link.Connected == connected })
}

// catchUp waits until the gateway knows what was written.
func (g *gateway) catchUp(t testing.TB) {
	t.Helper()
	if err := g.CatchUp(t.Context()); err != nil {
		t.Fatalf("CatchUp: %v", err)
	}
}

// waitSaved waits until the gateway's own disk has what others have written.
func (g *gateway) waitSaved(t testing.TB) {
	t.Helper()
	g.catchUp(t)
	limit := time.After(30 * time.Second)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !g.copy.saved() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatal("waiting too long for the disk")
		}
	}
}

// copied returns what the gateway has on its own disk.
func (g *gateway) copied(t testing.TB) map[blacklist.Subject]blacklist.Entry {
	t.Helper()
	entries, err := g.copy.entries(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func revoked(name string, second int64) blacklist.Entry {
	return blacklist.Entry{Subject: blacklist.RevokedUser("shop", name), Second: second, Expires: start.Add(time.Hour)}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		t.Run("following", func(t *testing.T) {
			blacklisttest.Run(t, func(t *testing.T) blacklist.Journal {
				server.Do("FLUSHALL")
				g := startGateway(t, server.URL(), t.TempDir(), nil)
				g.waitLinked(t, true)
				return g.Journal()
			})
		})
		t.Run("alone", func(t *testing.T) {
			blacklisttest.Run(t, func(t *testing.T) blacklist.Journal {
				server.Do("FLUSHALL")
				return openGateway(t, server.URL(), t.TempDir(), nil).Journal()
			})
		})
	})
}

func TestOthersApplyWhatOneWrites(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b, c := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		first := a.revoke(t, revoked("ann", 5))
		b.waitFor(t, first)
		c.waitFor(t, first)
		second := b.revoke(t, revoked("ann", 9))
		if second.At <= first.At {
			t.Errorf("the later write has place %d, the earlier one %d", second.At, first.At)
		}
		for _, g := range []*gateway{a, c} {
			g.waitFor(t, second)
			g.catchUp(t)
			if g.Position() < second.At {
				t.Errorf("Position = %d after CatchUp, want at least %d", g.Position(), second.At)
			}
		}
		c.lift(t, first.Subject)
		a.waitGone(t, first.Subject)
		b.waitGone(t, first.Subject)
		third := a.revoke(t, revoked("ann", 3))
		b.waitFor(t, third)
		c.waitFor(t, third)
	})
}
