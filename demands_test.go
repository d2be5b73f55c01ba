package jwtsession_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

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
		g := harness.NewWith(t, harness.Options{Site: `
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
		b := g.SignedIn()
		if response := b.Get("/page"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: the route beside it: status %d", later, response.StatusCode)
		}
		response := b.Get("/inner")
		if (want == "") != (response.StatusCode == http.StatusOK) || want != "" && response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d", later, response.StatusCode)
		}
		log := g.Logged()
		if want != "" && (!strings.Contains(log, "asks for "+want) || strings.Count(log, "jwt_session shop with mode mixed") == 0 ||
			strings.Contains(log, b.Cookies["session"])) {
			t.Errorf("%s: the log does not name both handlers, or names the session", later)
		}
		if status := g.Browser().Get("/inner").StatusCode; want != "" && status != http.StatusInternalServerError {
			t.Errorf("%s: nobody is signed in: status %d, want 500", later, status)
		}
		if status := b.Do(http.MethodOptions, "/inner", preflightLines...).StatusCode; status != http.StatusOK {
			t.Errorf("%s: a preflight: status %d", later, status)
		}
	}
}
