package jwtsession

import (
	"strings"
	"testing"
)

// What is allowed and seldom meant is said at start: two realms with one name for their tokens' cookies, and handlers of
// one realm that don't find one another's tokens.
func TestReviewOfTokenCookies(t *testing.T) {
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
		g := newTestGatewayWith(t, gatewayOptions{site: "route /a* {\n" + test.first + "\n}\nroute {\n" + test.second + "\n}"})
		log := g.log()
		for _, warning := range []string{oneName, differ} {
			if got := strings.Contains(log, warning); got != (warning == test.want) {
				t.Errorf("%s and %s: the log has %s: %t", test.first, test.second, warning, got)
			}
		}
	}
}
