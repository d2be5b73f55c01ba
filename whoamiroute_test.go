package jwtsession

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// The route leads to another service than the one that knows the sessions.
func TestWhoamiThroughARouteOfItsOwn(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s of %s, asked: %q", r.URL.Path, r.Header.Get(identity.DefaultIdentityHeader), r.Header.Get("X-Asked"))
	}))
	t.Cleanup(service.Close)
	g := newTestGatewayWith(t, gatewayOptions{site: `
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
	b := g.signedIn()
	var asked string
	g.legacy.respondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
		asked = r.Header.Get("X-Asked")
		return false
	})
	response := b.get("/orders")
	if response.body != `/orders of alice, asked: ""` || response.tokenSet() != "set" || g.legacy.questions() != 1 {
		t.Errorf("%q, token cookie %q, %d questions", response.body, response.tokenSet(), g.legacy.questions())
	}
	if asked != "/legacy/whoami" { // the order of the directives is the one in which they stand
		t.Errorf("the question was for %q before it was rewritten", asked)
	}
	if response := b.get("/orders"); response.StatusCode != http.StatusOK || g.legacy.questions() != 1 {
		t.Errorf("status %d, %d questions", response.StatusCode, g.legacy.questions())
	}
	if response := g.browser().get("/orders"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor: status %d", response.StatusCode)
	}
}

// Handlers that ask through different routes don't share answers under way, and a route that answers nothing can't tell.
func TestWhoamiRouteThatAnswersNothing(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
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
	b := g.signedIn()
	if response := b.get("/silent"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", response.StatusCode)
	}
	if !strings.Contains(g.log(), "reaches no handler") {
		t.Error("it is not said that no handler answers")
	}
	g.expect(b.get("/page"), "alice", "set", 1)
	handlers := modulesOf[*Handler](t, g.ctx)
	first, second := handlers[0].route, handlers[1].route
	if first.Sources.Asker.Queue == second.Sources.Asker.Queue || first.Policy.Site.Difference(second.Policy.Site) != "whoami" {
		t.Error("the routes are taken for the same")
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
