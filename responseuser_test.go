package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The application names the user of each response in a header, and has no page to ask.
const namingSite = `
	jwt_session shop {
		mode MODE
		response_user X-Remote-User
		WHOAMI
		forget_on /quiet-logout*
		unauthenticated /members* deny
		unauthenticated pass
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy LEGACY`

const askingToo = "whoami /whoami json user"

func newNamingGateway(t *testing.T, mode, whoami string) *testGateway {
	t.Helper()
	site := strings.Replace(strings.Replace(namingSite, "MODE", mode, 1), "WHOAMI", whoami, 1)
	g := newTestGatewayWith(t, gatewayOptions{site: site})
	g.legacy.names("X-Remote-User")
	return g
}

// names lets the application say in a header who each response is for, once it has acted on the request.
func (l *legacyApp) names(header string) {
	l.respond(func(w http.ResponseWriter, r *http.Request) bool {
		user := l.user(r)
		switch r.URL.Path {
		case "/login":
			user = r.URL.Query().Get("user")
			http.SetCookie(w, &http.Cookie{Name: "session", Value: l.signIn(user), Path: "/"})
		case "/switch": // the id stays as it is
			cookie, _ := r.Cookie("session")
			user = r.URL.Query().Get("user")
			l.set(cookie.Value, user)
		case "/silent":
			return false
		}
		w.Header().Set(header, user)
		_, _ = fmt.Fprintf(w, "hello %s", user)
		return true
	})
}

func TestResponseNamesTheUser(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.browser()
	g.expectRolling(b.get("/page"), "", "none", "", 0)
	if response := b.get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("before the sign-in: status %d", response.StatusCode)
	}
	login := b.do(http.MethodPost, "/login?user=alice")
	g.expectRolling(login, "", "none", "set", 0) // a token for the session that the response itself begins
	if login.Header.Get("X-Remote-User") != "" {
		t.Error("the header reached the client")
	}
	g.expectRolling(b.get("/members"), "alice", "token", "", 0)
	token := b.cookies[tokenName]
	delete(b.cookies, tokenName)
	g.expectRolling(b.get("/members"), "alice", "session", "set", 0)
	b.cookies[tokenName] = token
	g.clock.advance(31 * time.Second)
	g.expectRolling(b.get("/members"), "alice", "token", "set", 0) // due: the response confirms the session
	if g.claims(b).Expires() != g.clock.Now().Unix()+60 {
		t.Error("the response did not confirm the session")
	}
	g.clock.advance(time.Minute)
	if response := b.get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("longer ago than a token lives: status %d", response.StatusCode)
	}
	g.expectRolling(b.get("/page"), "", "none", "set", 0) // what goes on brings it back
	g.expectRolling(b.get("/members"), "alice", "token", "", 0)
	if auth := g.claims(b).AuthTime(); g.clock.Now().Unix()-auth < 90 {
		t.Error("it is another session than before")
	}
}

func TestResponseWithoutTheHeaderSaysNothing(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.browser()
	g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.expectRolling(b.get("/silent"), "alice", "token", "", 0)
	g.expectRolling(b.get("/members"), "alice", "token", "", 0)
}

// The same id is another user's from one response on.
func TestResponseNamesAnotherUser(t *testing.T) {
	t.Parallel()
	for _, whoami := range []string{"", askingToo} {
		g := newNamingGateway(t, "mixed", whoami)
		b := g.browser()
		g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
		alices := b.cookies[tokenName]
		g.expectRolling(b.get("/switch?user=bob"), "alice", "token", "set", 0)
		g.expectRolling(b.get("/members"), "bob", "token", "", 0)
		b.cookies[tokenName] = alices
		g.expectRolling(b.get("/members"), "bob", "session", "set", 0)
	}
}

func TestResponseNamesNobody(t *testing.T) {
	t.Parallel()
	for _, nobody := range []string{"", "0", "null"} {
		g := newNamingGateway(t, "mixed", "")
		b := g.browser()
		g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
		token := b.cookies[tokenName]
		g.expectRolling(b.get("/switch?user="+nobody), "alice", "token", "cleared", 0)
		b.cookies[tokenName] = token
		if response := b.get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: status %d", nobody, response.StatusCode)
		}
	}
}

func TestResponseOfSignOut(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.browser()
	g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	session, token := b.cookies["session"], b.cookies[tokenName]
	g.legacy.respond(nil)
	g.expect(b.get("/logout"), "alice", "cleared", 0)
	b.cookies["session"], b.cookies[tokenName] = session, token
	if response := b.get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", response.StatusCode)
	}
}

// forget_on ends the session, whoever the response names: the next one counts.
func TestResponseThatMatchesForgetOn(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.browser()
	g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.expectRolling(b.get("/quiet-logout"), "alice", "token", "cleared", 0)
	g.expectRolling(b.get("/page"), "", "none", "set", 0)
	g.expectRolling(b.get("/members"), "alice", "token", "", 0)
}

func TestResponseThatIsNotListenedTo(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.Header) int{
		"from a cache":         func(h http.Header) int { h.Set("Age", "0"); return http.StatusOK },
		"for caches":           func(h http.Header) int { h.Set("Cache-Control", "public"); return http.StatusOK },
		"fresh for caches":     func(h http.Header) int { h.Set("Cache-Control", "max-age=9"); return http.StatusOK },
		"not modified":         func(http.Header) int { return http.StatusNotModified },
		"two users":            func(h http.Header) int { h.Add("X-Remote-User", "bob"); return http.StatusOK },
		"no user id":           func(h http.Header) int { h.Set("X-Remote-User", "al ice"); return http.StatusOK },
		"no ASCII":             func(h http.Header) int { h.Set("X-Remote-User", "alicé"); return http.StatusOK },
		"longer than an id is": func(h http.Header) int { h.Set("X-Remote-User", strings.Repeat("a", 257)); return http.StatusOK },
	} {
		g := newNamingGateway(t, "mixed", "")
		b := g.signedIn()
		g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Remote-User", "alice")
			w.WriteHeader(answer(w.Header()))
			return true
		})
		response := b.get("/page")
		if len(response.Header["X-Remote-User"]) != 0 || response.tokenSet() != "" {
			t.Errorf("%s: header %q, token cookie %q", name, response.Header["X-Remote-User"], response.tokenSet())
		}
		if response := b.get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: it was listened to: status %d", name, response.StatusCode)
		}
		if warned := strings.Contains(g.log(), "response_user header is ignored"); warned != (name == "two users" || strings.HasPrefix(name, "no ") || strings.HasPrefix(name, "longer")) {
			t.Errorf("%s: warned is %v", name, warned)
		}
	}
}

// Errors and answers that carry no token name users all the same.
func TestResponseThatCarriesNoToken(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.signedIn()
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "alice")
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	if response := b.get("/page"); response.tokenSet() != "" || len(response.Header["X-Remote-User"]) != 0 {
		t.Errorf("token cookie %q, header %q", response.tokenSet(), response.Header["X-Remote-User"])
	}
	g.legacy.respond(nil)
	g.expectRolling(b.get("/members"), "alice", "session", "set", 0)
}

// An answer to a request that began before an end or a revocation says nothing.
func TestResponseThatComesTooLate(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testGateway, *browser){
		"end": func(g *testGateway, b *browser) {
			if response := b.get("/quiet-logout"); response.StatusCode != http.StatusOK {
				g.Errorf("status %d", response.StatusCode)
			}
		},
		"revocation of the session": revokedSession,
		"revocation of the user": func(g *testGateway, _ *browser) {
			if err := g.app.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice"); err != nil {
				g.Fatal(err)
			}
		},
		"flush": func(g *testGateway, _ *browser) {
			if err := g.app.Opened().Ledger.Flush(g.Context(), "shop"); err != nil {
				g.Fatal(err)
			}
		},
	} {
		for _, rotates := range []bool{false, true} {
			g := newNamingGateway(t, "mixed", "")
			b := g.signedIn()
			reached, proceed := make(chan struct{}), make(chan struct{})
			g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/slow" {
					close(reached)
					<-proceed
					w.Header().Set("X-Remote-User", "alice")
					if rotates && name != "end" {
						http.SetCookie(w, &http.Cookie{Name: "session", Value: g.legacy.signIn("alice"), Path: "/"})
					}
				}
				return false
			})
			var wait sync.WaitGroup
			var response reply
			slow := g.browser()
			slow.cookies["session"] = b.cookies["session"]
			wait.Go(func() { response = slow.get("/slow") })
			<-reached
			meanwhile(g, b)
			close(proceed)
			wait.Wait()
			if response.tokenSet() == "set" {
				t.Errorf("%s, rotates %v: a token leaves", name, rotates)
			}
			if response := slow.get("/members"); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, rotates %v: status %d", name, rotates, response.StatusCode)
			}
		}
	}
}

// A revoked user stays out whatever responses say, until he signs in again.
func TestResponseNamesRevokedUser(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	thief := g.browser()
	thief.cookies["session"] = g.legacy.signIn("alice")
	if err := g.app.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if response := thief.get("/page"); response.tokenSet() != "" {
			t.Errorf("token cookie %q", response.tokenSet())
		}
		if response := thief.get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	b := g.browser()
	g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.expectRolling(b.get("/members"), "alice", "token", "", 0)
}

func TestResponseUserBesideWhoami(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo)
	b := g.signedIn()
	g.expectRolling(b.get("/members"), "alice", "session", "set", 1)
	g.expect(b.do(http.MethodPost, "/login?user=bob"), "alice", "set", 1)
	g.expectRolling(b.get("/members"), "bob", "token", "", 1) // nobody was asked: the response said it
}

// What the header does not say, whoami says: no token leaves that lacks it.
func TestResponseUserKeepsAttributes(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo+` {
		attribute role json role
	}
	identity_header OurApp-User-ID
	identity_header X-Role role`)
	b := g.browser()
	g.expect(b.do(http.MethodPost, "/login?user=alice"), "", "", 0)
	response := b.get("/members")
	g.expectRolling(response, "alice", "session", "set", 1)
	if role := response.received.Header.Get("X-Role"); role != "customer" {
		t.Errorf("role %q", role)
	}
	g.clock.advance(31 * time.Second)
	response = b.get("/members")
	g.expectRolling(response, "alice", "token", "set", 2)
	if role := response.received.Header.Get("X-Role"); role != "customer" {
		t.Errorf("after the renewal: role %q", role)
	}
}

// A confirmation by header takes nothing away that whoami told.
func TestResponseThatConfirmsKeepsAttributes(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "stateful", askingToo+` {
		attribute role json role
	}
	identity_header OurApp-User-ID
	identity_header X-Role role`)
	b := g.signedIn()
	for range 5 { // each response confirms the session for another minute, so that nobody is asked again
		response := b.get("/members")
		g.expectRolling(response, "alice", "session", "", 1)
		if role := response.received.Header.Get("X-Role"); role != "customer" {
			t.Errorf("role %q", role)
		}
		g.clock.advance(40 * time.Second)
	}
}

func TestResponseUserInOtherModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string][3]string{ // the sign-in's token cookie, then who speaks, then the token cookie
		"stateful":  {"", "session", ""},
		"shadow":    {"set", "session", ""},
		"stateless": {"set", "token", ""},
	} {
		g := newNamingGateway(t, mode, "")
		b := g.browser()
		g.expect(b.do(http.MethodPost, "/login?user=alice"), "", want[0], 0)
		g.expectRolling(b.get("/members"), "alice", want[1], want[2], 0)
	}
}

// Both at once: the cookie changes with every answer, and every answer names the user.
func TestResponseUserOfRollingSessions(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo+" {\n rolling\n }")
	user := "alice"
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if g.legacy.user(r) != "" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: g.legacy.signIn(user), Path: "/"})
			w.Header().Set("X-Remote-User", user)
		}
		return false
	})
	b := g.signedIn()
	g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	first := g.claims(b)
	for range 5 {
		g.clock.advance(2 * time.Second)
		g.expectRolling(b.get("/page"), "alice", "token", "set", 1)
	}
	if g.claims(b).Expires() != first.Expires() {
		t.Error("it was written anew each time")
	}
	user = "bob" // a sign-in by GET that forget_on does not name
	g.expectRolling(b.get("/page"), "alice", "token", "set", 1)
	g.expectRolling(b.get("/page"), "bob", "token", "set", 1)
}

func TestResponseUserIsRemovedEverywhere(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		route {
			jwt_session shop {
				response_user X-Remote-User
				unauthenticated pass
			}
			jwt_session shop {
				response_user X-Second-User
				unauthenticated pass
			}
			reverse_proxy LEGACY
		}`})
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "alice")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Second-User", "alice")
		return false
	})
	b := g.signedIn()
	for i := range 3 {
		for _, response := range []reply{
			b.get("/page"),
			b.do(http.MethodOptions, "/page", "Origin: https://app.example", "Access-Control-Request-Method: PUT"),
		} {
			for _, name := range []string{"X-Remote-User", "X-Second-User"} {
				if len(response.Header[name]) != 0 && (name == "X-Remote-User" || i > 0) {
					t.Errorf("%s reached the client of a %s", name, response.Request.Method)
				}
			}
		}
	}
}

// Interim responses leave by the same way: no header of ours in them either.

var _ caddyhttp.MiddlewareHandler = (*Handler)(nil)

func TestResponseUserErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ options, want string }{
		{"response_user X-User", "unauthenticated [<matcher>] pass"},
		{"response_user X-User\n unauthenticated /a redirect /login\n unauthenticated deny", "unauthenticated [<matcher>] pass"},
	} {
		err := validateText(t, fmt.Sprintf("http:// {\n jwt_session shop {\n %s\n }\n respond ok\n}", c.options))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error with %q", c.options, err, c.want)
		}
	}
	for _, options := range []string{
		"response_user X-User\n unauthenticated /login pass\n unauthenticated deny",
		"response_user X-User\n whoami /me json user",
	} {
		if err := validateText(t, fmt.Sprintf("http:// {\n jwt_session shop {\n %s\n }\n respond ok\n}", options)); err != nil {
			t.Errorf("%s: %v", options, err)
		}
	}
}

// A handler that names the user and then fails: error routes write the header that it left.
func TestResponseUserStaysInsideOnErrors(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session shop {
			response_user X-User
			unauthenticated pass
		}
		route {
			header X-User alice
			error "out of order" 500
		}
		handle_errors {
			respond "sorry" 500
		}`})
	response := g.browser().get("/page")
	if response.StatusCode != http.StatusInternalServerError || response.body != "sorry" {
		t.Fatalf("status %d: %s", response.StatusCode, response.body)
	}
	if got := response.Header.Get("X-User"); got != "" {
		t.Errorf("the client is told the user %q", got)
	}
}
