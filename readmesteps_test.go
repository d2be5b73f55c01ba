package jwtsession_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// readmeSites returns the Caddyfiles that stand in the README between two lines, as sites in front of the tests' application.
func readmeSites(t *testing.T, from, to string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), from)
	part, _, ended := strings.Cut(part, to)
	if !found || !ended {
		t.Fatalf("the README lacks %q or %q", from, to)
	}
	adapted := strings.NewReplacer("localhost:8000", "LEGACY", "localhost:9000", "LEGACY",
		"session_cookie sessionid", "session_cookie session", "whoami /account/me json user.id", "whoami /whoami json user",
		"\tjwt_session_jwks /.well-known/jwks.json\n", "") // the tests' keys are HS256, and stay
	var sites []string
	for _, block := range regexp.MustCompile("(?s)```\\n(.*?)```").FindAllStringSubmatch(part, -1) {
		site := adapted.Replace(block[1])
		if _, inside, whole := strings.Cut(site, "example.com {\n"); whole {
			site = strings.TrimSuffix(inside, "}\n")
		}
		sites = append(sites, site)
	}
	return sites
}

// The README's steps, one after another and back: whoever comes to the moved service first, with what the step before has
// left in the browser, is still signed in.
func TestReadmeStepsKeepUsersSignedIn(t *testing.T) {
	t.Parallel()
	steps := readmeSites(t, "\n## Moving step by step\n", "\n**Back.**")
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

// With the README's error pages, what the gateway refuses stays refused: the application is asked for a page of its own.
func TestReadmeErrorPages(t *testing.T) {
	t.Parallel()
	sites := readmeSites(t, "\nError pages that come from a service:\n", "\nLook every session up")
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
