package jwtsession

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

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

// A stricter handler behind another one of its realm is without effect, and nobody notices.
func TestAttackStricterHandlerBehind(t *testing.T) {
	t.Parallel()
	for later, want := range map[string]string{
		"mode stateful":                              "mode stateful",
		"identity_header X-Role role":                "attribute role",
		"forget_on /logout":                          "forget_on",
		"session_cookie session {\nmin_length 99\n}": "min_length 99",
		"unauthenticated pass":                       "",
		"identity_header X-User":                     "",
		"mode mixed\nunauthenticated deny":           "",
		"accept_bearer\nidentity_header off":         "",
	} {
		g := newTestGatewayWith(t, gatewayOptions{site: `
			jwt_session shop {
				whoami /whoami json user
				unauthenticated pass
			}
			handle /inner* {
				jwt_session shop {
					` + later + `
				}
				reverse_proxy LEGACY
			}
			reverse_proxy LEGACY`})
		b := g.signedIn()
		if response := b.get("/page"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: the route beside it: status %d", later, response.StatusCode)
		}
		response := b.get("/inner")
		if (want == "") != (response.StatusCode == http.StatusOK) || want != "" && response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d", later, response.StatusCode)
		}
		log := g.log()
		if want != "" && (!strings.Contains(log, "asks for "+want) || strings.Count(log, "jwt_session shop with mode mixed") == 0 ||
			strings.Contains(log, b.cookies["session"])) {
			t.Errorf("%s: the log does not name both handlers, or names the session", later)
		}
		if status := g.browser().get("/inner").StatusCode; want != "" && status != http.StatusInternalServerError {
			t.Errorf("%s: nobody is signed in: status %d, want 500", later, status)
		}
		if status := b.do(http.MethodOptions, "/inner", preflightLines...).StatusCode; status != http.StatusOK {
			t.Errorf("%s: a preflight: status %d", later, status)
		}
	}
}
