package jwtsession_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// besideBackoffice are paths that one server or another takes for one below /backoffice/.
var besideBackoffice = []string{
	"/backoffice/users", "/backoffice", "/backoffice/", "/BackOffice/users", "/BACKOFFICE",
	"/backoffice;x=1/users", "/backoffice;x=1", "/backoffice;/users", "/;x/backoffice/users", "/backoffice/users;x",
	"/a/..;/backoffice/users", "/a/..;x=1/backoffice/users", "/a/;/..;/../backoffice/users",
	"/backoffice%2fusers", "/backoffice%2Fusers", "/%2fbackoffice/users", "/a%2f..%2fbackoffice/users",
	"/%62ackoffice/x", "/%42ackoffice/x", "/backoffice%3bx=1/users", "/backoffice%3B", "/a/..%3b/backoffice/users",
	"//backoffice/x", "///backoffice//x", "/backoffice//", "//backoffice",
	"/backoffice/.", "/backoffice/x/..", "/./backoffice/x", "/.//backoffice/x", "/x/../backoffice/u", "/../backoffice/u",
	"/x/%2e%2e/backoffice/u", "/x/.%2E/backoffice/u", "/x/%2e%2e%2fbackoffice/u", "/%2e/backoffice/u",
	`/a\..\backoffice`, `/a\..\backoffice\users`, `\backoffice\users`, `/backoffice\users`, "/a%5c..%5cbackoffice/users", "/backoffice%5cusers",
	"/%2562ackoffice/users", "/a/%252e%252e/backoffice/users", "/backoffice%252fusers", "/a/..%253b/backoffice/users",
	"/backoffice//../users", "/public/x%2fy/../../backoffice/u", "/public/..;/backoffice/", "/public/%2e%2e/backoffice/x",
	"/public/..%2fbackoffice/x", "/public;/../backoffice/x", "/public/../backoffice/x",
}

// notBackoffice are paths that no server takes for one below it.
var notBackoffice = []string{
	"/", "/page", "/backoffices", "/backofficex/users", "/a/backoffice/users", "/page;x=/backoffice", "/page?/backoffice/",
	"/caf%C3%A9", "/a%20b", "/a+b,c=d",
}

// matchersOfBackoffice say the same in different ways.
var matchersOfBackoffice = map[string]string{
	"path":        "@m path /backoffice/*",
	"several":     "@m path /elsewhere /backoffice/*",
	"expression":  "@m expression path('/backoffice/*')",
	"placeholder": `@m expression {path}.lowerAscii().startsWith("/backoffice/")`,
	"regexp":      "@m path_regexp area (?i)^/(backoffice)/",
	"vars":        `@m vars_regexp {path} (?i)^/backoffice/`,
	"set":         "@m {\n path /backoffice/*\n method GET\n not header X-Nothing *\n}",
	"double not":  "@m not {\n not path /backoffice /backoffice/*\n}",
}

// Who lacks the role spells the path so that the matcher misses it and the server does not.
func TestAttackPathBesideRequire(t *testing.T) {
	t.Parallel()
	for name, matcher := range matchersOfBackoffice {
		g := harness.NewWith(t, harness.Options{Site: matcher + `
			jwt_session shop {
				whoami /whoami json user
			}
			jwt_session_require @m role staff
			reverse_proxy LEGACY`})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		for _, target := range besideBackoffice {
			if status := b.Status(http.MethodGet, target); status != http.StatusForbidden && status != http.StatusBadRequest {
				t.Errorf("%s: %s: status %d, want 403", name, target, status)
			}
		}
		for _, target := range notBackoffice {
			if status := b.Status(http.MethodGet, target); status != http.StatusOK {
				t.Errorf("%s: %s: status %d, want 200", name, target, status)
			}
		}
	}
}

// The same against a rule that denies, where everything else passes.
func TestAttackPathBesideDeny(t *testing.T) {
	t.Parallel()
	for name, matcher := range matchersOfBackoffice {
		g := harness.NewWith(t, harness.Options{Site: matcher + `
			jwt_session shop {
				whoami /whoami json user
				unauthenticated @m deny
				unauthenticated pass
			}
			reverse_proxy LEGACY`})
		b := g.Browser()
		for _, target := range besideBackoffice {
			if status := b.Status(http.MethodGet, target); status != http.StatusUnauthorized && status != http.StatusBadRequest {
				t.Errorf("%s: %s: status %d, want 401", name, target, status)
			}
		}
		for _, target := range notBackoffice {
			if status := b.Status(http.MethodGet, target); status != http.StatusOK {
				t.Errorf("%s: %s: status %d, want 200", name, target, status)
			}
		}
	}
}

// A stranger begins with a public path and lets the server end elsewhere.
func TestAttackPathThroughPass(t *testing.T) {
	t.Parallel()
	for name, matcher := range map[string]string{
		"path":       "@m path /public/* /login",
		"expression": "@m expression path('/public/*') || path('/login')",
		"regexp":     "@m path_regexp ^/(public/.*|login)$",
		"not":        "@m not path / /page* /a* /x* /backoffice/* /caf* /welcome",
	} {
		g := harness.NewWith(t, harness.Options{Site: matcher + `
			jwt_session shop {
				whoami /whoami json user
				unauthenticated @m pass
			}
			reverse_proxy LEGACY`})
		b := g.Browser()
		closed := []string{
			"/public/../backoffice/x", "/public/..;/backoffice/x", "/public/x/..;/..;/backoffice/x", "/public/%2e%2e/backoffice/x",
			"/public/..%2fbackoffice/x", `/public\..\backoffice\x`, "/public/..%5cbackoffice/x", "/public/%252e%252e/backoffice/x",
			"/public/x%2fy/../../backoffice/u", "/public/..%3b/backoffice/x", "/login/../backoffice/", "/login/..;/backoffice/",
			"/login%2f..%2fbackoffice/", "/page", "/", "/welcome",
		}
		for _, target := range closed {
			if status := b.Status(http.MethodGet, target); status != http.StatusUnauthorized && status != http.StatusBadRequest {
				t.Errorf("%s: %s: status %d, want 401", name, target, status)
			}
		}
		for _, target := range []string{
			"/login", "/public/x", "/public/", "/public/a%20b.png", "/public/a;v=1.png", "/public/100%25", "/public//x", "/public/a%2fb", "/public/x/../y",
		} {
			if status := b.Status(http.MethodGet, target); status != http.StatusOK {
				t.Errorf("%s: %s: status %d, want 200", name, target, status)
			}
		}
	}
}

// A rule that excludes a path must not lock its visitors out because the path with a slash is another one.
func TestNegatedPathsStayOpen(t *testing.T) {
	t.Parallel()
	for _, matcher := range []string{
		"@m not path /login /public/*", "@m expression !path('/login', '/public/*')", `@m expression {path} != "/login" && !{path}.startsWith("/public/")`,
	} {
		g := harness.NewWith(t, harness.Options{Site: matcher + `
			jwt_session shop {
				whoami /whoami json user
				unauthenticated @m deny
				unauthenticated pass
			}
			jwt_session_require @m role staff
			reverse_proxy LEGACY`})
		b := g.Browser()
		for target, want := range map[string]int{
			"/login": 200, "/public/x": 200, "/public/": 200, "/": 401, "/page": 401, "/login/x": 401, "/public/../page": 401,
			"/login;/../page": 401, "/login/..;/page": 401,
		} {
			if status := b.Status(http.MethodGet, target); status != want {
				t.Errorf("%s: %s: status %d, want %d", matcher, target, status, want)
			}
		}
	}
}

// What is excluded from what passes is excluded with a final slash and without.
func TestPassExcludesBothSlashes(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `@m not path /account/* /cart
		jwt_session shop {
			whoami /whoami json user
			unauthenticated @m pass
		}
		reverse_proxy LEGACY`})
	b := g.Browser()
	for target, want := range map[string]int{
		"/account/x": 401, "/account/": 401, "/account": 401, "/cart": 401, "/cart/": 401, "/accounts": 200, "/": 200, "/x/": 200,
	} {
		if status := b.Status(http.MethodGet, target); status != want {
			t.Errorf("%s: status %d, want %d", target, status, want)
		}
	}
}

// The server signs the user out under a spelling that the matcher misses, and the token stays good.
func TestAttackPathBesideForgetOn(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/quiet-logout", "/quiet-logout/", "/Quiet-Logout", "/quiet-logout;jsessionid=1", "/quiet-logout/;x", "//quiet-logout", "/x/..;/quiet-logout",
		"/quiet%2dlogout", "/quiet-logout/.", `/x\..\quiet-logout`, "/quiet-logout%2f",
	} {
		g := harness.New(t, "forget_on /quiet-logout")
		b := g.SignedIn()
		if b.Get("/page").Received.User(t) != "alice" {
			t.Fatal("alice is not signed in")
		}
		g.Legacy.Set(b.Cookies["session"], "") // the application has ended it, and says so nowhere
		b.Status(http.MethodGet, target)
		if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d: the token still counts", target, response.StatusCode)
		}
	}
	g := harness.New(t, "forget_on /quiet-logout")
	b := g.SignedIn()
	for _, target := range []string{"/quiet-logout-page", "/x/quiet-logout", "/quiet-logout/x"} {
		b.Status(http.MethodGet, target)
	}
	if b.Get("/page").Received.User(t) != "alice" {
		t.Error("another path ended the session")
	}
}

// Trying other readings leaves nothing behind: placeholders that a matcher sets are those of the path as it came, and the
// application gets the path as it came.
func TestPathReadingsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		@first path_regexp area ^/(page)
		@m path_regexp area ^/(backoffice)$
		route {
			vars @first seen yes
			jwt_session shop {
				whoami /whoami json user
				forget_on @m
				unauthenticated pass
			}
			header X-Area "{re.area.1} {path} {uri}"
			reverse_proxy LEGACY
		}`})
	for target, want := range map[string]string{
		"/page": "page /page /page", "/page;x/..;/backoffice?a": "page /page;x/..;/backoffice /page;x/..;/backoffice?a",
		"/page%2Fx//y": "page /page/x//y /page%2Fx//y",
	} {
		response := g.Browser().Get(target)
		if got := response.Header.Get("X-Area"); got != want || response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, placeholders %q, want %q", target, response.StatusCode, got, want)
		}
	}
}

// In a named route the directive's matcher keeps the directives behind it, as ever.
func TestRequireInANamedRoute(t *testing.T) {
	t.Parallel()
	const named = `}
		&(app) {
			jwt_session_strip
			jwt_session_require /backoffice/* role staff
			respond "the page"` // the harness closes the block
	g := harness.NewWith(t, harness.Options{Servers: named, Site: `
		jwt_session shop {
			whoami /whoami json user
		}
		handle /whoami {
			reverse_proxy LEGACY
		}
		handle {
			invoke app
		}`})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if response := b.Get("/page"); response.Text != "the page" {
		t.Errorf("status %d, %q", response.StatusCode, response.Text)
	}
	if response := b.Get("/backoffice"); response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.StatusCode)
	}
}

// A path with more readings than are tried is closed rather than open.
func TestAttackPathWithTooManyReadings(t *testing.T) {
	t.Parallel()
	long := "/public/" + strings.Repeat("a;/", 4000)
	for _, rules := range []string{"unauthenticated /public/* pass", "unauthenticated /backoffice/* deny\nunauthenticated pass"} {
		g := harness.New(t, rules)
		if status := g.Browser().Status(http.MethodGet, long); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", rules, status)
		}
	}
}
