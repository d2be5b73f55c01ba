package jwtsession

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
)

// queueing is an application whose whoami page answers a question when it is let, and counts how many are under way.
type queueing struct {
	asked  chan struct{} // one for each question
	answer chan struct{} // one lets a question be answered; closed: all

	mutex       sync.Mutex
	now, atMost int
}

func (l *legacyApp) queueing() *queueing {
	q := &queueing{asked: make(chan struct{}, 10_000), answer: make(chan struct{})}
	l.respondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		q.mutex.Lock()
		q.now++
		q.atMost = max(q.atMost, q.now)
		q.mutex.Unlock()
		q.asked <- struct{}{}
		if r.Header.Get("User-Agent") != "prompt" {
			<-q.answer
		}
		q.mutex.Lock()
		q.now--
		q.mutex.Unlock()
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, `{"user": "alice"}`)
		return true
	})
	return q
}

// perClientSite believes the client's own word on its address, so that one test can be many clients.
func perClientSite(options string) gatewayOptions {
	return gatewayOptions{
		servers: "servers {\n trusted_proxies static private_ranges\n}",
		site:    "jwt_session shop {\nwhoami /whoami json user {\n" + options + "\n}\n}\nreverse_proxy LEGACY",
	}
}

// from sends one request of a new session from an address.
func (g *testGateway) from(address string, number int, lines ...string) reply {
	b := g.browser()
	b.cookies["session"] = fmt.Sprintf("session-of-%s-%d", address, number)
	return b.get("/page", append(lines, "X-Forwarded-For: "+address)...)
}

// Two dozen users behind one address, whose sessions are all new, wait their turn and are served.
func TestManyUsersBehindOneAddress(t *testing.T) {
	t.Parallel()
	for options, most := range map[string]int{"": 2, "max_per_client 1": 1, "max_per_client 3": 3, "max_concurrent 2": 1} {
		g := newTestGatewayWith(t, perClientSite(options))
		q := g.legacy.queueing()
		var users sync.WaitGroup
		for number := range 24 {
			users.Go(func() {
				if response := g.from("192.0.2.1", number); response.StatusCode != http.StatusOK {
					t.Errorf("%s: user %d: status %d", options, number, response.StatusCode)
				}
			})
		}
		for range most {
			<-q.asked
		}
		close(q.answer)
		users.Wait()
		if q.atMost > most {
			t.Errorf("%s: %d questions at a time, want %d at most", options, q.atMost, most)
		}
	}
}

// One address floods the gateway with new sessions while the application is slow: others don't wait for it.
func TestAttackFloodFromOneAddress(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, perClientSite(""))
	q := g.legacy.queueing()
	known := g.browser()
	known.cookies["session"] = "a-session-that-is-known"
	if response := known.get("/page", "User-Agent: prompt", "X-Forwarded-For: 198.51.100.9"); response.StatusCode != http.StatusOK {
		t.Fatalf("before the flood: status %d", response.StatusCode)
	}
	<-q.asked
	var flood sync.WaitGroup
	for number := range 200 {
		flood.Go(func() { g.from("2001:db8::bad", number) })
	}
	<-q.asked
	<-q.asked // the flood has its two questions, which are not answered
	for number := range 20 {
		address := fmt.Sprintf("198.51.100.%d", number)
		if response := g.from(address, number, "User-Agent: prompt"); response.StatusCode != http.StatusOK {
			t.Errorf("from %s: status %d", address, response.StatusCode)
		}
		<-q.asked
	}
	g.clock.advance(61e9)
	delete(known.cookies, tokenName)
	if response := known.get("/page", "User-Agent: prompt", "X-Forwarded-For: 198.51.100.9"); response.StatusCode != http.StatusOK {
		t.Errorf("a known session: status %d", response.StatusCode)
	}
	close(q.answer)
	flood.Wait()
}
