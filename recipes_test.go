package jwtsession_test

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

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// What the docs say of applications that can't be asked here: they get from Caddy what is checked here.

// phpServer answers over FastCGI as PHP-FPM does, and reports the variables that name a user. The whoami page is
// /whoami.php. Questions that name a user would have the application quote the gateway.
func phpServer(t *testing.T, legacy *harness.Legacy) (address, root string) {
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
				legacy.ServeWhoami(w, r)
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
			legacy := harness.NewLegacy(t)
			address, root := phpServer(t, legacy)
			g := harness.NewWith(t, harness.Options{Site: fmt.Sprintf(`
				jwt_session shop {
					whoami /whoami.php json user
					unauthenticated pass
				}
				root * %q
				php_fastcgi %s {
					%s
				}`, root, address, test.options)})
			b := g.Browser()
			if got := b.Get("/page", "Remote-User: mallory", "OurApp-User-ID: mallory").Text; got != test.nobody {
				t.Errorf("nobody: %q", got)
			}
			b.Cookies["session"] = legacy.SignIn("alice")
			for _, via := range []string{"session", "token"} {
				if got := b.Get("/page", "OurApp-User-ID: mallory").Text; got != test.alice {
					t.Errorf("via the %s: %q", via, got)
				}
			}
			if asked := legacy.Questions(); asked != 1 {
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
			second := harness.NewLegacy(t)
			question := ""
			if policy == "cookie" {
				question = "cookies lb"
			}
			g := harness.NewWith(t, harness.Options{Site: fmt.Sprintf(`
				jwt_session shop {
					whoami /whoami json user {
						%s
					}
					unauthenticated pass
				}
				reverse_proxy LEGACY %s {
					lb_policy %s
				}`, question, second.Address(), policy)})
			b := g.Browser()
			b.Get("/login?user=alice")
			line := func() string {
				cookies := []string{"session=" + b.Cookies["session"]}
				for _, name := range []string{"lb", harness.TokenName} {
					if value, ok := b.Cookies[name]; ok {
						cookies = append(cookies, name+"="+value)
					}
				}
				return "Cookie: " + strings.Join(cookies, "; ")
			}
			for range 4 {
				response := b.Get("/page", line())
				if got := response.Received.User(t); got != want {
					t.Fatalf("the application sees %q, want %q", got, want)
				}
			}
			if asked := g.Legacy.Questions() + second.Questions(); want != "" && asked != 1 {
				t.Errorf("%d questions", asked)
			}
		})
	}
}

// A remember-me cookie makes a session that the gateway never saw being opened; it is asked about like any other.
func TestRememberMe(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if _, err := r.Cookie("remember"); err != nil || g.Legacy.User(r) != "" {
			return false
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn("alice"), Path: "/"})
		_, _ = io.WriteString(w, "welcome back")
		return true
	})
	b := g.Browser()
	if first := b.Get("/page", "Cookie: remember=alice"); first.Received.User(t) != "" || first.Text != "welcome back" {
		t.Errorf("the first page: %q as %q", first.Text, first.Received.User(t))
	}
	g.Expect(b.Get("/page"), "alice", "set", 1)
}
