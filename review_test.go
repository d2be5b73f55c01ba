package jwtsession_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// What is allowed and seldom meant is said at start: two realms with one name for their tokens' cookies, and handlers of
// one realm that don't find one another's tokens.
func TestReviewOfTokenCookies(t *testing.T) {
	t.Parallel()
	const oneName, differ = "two realms have one token_cookie", `"option":"token_cookie"`
	for _, test := range []struct {
		first, second string
		want          string
	}{
		{"jwt_session shop", "jwt_session blog", ""},
		{"jwt_session shop {\ntoken_cookie t\n}", "jwt_session blog {\ntoken_cookie t\n}", oneName},
		{"jwt_session shop {\ntoken_cookie jwt_blog\n}", "jwt_session blog", oneName},
		{"jwt_session shop {\ntoken_cookie __Host-jwt_blog {\nsecure always\n}\n}", "jwt_session blog", oneName},
		{"jwt_session shop {\ntoken_in_session_cookie\n}", "jwt_session blog {\ntoken_in_session_cookie\n}", oneName},
		{"jwt_session shop {\ntoken_in_session_cookie\n}", "jwt_session blog {\ntoken_in_session_cookie\nsession_cookie b\n}", ""},
		{"jwt_session shop {\ntoken_cookie t\n}", "jwt_session shop {\ntoken_cookie t\n}", ""},
		{"jwt_session shop {\ntoken_cookie t\n}", "jwt_session shop", differ},
		{"jwt_session shop {\ntoken_cookie t\n}", "jwt_session shop {\nmode stateful\n}", ""},
	} {
		g := harness.NewWith(t, harness.Options{Site: "route /a* {\n" + test.first + "\n}\nroute {\n" + test.second + "\n}"})
		log := g.Logged()
		for _, warning := range []string{oneName, differ} {
			if got := strings.Contains(log, warning); got != (warning == test.want) {
				t.Errorf("%s and %s: the log has %s: %t", test.first, test.second, warning, got)
			}
		}
	}
}

// Routes of one realm that differ are warned about where they would not know one another's sessions, and not where one of
// them moved to tokens alone, as the steps of docs/migration.md have it.
func TestReviewOfHandlersOfOneRealm(t *testing.T) {
	t.Parallel()
	const whoami, other = "whoami /me json user\n", "whoami /you json user\n"
	for _, test := range []struct {
		routes []string
		want   string // the option, "" for no warning
	}{
		{[]string{"mode stateless", whoami}, ""},
		{[]string{whoami, whoami + "mode stateful"}, ""},
		{[]string{whoami, other}, "whoami"},
		{[]string{"mode stateless", whoami, other}, "whoami"},
		{[]string{whoami, ""}, "whoami"},
		{[]string{whoami, whoami + "session_cookie other"}, "session_cookie"},
		{[]string{whoami, "mode stateless\nsession_cookie other"}, "session_cookie"},
		{[]string{whoami, whoami + "session_cookie session {\nmin_length 20\n}"}, "session_cookie (min_length and pattern)"},
		{[]string{whoami, whoami + "session_cookie session {\npattern [0-9]+\n}"}, "session_cookie (min_length and pattern)"},
		{[]string{whoami, "mode stateless\nsession_cookie session {\nmin_length 20\n}"}, "session_cookie (min_length and pattern)"},
		{[]string{whoami, whoami + "session_cookie session {\nmin_length 16\n}"}, ""},
		{[]string{whoami, whoami + "session_idle_timeout 5m"}, "session_idle_timeout"},
		{[]string{whoami, whoami + "session_max_age 5h"}, "session_max_age"},
		{[]string{whoami, whoami + "token_lifetime 5m"}, "token_lifetime"},
		{[]string{"mode stateless", "mode stateless\ntoken_lifetime 5m"}, "token_lifetime"},
	} {
		log := harness.NewWith(t, harness.Options{Site: routesOf(test.routes)}).Logged()
		if got := strings.Contains(log, "handlers of one realm differ"); got != (test.want != "") {
			t.Errorf("%q: warned: %t, want %t", test.routes, got, !got)
		}
		if test.want != "" && !strings.Contains(log, `"option":"`+test.want+`"`) {
			t.Errorf("%q: no warning of %s", test.routes, test.want)
		}
	}
}

// A realm that the admin API alone brings sessions to is named, and no other one.
func TestReviewOfSources(t *testing.T) {
	t.Parallel()
	const callback = "jwt_session_callback shop {\nissuer https://id.example\nclient_id shop\nclient_secret s\n}\n"
	for site, want := range map[string]int{
		"jwt_session shop":                                               1,
		routesOf([]string{"", "mode stateful"}):                          1,
		"jwt_session shop\njwt_session blog":                             2,
		routesOf([]string{"mode stateless", "whoami /me json user"}):     0,
		routesOf([]string{"response_user X-User\nunauthenticated pass"}): 0,
		callback + "jwt_session shop":                                    0,
		callback + "jwt_session {host}":                                  0,
		callback + "jwt_session shop\njwt_session blog":                  1,
	} {
		log := harness.NewWith(t, harness.Options{Site: site}).Logged()
		if got := strings.Count(log, "only sessions added through the admin API are known"); got != want {
			t.Errorf("%s: named %d times, want %d", site, got, want)
		}
	}
}

// routesOf writes routes of realm shop, each with these options.
func routesOf(options []string) string {
	var site strings.Builder
	for i, one := range options {
		fmt.Fprintf(&site, "route /%d* {\njwt_session shop {\n%s\n}\n}\n", i, one)
	}
	return site.String()
}

// An attribute that an identity header is for and that nobody reads is named, where sessions come by themselves.
func TestReviewOfIdentityHeaders(t *testing.T) {
	t.Parallel()
	const header = "identity_header X-Role role\n"
	const whoami, reading = "whoami /me json user\n", "whoami /me json user {\nattribute role json role\n}\n"
	const issuer = "issuer https://id.example {\naudience a\n%s}\n"
	const callback = "jwt_session_callback shop {\nissuer https://id.example\nclient_id shop\nclient_secret s\n}\n"
	for site, want := range map[string]int{
		routesOf([]string{header + whoami}):                                                  1,
		routesOf([]string{header + whoami, header + whoami}):                                 1,
		routesOf([]string{header + "identity_header X-Plan plan\n" + whoami}):                2,
		routesOf([]string{header + "response_user X-User\nunauthenticated pass"}):            1,
		routesOf([]string{header + fmt.Sprintf(issuer, "")}):                                 1,
		"jwt_session shop-{host} {\n" + header + whoami + "}":                                1,
		"jwt_session shop {\n" + header + whoami + "}\njwt_session blog {\n" + reading + "}": 1,

		routesOf([]string{header + reading}):                                       0,
		routesOf([]string{header, reading}):                                        0,
		routesOf([]string{header}):                                                 0, // sessions are added with it
		routesOf([]string{header + fmt.Sprintf(issuer, "attribute role roles\n")}): 0,
		routesOf([]string{"identity_header X-User\n" + whoami}):                    0,
		callback + "jwt_session shop {\n" + header + "}":                           0,
		callback + "jwt_session {host} {\n" + header + "}":                         0,
		"jwt_session shop-{host} {\n" + header + reading + "}":                     0,
	} {
		log := harness.NewWith(t, harness.Options{Site: site}).Logged()
		if got := strings.Count(log, "identity_header is for an attribute that no"); got != want {
			t.Errorf("%s: named %d times, want %d", site, got, want)
		}
	}
}
