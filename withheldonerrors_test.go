package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// newErrorRouteGateway refuses what nobody is signed in with, and lets the application write the error pages, as careless
// as can be: with the request as it was.
func newErrorRouteGateway(t *testing.T, directive, errors string) *harness.Gateway {
	t.Helper()
	return harness.NewWith(t, harness.Options{Site: `
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
			alice, bob := g.Legacy.SignIn("alice"), g.Legacy.SignIn("bob")
			g.Browser().Get("/page", "Cookie: session="+bob) // known before, where sessions count
			lines := map[string][]string{
				"revoked":           {"Cookie: theme=dark; session=" + alice},
				"among duplicates":  {"Cookie: theme=dark; session=" + bob + "; session=" + alice},
				"too short":         {"Cookie: theme=dark; session=abc"},
				"with a token":      {"Cookie: theme=dark; session=" + alice + "; " + harness.TokenName + "=a.b.c"},
				"cross-site":        {"Cookie: theme=dark; session=" + alice, "Sec-Fetch-Site: cross-site"},
				"cross-site, short": {"Cookie: theme=dark; session=abc; session=" + alice, "Sec-Fetch-Site: cross-site"},
				"cross-site, token": {"Cookie: theme=dark; session=" + alice + "; " + harness.TokenName + "=a.b.c", "Sec-Fetch-Site: cross-site"},
				"cross-site, alias": {"Cookie: theme=dark; Session=" + alice, "Sec-Fetch-Site: cross-site"},
				"far too many":      {"Cookie: theme=dark; session=" + alice + strings.Repeat("; x=1", 200)},
			}
			g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": alice})
			for name, sent := range lines {
				response := g.Browser().Do(http.MethodPost, "/page", sent...)
				cookies := strings.Join(response.Received.Header["Cookie"], "; ")
				if strings.Contains(strings.ToLower(cookies), "session=") || strings.Contains(cookies, harness.TokenName) || !strings.Contains(cookies, "theme=dark") {
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
	bob, nobody := "Cookie: session="+g.Legacy.SignIn("bob"), "Cookie: session=nobodys-session-value"
	g.Browser().Get("/page", bob)
	refusals := map[string]func() harness.Reply{
		"nobody is signed in": func() harness.Reply { return g.Browser().Get("/page", nobody) },
		"a request across sites": func() harness.Reply {
			return g.Browser().Do(http.MethodPost, "/page", bob, "Sec-Fetch-Site: cross-site")
		},
		"the application is too busy": func() harness.Reply { return g.Browser().Get("/page", bob) },
	}
	for _, isRevoking := range []bool{false, true} {
		if isRevoking {
			g.RevokeSomebody()
		}
		for name, refused := range refusals {
			if name == "the application is too busy" {
				g.Clock.Advance(11 * time.Second)
				g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
			}
			response := refused()
			g.Legacy.RespondWhoami(nil)
			if !response.SessionUpstream(t) {
				t.Errorf("%s, while somebody is revoked: %t: the session is withheld", name, isRevoking)
			}
			if user := response.Received.User(t); user != "" {
				t.Errorf("%s: the error route is served as %s", name, user)
			}
		}
		g.Browser().Get("/page", bob)
	}
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if g.Browser().Get("/page", nobody+"-of-whom-nobody-can-tell").SessionUpstream(t) {
		t.Error("a session that nobody could judge reaches the application by the error route")
	}
}

// A thief uses a session under other spellings, so that these are known when the operator revokes the session.
func TestAttackKnownSpellingOfARevokedSession(t *testing.T) {
	for _, mode := range []string{"mixed", "stateful", "shadow"} {
		g := harness.New(t, "mode "+mode+"\nunauthenticated pass")
		alice := g.Legacy.SignIn("alice")
		spellings := []string{`"` + alice + `"`, "%" + fmt.Sprintf("%02x", alice[0]) + alice[1:], "%25" + fmt.Sprintf("%02x", alice[0]) + alice[1:]}
		tokens := make([]string, len(spellings))
		for i, spelling := range spellings {
			g.Legacy.Set(spelling, "alice") // as an application does that decodes it
			thief := g.Browser()
			if user := thief.Get("/page", "Cookie: session="+spelling).Received.User(t); user != "alice" {
				t.Fatalf("%s: before: the user is %q", mode, user)
			}
			tokens[i] = thief.Cookies[harness.TokenName]
		}
		g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": alice})
		for i, spelling := range spellings {
			response := g.Browser().Get("/page", "Cookie: session="+spelling+"; "+harness.TokenName+"="+tokens[i])
			if user := response.Received.User(t); user != "" || response.SessionUpstream(t) {
				t.Errorf("%s: spelling %d: the user is %q, with the session upstream: %t", mode, i, user, response.SessionUpstream(t))
			}
		}
	}
}
