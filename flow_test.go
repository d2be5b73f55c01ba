package jwtsession_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

func TestFirstRequestBringsTheTokenThatAnswersFromThenOn(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	session := b.Cookies["session"]
	first := b.Get("/page", "Cookie: theme=dark; session="+session+"; lang=\"en\"")
	g.Expect(first, "alice", "set", 1)
	if first.Header.Get("Cache-Control") != "private" || first.Header.Get("Vary") != "Cookie" {
		t.Errorf("a response with a token: Cache-Control %q, Vary %q", first.Header.Get("Cache-Control"), first.Header.Get("Vary"))
	}
	line := first.Header.Get("Set-Cookie")
	if !strings.HasPrefix(line, harness.TokenName+"=") || !strings.HasSuffix(line, "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("the token cookie has other attributes than it should")
	}
	for range 3 {
		second := b.Get("/page", "Cookie: theme=dark; session="+session+"; "+harness.TokenName+"="+b.Cookies[harness.TokenName]+"; lang=\"en\"")
		g.Expect(second, "alice", "", 1)
		if got, want := second.Received.Header.Get("Cookie"), "theme=dark; session="+session+"; lang=\"en\""; got != want {
			t.Errorf("the application received other cookies than the client sent, less ours")
		}
	}
}

func TestTokenIsRenewedInTheLastHalfOfItsLife(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	first := b.Cookies[harness.TokenName]
	g.Clock.Advance(29 * time.Second)
	g.Expect(b.Get("/page"), "alice", "", 1)
	g.Clock.Advance(2 * time.Second)
	g.Expect(b.Get("/page"), "alice", "set", 2)
	second := b.Cookies[harness.TokenName]
	b.Cookies[harness.TokenName] = first // the old one stays usable; the session was just confirmed, so nobody is asked
	g.Expect(b.Get("/page"), "alice", "set", 2)
	b.Cookies[harness.TokenName] = second
	g.Clock.Advance(29 * time.Second)
	g.Expect(b.Get("/page"), "alice", "", 2)
	b.Cookies[harness.TokenName] = first
	response := b.Get("/page") // over: the session path answers, from the record that was confirmed 29 seconds ago
	g.Expect(response, "alice", "set", 2)
}

func TestApplicationIsDown(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated /public* pass")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	g.Clock.Advance(45 * time.Second)
	g.Expect(b.Get("/page"), "alice", "", 2) // due, but not renewed: the token goes on
	g.Clock.Advance(15 * time.Second)
	response := b.Get("/page")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("without an answer: status %d, Retry-After %q; want 503", response.StatusCode, response.Header.Get("Retry-After"))
	}
	if got := b.Get("/public"); got.StatusCode != http.StatusOK || got.Received.User(t) != "" {
		t.Errorf("a page that needs no identity: status %d", got.StatusCode)
	}
	g.Legacy.RespondWhoami(nil)
	if got := b.Get("/page"); got.StatusCode != http.StatusOK || got.Received.User(t) != "alice" {
		t.Errorf("it does not recover: status %d", got.StatusCode)
	}
}

func TestLogoutEndsSessionAndTokens(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
	g.Expect(b.Get("/logout"), "alice", "cleared", 1)
	if len(b.Cookies) != 0 {
		t.Errorf("the browser still has %d cookies", len(b.Cookies))
	}
	g.ExpectRefused(b.Get("/page"), "")
	thief := g.Browser()
	thief.Cookies["session"], thief.Cookies[harness.TokenName] = session, token
	g.ExpectRefused(thief.Get("/page"), "cleared")
	thief.Cookies[harness.TokenName] = token
	delete(thief.Cookies, "session")
	g.ExpectRefused(thief.Get("/page"), "cleared")
}

func TestRotationIsNotContinuation(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated /login pass")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	oldSession, oldToken := b.Cookies["session"], b.Cookies[harness.TokenName]
	g.Expect(b.Get("/login?user=bob"), "alice", "cleared", 1)
	g.Expect(b.Get("/page"), "bob", "set", 2)
	g.Expect(b.Get("/page"), "bob", "", 2)
	g.Legacy.Set(oldSession, "")
	b.Cookies["session"], b.Cookies[harness.TokenName] = oldSession, oldToken
	g.ExpectRefused(b.Get("/page"), "cleared")
}

func TestRepeatedSessionCookieIsNoEvent(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: cookie.Value, MaxAge: 3600, Path: "/"})
		}
		return false
	})
	g.Expect(b.Get("/page"), "alice", "", 1)
	g.Expect(b.Get("/page"), "alice", "", 1)
}

func TestForgetOnEndsWhereNoCookieTells(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "forget_on /quiet-logout*")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.Expect(b.Get("/quiet-logout"), "alice", "cleared", 1)
	b.Cookies[harness.TokenName] = token
	g.ExpectRefused(b.Get("/page"), "cleared")
}

func TestForgetOnCountsOnErrorsToo(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "forget_on /quiet-logout*")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/quiet-logout" {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	token := b.Cookies[harness.TokenName]
	if response := b.Get("/quiet-logout"); response.StatusCode != http.StatusInternalServerError || response.TokenSet() != "" {
		t.Errorf("status %d, token cookie %q: an error of the application is no place to clear", response.StatusCode, response.TokenSet())
	}
	response := b.Get("/page") // the application still knows the session, so it is learned anew; the old token is dead
	g.Expect(response, "alice", "set", 2)
	b.Cookies[harness.TokenName] = token
	g.Expect(b.Get("/page"), "alice", "set", 2)
}

func TestNobodyAtRenewalIsAnEnd(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.Legacy.Set(b.Cookies["session"], "")
	g.Expect(b.Get("/page"), "alice", "", 1) // not known before the token is due
	g.Clock.Advance(31 * time.Second)
	g.ExpectRefused(b.Get("/page"), "cleared")
	b.Cookies[harness.TokenName] = token
	g.ExpectRefused(b.Get("/page"), "cleared")
}

func TestAccountSwitchAtRenewal(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.Legacy.Set(b.Cookies["session"], "bob") // the application does not rotate at sign-in
	g.Clock.Advance(31 * time.Second)
	g.Expect(b.Get("/page"), "bob", "set", 2)
	g.Expect(b.Get("/page"), "bob", "", 2)
	b.Cookies[harness.TokenName] = token
	g.Expect(b.Get("/page"), "bob", "set", 2)
}

func TestLoginLogoutLoginWithinOneSecond(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "forget_on /quiet-logout*")
	b := g.SignedIn()
	session := b.Cookies["session"]
	var tokens []string
	for i := range 5 {
		g.Legacy.Set(session, "alice")
		g.Expect(b.Get("/page"), "alice", "set", i+1)
		g.Expect(b.Get("/page"), "alice", "", i+1)
		tokens = append(tokens, b.Cookies[harness.TokenName])
		g.Expect(b.Get("/quiet-logout"), "alice", "cleared", i+1)
		for _, token := range tokens {
			thief := g.Browser()
			thief.Cookies[harness.TokenName] = token
			g.ExpectRefused(thief.Get("/page"), "cleared")
		}
	}
}

func TestTokenWaitsForAResponseThatMayCarryIt(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.SignedIn()
	var status int
	var lines []string
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
		return true
	})
	for _, c := range []struct {
		status int
		lines  []string
		token  string
	}{
		{200, []string{"Cache-Control: public"}, ""},
		{200, []string{"Cache-Control: s-maxage=10"}, ""},
		{200, []string{"Cache-Control: max-age=60"}, ""},
		{200, []string{"Expires: " + time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, ""},
		{206, nil, ""},
		{304, nil, ""},
		{404, nil, ""},
		{500, nil, ""},
		{200, []string{"Set-Cookie: " + harness.TokenName + "=the application's own"}, ""},
		{302, []string{"Location: /"}, "set"},
		{200, []string{"Cache-Control: private, max-age=60"}, "set"},
		{200, []string{"Cache-Control: no-store"}, "set"},
		{204, nil, "set"},
	} {
		status, lines = c.status, c.lines
		delete(b.Cookies, harness.TokenName)
		response := b.Get("/page")
		got := ""
		for _, line := range response.Header["Set-Cookie"] {
			if strings.HasPrefix(line, harness.TokenName+"=ey") {
				got = "set"
			}
		}
		if got != c.token || response.Received.User(t) != "alice" {
			t.Errorf("%d %v: token cookie %q, want %q", c.status, c.lines, got, c.token)
		}
	}
}

func TestNobodyIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("")
	g.Expect(b.Get("/page"), "", "", 1)
	g.Expect(b.Get("/page"), "", "", 1)
	g.Clock.Advance(3 * time.Second)
	g.Expect(b.Get("/page"), "", "", 2)
	g.Legacy.Set(b.Cookies["session"], "alice") // signed in by a form, without a new id
	g.Expect(b.Do(http.MethodPost, "/form"), "", "", 2)
	g.Expect(b.Get("/page"), "alice", "set", 3)
}

func TestOneQuestionForManyRequests(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	g.Legacy.RespondWhoami(func(http.ResponseWriter, *http.Request) bool {
		once.Do(func() { close(asked) })
		<-answer
		return false
	})
	session := g.Legacy.SignIn("alice")
	const requests = 20
	replies := make(chan harness.Reply, requests)
	for range requests {
		b := g.Browser()
		b.Cookies["session"] = session
		go func() { replies <- b.Get("/page") }()
	}
	<-asked
	close(answer)
	for range requests {
		if response := <-replies; response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	if g.Legacy.Questions() != 1 {
		t.Errorf("the application was asked %d times about one session", g.Legacy.Questions())
	}
}

func TestSecureCookieNameOverTLS(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{TLS: true, Site: "jwt_session shop {\n whoami /whoami json user\n}\nreverse_proxy LEGACY"})
	b := g.SignedIn()
	first := b.Get("/page")
	g.Expect(first, "alice", "set", 1)
	if first.ProtoMajor != 2 {
		t.Errorf("the request went by %s, want HTTP/2", first.Proto)
	}
	line := first.Header.Get("Set-Cookie")
	if !strings.HasPrefix(line, "__Host-jwt_shop=") || !strings.HasSuffix(line, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("the token cookie has other attributes than it should")
	}
	g.Expect(b.Get("/page"), "alice", "", 1)
	b.Cookies[harness.TokenName] = b.Cookies["__Host-jwt_shop"] // the plain name does not count here, nor does it go upstream
	delete(b.Cookies, "__Host-jwt_shop")
	response := b.Get("/page")
	g.Expect(response, "alice", "set", 1)
	if strings.Contains(response.Received.Header.Get("Cookie"), "jwt_shop") {
		t.Error("a token cookie reached the application")
	}
}

// The line that sets the token names the partition of browsers that it is in, and the line that removes it does too: browsers
// would remove another cookie.
func TestPartitionedTokenCookie(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"same_site none\nsecure always\npartitioned", "partitioned\nsecure always\nsame_site none\ndomain shop.example"} {
		g := harness.NewWith(t, harness.Options{TLS: true, Site: "jwt_session shop {\n whoami /whoami json user\n forget_on /forget\n token_cookie {\n" +
			options + "\n}\n}\nreverse_proxy LEGACY"})
		b := g.SignedIn()
		if line := b.Get("/page").Header.Get("Set-Cookie"); !strings.HasSuffix(line, "; HttpOnly; Secure; SameSite=None; Partitioned") {
			t.Errorf("the token cookie has other attributes than it should: %s", line[strings.Index(line, ";"):])
		}
		g.Expect(b.Get("/page"), "alice", "", 1)
		line := b.Get("/forget").Header.Get("Set-Cookie")
		if !strings.Contains(line, "; Max-Age=0; ") || !strings.HasSuffix(line, "; HttpOnly; Secure; SameSite=None; Partitioned") {
			t.Errorf("the token cookie is removed by %q", line)
		}
	}
}

func TestTooLargeATokenLeavesTheSessionPath(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
				attribute groups json groups
			}
		}
		reverse_proxy LEGACY`})
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = fmt.Fprintf(w, `{"user": "alice", "role": "customer", "groups": "%s"}`, strings.Repeat("g", 4000))
		return true
	})
	b := g.SignedIn()
	for range 2 {
		g.Expect(b.Get("/page"), "alice", "", 1)
	}
	if log := g.Logged(); strings.Count(log, "too large") != 1 || !strings.Contains(log, `"largest_attribute":"groups"`) {
		t.Error("the log does not say once which attribute is too large")
	}
}

func TestTokenWithoutANeededAttributeGoesBySession(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route /plain* {
			jwt_session shop {
				whoami /whoami json user
			}
			reverse_proxy LEGACY
		}
		route {
			jwt_session shop {
				whoami /whoami json user {
					attribute role json role
					attribute nickname json nickname
				}
				identity_header X-Role role
				identity_header X-Nickname nickname
			}
			reverse_proxy LEGACY
		}`})
	b := g.SignedIn()
	g.Expect(b.Get("/plain"), "alice", "set", 1)
	for _, want := range []struct {
		token     string
		questions int
	}{{"set", 2}, {"", 2}} { // the second token says that there is no nickname, which is enough
		response := b.Get("/page")
		g.Expect(response, "alice", want.token, want.questions)
		if got := response.Received.Header; got.Get("X-Role") != "customer" || got["X-Nickname"] != nil {
			t.Errorf("role %q, nickname %q", got.Get("X-Role"), got["X-Nickname"])
		}
	}
}

func TestEarlyHintsStreamAndUpgradePassThrough(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/hints":
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		case "/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		case "/upgrade":
			connection, buffer, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return false
			}
			defer connection.Close()
			_, _ = buffer.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nwelcome\n")
			_ = buffer.Flush()
			line, _ := buffer.ReadString('\n')
			_, _ = io.WriteString(connection, "echo "+line)
			return true
		}
		return false
	})
	b := g.SignedIn()
	g.Expect(b.Get("/hints"), "alice", "set", 1)
	delete(b.Cookies, harness.TokenName)
	t.Run("stream", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", b.CookieLine())
		response, err := b.Client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		if err != nil || line != "data: 1\n" || len(response.Cookies()) != 1 {
			t.Errorf("the first event %q, %v, with %d cookies", line, err, len(response.Cookies()))
		}
	})
	t.Run("upgrade", func(t *testing.T) { g.CheckUpgrade(t, b.CookieLine()) })
}

// No token, cookie or session id is ever logged, whatever happens.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user
			forget_on /quiet-logout
		}
		reverse_proxy LEGACY`})
	b := g.SignedIn()
	secrets := []string{b.Cookies["session"]}
	b.Get("/page")
	secrets = append(secrets, b.Cookies[harness.TokenName])
	b.Get("/quiet-logout")
	for _, arrange := range []func(*harness.Gateway, *harness.Browser){expired, foreignKey, badlySigned, twoSessions, otherSession, unknownSession} {
		b := g.SignedIn()
		b.Get("/page")
		arrange(g, b)
		secrets = append(secrets, b.Cookies["session"], b.Cookies[harness.TokenName])
		b.Get("/page")
	}
	g.Legacy.RespondWhoami(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	b = g.SignedIn()
	secrets = append(secrets, b.Cookies["session"])
	b.Get("/page")
	log := g.Logged()
	if !strings.Contains(log, "request refused") || !strings.Contains(log, "could not find out") {
		t.Error("the log does not hold what this test looks through")
	}
	for i, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("secret %d is in the log", i)
		}
	}
}

// The token is all that is left of a session: its record is gone, and the application knows nobody in it any more.
func TestNobodyAtRenewalEndsWhatOnlyTheTokenProves(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("")
	b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"])
	token := b.Cookies[harness.TokenName]
	g.Expect(b.Get("/page"), "alice", "", 0)
	g.Clock.Advance(31 * time.Second)
	g.ExpectRefused(b.Get("/page"), "cleared")
	g.Clock.Advance(-31 * time.Second) // not due any more, and dead all the same
	b.Cookies[harness.TokenName] = token
	g.ExpectRefused(b.Get("/page"), "cleared")
}
