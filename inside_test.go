package jwtsession

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/exchange"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
)

// routeOf reads a handler's options as Provision does, up to what needs a server.
func routeOf(t *testing.T, options string) *exchange.Route {
	t.Helper()
	read, err := parseHandler(httpcaddyfile.Helper{Dispenser: caddyfile.NewTestDispenser("jwt_session shop {\n" + options + "\n}")})
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	handler := read.(*Handler)
	route := &exchange.Route{Policy: new(policy.Policy), Demands: demandsOf(handler)}
	handler.setDefaults()
	if route.Policy.Site, err = handler.describe(); err != nil {
		t.Fatal(err)
	}
	if route.Sources.Places, err = handler.preparePlaces(route.Policy.Site); err != nil {
		t.Fatal(err)
	}
	return route
}

func TestAsksForMore(t *testing.T) {
	t.Parallel()
	const role = "\nwhoami /whoami json user {\nattribute role json role\n}"
	for _, test := range []struct {
		decided, later string
		want           string // separated by commas
	}{
		{"", "", ""},
		{"mode stateless", "", ""}, // a later handler that says nothing asks for nothing
		{"mode stateless", "unauthenticated pass", ""},
		{"mode stateless", "mode mixed", "mode mixed"},
		{"mode stateless", "mode shadow", "mode shadow"},
		{"mode stateless", "mode stateful", "mode stateful"},
		{"", "mode stateful", "mode stateful"},
		{"mode mixed 10%", "mode stateful", "mode stateful"},
		{"mode mixed 10%", "mode mixed", ""},
		{"", "mode stateless", ""},
		{"mode stateful", "mode mixed", ""},
		{"mode stateful", "mode shadow", ""},
		{"mode shadow", "mode stateful", ""},
		{"mode stateful", "mode stateful", ""},
		{role, role, ""},
		{"", role, "attribute role"},
		{role, "", ""},
		{role, "identity_header X-Role role", ""},
		{role, "identity_header X-Role role\nidentity_header X-Team team", "attribute team"},
		{"identity_header X-Role role", role, ""},
		{"issuer https://id.example {\naudience a\nattribute role roles\n}", "identity_header X-Role role", ""},
		{"session_cookie a b", "", ""},
		{"session_cookie a b", "session_cookie a b", ""},
		{"session_cookie a b", "session_cookie a", "session_cookie"},
		{"", "session_cookie a", "session_cookie"},
		{"", "session_cookie session", ""},
		{"", "session_cookie session {\nmin_length 32\n}", "min_length 32"},
		{"", "session_cookie session {\nmin_length 8\n}", ""},
		{"session_cookie session {\nmin_length 8\n}", "session_cookie session", ""},
		{"session_cookie session {\nmin_length 8\n}", "session_cookie session {\nmin_length 16\n}", "min_length 16"},
		{"", "session_cookie session {\npattern [0-9a-f]+\n}", "pattern [0-9a-f]+"},
		{"session_cookie session {\npattern [0-9a-f]+\n}", "session_cookie session {\npattern [0-9a-f]+\n}", ""},
		{"session_cookie session {\npattern [0-9a-f]+\n}", "session_cookie session", ""},
		{"token_lifetime 5m", "", ""},
		{"token_lifetime 5m", "token_lifetime 1m", "token_lifetime 1m0s"},
		{"token_lifetime 5m", "token_lifetime 10m", ""},
		{"", "session_idle_timeout 1m", "session_idle_timeout 1m0s"},
		{"", "session_max_age 1h", "session_max_age 1h0m0s"},
		{"", "token_encrypt", "token_encrypt"},
		{"mode stateful", "token_encrypt", ""},
		{"token_encrypt", "", ""},
		{"", "forget_on /logout", "forget_on"},
		{"forget_on /logout", "forget_on /logout", ""},
		{"forget_on /logout", "", ""},
		{"forget_on /logout", "forget_on /logout\nforget_on /switch", "forget_on"},
		{"", "accept_bearer", ""},
		{"", "token_issuer a\nforward_token", ""},
		{"", "mode stateful\nidentity_header X-Role role", "mode stateful,attribute role"},
	} {
		got := exchange.AsksForMore(routeOf(t, test.decided), routeOf(t, test.later))
		var want []string
		if test.want != "" {
			want = strings.Split(test.want, ",")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q behind %q: got %q, want %q", test.later, test.decided, got, want)
		}
	}
}

// Handlers that ask through different routes don't share answers under way, and a route that answers nothing can't tell.
func TestWhoamiRouteThatAnswersNothing(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route /silent* {
			jwt_session shop {
				whoami /whoami json user {
					route {
						request_header X-Asked yes
					}
				}
			}
			reverse_proxy LEGACY
		}
		route {
			jwt_session shop {
				whoami /whoami json user {
					route {
						reverse_proxy LEGACY
					}
				}
			}
			reverse_proxy LEGACY
		}`})
	b := g.SignedIn()
	if response := b.Get("/silent"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", response.StatusCode)
	}
	if !strings.Contains(g.Logged(), "reaches no handler") {
		t.Error("it is not said that no handler answers")
	}
	g.Expect(b.Get("/page"), "alice", "set", 1)
	handlers := harness.ModulesOf[*Handler](t, g.Ctx)
	first, second := handlers[0].route, handlers[1].route
	if first.Sources.Asker.Queue == second.Sources.Asker.Queue || first.Policy.Site.Difference(second.Policy.Site) != "whoami" {
		t.Error("the routes are taken for the same")
	}
}
