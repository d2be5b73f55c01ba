package jwtsession_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// The route leads to another service than the one that knows the sessions.
func TestWhoamiThroughARouteOfItsOwn(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s of %s, asked: %q", r.URL.Path, r.Header.Get(identity.DefaultIdentityHeader), r.Header.Get("X-Asked"))
	}))
	t.Cleanup(service.Close)
	g := harness.NewWith(t, harness.Options{Site: `
		@sessions header Cookie *session=*
		jwt_session shop {
			whoami /legacy/whoami json user {
				route {
					request_header X-Asked {path}
					uri strip_prefix /legacy
					reverse_proxy @sessions LEGACY
				}
			}
		}
		reverse_proxy ` + strings.TrimPrefix(service.URL, "http://")})
	b := g.SignedIn()
	var asked string
	g.Legacy.RespondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
		asked = r.Header.Get("X-Asked")
		return false
	})
	response := b.Get("/orders")
	if response.Text != `/orders of alice, asked: ""` || response.TokenSet() != "set" || g.Legacy.Questions() != 1 {
		t.Errorf("%q, token cookie %q, %d questions", response.Text, response.TokenSet(), g.Legacy.Questions())
	}
	if asked != "/legacy/whoami" { // the order of the directives is the one in which they stand
		t.Errorf("the question was for %q before it was rewritten", asked)
	}
	if response := b.Get("/orders"); response.StatusCode != http.StatusOK || g.Legacy.Questions() != 1 {
		t.Errorf("status %d, %d questions", response.StatusCode, g.Legacy.Questions())
	}
	if response := g.Browser().Get("/orders"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor: status %d", response.StatusCode)
	}
}

func TestWhoamiRouteIsChecked(t *testing.T) {
	t.Parallel()
	err := validateText(t, `http:// {
		jwt_session shop {
			whoami /me json user {
				route {
					basic_auth {
						alice not-a-hash
					}
					reverse_proxy localhost:1
				}
			}
		}
		respond ok
	}`)
	if err == nil || !strings.Contains(err.Error(), "whoami: route:") {
		t.Errorf("got %v", err)
	}
}
