package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// perClientSite believes the client's own word on its address, so that one test can be many clients.
func perClientSite(options string) harness.Options {
	return harness.Options{
		Servers: "servers {\n trusted_proxies static private_ranges\n}",
		Site:    "jwt_session shop {\nwhoami /whoami json user {\n" + options + "\n}\n}\nreverse_proxy LEGACY",
	}
}

// Two dozen users behind one address, whose sessions are all new, wait their turn and are served.
func TestManyUsersBehindOneAddress(t *testing.T) {
	t.Parallel()
	for options, most := range map[string]int{"": 2, "max_per_client 1": 1, "max_per_client 3": 3, "max_concurrent 2": 1} {
		g := harness.NewWith(t, perClientSite(options))
		q := g.Legacy.Queueing()
		var users sync.WaitGroup
		for number := range 24 {
			users.Go(func() {
				if response := g.From("192.0.2.1", number); response.StatusCode != http.StatusOK {
					t.Errorf("%s: user %d: status %d", options, number, response.StatusCode)
				}
			})
		}
		for range most {
			<-q.Asked
		}
		close(q.Answer)
		users.Wait()
		if q.AtMost > most {
			t.Errorf("%s: %d questions at a time, want %d at most", options, q.AtMost, most)
		}
	}
}

// One address floods the gateway with new sessions while the application is slow: others don't wait for it.
func TestAttackFloodFromOneAddress(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, perClientSite(""))
	q := g.Legacy.Queueing()
	known := g.Browser()
	known.Cookies["session"] = "a-session-that-is-known"
	if response := known.Get("/page", "User-Agent: prompt", "X-Forwarded-For: 198.51.100.9"); response.StatusCode != http.StatusOK {
		t.Fatalf("before the flood: status %d", response.StatusCode)
	}
	<-q.Asked
	var flood sync.WaitGroup
	for number := range 200 {
		flood.Go(func() { g.From("2001:db8::bad", number) })
	}
	<-q.Asked
	<-q.Asked // the flood has its two questions, which are not answered
	for number := range 20 {
		address := fmt.Sprintf("198.51.100.%d", number)
		if response := g.From(address, number, "User-Agent: prompt"); response.StatusCode != http.StatusOK {
			t.Errorf("from %s: status %d", address, response.StatusCode)
		}
		<-q.Asked
	}
	g.Clock.Advance(61e9)
	delete(known.Cookies, harness.TokenName)
	if response := known.Get("/page", "User-Agent: prompt", "X-Forwarded-For: 198.51.100.9"); response.StatusCode != http.StatusOK {
		t.Errorf("a known session: status %d", response.StatusCode)
	}
	close(q.Answer)
	flood.Wait()
}

// Where many sessions wait for one client address, the log says so once a minute, and what to do about it.
func TestCrowdBehindOneAddressIsLogged(t *testing.T) {
	t.Parallel()
	const message = "many sessions wait for the application"
	for _, c := range []struct {
		name, servers string
		address       func(number int) string
		want          []string // of the line; none: there is no line
	}{
		{
			name: "a balancer that is not trusted", address: func(number int) string { return fmt.Sprint("198.51.100.", number) },
			want: []string{"trusted_proxies", "max_per_client", `"client_address":"loopback"`, `"forwarded":true`, `"realm":"shop"`},
		},
		{
			name: "users of one address behind a trusted proxy", servers: "servers {\n trusted_proxies static private_ranges\n}",
			address: func(int) string { return "198.51.100.7" },
			want:    []string{"client_ip_headers", "max_per_client", `"client_address":"public"`},
		},
		{
			name: "users of many addresses", servers: "servers {\n trusted_proxies static private_ranges\n}",
			address: func(number int) string { return fmt.Sprint("198.51.100.", number) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := perClientSite("")
			options.Servers = c.servers
			g := harness.NewWith(t, options)
			q := g.Legacy.Queueing()
			var users sync.WaitGroup
			for number := range 40 {
				users.Go(func() { g.From(c.address(number), number) })
			}
			if c.want != nil {
				await(t, "a line in the log", func() bool { return strings.Contains(g.Logged(), message) })
			}
			close(q.Answer)
			users.Wait()
			lines := linesWith(g.Logged(), message)
			if (len(lines) > 0) != (c.want != nil) || len(lines) > 1 {
				t.Fatalf("%d lines: %q", len(lines), lines)
			}
			for _, line := range lines {
				for _, part := range append(c.want, `"level":"warn"`) {
					if !strings.Contains(line, part) {
						t.Errorf("%s is not in %s", part, line)
					}
				}
				if strings.Contains(line, "198.51.100.") || strings.Contains(line, "127.0.0.1") {
					t.Errorf("an address in %s", line)
				}
			}
			if c.want == nil {
				return
			}
			g.Clock.Advance(61e9)
			again := g.Legacy.Queueing()
			for number := range 40 {
				users.Go(func() { g.From(c.address(number), 100+number) })
			}
			await(t, "a line of the next minute", func() bool { return len(linesWith(g.Logged(), message)) == 2 })
			close(again.Answer)
			users.Wait()
		})
	}
}

// linesWith returns the lines that contain the text.
func linesWith(log, text string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
