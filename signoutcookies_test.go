package jwtsession

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

// newAccessGateway signs users in at a provider, and takes the access token from the cookie that the sign-in sets.
func newAccessGateway(t *testing.T, response, mode string) *signInGateway {
	t.Helper()
	g := newSignInGateway(t, response, "")
	site := strings.Replace(g.options.site, "whoami /whoami json user", `
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
	again.options.site = site
	again.testGateway = newTestGatewayWith(t, again.options)
	return again
}

// kept returns the cookies as somebody keeps them who does not do as he is told.
func (b *browser) kept(names ...string) map[string]string {
	kept := make(map[string]string)
	for _, name := range names {
		if value, ok := b.cookies[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// cleared returns the names of those cookies that the response takes from the browser.
func (r reply) cleared() []string {
	var names []string
	for _, cookie := range r.Cookies() {
		if cookie.MaxAge < 0 && !strings.HasSuffix(cookie.Name, tokenName) {
			names = append(names, cookie.Name)
		}
	}
	slices.Sort(names)
	return names
}

// signOuts are all ways in which a session ends, and the response that has to clear what was set beside it.
var signOuts = map[string]func(*signInGateway, *browser) reply{
	"the application deletes the cookie": func(g *signInGateway, b *browser) reply { return g.byCookie(b, "session=; Path=/; Max-Age=0") },
	"the application changes the cookie": func(g *signInGateway, b *browser) reply {
		return g.byCookie(b, "session=another-session-of-nobody; Path=/")
	},
	"forget_on": func(_ *signInGateway, b *browser) reply { return b.get("/logout") },
	"the operator ends it": func(g *signInGateway, b *browser) reply {
		g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.cookies["session"]})
		return b.get("/page")
	},
	"the operator revokes it": func(g *signInGateway, b *browser) reply {
		g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": b.cookies["session"]})
		return b.get("/page")
	},
	"its idle time is over": func(g *signInGateway, b *browser) reply {
		g.clock.advance(31 * time.Minute)
		return b.get("/page")
	},
}

// byCookie lets the application write the line on one page.
func (g *signInGateway) byCookie(b *browser, line string) reply {
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Set-Cookie", line)
		return false
	})
	defer g.legacy.respond(nil)
	return b.get("/page")
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
				header := b.get("/page").received.Header
				if header.Get("OurApp-User-ID") != "alice" || header.Get("X-Scope") == "" || header.Get("X-Via") != "issuer" {
					t.Fatalf("before: user %q via %s", header.Get("OurApp-User-ID"), header.Get("X-Via"))
				}
				kept := b.kept("session", "access_token", "id_token", carrier.HostPrefix+tokenName)
				response := end(g, b)
				if cleared := response.cleared(); !slices.Contains(cleared, "access_token") || !slices.Contains(cleared, "id_token") {
					t.Errorf("the response clears %q, want access_token and id_token as well", cleared)
				}
				if response.received != nil && name != "the application deletes the cookie" && name != "the application changes the cookie" &&
					name != "forget_on" && response.received.user(t) != "" {
					t.Errorf("the first request after the end is still of %s", response.received.user(t))
				}
				for _, names := range [][]string{
					{"access_token"},
					{"access_token", "id_token"},
					{"access_token", "session"},
					{"access_token", "session", carrier.HostPrefix + tokenName},
					{"access_token", carrier.HostPrefix + tokenName},
				} {
					thief := g.visitor()
					for _, one := range names {
						if value, ok := kept[one]; ok {
							thief.cookies[one] = value
						}
					}
					if user := thief.get("/page").received.user(t); user != "" {
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
		if user := b.get("/page").received.user(t); user != "alice" {
			t.Fatalf("beside the session the user is %q", user)
		}
	}
	session := b.cookies["session"]
	delete(b.cookies, "session")
	if user := b.get("/page").received.user(t); user != "" {
		t.Errorf("without the session the user is %s", user)
	}
	b.cookies["session"] = g.legacy.signIn("alice")
	if user := b.get("/page").received.user(t); user != "" {
		t.Errorf("beside a session that nobody knows the user is %s", user)
	}
	b.cookies["session"] = session
	g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session": session})
	if user := b.get("/page").received.user(t); user != "" {
		t.Errorf("after the end the user is %s", user)
	}
}

// An end outlives the process, and so does that of the access token.
func TestAnEndEndsTheAccessTokenOverARestart(t *testing.T) {
	t.Parallel()
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	b.get("/page")
	kept := b.kept("access_token", "session")
	b.get("/logout")
	if err := g.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	g.load(g.options)
	thief := g.visitor()
	thief.cookies = kept
	if user := thief.get("/page").received.user(t); user != "" {
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
		kept := b.kept("access_token")
		g.finish(b, response, g.begin(b, "/auth/login", "bob"))
		if b.cookies["access_token"] == kept["access_token"] {
			t.Error("the access token is still the earlier one")
		}
		if user := b.get("/page").received.user(t); user != "bob" {
			t.Errorf("the user is %q", user)
		}
		thief := g.visitor()
		thief.cookies = kept
		if user := thief.get("/page").received.user(t); user != "" {
			t.Errorf("with the earlier access token the request is of %s", user)
		}
		thief.cookies["session"] = b.cookies["session"]
		if user := thief.get("/page").received.user(t); user != "" {
			t.Errorf("alice's access token beside bob's session is of %s", user)
		}
	}
}

// What is over is cleared, and nothing else: not without a session that ended, nor on what a cache may store.
func TestCookiesOfASignInThatStay(t *testing.T) {
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	if cleared := b.get("/page").cleared(); len(cleared) > 0 {
		t.Errorf("while the session is active, %q are cleared", cleared)
	}
	session := b.cookies["session"]
	delete(b.cookies, "session")
	if cleared := b.get("/page").cleared(); len(cleared) > 0 {
		t.Errorf("a token without its session: %q are cleared", cleared)
	}
	b.cookies["session"] = session
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Cache-Control", "public")
		return false
	})
	g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session": session})
	if cleared := b.get("/page").cleared(); len(cleared) > 0 {
		t.Errorf("on what a cache may store, %q are cleared", cleared)
	}
	g.legacy.respond(nil)
	if cleared := b.get("/page").cleared(); !slices.Equal(cleared, []string{"access_token", "id_token"}) {
		t.Errorf("afterwards %q are cleared", cleared)
	}
}

// A stream that the access token opened ends with the session beside it.
func TestStreamByAccessTokenEndsWithTheSession(t *testing.T) {
	g := newAccessGateway(t, callback.ResponseCode, "mixed")
	s := &streamingApp{testGateway: g.testGateway, left: make(chan string, 64), send: make(chan string)}
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/events") {
			return false
		}
		s.stream(w, r, eventStream)
		return true
	})
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	stream := s.open(b, "event source", "/events")
	if s.ledger().Watching() != 1 {
		t.Fatalf("%d streams are watched", s.ledger().Watching())
	}
	g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.cookies["session"]})
	if err := stream.ended(); err != nil {
		t.Error(err)
	}
}
