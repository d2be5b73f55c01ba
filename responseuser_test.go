package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
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

func newNamingGateway(t *testing.T, mode, whoami string) *harness.Gateway {
	t.Helper()
	site := strings.Replace(strings.Replace(namingSite, "MODE", mode, 1), "WHOAMI", whoami, 1)
	g := harness.NewWith(t, harness.Options{Site: site})
	g.Legacy.Names("X-Remote-User")
	return g
}

func TestResponseNamesTheUser(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.ExpectRolling(b.Get("/page"), "", "none", "", 0)
	if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("before the sign-in: status %d", response.StatusCode)
	}
	login := b.Do(http.MethodPost, "/login?user=alice")
	g.ExpectRolling(login, "", "none", "set", 0) // a token for the session that the response itself begins
	if login.Header.Get("X-Remote-User") != "" {
		t.Error("the header reached the client")
	}
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
	token := b.Cookies[harness.TokenName]
	delete(b.Cookies, harness.TokenName)
	g.ExpectRolling(b.Get("/members"), "alice", "session", "set", 0)
	b.Cookies[harness.TokenName] = token
	g.Clock.Advance(31 * time.Second)
	g.ExpectRolling(b.Get("/members"), "alice", "token", "set", 0) // due: the response confirms the session
	if g.Claims(b).Expires() != g.Clock.Now().Unix()+60 {
		t.Error("the response did not confirm the session")
	}
	g.Clock.Advance(time.Minute)
	if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("longer ago than a token lives: status %d", response.StatusCode)
	}
	g.ExpectRolling(b.Get("/page"), "", "none", "set", 0) // what goes on brings it back
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
	if auth := g.Claims(b).AuthTime(); g.Clock.Now().Unix()-auth < 90 {
		t.Error("it is another session than before")
	}
}

func TestResponseWithoutTheHeaderSaysNothing(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.ExpectRolling(b.Get("/silent"), "alice", "token", "", 0)
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
}

// The same id is another user's from one response on.
func TestResponseNamesAnotherUser(t *testing.T) {
	t.Parallel()
	for _, whoami := range []string{"", askingToo} {
		g := newNamingGateway(t, "mixed", whoami)
		b := g.Browser()
		g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
		alices := b.Cookies[harness.TokenName]
		g.ExpectRolling(b.Get("/switch?user=bob"), "alice", "token", "set", 0)
		g.ExpectRolling(b.Get("/members"), "bob", "token", "", 0)
		b.Cookies[harness.TokenName] = alices
		g.ExpectRolling(b.Get("/members"), "bob", "session", "set", 0)
	}
}

func TestResponseNamesNobody(t *testing.T) {
	t.Parallel()
	for _, nobody := range []string{"", "0", "null"} {
		g := newNamingGateway(t, "mixed", "")
		b := g.Browser()
		g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
		token := b.Cookies[harness.TokenName]
		g.ExpectRolling(b.Get("/switch?user="+nobody), "alice", "token", "cleared", 0)
		b.Cookies[harness.TokenName] = token
		if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: status %d", nobody, response.StatusCode)
		}
	}
}

func TestResponseOfSignOut(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
	g.Legacy.Respond(nil)
	g.Expect(b.Get("/logout"), "alice", "cleared", 0)
	b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
	if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", response.StatusCode)
	}
}

// forget_on ends the session, whoever the response names: the next one counts.
func TestResponseThatMatchesForgetOn(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.ExpectRolling(b.Get("/quiet-logout"), "alice", "token", "cleared", 0)
	g.ExpectRolling(b.Get("/page"), "", "none", "set", 0)
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
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
		b := g.SignedIn()
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Remote-User", "alice")
			w.WriteHeader(answer(w.Header()))
			return true
		})
		response := b.Get("/page")
		if len(response.Header["X-Remote-User"]) != 0 || response.TokenSet() != "" {
			t.Errorf("%s: header %q, token cookie %q", name, response.Header["X-Remote-User"], response.TokenSet())
		}
		if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: it was listened to: status %d", name, response.StatusCode)
		}
		if warned := strings.Contains(g.Logged(), "response_user header is ignored"); warned != (name == "two users" || strings.HasPrefix(name, "no ") || strings.HasPrefix(name, "longer")) {
			t.Errorf("%s: warned is %v", name, warned)
		}
	}
}

// Errors and answers that carry no token name users all the same.
func TestResponseThatCarriesNoToken(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.SignedIn()
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "alice")
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	if response := b.Get("/page"); response.TokenSet() != "" || len(response.Header["X-Remote-User"]) != 0 {
		t.Errorf("token cookie %q, header %q", response.TokenSet(), response.Header["X-Remote-User"])
	}
	g.Legacy.Respond(nil)
	g.ExpectRolling(b.Get("/members"), "alice", "session", "set", 0)
}

// An answer to a request that began before an end or a revocation says nothing.
func TestResponseThatComesTooLate(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*harness.Gateway, *harness.Browser){
		"end": func(g *harness.Gateway, b *harness.Browser) {
			if response := b.Get("/quiet-logout"); response.StatusCode != http.StatusOK {
				g.Errorf("status %d", response.StatusCode)
			}
		},
		"revocation of the session": revokedSession,
		"revocation of the user": func(g *harness.Gateway, _ *harness.Browser) {
			if err := g.App.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice"); err != nil {
				g.Fatal(err)
			}
		},
		"flush": func(g *harness.Gateway, _ *harness.Browser) {
			if err := g.App.Opened().Ledger.Flush(g.Context(), "shop"); err != nil {
				g.Fatal(err)
			}
		},
	} {
		for _, rotates := range []bool{false, true} {
			g := newNamingGateway(t, "mixed", "")
			b := g.SignedIn()
			reached, proceed := make(chan struct{}), make(chan struct{})
			g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/slow" {
					close(reached)
					<-proceed
					w.Header().Set("X-Remote-User", "alice")
					if rotates && name != "end" {
						http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn("alice"), Path: "/"})
					}
				}
				return false
			})
			var wait sync.WaitGroup
			var response harness.Reply
			slow := g.Browser()
			slow.Cookies["session"] = b.Cookies["session"]
			wait.Go(func() { response = slow.Get("/slow") })
			<-reached
			meanwhile(g, b)
			close(proceed)
			wait.Wait()
			if response.TokenSet() == "set" {
				t.Errorf("%s, rotates %v: a token leaves", name, rotates)
			}
			if response := slow.Get("/members"); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, rotates %v: status %d", name, rotates, response.StatusCode)
			}
		}
	}
}

// A revoked user stays out whatever responses say, until he signs in again.
func TestResponseNamesRevokedUser(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	thief := g.Browser()
	thief.Cookies["session"] = g.Legacy.SignIn("alice")
	if err := g.App.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if response := thief.Get("/page"); response.TokenSet() != "" {
			t.Errorf("token cookie %q", response.TokenSet())
		}
		if response := thief.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
}

func TestResponseUserBesideWhoami(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo)
	b := g.SignedIn()
	g.ExpectRolling(b.Get("/members"), "alice", "session", "set", 1)
	g.Expect(b.Do(http.MethodPost, "/login?user=bob"), "alice", "set", 1)
	g.ExpectRolling(b.Get("/members"), "bob", "token", "", 1) // nobody was asked: the response said it
}

// What the header does not say, whoami says: no token leaves that lacks it.
func TestResponseUserKeepsAttributes(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo+` {
		attribute role json role
	}
	identity_header OurApp-User-ID
	identity_header X-Role role`)
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "", 0)
	response := b.Get("/members")
	g.ExpectRolling(response, "alice", "session", "set", 1)
	if role := response.Received.Header.Get("X-Role"); role != "customer" {
		t.Errorf("role %q", role)
	}
	g.Clock.Advance(31 * time.Second)
	response = b.Get("/members")
	g.ExpectRolling(response, "alice", "token", "set", 2)
	if role := response.Received.Header.Get("X-Role"); role != "customer" {
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
	b := g.SignedIn()
	for range 5 { // each response confirms the session for another minute, so that nobody is asked again
		response := b.Get("/members")
		g.ExpectRolling(response, "alice", "session", "", 1)
		if role := response.Received.Header.Get("X-Role"); role != "customer" {
			t.Errorf("role %q", role)
		}
		g.Clock.Advance(40 * time.Second)
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
		b := g.Browser()
		g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", want[0], 0)
		g.ExpectRolling(b.Get("/members"), "alice", want[1], want[2], 0)
	}
}

// Both at once: the cookie changes with every answer, and every answer names the user.
func TestResponseUserOfRollingSessions(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", askingToo+" {\n rolling\n }")
	user := "alice"
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if g.Legacy.User(r) != "" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn(user), Path: "/"})
			w.Header().Set("X-Remote-User", user)
		}
		return false
	})
	b := g.SignedIn()
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	first := g.Claims(b)
	for range 5 {
		g.Clock.Advance(2 * time.Second)
		g.ExpectRolling(b.Get("/page"), "alice", "token", "set", 1)
	}
	if g.Claims(b).Expires() != first.Expires() {
		t.Error("it was written anew each time")
	}
	user = "bob" // a sign-in by GET that forget_on does not name
	g.ExpectRolling(b.Get("/page"), "alice", "token", "set", 1)
	g.ExpectRolling(b.Get("/page"), "bob", "token", "set", 1)
}

func TestResponseUserIsRemovedEverywhere(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
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
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "alice")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Second-User", "alice")
		return false
	})
	b := g.SignedIn()
	for i := range 3 {
		for _, response := range []harness.Reply{
			b.Get("/page"),
			b.Do(http.MethodOptions, "/page", "Origin: https://app.example", "Access-Control-Request-Method: PUT"),
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

var _ caddyhttp.MiddlewareHandler = (*jwtsession.Handler)(nil)

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
	g := harness.NewWith(t, harness.Options{Site: `
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
	response := g.Browser().Get("/page")
	if response.StatusCode != http.StatusInternalServerError || response.Text != "sorry" {
		t.Fatalf("status %d: %s", response.StatusCode, response.Text)
	}
	if got := response.Header.Get("X-User"); got != "" {
		t.Errorf("the client is told the user %q", got)
	}
}
