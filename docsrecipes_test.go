package jwtsession_test

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// Recipes of the docs do what the text beside them says.

// docsRecipe starts a gateway with the one recipe of a section, in front of the tests' application. Pairs of texts are replaced in it,
// each of which must be there.
func docsRecipe(t *testing.T, page, heading string, pairs ...string) *harness.Gateway {
	t.Helper()
	sites := docsSites(t, sectionOf(t, page, heading))
	if len(sites) != 1 {
		t.Fatalf("%s, %s has %d recipes", page, heading, len(sites))
	}
	site := sites[0]
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(site, pairs[i]) {
			t.Fatalf("the recipe lacks %q:\n%s", pairs[i], site)
		}
		site = strings.ReplaceAll(site, pairs[i], pairs[i+1])
	}
	if !strings.Contains(site, "reverse_proxy") {
		site += "\nreverse_proxy LEGACY"
	}
	return harness.NewWith(t, harness.Options{Site: site})
}

// signedIn returns a browser that the application has signed a user in with.
func signedIn(g *harness.Gateway, user string) *harness.Browser {
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn(user)
	return b
}

func TestDocsPublicPages(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/public-pages.md", "# Public pages and a page to sign in at")
	for _, test := range []struct {
		path, accept, location string
		status                 int
	}{
		{"/account/orders?page=2", "text/html", "/login?next=%2Faccount%2Forders%3Fpage%3D2", http.StatusFound},
		{"/account/orders", "application/json", "", http.StatusUnauthorized},
		{"/api/orders", "text/html", "", http.StatusUnauthorized},
		{"/", "text/html", "", http.StatusOK},
		{"/login", "text/html", "", http.StatusOK},
	} {
		response := g.Browser().Get(test.path, "Accept: "+test.accept)
		if response.StatusCode != test.status || response.Header.Get("Location") != test.location {
			t.Errorf("%s: status %d to %q, want %d to %q", test.path, response.StatusCode, response.Header.Get("Location"), test.status, test.location)
		}
	}
	if got := signedIn(g, "alice").Get("/account/orders").Received.User(t); got != "alice" {
		t.Errorf("the application sees %q", got)
	}
}

func TestDocsRequire(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]int{"customer": http.StatusOK, "staff": http.StatusForbidden} { // the test's users are customers
		g := docsRecipe(t, "docs/how-to/attributes.md", "## Only for users with a certain attribute",
			"connect.sid", "session", "whoami /api/me json user.id", "whoami /whoami json user", "json user.role", "json role", "role staff", "role "+role)
		alice := signedIn(g, "alice")
		for range 2 { // by the session, by the token
			if got := alice.Get("/backoffice/stock").StatusCode; got != want {
				t.Errorf("%s required: a customer gets %d, want %d", role, got, want)
			}
		}
		if got := g.Browser().Get("/backoffice/stock").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("nobody gets %d", got)
		}
		if got := g.Browser().Get("/shop").StatusCode; got != http.StatusOK {
			t.Errorf("another page answers %d", got)
		}
	}
}

func TestDocsFresh(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/attributes.md", "## Only for users who signed in a short time ago",
		"connect.sid", "session", "whoami /api/me json user.id", "whoami /whoami json user")
	alice := signedIn(g, "alice")
	for minutes, want := range map[int]int{0: http.StatusOK, 11: http.StatusUnauthorized} {
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		b.Get("/page")
		for range minutes { // in use, so that the session goes on
			g.Clock.Advance(time.Minute)
			b.Get("/page")
		}
		if got := b.Get("/account/password").StatusCode; got != want {
			t.Errorf("%d minutes after the sign-in: status %d, want %d", minutes, got, want)
		}
	}
	if got := alice.Get("/page").StatusCode; got != http.StatusOK {
		t.Errorf("another page answers %d", got)
	}
}

func TestDocsTheQuestionGoesToAnotherService(t *testing.T) {
	t.Parallel()
	service := harness.NewLegacy(t) // which knows no sessions
	sites := caddyfilesIn(t, sectionOf(t, "docs/how-to/cookie-and-whoami.md", "## Another service knows the sessions"))
	if len(sites) != 1 {
		t.Fatalf("%d recipes", len(sites))
	}
	g := harness.NewWith(t, harness.Options{Site: strings.NewReplacer("localhost:8000", "LEGACY", "localhost:9000", service.Address(),
		"sessionid", "session", "/account/me json user.id", "/whoami json user").Replace(sites[0])})
	if got := signedIn(g, "alice").Get("/page").Received.User(t); got != "alice" {
		t.Errorf("the service sees %q", got)
	}
	if g.Legacy.Questions() != 1 || service.Questions() != 0 {
		t.Errorf("%d questions to the application, %d to the service", g.Legacy.Questions(), service.Questions())
	}
}

func TestDocsSignOutWithoutCookie(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/special-sessions.md", "## A sign-out or sign-in that shows in no cookie",
		"JSESSIONID", "session", "whoami /me header X-Remote-User", "whoami /whoami json user\nunauthenticated pass", "/logout*", "/quiet-logout*")
	b := signedIn(g, "alice")
	for _, path := range []string{"/page", "/page", "/quiet-logout"} {
		b.Get(path)
	}
	if got := b.Get("/page").Received.User(t); got != "" {
		t.Errorf("after the sign-out the application sees %q", got)
	}
}

func TestDocsRolling(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/special-sessions.md", "## The cookie changes with every answer",
		"_app_session", "session", "whoami /me json user.id", "whoami /whoami json user")
	g.Legacy.Rolls()
	b := signedIn(g, "alice")
	for i := range 5 {
		before := b.Cookies["jwt_app"]
		if got := b.Get("/page").Received.User(t); got != "alice" || b.Cookies["jwt_app"] == before {
			t.Errorf("page %d: as %q, another token: %t", i+1, got, b.Cookies["jwt_app"] != before)
		}
	}
	if asked := g.Legacy.Questions(); asked != 1 {
		t.Errorf("%d questions", asked)
	}
}

func TestDocsResponseUser(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/special-sessions.md", "## The application names the user in a response header")
	g.Legacy.Names("X-Remote-User")
	b := g.Browser()
	if response := b.Get("/login?user=alice"); b.Cookies["jwt_app"] == "" || response.Header.Get("X-Remote-User") != "" {
		t.Errorf("the answer to the sign-in: the browser has %q, the header says %q", b.Kept(), response.Header.Get("X-Remote-User"))
	}
	if got := b.Get("/members").Received.User(t); got != "alice" {
		t.Errorf("the application sees %q", got)
	}
	if got := g.Browser().Get("/members", "Accept: text/html"); got.Header.Get("Location") != "/login?next=%2Fmembers" {
		t.Errorf("nobody gets %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
}

func TestDocsOneCookie(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/special-sessions.md", "## One cookie for everything", "PHPSESSID", "session")
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	for i := range 2 {
		if response := b.Get("/page"); response.Received.User(t) != "alice" || response.Received.Sent(t) != "session="+id {
			t.Errorf("page %d: as %q, the application received %q", i+1, response.Received.User(t), response.Received.Sent(t))
		}
	}
	b.WantCookie("after two pages", id, true)
}

func TestDocsBearer(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/apis.md", "## Clients that send our token in Authorization")
	api := g.Browser()
	api.Headers.Set("Authorization", "Bearer "+g.MintFor("alice", g.Legacy.SignIn("alice")))
	response := api.Get("/api/orders")
	if got := response.Received.User(t); got != "alice" || response.TokenSet() != "" || response.Received.Header.Get("Authorization") != "" {
		t.Errorf("the service sees %q and %q, the token is %q", got, response.Received.Header.Get("Authorization"), response.TokenSet())
	}
	if got := g.Browser().Get("/api/orders").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("nobody gets %d", got)
	}
}

func TestDocsForwardToken(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/new-services.md", "# Services that verify tokens themselves")
	b := signedIn(g, "alice")
	for range 2 { // by the session, by the token
		received := b.Get("/page", "Authorization: Bearer of-the-client").Received
		parts := strings.Split(strings.TrimPrefix(received.Header.Get("Authorization"), "Bearer "), ".")
		if len(parts) != 3 {
			t.Fatalf("the service received %q", received.Header.Get("Authorization"))
		}
		for i, want := range []string{`"typ":"at\+jwt"`, `"iss":"https://shop.example".*|.*"aud":"orders"`} {
			if text, err := base64.RawURLEncoding.DecodeString(parts[i]); err != nil || !regexp.MustCompile(want).Match(text) {
				t.Errorf("part %d of the token is %s, want %s", i+1, text, want)
			}
		}
	}
}

func TestDocsCart(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/cart.md", "# A shopping cart in the browser")
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/buy" {
			w.Header().Set("X-New-Cart", `{"items": ["tea"]}`)
		}
		return false
	})
	b := g.Browser()
	if response := b.Get("/buy", "X-Cart: forged"); response.Received.Header.Get("X-Cart") != "" || response.Header.Get("X-New-Cart") != "" {
		t.Errorf("the application received %q, the browser %q", response.Received.Header.Get("X-Cart"), response.Header.Get("X-New-Cart"))
	}
	if parts := strings.Split(b.Cookies["cart"], "."); len(parts) != 3 {
		t.Fatalf("the cookie is %q", b.Cookies["cart"])
	} else if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || !strings.Contains(string(text), `"items":["tea"]`) {
		t.Errorf("a page reads %s, %v", text, err)
	}
	b.Cookies["session"] = g.Legacy.SignIn("alice") // a cart from before goes on
	if got := b.Get("/page").Received.Header.Get("X-Cart"); !strings.Contains(got, `["tea"]`) {
		t.Errorf("the application received %q", got)
	}
	b.Cookies["cart"] = strings.Replace(b.Cookies["cart"], ".", ".e", 1)
	if got := b.Get("/page").Received.Header.Get("X-Cart"); got != "" {
		t.Errorf("of an altered cart the application received %q", got)
	}
}

func TestDocsOneRealmForEachHost(t *testing.T) {
	t.Parallel()
	g := docsRecipe(t, "docs/how-to/several-applications.md", "## One application for each host")
	session := g.Legacy.SignIn("alice")
	b := g.Browser()
	b.Host, b.Cookies["session"] = "a.example", session
	b.Get("/page")
	if b.Cookies["jwt_shop-a.example"] == "" {
		t.Errorf("the browser has %q", b.Kept())
	}
	if got := b.Get("/page").Received.User(t); got != "alice" || g.Legacy.Questions() != 1 {
		t.Errorf("the application sees %q, after %d questions", got, g.Legacy.Questions())
	}
	b.Host = "B.example:80"
	b.Get("/page")
	if b.Cookies["jwt_shop-b.example"] == "" || g.Legacy.Questions() != 2 {
		t.Errorf("another host: %d questions, the browser has %q", g.Legacy.Questions(), b.Kept())
	}
}
