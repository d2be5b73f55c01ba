package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// docsSites makes sites in front of the tests' application of the Caddyfiles in a text.
func docsSites(t *testing.T, text string) []string {
	t.Helper()
	adapted := strings.NewReplacer("localhost:8000", "LEGACY", "localhost:9000", "LEGACY",
		"session_cookie sessionid", "session_cookie session", "whoami /account/me json user.id", "whoami /whoami json user",
		"\tjwt_session_jwks /.well-known/jwks.json\n", "") // the tests' keys are HS256, and stay
	var sites []string
	for _, block := range caddyfilesIn(t, text) {
		site := adapted.Replace(block)
		if _, inside, whole := strings.Cut(site, "example.com {\n"); whole {
			site = strings.TrimSuffix(inside, "}\n")
		}
		sites = append(sites, site)
	}
	return sites
}

// The steps of the migration, one after another and back: whoever comes to the moved service first, with what the step before has
// left in the browser, is still signed in.
func TestMigrationKeepsUsersSignedIn(t *testing.T) {
	t.Parallel()
	steps := docsSites(t, readPage(t, "docs/migration.md"))
	if len(steps) != 6 {
		t.Fatalf("found %d steps", len(steps))
	}
	g := harness.NewWith(t, harness.Options{Site: steps[0]})
	var browsers []*harness.Browser
	for i := range 5 {
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn(fmt.Sprint("user", i))
		browsers = append(browsers, b)
	}
	for _, step := range []int{1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1} {
		g.Reload(steps[step-1], false)
		for i, b := range browsers {
			b.URL, b.Client = g.URL, g.Server.Client()
			for _, path := range []string{"/api/orders/1", "/page", "/page"} {
				response := b.Get(path)
				if response.StatusCode != http.StatusOK {
					t.Fatalf("step %d: user%d at %s: status %d", step, i, path, response.StatusCode)
				}
				if step == 6 && path != "/page" {
					if header := response.Received.Header; header.Get("Authorization") == "" || header.Get("Cookie") != "" {
						t.Errorf("step 6: the service received %q", header)
					}
				} else if user := response.Received.User(t); user != fmt.Sprint("user", i) {
					t.Errorf("step %d: user%d at %s is %q", step, i, path, user)
				}
			}
		}
		g.Clock.Advance(20 * time.Second)
	}
}

// With the error pages of the docs, what the gateway refuses stays refused: the application is asked for a page of its own.
func TestDocsErrorPages(t *testing.T) {
	t.Parallel()
	sites := docsSites(t, readPage(t, "docs/how-to/error-pages.md"))
	if len(sites) != 1 {
		t.Fatalf("found %d Caddyfiles", len(sites))
	}
	g := harness.NewWith(t, harness.Options{Site: sites[0] + `
		jwt_session shop {
			whoami /whoami json user
			csrf
		}
		reverse_proxy LEGACY`})
	for _, test := range []struct {
		name    string
		browser *harness.Browser
		want    int
	}{
		{"nobody", g.Browser(), http.StatusUnauthorized},
		{"a page of another site", g.SignedIn(), http.StatusForbidden},
	} {
		response := test.browser.Do(http.MethodPost, "/transfer", "Origin: https://elsewhere.example", "OurApp-User-ID: mallory")
		if test.want == http.StatusUnauthorized {
			response = test.browser.Get("/account", "OurApp-User-ID: mallory")
		}
		if response.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", test.name, response.StatusCode, test.want)
		}
		if got, want := response.Received, fmt.Sprint("/errors/", test.want); got == nil || got.Method != http.MethodGet || got.Path != want {
			t.Errorf("%s: the application received %+v, want GET %s", test.name, got, want)
		} else if got.Header.Get(identity.DefaultIdentityHeader) != "" {
			t.Errorf("%s: the error page names a user", test.name)
		}
	}
}

// The smallest Caddyfile of the README shows by its response header that it works: the session first, and then the token.
func TestReadmeSmallestCaddyfile(t *testing.T) {
	t.Parallel()
	sites := docsSites(t, sectionOf(t, "README.md", "## The smallest Caddyfile"))
	if len(sites) != 1 {
		t.Fatalf("found %d Caddyfiles", len(sites))
	}
	g := harness.NewWith(t, harness.Options{Site: sites[0]})
	b := g.Browser()
	for i, want := range []string{"none", "session", "token"} {
		if i == 1 {
			b.Cookies["session"] = g.Legacy.SignIn("alice")
		}
		if got := b.Get("/page").Header.Get("X-Gateway-Via"); got != want {
			t.Errorf("request %d went by %s, want %s", i+1, got, want)
		}
	}
}

// The README's question: a sign-out that shows in no cookie leaves the user signed in, and forget_on ends that.
func TestReadmeSignOutThatShowsInNoCookie(t *testing.T) {
	t.Parallel()
	sites := docsSites(t, sectionOf(t, "README.md", "## Does your sign-out show in a cookie?"))
	if len(sites) != 1 {
		t.Fatalf("found %d Caddyfiles", len(sites))
	}
	const line = "forget_on /logout*"
	if !strings.Contains(sites[0], line) {
		t.Fatalf("the Caddyfile lacks %s:\n%s", line, sites[0])
	}
	for forgetOn, want := range map[string]string{"forget_on /quiet-logout*": "", "": "alice"} {
		g := harness.NewWith(t, harness.Options{Site: strings.Replace(sites[0], line, forgetOn, 1) + "\nreverse_proxy LEGACY"})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		for _, path := range []string{"/page", "/page", "/quiet-logout"} {
			if got := b.Get(path).Received.User(t); got != "alice" && path == "/page" {
				t.Fatalf("%s: the application sees %q", path, got)
			}
		}
		if got := b.Get("/page").Received.User(t); got != want {
			t.Errorf("with %q: after the sign-out the application sees %q, want %q", forgetOn, got, want)
		}
	}
}
