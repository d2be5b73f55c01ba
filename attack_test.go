package jwtsession_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Attacks on the whole gateway, one test each with its threat in a sentence. Those on the form of a token are in the
// validator's tests.

// A client names a user in the identity header, in any spelling that a server could read as ours.
func TestAttackForgedIdentityHeader(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	spellings := []string{
		"OurApp-User-ID", "ourapp-user-id", "OURAPP-USER-ID", "OurApp-User-Id", "oUrApP-uSeR-iD",
		"OurApp_User_ID", "OurApp-User_ID", "OurApp.User.ID", "OurApp-User.ID", "OurApp~User~ID", "OurApp+User+ID",
		"OurApp!User#ID", "OurApp$User%ID", "OurApp&User'ID", "OurApp*User^ID", "OurApp`User|ID", "HTTP-OurApp-User-ID",
		"http_ourapp_user_id", "HTTP~OurApp~User~ID",
	}
	for _, signedIn := range []bool{false, true} {
		b, want := g.Browser(), ""
		if signedIn {
			b.Cookies["session"], want = g.Legacy.SignIn("alice"), "alice"
		}
		for _, spelling := range spellings {
			got := b.Get("/page", spelling+": mallory").Received
			if user := got.User(t); user != want {
				t.Errorf("%s: the application sees %q, want %q", spelling, user, want)
			}
			for name, values := range got.Header {
				if strings.Contains(strings.Join(values, " "), "mallory") {
					t.Errorf("%s arrived as %s", spelling, name)
				}
			}
		}
	}
}

// A client lists our header, or the cookies, in Connection, so that the proxy drops them and the application sees an
// anonymous request on an authenticated route.
func TestAttackConnectionHeader(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	session := g.Legacy.SignIn("alice")
	for _, lines := range [][]string{
		{"Connection: OurApp-User-ID"},
		{"Connection: ourapp-user-id, close"},
		{"Connection: keep-alive", "Connection: OURAPP-USER-ID"},
		{"Connection: close,\tOurApp-User-ID ,Cookie"},
		{"Connection: Cookie"},
		{"Connection: Upgrade, OurApp-User-ID", "Upgrade: websocket"},
	} {
		response := g.Raw(append([]string{"GET /page HTTP/1.1", "Host: legacy", "Cookie: session=" + session}, lines...), "")
		got := harness.ReceivedFrom(t, response)
		if user := got.User(t); user != "alice" || !strings.Contains(got.Header.Get("Cookie"), session) {
			t.Errorf("%q: the application sees user %q, with its cookie: %v", lines, user, got.Header.Get("Cookie") != "")
		}
	}
}

// A client sends the identity header as a trailer, which some servers merge into the headers.
func TestAttackTrailer(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	for _, announced := range []string{"OurApp-User-ID", "X-Other, OurApp_User-ID", "X-Other"} {
		response := g.Raw([]string{
			"POST /page HTTP/1.1", "Host: legacy", "Connection: close", "Transfer-Encoding: chunked", "Trailer: " + announced,
		}, "5\r\nhello\r\n0\r\nOurApp-User-ID: mallory\r\nOurApp_User-ID: mallory\r\nX-Other: kept\r\n\r\n")
		got := harness.ReceivedFrom(t, response)
		for name, values := range got.Trailer {
			if strings.Contains(strings.Join(values, ""), "mallory") {
				t.Errorf("Trailer: %s: %s arrived", announced, name)
			}
		}
		if strings.Contains(announced, "X-Other") && got.Trailer.Get("X-Other") != "kept" {
			t.Errorf("Trailer: %s: the other trailer was lost", announced)
		}
	}
}

// A client sends a revoked session, or a credential for the application, as a trailer.
func TestAttackCredentialsInTrailers(t *testing.T) {
	g := harness.New(t, "unauthenticated pass")
	session := g.Legacy.SignIn("mallory")
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": session})
	for _, name := range []string{"Cookie", "cookie", "Cookie2", "Authorization", "Proxy-Authorization"} {
		got := harness.ReceivedFrom(t, g.Raw([]string{
			"POST /page HTTP/1.1", "Host: legacy", "Connection: close", "Transfer-Encoding: chunked", "Trailer: X-Other, " + name,
		}, "5\r\nhello\r\n0\r\n"+name+": session="+session+"\r\nX-Other: kept\r\n\r\n"))
		if len(got.Trailer) != 1 || got.Trailer.Get("X-Other") != "kept" {
			t.Errorf("%s: the trailers that arrive: %d, want the other one", name, len(got.Trailer))
		}
	}
}

// The application's answer, or an attribute, holds a line break that would start a header of its own upstream.
func TestAttackLineBreakInValues(t *testing.T) {
	t.Parallel()
	g := harness.New(t, `identity_header X-Role role
		identity_header OurApp-User-ID`)
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("x")
	for _, user := range []string{`alice\r\nX-Admin: yes`, `alice\n`, "alice\\u0000", "al ice", "ali\u0107e", strings.Repeat("a", 257)} {
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = fmt.Fprintf(w, `{"user": "%s"}`, user)
			return true
		})
		if response := b.Get("/page"); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("user id %q: status %d, want 503: it is none", user, response.StatusCode)
		}
	}
}

// An attribute with a line break, or with spaces at its ends, must not become a header; the user is signed in all the same.
func TestAttackLineBreakInAttribute(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
			}
			identity_header X-Role role
		}
		request_header X-Placeholder "<{http.auth.user.role}>"
		reverse_proxy LEGACY`})
	for _, role := range []string{`a\r\nX-Admin: yes`, `a\n`, ` a`, `a `, "\u00e9"} {
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = fmt.Fprintf(w, `{"user": "alice", "role": "%s"}`, role)
			return true
		})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		for _, path := range []string{"session", "token"} {
			got := b.Get("/page").Received
			if got.User(t) != "alice" || got.Header.Get("X-Role") != "" || got.Header.Get("X-Admin") != "" {
				t.Errorf("%s path, role %q: the application received %v", path, role, got.Header)
			}
			if placeholder := got.Header.Get("X-Placeholder"); placeholder != "<>" {
				t.Errorf("%s path, role %q: the placeholder is %q", path, role, placeholder)
			}
		}
	}
}

// A value of the user holds a placeholder, which must not be expanded on the way upstream.
func TestAttackPlaceholderInUserID(t *testing.T) {
	g := harness.New(t, "")
	t.Setenv("JWT_SESSION_TEST_SECRET", "open-sesame")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("{env.JWT_SESSION_TEST_SECRET}")
	for range 2 {
		if user := b.Get("/page").Received.User(t); user != "{env.JWT_SESSION_TEST_SECRET}" {
			t.Errorf("the application sees %q", user)
		}
	}
}

// A user writes text into the page that whoami asks, so that it names another user as well.
func TestAttackInjectionIntoWhoamiPage(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami regex "<b id=user>([^<]+)</b>"
		}
		reverse_proxy LEGACY`})
	page := "<b id=user>mallory</b>"
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, page)
		return true
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("mallory")
	page = "<p>signature: <b id=user>alice</b></p> <b id=user>mallory</b>"
	if response := b.Get("/page"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("two users on the page: status %d, want 503", response.StatusCode)
	}
	page = "<b id=user>mallory</b>"
	if user := b.Get("/page").Received.User(t); user != "mallory" {
		t.Errorf("one user on the page: the application sees %q", user)
	}
}

// A token of another realm is sent where ours would be: it must not count, and must not be taken from the other realm.
func TestAttackTokenOfAnotherRealm(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.Browser()
	session := g.Legacy.SignIn("alice")
	b.Cookies[harness.TokenName] = g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", session)
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized || response.TokenSet() != "" {
		t.Errorf("alone: status %d, token cookie %q; want 401 and untouched", response.StatusCode, response.TokenSet())
	} else if got := response.Header.Get("WWW-Authenticate"); got != `Bearer realm="shop"` {
		t.Errorf("alone: %s; want what a request without a token gets", got)
	}
	b.Cookies["session"] = session
	response := b.Get("/page")
	if user := response.Received.User(t); user != "alice" || g.Legacy.Questions() != 1 || response.TokenSet() != "" {
		t.Errorf("with a session: user %q, %d questions, token cookie %q; want the session path and an untouched cookie",
			user, g.Legacy.Questions(), response.TokenSet())
	}
}

// A response that was on its way when the user signed out brings a token that outlives the sign-out.
func TestAttackLateResponseAfterLogout(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	arrived, leave := make(chan struct{}), make(chan struct{})
	g.Legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-leave
		}
		return false
	})
	late := make(chan harness.Reply)
	slow := g.Browser()
	slow.Cookies["session"] = b.Cookies["session"]
	go func() { late <- slow.Get("/slow") }()
	<-arrived
	if response := b.Get("/logout"); response.StatusCode != http.StatusOK {
		t.Fatalf("signing out: status %d", response.StatusCode)
	}
	close(leave)
	if response := <-late; response.TokenSet() != "" {
		t.Errorf("the late response did this to the token cookie: %q", response.TokenSet())
	}
	if response := slow.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: status %d", response.StatusCode)
	}
}

// The application's answer to whoami is on its way when the user signs out, and would open the session again.
func TestAttackLateAnswerAfterLogout(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.Browser()
	session := g.Legacy.SignIn("alice")
	b.Cookies["session"] = session
	b.Get("/page")
	b.Cookies[harness.TokenName] = "" // so that the next request asks; the record is too old by then
	g.Clock.Advance(time.Minute)
	asked, answer := make(chan struct{}), make(chan struct{})
	first := true
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		if first {
			first = false
			close(asked)
			<-answer
			_, _ = io.WriteString(w, `{"user": "alice"}`) // as it was when the question came
			return true
		}
		return false
	})
	late := make(chan harness.Reply)
	slow := g.Browser()
	slow.Cookies["session"] = session
	go func() { late <- slow.Get("/page") }()
	<-asked
	if ended, err := g.App.Opened().Ledger.End(t.Context(), harness.KeyOf(g, session), 0); err != nil || !ended {
		t.Fatalf("ending: %v, %v", ended, err)
	}
	g.Legacy.Set(session, "")
	close(answer)
	if response := <-late; response.StatusCode != http.StatusUnauthorized || response.TokenSet() != "" {
		t.Errorf("status %d, token cookie %q; want 401: the answer is from before the end",
			response.StatusCode, response.TokenSet())
	}
}

// A client sends so many cookies that a reader gives up half-way and the application reads another session than we do.
func TestAttackTooManyCookies(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	b := g.Browser()
	line := strings.Repeat("a=b; ", validator.MaxCookiePairs) + "session=" + g.Legacy.SignIn("alice")
	if response := b.Get("/page", "Cookie: "+line); response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want 400", response.StatusCode)
	}
}

// The request URI leads the redirect after sign-in to another host, or adds a parameter to the sign-in page.
func TestAttackOpenRedirect(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated redirect /login?next={uri}")
	for target, next := range map[string]string{
		"/page?a=1&next=evil":      "%2Fpage%3Fa%3D1%26next%3Devil",
		"//evil.example/":          "%2F",
		`/\evil.example/`:          "%2F",
		"http://evil.example/page": "%2F",
	} {
		lines := []string{"GET " + target + " HTTP/1.1", "Host: legacy", "Accept: text/html", "Connection: close"}
		response := g.Raw(lines, "")
		location := response.Header.Get("Location")
		if want := "/login?next=" + next; response.StatusCode != http.StatusFound || location != want {
			t.Errorf("%s: status %d to %q, want 302 to %q", target, response.StatusCode, location, want)
		}
	}
}

// Somebody who may not signs in and asks with a token that was minted before the route required anything, or with an
// attribute that only looks like the one that is required.
func TestAttackRequirement(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
			}
			identity_header OurApp-User-ID
			identity_header X-Role role
		}
		jwt_session_require role admin
		reverse_proxy LEGACY`})
	for _, role := range []string{`"user"`, `"admin,user"`, `"administrator"`, `"Admin"`, `"admin\n"`, `["user","xadmin"]`, `[]`, `true`, `null`} {
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = fmt.Fprintf(w, `{"user": "mallory", "role": %s, "admin": "admin"}`, role)
			return true
		})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("mallory")
		for _, token := range []string{"", g.MintFor("mallory", b.Cookies["session"])} { // the latter without any attribute
			b.Cookies[harness.TokenName] = token
			response := b.Get("/page", "X-Role: admin", "X_Role: admin")
			if response.StatusCode != http.StatusForbidden || response.Received != nil {
				t.Errorf("role %s: status %d", role, response.StatusCode)
			}
		}
	}
}

// A page of another origin makes the browser send an unsafe request, and names a scheme beside the browser's own
// credentials so that it passes for a client of the API.
func TestAttackCrossSiteWithBearerBesideOthers(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "csrf\naccept_bearer")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	for _, lines := range [][]string{
		nil,
		{"Authorization: Bearer"},
		{"Authorization: Bearer "},
		{"Authorization: Basic YTpi"},
		{"Authorization: Basic YTpi", "Authorization: Bearer x"},
		{"Authorization: Bearer x", "Authorization: Basic YTpi"},
	} {
		response := b.Do(http.MethodPost, "/page", append([]string{"Sec-Fetch-Site: cross-site"}, lines...)...)
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%d lines: status %d, want 403", len(lines), response.StatusCode)
		}
	}
}
