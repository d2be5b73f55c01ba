//go:build unix

package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

const (
	// pauseTime is for how long the server is paused.
	pauseTime = 10 * time.Second

	// slowness is how long what is sent takes at least on a slow way, in each direction.
	slowness = 15 * time.Millisecond

	// roundsVariable says how often each phase is gone through, in a new order each time after the first. It is 1 by default.
	roundsVariable = "CLUSTER_ROUNDS"
	// resultsVariable names a file that gets the table.
	resultsVariable = "CLUSTER_RESULTS"
)

// phase is one thing that goes wrong. It ends when all gateways are connected and equal again.
type phase struct {
	name string
	run  func(*cluster)
	// brief phases are those of the shorter run.
	brief bool
}

var phases = []phase{
	{"all is well", (*cluster).calm, true},
	{"the way to the server is slow", (*cluster).slowWay, false},
	{"a gateway is killed", (*cluster).killGateway, true},
	{"the machine of a gateway is replaced", (*cluster).replaceGateway, false},
	{"the server is killed", (*cluster).killServer, true},
	{"a gateway is started without the server", (*cluster).startWithoutServer, false},
	{"the server is paused", (*cluster).pauseServer, false},
	{"the server is emptied", (*cluster).emptyServer, true},
	{"the server is killed and has kept nothing", (*cluster).loseServer, true},
	{"a gateway can't send to the server", func(c *cluster) { c.cut(redistest.ToServer) }, false},
	{"a gateway hears nothing from the server", func(c *cluster) { c.cut(redistest.ToClient) }, false},
	{"a gateway is cut off for longer than max_stale", (*cluster).cutForLong, false},
}

// Whatever happens to gateways, to the server and to the network: nobody is taken for somebody else, what was taken away does
// not count beyond the bound, and nobody is refused on the token path.
func TestChaos(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		brief := extentOf(t, engine)
		c := newCluster(t, engine.Start(t, redistest.Settings{AppendOnly: true}))
		c.run(rounds(t), brief)
		table := c.report.table(engine.Name)
		t.Log("\n" + table)
		if name := os.Getenv(resultsVariable); name != "" && !brief {
			if err := os.WriteFile(name, []byte(table), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
}

// extentOf reports whether the run is the brief one. Everything is run with Redis where the applications are required or rounds are
// asked for. Elsewhere one engine of the machine must do.
func extentOf(t *testing.T, engine redistest.Engine) (brief bool) {
	t.Helper()
	isRedis := strings.HasPrefix(engine.Name, "redis")
	switch {
	case testing.Short():
		return true
	case os.Getenv("REQUIRE_APPS") != "" || os.Getenv(roundsVariable) != "":
		return !isRedis
	case engine != redistest.Engines(t)[0]:
		t.Skipf("left out, as it takes long: set REQUIRE_APPS=1 or %s=1 to run it with %s too", roundsVariable, engine.Name)
	}
	t.Logf("only %d of %d phases, as they take long: set REQUIRE_APPS=1 or %s=1 for all", briefPhases(), len(phases), roundsVariable)
	return true
}

func briefPhases() (count int) {
	for _, one := range phases {
		if one.brief {
			count++
		}
	}
	return count
}

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return 1
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		t.Fatalf("%s: %q is no number of rounds", roundsVariable, text)
	}
	return count
}

func (c *cluster) run(rounds int, brief bool) {
	c.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.pulse.feel(ctx) })
	defer running.Wait()
	defer stop()
	c.settle()
	running.Go(func() { c.use(ctx) })
	order := phases
	for range rounds {
		for _, one := range order {
			if brief && !one.brief {
				continue
			}
			c.enter(one.name)
			start := time.Now()
			one.run(c)
			c.settle()
			c.t.Logf("%5.1f s: %s%s", time.Since(start).Seconds(), one.name, c.report.recent())
		}
		order = shuffled(order)
	}
	c.enter("all has ended")
	stop()
	running.Wait()
	c.until("equal revocations on all gateways", c.difference)
	c.inspect()
}

func shuffled(order []phase) []phase {
	order = append([]phase(nil), order...)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// inspect looks at what the gateways have written.
func (c *cluster) inspect() {
	c.t.Helper()
	if wrong := c.app.wrong.Load(); wrong != 0 {
		c.t.Errorf("%d requests with a wrong identity", wrong)
	}
	for _, gate := range c.gates {
		text := gate.output.String()
		for _, bad := range []string{"DATA RACE", "panic", "fatal error"} {
			if strings.Contains(text, bad) {
				c.t.Errorf("gateway %d: %s\n%s", gate.number, bad, gate.output.tail())
			}
		}
		for _, l := range c.over {
			if strings.Contains(text, l.id) {
				c.t.Errorf("gateway %d has a session id in its log", gate.number)
			}
			for _, one := range l.tokens {
				if strings.Contains(text, one.text) {
					c.t.Errorf("gateway %d has a token in its log", gate.number)
				}
			}
		}
	}
}

// passes waits until there are so many samples more for a row, or a while has passed.
func (c *cluster) passes(row string, more int) {
	c.t.Helper()
	before := c.report.samples(row)
	c.until(fmt.Sprintf("%d times more: %s", more, row), func() string {
		if now := c.report.samples(row); now < before+more {
			return fmt.Sprintf("%d times more", now-before)
		}
		return ""
	})
}

// calm lets everything work until there is enough to measure.
func (c *cluster) calm() {
	c.passes(revokedConnected, 150)
	c.passes(endedConnected, 20)
}

// slowWay delays all that one gateway sends and receives: what it has decided arrives after what the others have decided.
func (c *cluster) slowWay() {
	slow := c.gates[1]
	slow.begin(slowed)
	slow.proxy.Delay(slowness)
	c.passes(revokedConnected, 100)
	slow.proxy.Delay(0)
	slow.end(slowed)
}

// killGateway kills a gateway and starts it again once it has missed something.
func (c *cluster) killGateway() {
	gate := c.gates[anyGateway()]
	gate.begin(dead, apart, unsettled)
	gate.kill()
	c.passes(revokedConnected, 20)
	gate.start()
}

// replaceGateway kills a gateway, and starts one that knows nothing in its place.
func (c *cluster) replaceGateway() {
	gate := c.gates[anyGateway()]
	gate.begin(dead, apart, unsettled)
	gate.kill()
	gate.wipe()
	c.passes(revokedConnected, 20)
	gate.start()
}

// sever loses the server for all. A request that is answered meanwhile may have reached it.
func (c *cluster) sever(lose func()) {
	for _, gate := range c.gates {
		gate.begin(apart, unsettled)
	}
	lose()
	for _, gate := range c.gates {
		gate.begin(severed)
	}
}

// heal notes that the server is back for all.
func (c *cluster) heal() {
	for _, gate := range c.gates {
		gate.end(severed)
	}
}

// allLost waits until all gateways say that they have lost the server.
func (c *cluster) allLost() {
	for _, gate := range c.gates {
		gate.wait("the loss of the server", settleTime, gate.hasLostServer)
	}
}

// killServer kills the server, which has written everything to its disk, and starts it again.
func (c *cluster) killServer() {
	c.sever(c.server.Kill)
	c.allLost()
	c.passes(tokenApart, 50)
	c.server.Start()
	c.heal()
}

// startWithoutServer kills a gateway and starts it again while there is no server.
func (c *cluster) startWithoutServer() {
	c.sever(c.server.Kill)
	gate := c.gates[anyGateway()]
	gate.begin(dead, apart, unsettled)
	gate.kill()
	gate.start()
	c.served(gate)
	c.server.Start()
	c.heal()
}

// served waits until a gateway that is cut off has let somebody through for his token.
func (c *cluster) served(gate *gateway) {
	c.until("an answer on the token path", func() string {
		one := c.accounts[rand.IntN(len(c.accounts))].current.Load()
		if one == nil {
			return "nobody is there"
		}
		a := c.send(gate.number, request{method: http.MethodGet, path: "/page", login: one, cookie: true, token: one.newest()})
		if a.via != "token" {
			return fmt.Sprintf("status %d", a.status)
		}
		return ""
	})
}

// pauseServer stops the server for a while, without its connections being closed.
func (c *cluster) pauseServer() {
	c.sever(c.server.Pause)
	<-time.After(pauseTime)
	c.server.Resume()
	c.heal()
}

// lose excuses the sessions that the store alone knows, until the gateways have settled.
func (c *cluster) lose() {
	c.losing.Store(true)
	for _, one := range c.accounts {
		if l := one.current.Load(); l != nil && one.partner {
			l.lose()
		}
	}
}

// emptyServer empties the server, and then replaces a gateway: that learns what the others have told the server again.
func (c *cluster) emptyServer() {
	for _, gate := range c.gates {
		gate.begin(unsettled)
	}
	c.lose()
	c.server.Do("FLUSHALL")
	c.settle()
	c.losing.Store(false)
	c.replaceGateway()
}

// loseServer kills the server and starts it with an empty disk, as a server without AOF begins.
func (c *cluster) loseServer() {
	c.lose()
	c.sever(c.server.Kill)
	if err := os.RemoveAll(filepath.Join(c.server.Dir(), "appendonlydir")); err != nil {
		c.t.Fatal(err)
	}
	c.server.Start()
	c.heal()
	c.settle()
	c.losing.Store(false)
	c.replaceGateway()
}

// cut cuts a gateway off in one direction, until the others have acknowledged what it does not know.
func (c *cluster) cut(direction redistest.Direction) {
	gate := c.gates[anyGateway()]
	gate.begin(apart, unsettled)
	gate.proxy.Cut(direction)
	gate.begin(severed)
	gate.wait("the loss of the server", settleTime, gate.hasLostServer)
	c.passes(tokenApart, 20)
	gate.proxy.Heal()
	gate.end(severed)
}

// cutForLong cuts a gateway off in both directions until it answers nobody any more.
func (c *cluster) cutForLong() {
	gate := c.gates[anyGateway()]
	gate.begin(apart, unsettled)
	gate.proxy.Cut(redistest.Both)
	gate.begin(severed)
	c.until("503 on the token path", func() string {
		one := c.accounts[rand.IntN(len(c.accounts))].current.Load()
		if one == nil || one.newest() == nil {
			return "nobody is there"
		}
		a := c.send(gate.number, request{method: http.MethodGet, path: "/page", login: one, cookie: true, token: one.newest()})
		if s, lasts := gate.during(severed, a.sent, a.came); a.status != http.StatusServiceUnavailable || !lasts || a.came.Sub(s.from) < maxStale {
			return fmt.Sprintf("status %d", a.status)
		}
		return ""
	})
	gate.proxy.Heal()
	gate.end(severed)
}
