package jwtsession

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// signedIn returns a browser whose session the application knows as alice's.
func (g *testGateway) signedIn() *browser {
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	return b
}

// expect checks one response in short: the user that the application saw, what happened to the token cookie, and how many
// questions the application was asked so far.
func (g *testGateway) expect(response reply, user, token string, questions int) {
	g.Helper()
	if response.StatusCode != http.StatusOK {
		g.Errorf("status %d: %s", response.StatusCode, response.body)
		return
	}
	if got := response.received.user(g.T); got != user {
		g.Errorf("the application sees %q, want %q", got, user)
	}
	if got := response.tokenSet(); got != token {
		g.Errorf("token cookie: %q, want %q", got, token)
	}
	if got := g.legacy.questions(); got != questions {
		g.Errorf("the application was asked %d times, want %d", got, questions)
	}
}

func (g *testGateway) expectRefused(response reply, token string) {
	g.Helper()
	if response.StatusCode != http.StatusUnauthorized || response.tokenSet() != token || response.received != nil {
		g.Errorf("status %d, token cookie %q; want 401 and %q", response.StatusCode, response.tokenSet(), token)
	}
	if response.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer ") {
		g.Errorf("a refusal with the header %v", response.Header)
	}
}

func TestFirstRequestBringsTheTokenThatAnswersFromThenOn(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	session := b.cookies["session"]
	first := b.get("/page", "Cookie: theme=dark; session="+session+"; lang=\"en\"")
	g.expect(first, "alice", "set", 1)
	if first.Header.Get("Cache-Control") != "private" || first.Header.Get("Vary") != "Cookie" {
		t.Errorf("a response with a token: Cache-Control %q, Vary %q", first.Header.Get("Cache-Control"), first.Header.Get("Vary"))
	}
	line := first.Header.Get("Set-Cookie")
	if !strings.HasPrefix(line, tokenName+"=") || !strings.HasSuffix(line, "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("the token cookie has other attributes than it should")
	}
	for range 3 {
		second := b.get("/page", "Cookie: theme=dark; session="+session+"; "+tokenName+"="+b.cookies[tokenName]+"; lang=\"en\"")
		g.expect(second, "alice", "", 1)
		if got, want := second.received.Header.Get("Cookie"), "theme=dark; session="+session+"; lang=\"en\""; got != want {
			t.Errorf("the application received other cookies than the client sent, less ours")
		}
	}
}

func TestTokenIsRenewedInTheLastHalfOfItsLife(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	first := b.cookies[tokenName]
	g.clock.advance(29 * time.Second)
	g.expect(b.get("/page"), "alice", "", 1)
	g.clock.advance(2 * time.Second)
	g.expect(b.get("/page"), "alice", "set", 2)
	second := b.cookies[tokenName]
	b.cookies[tokenName] = first // the old one stays usable; the session was just confirmed, so nobody is asked
	g.expect(b.get("/page"), "alice", "set", 2)
	b.cookies[tokenName] = second
	g.clock.advance(29 * time.Second)
	g.expect(b.get("/page"), "alice", "", 2)
	b.cookies[tokenName] = first
	response := b.get("/page") // over: the session path answers, from the record that was confirmed 29 seconds ago
	g.expect(response, "alice", "set", 2)
}

func TestApplicationIsDown(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated /public* pass")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	g.clock.advance(45 * time.Second)
	g.expect(b.get("/page"), "alice", "", 2) // due, but not renewed: the token goes on
	g.clock.advance(15 * time.Second)
	response := b.get("/page")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("without an answer: status %d, Retry-After %q; want 503", response.StatusCode, response.Header.Get("Retry-After"))
	}
	if got := b.get("/public"); got.StatusCode != http.StatusOK || got.received.user(t) != "" {
		t.Errorf("a page that needs no identity: status %d", got.StatusCode)
	}
	g.legacy.respondWhoami(nil)
	if got := b.get("/page"); got.StatusCode != http.StatusOK || got.received.user(t) != "alice" {
		t.Errorf("it does not recover: status %d", got.StatusCode)
	}
}

func TestLogoutEndsSessionAndTokens(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	session, token := b.cookies["session"], b.cookies[tokenName]
	g.expect(b.get("/logout"), "alice", "cleared", 1)
	if len(b.cookies) != 0 {
		t.Errorf("the browser still has %d cookies", len(b.cookies))
	}
	g.expectRefused(b.get("/page"), "")
	thief := g.browser()
	thief.cookies["session"], thief.cookies[tokenName] = session, token
	g.expectRefused(thief.get("/page"), "cleared")
	thief.cookies[tokenName] = token
	delete(thief.cookies, "session")
	g.expectRefused(thief.get("/page"), "cleared")
}

func TestRotationIsNotContinuation(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated /login pass")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	oldSession, oldToken := b.cookies["session"], b.cookies[tokenName]
	g.expect(b.get("/login?user=bob"), "alice", "cleared", 1)
	g.expect(b.get("/page"), "bob", "set", 2)
	g.expect(b.get("/page"), "bob", "", 2)
	g.legacy.set(oldSession, "")
	b.cookies["session"], b.cookies[tokenName] = oldSession, oldToken
	g.expectRefused(b.get("/page"), "cleared")
}

func TestRepeatedSessionCookieIsNoEvent(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: cookie.Value, MaxAge: 3600, Path: "/"})
		}
		return false
	})
	g.expect(b.get("/page"), "alice", "", 1)
	g.expect(b.get("/page"), "alice", "", 1)
}

func TestForgetOnEndsWhereNoCookieTells(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "forget_on /quiet-logout*")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	g.expect(b.get("/quiet-logout"), "alice", "cleared", 1)
	b.cookies[tokenName] = token
	g.expectRefused(b.get("/page"), "cleared")
}

func TestForgetOnCountsOnErrorsToo(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "forget_on /quiet-logout*")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/quiet-logout" {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	token := b.cookies[tokenName]
	if response := b.get("/quiet-logout"); response.StatusCode != http.StatusInternalServerError || response.tokenSet() != "" {
		t.Errorf("status %d, token cookie %q: an error of the application is no place to clear", response.StatusCode, response.tokenSet())
	}
	response := b.get("/page") // the application still knows the session, so it is learned anew; the old token is dead
	g.expect(response, "alice", "set", 2)
	b.cookies[tokenName] = token
	g.expect(b.get("/page"), "alice", "set", 2)
}

func TestNobodyAtRenewalIsAnEnd(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	g.legacy.set(b.cookies["session"], "")
	g.expect(b.get("/page"), "alice", "", 1) // not known before the token is due
	g.clock.advance(31 * time.Second)
	g.expectRefused(b.get("/page"), "cleared")
	b.cookies[tokenName] = token
	g.expectRefused(b.get("/page"), "cleared")
}

func TestAccountSwitchAtRenewal(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	g.legacy.set(b.cookies["session"], "bob") // the application does not rotate at sign-in
	g.clock.advance(31 * time.Second)
	g.expect(b.get("/page"), "bob", "set", 2)
	g.expect(b.get("/page"), "bob", "", 2)
	b.cookies[tokenName] = token
	g.expect(b.get("/page"), "bob", "set", 2)
}

func TestLoginLogoutLoginWithinOneSecond(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "forget_on /quiet-logout*")
	b := g.signedIn()
	session := b.cookies["session"]
	var tokens []string
	for i := range 5 {
		g.legacy.set(session, "alice")
		g.expect(b.get("/page"), "alice", "set", i+1)
		g.expect(b.get("/page"), "alice", "", i+1)
		tokens = append(tokens, b.cookies[tokenName])
		g.expect(b.get("/quiet-logout"), "alice", "cleared", i+1)
		for _, token := range tokens {
			thief := g.browser()
			thief.cookies[tokenName] = token
			g.expectRefused(thief.get("/page"), "cleared")
		}
	}
}

func TestTokenWaitsForAResponseThatMayCarryIt(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	b := g.signedIn()
	var status int
	var lines []string
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
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
		{200, []string{"Set-Cookie: " + tokenName + "=the application's own"}, ""},
		{302, []string{"Location: /"}, "set"},
		{200, []string{"Cache-Control: private, max-age=60"}, "set"},
		{200, []string{"Cache-Control: no-store"}, "set"},
		{204, nil, "set"},
	} {
		status, lines = c.status, c.lines
		delete(b.cookies, tokenName)
		response := b.get("/page")
		got := ""
		for _, line := range response.Header["Set-Cookie"] {
			if strings.HasPrefix(line, tokenName+"=ey") {
				got = "set"
			}
		}
		if got != c.token || response.received.user(t) != "alice" {
			t.Errorf("%d %v: token cookie %q, want %q", c.status, c.lines, got, c.token)
		}
	}
}

func TestNobodyIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated pass")
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("")
	g.expect(b.get("/page"), "", "", 1)
	g.expect(b.get("/page"), "", "", 1)
	g.clock.advance(3 * time.Second)
	g.expect(b.get("/page"), "", "", 2)
	g.legacy.set(b.cookies["session"], "alice") // signed in by a form, without a new id
	g.expect(b.do(http.MethodPost, "/form"), "", "", 2)
	g.expect(b.get("/page"), "alice", "set", 3)
}

func TestOneQuestionForManyRequests(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	g.legacy.respondWhoami(func(http.ResponseWriter, *http.Request) bool {
		once.Do(func() { close(asked) })
		<-answer
		return false
	})
	session := g.legacy.signIn("alice")
	const requests = 20
	replies := make(chan reply, requests)
	for range requests {
		b := g.browser()
		b.cookies["session"] = session
		go func() { replies <- b.get("/page") }()
	}
	<-asked
	close(answer)
	for range requests {
		if response := <-replies; response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	if g.legacy.questions() != 1 {
		t.Errorf("the application was asked %d times about one session", g.legacy.questions())
	}
}

func TestSecureCookieNameOverTLS(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{tls: true, site: "jwt_session shop {\n whoami /whoami json user\n}\nreverse_proxy LEGACY"})
	b := g.signedIn()
	first := b.get("/page")
	g.expect(first, "alice", "set", 1)
	if first.ProtoMajor != 2 {
		t.Errorf("the request went by %s, want HTTP/2", first.Proto)
	}
	line := first.Header.Get("Set-Cookie")
	if !strings.HasPrefix(line, "__Host-jwt_shop=") || !strings.HasSuffix(line, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("the token cookie has other attributes than it should")
	}
	g.expect(b.get("/page"), "alice", "", 1)
	b.cookies[tokenName] = b.cookies["__Host-jwt_shop"] // the plain name does not count here, nor does it go upstream
	delete(b.cookies, "__Host-jwt_shop")
	response := b.get("/page")
	g.expect(response, "alice", "set", 1)
	if strings.Contains(response.received.Header.Get("Cookie"), "jwt_shop") {
		t.Error("a token cookie reached the application")
	}
}

func TestTooLargeATokenLeavesTheSessionPath(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
				attribute groups json groups
			}
		}
		reverse_proxy LEGACY`})
	g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = fmt.Fprintf(w, `{"user": "alice", "role": "customer", "groups": "%s"}`, strings.Repeat("g", 4000))
		return true
	})
	b := g.signedIn()
	for range 2 {
		g.expect(b.get("/page"), "alice", "", 1)
	}
	if log := g.log(); strings.Count(log, "too large") != 1 || !strings.Contains(log, `"largest_attribute":"groups"`) {
		t.Error("the log does not say once which attribute is too large")
	}
}

func TestTokenWithoutANeededAttributeGoesBySession(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
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
	b := g.signedIn()
	g.expect(b.get("/plain"), "alice", "set", 1)
	for _, want := range []struct {
		token     string
		questions int
	}{{"set", 2}, {"", 2}} { // the second token says that there is no nickname, which is enough
		response := b.get("/page")
		g.expect(response, "alice", want.token, want.questions)
		if got := response.received.Header; got.Get("X-Role") != "customer" || got["X-Nickname"] != nil {
			t.Errorf("role %q, nickname %q", got.Get("X-Role"), got["X-Nickname"])
		}
	}
}

func TestEarlyHintsStreamAndUpgradePassThrough(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "")
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
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
	b := g.signedIn()
	g.expect(b.get("/hints"), "alice", "set", 1)
	delete(b.cookies, tokenName)
	t.Run("stream", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", b.cookieLine())
		response, err := b.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		if err != nil || line != "data: 1\n" || len(response.Cookies()) != 1 {
			t.Errorf("the first event %q, %v, with %d cookies", line, err, len(response.Cookies()))
		}
	})
	t.Run("upgrade", func(t *testing.T) { g.checkUpgrade(t, b.cookieLine()) })
}

func (g *testGateway) checkUpgrade(t *testing.T, cookies string) {
	connection, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "GET /upgrade HTTP/1.1\r\nHost: legacy\r\nConnection: Upgrade\r\nUpgrade: test\r\nCookie: "+cookies+"\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrading: %v, %v", response, err)
	}
	_, _ = io.WriteString(connection, "hello\n")
	for _, want := range []string{"welcome\n", "echo hello\n"} {
		if line, err := reader.ReadString('\n'); err != nil || line != want {
			t.Errorf("got %q, %v, want %q", line, err, want)
		}
	}
}

// No token, cookie or session id is ever logged, whatever happens.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		jwt_session shop {
			whoami /whoami json user
			forget_on /quiet-logout
		}
		reverse_proxy LEGACY`})
	b := g.signedIn()
	secrets := []string{b.cookies["session"]}
	b.get("/page")
	secrets = append(secrets, b.cookies[tokenName])
	b.get("/quiet-logout")
	for _, arrange := range []func(*testGateway, *browser){expired, foreignKey, badlySigned, twoSessions, otherSession, unknownSession} {
		b := g.signedIn()
		b.get("/page")
		arrange(g, b)
		secrets = append(secrets, b.cookies["session"], b.cookies[tokenName])
		b.get("/page")
	}
	g.legacy.respondWhoami(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	b = g.signedIn()
	secrets = append(secrets, b.cookies["session"])
	b.get("/page")
	log := g.log()
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
	g := newTestGateway(t, "")
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("")
	b.cookies[tokenName] = g.mintFor("alice", b.cookies["session"])
	token := b.cookies[tokenName]
	g.expect(b.get("/page"), "alice", "", 0)
	g.clock.advance(31 * time.Second)
	g.expectRefused(b.get("/page"), "cleared")
	g.clock.advance(-31 * time.Second) // not due any more, and dead all the same
	b.cookies[tokenName] = token
	g.expectRefused(b.get("/page"), "cleared")
}
