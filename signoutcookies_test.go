package jwtsession_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

// newAccessGateway signs users in at a provider, and takes the access token from the cookie that the sign-in sets.
func newAccessGateway(t *testing.T, response, mode string) *signInGateway {
	t.Helper()
	g := newSignInGateway(t, response, "")
	site := strings.Replace(g.options.Site, "whoami /whoami json user", `
		whoami /whoami json user
		mode `+mode+`
		issuer `+g.idp.url+` {
			audience https://api.example
			from cookie access_token
			attribute scope scope
		}
		identity_header OurApp-User-ID
		identity_header X-Scope scope`, 1)
	again := &signInGateway{idp: g.idp, options: g.options}
	again.options.Site = site
	again.Gateway = harness.NewWith(t, again.options)
	return again
}

// signOuts are all ways in which a session ends, and the response that has to clear what was set beside it.
var signOuts = map[string]func(*signInGateway, *harness.Browser) harness.Reply{
	"the application deletes the cookie": func(g *signInGateway, b *harness.Browser) harness.Reply {
		return g.byCookie(b, "session=; Path=/; Max-Age=0")
	},
	"the application changes the cookie": func(g *signInGateway, b *harness.Browser) harness.Reply {
		return g.byCookie(b, "session=another-session-of-nobody; Path=/")
	},
	"forget_on": func(_ *signInGateway, b *harness.Browser) harness.Reply { return b.Get("/logout") },
	"the operator ends it": func(g *signInGateway, b *harness.Browser) harness.Reply {
		g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.Cookies["session"]})
		return b.Get("/page")
	},
	"the operator revokes it": func(g *signInGateway, b *harness.Browser) harness.Reply {
		g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": b.Cookies["session"]})
		return b.Get("/page")
	},
	"its idle time is over": func(g *signInGateway, b *harness.Browser) harness.Reply {
		g.Clock.Advance(31 * time.Minute)
		return b.Get("/page")
	},
}

// byCookie lets the application write the line on one page.
func (g *signInGateway) byCookie(b *harness.Browser, line string) harness.Reply {
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Set-Cookie", line)
		return false
	})
	defer g.Legacy.Respond(nil)
	return b.Get("/page")
}

// Whoever keeps the cookies of a session that is over signs in again with the access token of its sign-in.
func TestAnEndEndsTheAccessToken(t *testing.T) {
	for name, end := range signOuts {
		for _, mode := range []string{"mixed", "stateful", "shadow", "stateless"} {
			if mode == "stateless" && (name == "its idle time is over" || name == "the operator ends it") {
				continue // its own test below
			}
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) {
				g := newAccessGateway(t, callback.ResponseCode, mode)
				b := g.visitor()
				g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
				header := b.Get("/page").Received.Header
				if header.Get("OurApp-User-ID") != "alice" || header.Get("X-Scope") == "" || header.Get("X-Via") != "issuer" {
					t.Fatalf("before: user %q via %s", header.Get("OurApp-User-ID"), header.Get("X-Via"))
				}
				kept := b.Kept("session", "access_token", "id_token", carrier.HostPrefix+harness.TokenName)
				response := end(g, b)
				if cleared := response.Cleared(); !slices.Contains(cleared, "access_token") || !slices.Contains(cleared, "id_token") {
					t.Errorf("the response clears %q, want access_token and id_token as well", cleared)
				}
				if response.Received != nil && name != "the application deletes the cookie" && name != "the application changes the cookie" &&
					name != "forget_on" && response.Received.User(t) != "" {
					t.Errorf("the first request after the end is still of %s", response.Received.User(t))
				}
				for _, names := range [][]string{
					{"access_token"},
					{"access_token", "id_token"},
					{"access_token", "session"},
					{"access_token", "session", carrier.HostPrefix + harness.TokenName},
					{"access_token", carrier.HostPrefix + harness.TokenName},
				} {
					thief := g.visitor()
					for _, one := range names {
						if value, ok := kept[one]; ok {
							thief.Cookies[one] = value
						}
					}
					if user := thief.Get("/page").Received.User(t); user != "" {
						t.Errorf("with %q the request is still of %s", names, user)
					}
				}
			})
		}
	}
}

// In mode stateless the token may outlive the session, which nobody looks at; the access token does not stand alone.
func TestAccessTokenDoesNotStandAloneInStatelessMode(t *testing.T) {
	g := newAccessGateway(t, callback.ResponseCode, "stateless")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	for range 2 { // no token of ours yet: the session is looked up for the access token's sake
		if user := b.Get("/page").Received.User(t); user != "alice" {
			t.Fatalf("beside the session the user is %q", user)
		}
	}
	session := b.Cookies["session"]
	delete(b.Cookies, "session")
	if user := b.Get("/page").Received.User(t); user != "" {
		t.Errorf("without the session the user is %s", user)
	}
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if user := b.Get("/page").Received.User(t); user != "" {
		t.Errorf("beside a session that nobody knows the user is %s", user)
	}
	b.Cookies["session"] = session
	g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session": session})
	if user := b.Get("/page").Received.User(t); user != "" {
		t.Errorf("after the end the user is %s", user)
	}
}

// An end outlives the process, and so does that of the access token.
func TestAnEndEndsTheAccessTokenOverARestart(t *testing.T) {
	t.Parallel()
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	b.Get("/page")
	kept := b.Kept("access_token", "session")
	b.Get("/logout")
	if err := g.App.Cleanup(); err != nil {
		t.Fatal(err)
	}
	g.Load(g.options)
	thief := g.visitor()
	thief.Cookies = kept
	if user := thief.Get("/page").Received.User(t); user != "" {
		t.Errorf("after a restart the request is of %s", user)
	}
}

// A sign-in ends the session before it; its tokens give way to the new ones, also where there is none in the place of one.
func TestSignInTakesOverTheCookies(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		g := newAccessGateway(t, response, "mixed")
		b := g.visitor()
		g.finish(b, response, g.begin(b, "/auth/login", "alice"))
		kept := b.Kept("access_token")
		g.finish(b, response, g.begin(b, "/auth/login", "bob"))
		if b.Cookies["access_token"] == kept["access_token"] {
			t.Error("the access token is still the earlier one")
		}
		if user := b.Get("/page").Received.User(t); user != "bob" {
			t.Errorf("the user is %q", user)
		}
		thief := g.visitor()
		thief.Cookies = kept
		if user := thief.Get("/page").Received.User(t); user != "" {
			t.Errorf("with the earlier access token the request is of %s", user)
		}
		thief.Cookies["session"] = b.Cookies["session"]
		if user := thief.Get("/page").Received.User(t); user != "" {
			t.Errorf("alice's access token beside bob's session is of %s", user)
		}
	}
}

// What is over is cleared, and nothing else: not without a session that ended, nor on what a cache may store.
func TestCookiesOfASignInThatStay(t *testing.T) {
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	if cleared := b.Get("/page").Cleared(); len(cleared) > 0 {
		t.Errorf("while the session is active, %q are cleared", cleared)
	}
	session := b.Cookies["session"]
	delete(b.Cookies, "session")
	if cleared := b.Get("/page").Cleared(); len(cleared) > 0 {
		t.Errorf("a token without its session: %q are cleared", cleared)
	}
	b.Cookies["session"] = session
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Cache-Control", "public")
		return false
	})
	g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session": session})
	if cleared := b.Get("/page").Cleared(); len(cleared) > 0 {
		t.Errorf("on what a cache may store, %q are cleared", cleared)
	}
	g.Legacy.Respond(nil)
	if cleared := b.Get("/page").Cleared(); !slices.Equal(cleared, []string{"access_token", "id_token"}) {
		t.Errorf("afterwards %q are cleared", cleared)
	}
}

// A stream that the access token opened ends with the session beside it.
func TestStreamByAccessTokenEndsWithTheSession(t *testing.T) {
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	s := &streamingApp{Gateway: g.Gateway, left: make(chan string, 64), send: make(chan string)}
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/events") {
			return false
		}
		s.stream(w, r, harness.EventStream)
		return true
	})
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	stream := s.open(b, "event source", "/events")
	if s.ledger().Watching() != 1 {
		t.Fatalf("%d streams are watched", s.ledger().Watching())
	}
	g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.Cookies["session"]})
	if err := stream.ended(); err != nil {
		t.Error(err)
	}
}
