package jwtsession_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// While the operator's no to somebody is in force, a session reaches the application only if it was judged: the
// application has not heard of the revocation. Each case is one way around a revocation, or one visitor whom it is not about.

func TestUnjudgedSessionsAreWithheldWhileARevocationIsInForce(t *testing.T) {
	g := harness.New(t, "unauthenticated /public* pass")
	revoked := g.Legacy.SignIn("mallory")
	var many strings.Builder
	for i := range 40 {
		_, _ = fmt.Fprintf(&many, "session=decoy-value-number-%d; ", i)
	}
	for _, c := range []struct{ name, cookies string }{
		{"among 40 duplicates", many.String() + "session=" + revoked},
		{"first of two", "session=" + revoked + "; session=another-session-value"},
		{"last of two lines", "session=another-session-value; session=" + revoked},
	} {
		if g.Browser().Get("/public", "Cookie: "+c.cookies).SessionUpstream(t) != true {
			t.Errorf("%s: withheld although nobody is revoked", c.name)
		}
	}
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": revoked})
	for _, c := range []struct{ name, cookies string }{
		{"among 40 duplicates", many.String() + "session=" + revoked},
		{"first of two", "session=" + revoked + "; session=another-session-value"},
		{"last of two", "session=another-session-value; session=" + revoked},
		{"two others", "session=another-session-value; session=and-a-third-session"},
	} {
		if g.Browser().Get("/public", "Cookie: theme=dark; "+c.cookies).SessionUpstream(t) {
			t.Errorf("%s: a session cookie reached the application", c.name)
		}
	}
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("bob")
	g.Expect(b.Get("/public"), "bob", "set", 1)
	if response := g.Browser().Get("/public", "Cookie: session=nobodys-session-value"); !response.SessionUpstream(t) {
		t.Error("a session that the application knows nobody in was withheld")
	}
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": revoked, "lift": true})
	if !g.Browser().Get("/public", "Cookie: "+many.String()).SessionUpstream(t) {
		t.Error("withheld although the revocation was lifted")
	}
}

func TestARevocationElsewhereWithholdsNothing(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: `
	route /club* {
		jwt_session club {
			whoami /whoami json user
		}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
			unauthenticated pass
		}
		reverse_proxy LEGACY
	}`})
	g.MustAdmin("revocations", map[string]any{"realm": "club", "user": "mallory"})
	if !g.Browser().Get("/page", "Cookie: session=first-session-value; session=second-session-value").SessionUpstream(t) {
		t.Error("withheld for a revocation of another realm")
	}
	g.MustAdmin("revocations", map[string]any{"user": "mallory"})
	if g.Browser().Get("/page", "Cookie: session=first-session-value; session=second-session-value").SessionUpstream(t) {
		t.Error("a session cookie reached the application although a user is revoked everywhere")
	}
}

// A part of a set is no session; the application may take it for one.
func TestPartsOfASessionAreWithheld(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: `
	jwt_session shop {
		whoami /whoami json user
		session_cookie session remember
		unauthenticated pass
	}
	reverse_proxy LEGACY`})
	for _, revoke := range []bool{false, true} {
		if revoke {
			g.RevokeSomebody()
		}
		got := g.Browser().Get("/page", "Cookie: session=a-session-without-its-other-half").SessionUpstream(t)
		if got == revoke {
			t.Errorf("revoked %v: upstream %v", revoke, got)
		}
	}
}

// A client keeps the whoami page busy so that nobody can judge its session.
func TestPassDoesNotOpenWhatCouldNotBeTold(t *testing.T) {
	g := harness.New(t, "unauthenticated pass")
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if response := b.Get("/page"); !response.SessionUpstream(t) {
		t.Error("withheld although nobody is revoked")
	}
	g.RevokeSomebody()
	response := b.Get("/page")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || response.Received != nil {
		t.Errorf("status %d, reached the application: %v; want 503 and Retry-After", response.StatusCode, response.Received != nil)
	}
	if response := g.Browser().Get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("without a session: status %d", response.StatusCode)
	}
}

// A token of one user travels with the session cookie of another, which a stateless route does not look at.
func TestStatelessRoutesWithholdUnjudgedSessions(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: `
	route /api* {
		jwt_session shop {
			mode stateless
			token_lifetime 1m
			unauthenticated pass
		}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
		}
		reverse_proxy LEGACY
	}`})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	g.Expect(b.Get("/page"), "alice", "set", 1)
	own, foreign := b.Cookies["session"], g.Legacy.SignIn("bob")
	for _, c := range []struct {
		name, session  string
		token, revoke  bool
		user           string
		reachesItsGoal bool
	}{
		{"its own session", own, true, false, "alice", true},
		{"another session, nobody revoked", foreign, true, false, "alice", true},
		{"its own session, somebody revoked", own, true, true, "alice", true},
		{"another session, somebody revoked", foreign, true, true, "alice", false},
		{"a session that is known, without a token", own, false, true, "", true},
		{"a session that is not known, without a token", foreign, false, true, "", false},
	} {
		if c.revoke {
			g.RevokeSomebody()
		}
		line := "Cookie: session=" + c.session
		if c.token {
			line += "; " + harness.TokenName + "=" + b.Cookies[harness.TokenName]
		}
		response := g.Browser().Get("/api", line)
		if got := response.SessionUpstream(t); got != c.reachesItsGoal || response.Received.User(t) != c.user {
			t.Errorf("%s: upstream %v as %q, want %v as %q", c.name, got, response.Received.User(t), c.reachesItsGoal, c.user)
		}
	}
}

// With response_user alone nobody is asked before a request goes on, so that "unknown" is no judgement. A visitor whose
// session is not known still signs in, by a form that needs a session of its own.
func TestResponseUserAloneJudgesNobodyBeforehand(t *testing.T) {
	g := newNamingGateway(t, "mixed", "")
	seen := make(chan string, 1)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		cookie, err := r.Cookie("session")
		switch {
		case r.URL.Path == "/form" && err != nil:
			http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn(""), Path: "/"})
		case r.URL.Path == "/form" || r.URL.Path == "/page" && err == nil:
			seen <- cookie.Value
			w.Header().Set("X-Remote-User", g.Legacy.User(r))
		case r.URL.Path == "/login" && err == nil: // the id stays as it is
			g.Legacy.Set(cookie.Value, "bob")
			w.Header().Set("X-Remote-User", "bob")
		}
		return true
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("bob")
	g.RevokeSomebody()
	old := b.Cookies["session"]
	b.Get("/form")
	select {
	case <-seen:
		t.Fatal("a session that nobody judged reached the application")
	default:
	}
	fresh := b.Cookies["session"]
	if fresh == old {
		t.Fatal("the form gave no session")
	}
	b.Get("/form")
	select {
	case got := <-seen:
		if got != fresh {
			t.Error("another session reached the application than the one that it set")
		}
	default:
		t.Fatal("a session that the application opened after the revocation was withheld")
	}
	if response := b.Do(http.MethodPost, "/login"); response.TokenSet() != "set" {
		t.Errorf("the sign-in brought no token: %q", response.TokenSet())
	}
	if response := b.Get("/members"); response.StatusCode != http.StatusOK {
		t.Errorf("after the sign-in: status %d", response.StatusCode)
	}
}

// The application names a revoked user in its response: by a "remember me" cookie, or in a session that was another's.
func TestResponseThatNamesARevokedUserIsReplaced(t *testing.T) {
	g := newNamingGateway(t, "mixed", "")
	const secret = "the account of mallory"
	var answer func(w http.ResponseWriter)
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "mallory")
		w.Header().Set("X-Account", secret)
		w.Header().Set("Content-Type", "text/plain")
		answer(w)
		return true
	})
	g.RevokeSomebody()
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
	}{
		{"at once", func(w http.ResponseWriter) { _, _ = io.WriteString(w, secret) }},
		{"flushed first", func(w http.ResponseWriter) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, secret)
		}},
		{"with a length", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(secret)))
			_, _ = io.WriteString(w, secret)
		}},
		{"large", func(w http.ResponseWriter) { _, _ = io.WriteString(w, strings.Repeat(secret, 100_000)) }},
		{"nothing", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }},
		{"an error", func(w http.ResponseWriter) { http.Error(w, secret, http.StatusInternalServerError) }},
		{"with a trailer", func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "X-Account-Trailer")
			_, _ = io.WriteString(w, secret)
			w.Header().Set("X-Account-Trailer", secret)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer = c.answer
			for _, line := range []string{"", "Cookie: remember=me", "Cookie: session=first-session-value; session=second-session-value"} {
				response := g.Browser().Get("/page", line)
				if response.StatusCode != http.StatusUnauthorized || response.Header.Get("Www-Authenticate") == "" ||
					response.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%q: status %d, header %v; want a refusal", line, response.StatusCode, response.Header)
				}
				if strings.Contains(response.Text+fmt.Sprint(response.Header, response.Trailer), secret) {
					t.Errorf("%q: a part of the account came through", line)
				}
			}
		})
	}
}

// An event stream for a revoked user never begins, and does not keep the request.
func TestStreamThatNamesARevokedUserIsReplaced(t *testing.T) {
	g := newNamingGateway(t, "mixed", "")
	left := make(chan struct{})
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Remote-User", "mallory")
		w.Header().Set("Content-Type", "text/event-stream")
		defer close(left)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "data: an event\n\n"); err != nil {
				return true
			}
			_ = http.NewResponseController(w).Flush()
		}
		return true
	})
	g.RevokeSomebody()
	response := g.Browser().Get("/events", "Accept: text/event-stream")
	if response.StatusCode != http.StatusUnauthorized || strings.Contains(response.Text, "event") {
		t.Errorf("status %d, body %q", response.StatusCode, response.Text)
	}
	<-left
}

// A WebSocket for a revoked user is not opened.
func TestUpgradeThatNamesARevokedUserIsReplaced(t *testing.T) {
	g := newNamingGateway(t, "mixed", "")
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") == "" {
			return false
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Remote-User: mallory\r\n\r\nhello")
		return true
	})
	g.RevokeSomebody()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", response.StatusCode)
	}
}

// A revoked user who signs in again is welcome: his response is not replaced.
func TestSignInOfARevokedUserIsNotReplaced(t *testing.T) {
	for _, before := range []string{"", "a-session-that-nobody-judged"} {
		g := newNamingGateway(t, "mixed", "")
		g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
		b := g.Browser()
		if before != "" {
			b.Cookies["session"] = before
		}
		if response := b.Do(http.MethodPost, "/login?user=alice"); response.StatusCode != http.StatusOK || response.TokenSet() != "set" {
			t.Errorf("before %q: status %d, token %q", before, response.StatusCode, response.TokenSet())
		}
		if response := b.Get("/members"); response.StatusCode != http.StatusOK {
			t.Errorf("before %q: after the sign-in: status %d", before, response.StatusCode)
		}
	}
}
