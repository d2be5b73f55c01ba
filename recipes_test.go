package jwtsession

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// What the README says of applications that can't be asked here: they get from Caddy what is checked here.

// phpServer answers over FastCGI as PHP-FPM does, and reports the variables that name a user. The whoami page is
// /whoami.php. Questions that name a user would have the application quote the gateway.
func phpServer(t *testing.T, legacy *legacyApp) (address, root string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remote := fcgi.ProcessEnv(r)["REMOTE_USER"]
			if r.URL.Path == "/whoami.php" {
				if remote != "" {
					t.Error("the question names a user in REMOTE_USER")
				}
				legacy.serveWhoami(w, r)
				return
			}
			_, _ = fmt.Fprintf(w, "REMOTE_USER=%s, header=%s", remote, r.Header.Get(identity.DefaultIdentityHeader))
		})) // it ends when the listener is closed
	}()
	root = t.TempDir()
	for _, name := range []string{"whoami.php", "index.php"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return listener.Addr().String(), root
}

func TestRemoteUserOfPHP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, options, alice, nobody string }{
		{"as Caddy sets it", "", "REMOTE_USER=alice, header=alice", "REMOTE_USER=, header="},
		{"switched off", `env REMOTE_USER ""`, "REMOTE_USER=, header=alice", "REMOTE_USER=, header="},
	} {
		t.Run(test.name, func(t *testing.T) {
			legacy := newLegacyApp(t)
			address, root := phpServer(t, legacy)
			g := newTestGatewayWith(t, gatewayOptions{site: fmt.Sprintf(`
				jwt_session shop {
					whoami /whoami.php json user
					unauthenticated pass
				}
				root * %q
				php_fastcgi %s {
					%s
				}`, root, address, test.options)})
			b := g.browser()
			if got := b.get("/page", "Remote-User: mallory", "OurApp-User-ID: mallory").body; got != test.nobody {
				t.Errorf("nobody: %q", got)
			}
			b.cookies["session"] = legacy.signIn("alice")
			for _, via := range []string{"session", "token"} {
				if got := b.get("/page", "OurApp-User-ID: mallory").body; got != test.alice {
					t.Errorf("via the %s: %q", via, got)
				}
			}
			if asked := legacy.questions(); asked != 1 {
				t.Errorf("%d questions", asked)
			}
		})
	}
}

// Where each upstream keeps the sessions of its own visitors, the question must reach the one that the request will.
func TestStickyLoadBalancing(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{"cookie": "alice", "ip_hash": "alice", "client_ip_hash": "alice", "round_robin": ""} {
		t.Run(policy, func(t *testing.T) {
			second := newLegacyApp(t)
			question := ""
			if policy == "cookie" {
				question = "cookies lb"
			}
			g := newTestGatewayWith(t, gatewayOptions{site: fmt.Sprintf(`
				jwt_session shop {
					whoami /whoami json user {
						%s
					}
					unauthenticated pass
				}
				reverse_proxy LEGACY %s {
					lb_policy %s
				}`, question, second.address(), policy)})
			b := g.browser()
			b.get("/login?user=alice")
			line := func() string {
				cookies := []string{"session=" + b.cookies["session"]}
				for _, name := range []string{"lb", tokenName} {
					if value, ok := b.cookies[name]; ok {
						cookies = append(cookies, name+"="+value)
					}
				}
				return "Cookie: " + strings.Join(cookies, "; ")
			}
			for range 4 {
				response := b.get("/page", line())
				if got := response.received.user(t); got != want {
					t.Fatalf("the application sees %q, want %q", got, want)
				}
			}
			if asked := g.legacy.questions() + second.questions(); want != "" && asked != 1 {
				t.Errorf("%d questions", asked)
			}
		})
	}
}

// A remember-me cookie makes a session that the gateway never saw being opened; it is asked about like any other.
func TestRememberMe(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated pass")
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if _, err := r.Cookie("remember"); err != nil || g.legacy.user(r) != "" {
			return false
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: g.legacy.signIn("alice"), Path: "/"})
		_, _ = io.WriteString(w, "welcome back")
		return true
	})
	b := g.browser()
	if first := b.get("/page", "Cookie: remember=alice"); first.received.user(t) != "" || first.body != "welcome back" {
		t.Errorf("the first page: %q as %q", first.body, first.received.user(t))
	}
	g.expect(b.get("/page"), "alice", "set", 1)
}
