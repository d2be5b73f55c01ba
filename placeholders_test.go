package jwtsession_test

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

const allPlaceholders = "{http.auth.user.id} {http.jwt_session.realm} {http.jwt_session.via} {http.jwt_session.reason} {http.auth.user.role}."

// Placeholders show what the last handler found out, on the route and on error routes, whatever another module has set. One
// without a value is empty. Caddy leaves the user id of nobody, and what no handler of ours has set, as it is written.
func TestPlaceholdersAlongTheWay(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route /early {
			respond "` + allPlaceholders + `"
		}
		route {
			vars http.auth.user.id mallory
			jwt_session shop {
				whoami /whoami json user
				unauthenticated /open* pass
			}
			@overridden path /overridden /error
			vars @overridden http.auth.user.id bob
			jwt_session /twice other {
				unauthenticated pass
			}
			error /error 418
			respond /whoami ` + "`{\"user\": \"alice\"}`" + `
			respond "` + allPlaceholders + `"
		}
		handle_errors {
			jwt_session /again* shop {
				unauthenticated pass
			}
			respond "` + allPlaceholders + `"
		}`})
	b := g.Browser()
	for _, test := range []struct {
		path, session string
		status        int
		want          string
	}{
		{"/early", "", http.StatusOK, allPlaceholders},
		{"/open", "", http.StatusOK, "{http.auth.user.id} shop none no_credentials ."},
		{"/closed", "", http.StatusUnauthorized, "{http.auth.user.id} shop none no_credentials ."},
		{"/again", "", http.StatusUnauthorized, "{http.auth.user.id} shop none no_credentials ."},
		{"/page", "session-of-alice-1", http.StatusOK, "alice shop session  ."},
		{"/page", "session-of-alice-1", http.StatusOK, "alice shop token  ."},
		{"/overridden", "session-of-alice-1", http.StatusOK, "bob shop token  ."},
		{"/error", "session-of-alice-1", http.StatusTeapot, "bob shop token  ."},
		{"/twice", "session-of-alice-1", http.StatusOK, "{http.auth.user.id} other none session_unknown ."},
	} {
		b.Cookies["session"] = test.session
		if test.session == "" {
			delete(b.Cookies, "session")
		}
		if got := b.Get(test.path); got.StatusCode != test.status || got.Text != test.want {
			t.Errorf("%s: status %d, %q; want %d, %q", test.path, got.StatusCode, got.Text, test.status, test.want)
		}
	}
}

// Caddy reads the user for its access log when the handlers have returned.
func TestPlaceholdersAreThereForTheAccessLog(t *testing.T) {
	handler := benchHandler(t, "mixed", 0, "")
	cookies := benchSession + "; " + benchToken(t, handler, benchSession)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop.example/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookies)
	w, repl := &benchWriter{header: make(http.Header)}, caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, nil)
	if err := handler.ServeHTTP(w, r, benchApplication); err != nil {
		t.Fatal(err)
	}
	if user, ok := repl.GetString("http.auth.user.id"); user != "alice" || !ok {
		t.Errorf("the user is %q, %v", user, ok)
	}
}
