package jwtsession_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// A configuration whose redirect leads to the request's own path passes everything.
func TestAttackRedirectToItself(t *testing.T) {
	t.Parallel()
	checkAdaptError(t, "http:// {\njwt_session shop {\nunauthenticated redirect {path}?do=login\n}\n}", "the path depends on the request")
	g := harness.New(t, "unauthenticated redirect /login?next={uri}")
	host := strings.TrimPrefix(g.URL, "http://")
	b := g.Browser()
	page := "Accept: text/html"
	for target, want := range map[string]int{
		"/login": 200, "/login?do=x": 200, "/lo%67in": 200, "/%6cogin": 200,
		"/login/": 302, "//login": 302, "/login;x": 302, "/login;/../page": 302, "/x/../login": 302, "/login/.": 302, "/Login": 302,
		"/login%2f..%2fpage": 302, `/login\..\page`: 302, "/login%3bx": 302, "/page": 302, "/x/..;/login": 302, "/": 302,
	} {
		if status := b.Status(http.MethodGet, target, page); status != want {
			t.Errorf("%s: status %d, want %d", target, status, want)
		}
	}
	fixed := harness.New(t, "unauthenticated redirect https://"+host+"/{path}")
	if status := fixed.Browser().Status(http.MethodGet, "/page", page); status != http.StatusFound {
		t.Errorf("a host that may be ours with a path that depends on the request: status %d, want 302", status)
	}
}
