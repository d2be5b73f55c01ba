package redisstore

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// fleet is a model of some gateways that are cut off, restarted and share a server that is emptied.
type fleet struct {
	t        *testing.T
	random   *rand.Rand
	server   *redistest.Server
	proxies  []*redistest.Proxy
	gateways []*gateway
	cut      []bool
	position []uint64
	subjects []blacklist.Subject
	expected map[blacklist.Subject]fate
	steps    []string
}

// fate is what must have become of a subject.
type fate struct {
	in, out bool // neither: nobody was told
	second  int64
	expires time.Time
}

const (
	fleetSize = 3
	seeds     = 4
)

func newFleet(t *testing.T, engine redistest.Engine, seed uint64) *fleet {
	f := &fleet{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), server: engine.Start(t, redistest.Settings{}),
		cut: make([]bool, fleetSize), position: make([]uint64, fleetSize), expected: make(map[blacklist.Subject]fate),
	}
	for i := range 4 {
		f.subjects = append(f.subjects, blacklist.RevokedSession("shop", [32]byte{byte(i)}), blacklist.RevokedUser("shop", fmt.Sprint(i)))
	}
	for range fleetSize {
		f.proxies = append(f.proxies, redistest.NewProxy(t, f.server.Address()))
		f.gateways = append(f.gateways, startGateway(t, f.proxies[len(f.proxies)-1].URL(), t.TempDir(), inFleet))
	}
	for _, g := range f.gateways {
		g.waitLinked(t, true)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.steps)
		}
	})
	return f
}

func inFleet(s *settings) { s.timeout, s.logger = 200*time.Millisecond, zap.NewNop() }

func (f *fleet) note(format string, arguments ...any) {
	f.steps = append(f.steps, fmt.Sprintf(format, arguments...))
}

// step does one thing, and checks that no position goes back.
func (f *fleet) step() {
	i := f.random.IntN(fleetSize)
	switch n := f.random.IntN(100); {
	case n < 40:
		f.revoke(i)
	case n < 60:
		f.lift(i)
	case n < 75:
		f.prolong(i)
	case n < 82:
		f.note("%d is cut off", i)
		f.proxies[i].Cut(redistest.Direction(1 + f.random.IntN(3)))
		f.cut[i] = true
	case n < 92:
		f.note("%d is back", i)
		f.proxies[i].Heal()
		f.cut[i] = false
	case n < 95:
		f.note("the connections of %d break", i)
		f.proxies[i].Break()
	case n < 97:
		f.restart(i)
	default:
		f.note("the server is emptied")
		f.server.Do("FLUSHALL")
	}
	for i, g := range f.gateways {
		position := g.Position()
		if position < f.position[i] {
			f.t.Fatalf("the position of %d goes back from %d to %d", i, f.position[i], position)
		}
		f.position[i] = position
	}
}

func (f *fleet) subject() (int, blacklist.Subject) {
	n := f.random.IntN(len(f.subjects))
	return n, f.subjects[n]
}

func (f *fleet) revoke(i int) {
	n, subject := f.subject()
	entry := blacklist.Entry{
		Subject: subject, Second: f.random.Int64N(100), Expires: start.Add(time.Duration(1+f.random.IntN(5)) * time.Hour),
	}
	written, err := f.gateways[i].shared().Write(f.t.Context(), entry)
	f.note("%d revokes %d at %d: %v", i, n, entry.Second, err)
	known := f.expected[subject]
	if err != nil {
		known.out = false
		f.expected[subject] = known
		return
	}
	f.gateways[i].memory.update(func() { f.gateways[i].memory.put(written[0]) })
	if !known.in {
		known = fate{in: true}
	}
	known.second, known.expires = max(known.second, entry.Second), latest(known.expires, entry.Expires)
	f.expected[subject] = known
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (f *fleet) lift(i int) {
	n, subject := f.subject()
	err := f.gateways[i].shared().Remove(f.t.Context(), subject)
	f.note("%d lifts %d: %v", i, n, err)
	if err != nil {
		f.expected[subject] = fate{}
		return
	}
	f.gateways[i].memory.update(func() { delete(f.gateways[i].memory.entries, subject) })
	f.expected[subject] = fate{out: true}
}

func (f *fleet) prolong(i int) {
	n, subject := f.subject()
	var entry blacklist.Entry
	var found bool
	f.gateways[i].memory.update(func() { entry, found = f.gateways[i].memory.entries[subject] })
	if !found {
		return
	}
	entry.Expires = entry.Expires.Add(time.Hour)
	err := f.gateways[i].shared().Prolong(f.t.Context(), entry)
	f.note("%d prolongs %d: %v", i, n, err)
	f.gateways[i].memory.update(func() {
		if _, still := f.gateways[i].memory.entries[subject]; still && err == nil {
			f.gateways[i].memory.put(entry)
		}
	})
}

func (f *fleet) restart(i int) {
	if f.cut[i] {
		return
	}
	f.gateways[i].catchUp(f.t) // what it knows alone and the server has lost is written back
	f.note("%d restarts", i)
	f.gateways[i].end()
	f.gateways[i] = startGateway(f.t, f.proxies[i].URL(), f.gateways[i].dir, inFleet)
	f.position[i] = 0
}

// check lets all gateways come back, and checks that they agree, on what they were told.
func (f *fleet) check() {
	for i := range f.gateways {
		f.proxies[i].Heal()
	}
	for range 2 { // the first may write back what the others must hear
		for _, g := range f.gateways {
			g.waitLinked(f.t, true)
			g.catchUp(f.t)
		}
	}
	for i, g := range f.gateways {
		g.waitSaved(f.t)
		copied := g.copied(f.t)
		server, err := g.replica.contents(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for n, subject := range f.subjects {
			g.memory.mu.Lock()
			entry, in := g.memory.entries[subject]
			g.memory.mu.Unlock()
			if live, found := server.live[subject]; found != in || in && !live.Equal(entry) {
				f.t.Errorf("%d has %v, %v of %d, and the server %v, %v", i, entry, in, n, live, found)
			}
			if kept, found := copied[subject]; found != in || in && !kept.Equal(entry) {
				f.t.Errorf("%d has %v, %v of %d, and its copy %v, %v", i, entry, in, n, kept, found)
			}
			want := f.expected[subject]
			if want.in && (!in || entry.Second < want.second || entry.Expires.Before(want.expires)) || want.out && in {
				f.t.Errorf("%d has %v, %v of %d, want %+v", i, entry, in, n, want)
			}
		}
	}
}

// TestFleet takes gateways through cuts, restarts and a server that is emptied. Afterwards all agree: what was acknowledged holds,
// and what was lifted is gone.
func TestFleet(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, engine, seed)
				for range 4 {
					for range 15 {
						f.step()
					}
					f.check()
					if t.Failed() {
						return
					}
					clear(f.cut)
				}
			})
		}
	})
}
