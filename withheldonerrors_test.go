package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// newErrorRouteGateway refuses what nobody is signed in with, and lets the application write the error pages, as careless
// as can be: with the request as it was.
func newErrorRouteGateway(t *testing.T, directive, errors string) *testGateway {
	t.Helper()
	return newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session shop {
			whoami /whoami json user {
				negative_ttl 1ms
			}
			` + directive + `
		}
		reverse_proxy LEGACY
		handle_errors {
			` + errors + `
			reverse_proxy LEGACY
		}`})
}

// A session that the operator said no to is refused, and the error route hands its cookie to the application, which serves
// the user as ever.
func TestAttackRevokedSessionOnErrorRoutes(t *testing.T) {
	for _, errors := range []string{"", "jwt_session_strip", "method GET\nrewrite * /errors"} {
		for _, mode := range []string{"mixed", "stateful", "shadow", "stateless"} {
			g := newErrorRouteGateway(t, "mode "+mode+"\ncsrf", errors)
			alice, bob := g.legacy.signIn("alice"), g.legacy.signIn("bob")
			g.browser().get("/page", "Cookie: session="+bob) // known before, where sessions count
			lines := map[string][]string{
				"revoked":           {"Cookie: theme=dark; session=" + alice},
				"among duplicates":  {"Cookie: theme=dark; session=" + bob + "; session=" + alice},
				"too short":         {"Cookie: theme=dark; session=abc"},
				"with a token":      {"Cookie: theme=dark; session=" + alice + "; " + tokenName + "=a.b.c"},
				"cross-site":        {"Cookie: theme=dark; session=" + alice, "Sec-Fetch-Site: cross-site"},
				"cross-site, short": {"Cookie: theme=dark; session=abc; session=" + alice, "Sec-Fetch-Site: cross-site"},
				"cross-site, token": {"Cookie: theme=dark; session=" + alice + "; " + tokenName + "=a.b.c", "Sec-Fetch-Site: cross-site"},
				"cross-site, alias": {"Cookie: theme=dark; Session=" + alice, "Sec-Fetch-Site: cross-site"},
				"far too many":      {"Cookie: theme=dark; session=" + alice + strings.Repeat("; x=1", 200)},
			}
			g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": alice})
			for name, sent := range lines {
				response := g.browser().do(http.MethodPost, "/page", sent...)
				cookies := strings.Join(response.received.Header["Cookie"], "; ")
				if strings.Contains(strings.ToLower(cookies), "session=") || strings.Contains(cookies, tokenName) || !strings.Contains(cookies, "theme=dark") {
					t.Errorf("%s, %q, %s: the application receives %.200q", mode, errors, name, cookies)
				}
			}
		}
	}
}

// Whom no revocation is about keeps his session on error pages: an application that does not get it may begin another one,
// which would sign him out.
func TestSessionsStayOnErrorRoutes(t *testing.T) {
	g := newErrorRouteGateway(t, "csrf\ntoken_lifetime 10s", "")
	bob, nobody := "Cookie: session="+g.legacy.signIn("bob"), "Cookie: session=nobodys-session-value"
	g.browser().get("/page", bob)
	refusals := map[string]func() reply{
		"nobody is signed in":         func() reply { return g.browser().get("/page", nobody) },
		"a request across sites":      func() reply { return g.browser().do(http.MethodPost, "/page", bob, "Sec-Fetch-Site: cross-site") },
		"the application is too busy": func() reply { return g.browser().get("/page", bob) },
	}
	for _, isRevoking := range []bool{false, true} {
		if isRevoking {
			g.revokeSomebody()
		}
		for name, refused := range refusals {
			if name == "the application is too busy" {
				g.clock.advance(11 * time.Second)
				g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
			}
			response := refused()
			g.legacy.respondWhoami(nil)
			if !response.sessionUpstream(t) {
				t.Errorf("%s, while somebody is revoked: %t: the session is withheld", name, isRevoking)
			}
			if user := response.received.user(t); user != "" {
				t.Errorf("%s: the error route is served as %s", name, user)
			}
		}
		g.browser().get("/page", bob)
	}
	g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if g.browser().get("/page", nobody+"-of-whom-nobody-can-tell").sessionUpstream(t) {
		t.Error("a session that nobody could judge reaches the application by the error route")
	}
}

// A thief uses a session under other spellings, so that these are known when the operator revokes the session.
func TestAttackKnownSpellingOfARevokedSession(t *testing.T) {
	for _, mode := range []string{"mixed", "stateful", "shadow"} {
		g := newTestGateway(t, "mode "+mode+"\nunauthenticated pass")
		alice := g.legacy.signIn("alice")
		spellings := []string{`"` + alice + `"`, "%" + fmt.Sprintf("%02x", alice[0]) + alice[1:], "%25" + fmt.Sprintf("%02x", alice[0]) + alice[1:]}
		tokens := make([]string, len(spellings))
		for i, spelling := range spellings {
			g.legacy.set(spelling, "alice") // as an application does that decodes it
			thief := g.browser()
			if user := thief.get("/page", "Cookie: session="+spelling).received.user(t); user != "alice" {
				t.Fatalf("%s: before: the user is %q", mode, user)
			}
			tokens[i] = thief.cookies[tokenName]
		}
		g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": alice})
		for i, spelling := range spellings {
			response := g.browser().get("/page", "Cookie: session="+spelling+"; "+tokenName+"="+tokens[i])
			if user := response.received.user(t); user != "" || response.sessionUpstream(t) {
				t.Errorf("%s: spelling %d: the user is %q, with the session upstream: %t", mode, i, user, response.sessionUpstream(t))
			}
		}
	}
}
