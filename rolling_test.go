package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The application keeps the session in its cookie: each answer brings another value, and the old ones stay good.

const rollingSite = `
	jwt_session shop {
		mode MODE
		whoami /whoami json user {
			rolling
		}
		forget_on /quiet-logout*
		unauthenticated /login* pass
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy LEGACY`

// rolls lets the application set another session id with every answer to a request that brings one that it knows.
func (l *legacyApp) rolls() {
	roll := func(w http.ResponseWriter, r *http.Request) bool {
		user := l.user(r)
		if user == "" || strings.HasPrefix(r.URL.Path, "/log") {
			return false
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: l.signIn(user), Path: "/", HttpOnly: true})
		return false
	}
	l.respond(roll)
	l.respondWhoami(roll)
}

func newRollingGateway(t *testing.T, mode string) *testGateway {
	t.Helper()
	g := newTestGatewayWith(t, gatewayOptions{site: strings.Replace(rollingSite, "MODE", mode, 1)})
	g.legacy.rolls()
	return g
}

// expectRolling checks also what spoke for the user.
func (g *testGateway) expectRolling(response reply, user, via, token string, questions int) {
	g.Helper()
	g.expect(response, user, token, questions)
	if response.received == nil {
		return
	}
	if got := response.received.Header.Get("X-Via"); got != via {
		g.Errorf("%q spoke for the user, want %q", got, via)
	}
}

func TestRollingIdentityFollowsTheCookie(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.signedIn()
	g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	seen := map[string]bool{b.cookies["session"]: true}
	for range 10 { // the token path, though both cookies are others each time
		response := b.get("/page")
		g.expectRolling(response, "alice", "token", "set", 1)
		if seen[b.cookies["session"]] {
			t.Fatal("the application does not roll")
		}
		seen[b.cookies["session"]] = true
		g.clock.advance(2 * time.Second)
	}
	g.expectRolling(b.do(http.MethodHead, "/page"), "alice", "token", "set", 1)
	if strings.Contains(g.log(), "whoami page changes session cookies") {
		t.Error("it is warned about what was said to be so")
	}
}

func TestRollingMovesNoDeadline(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	first := g.claims(b)
	for range 5 {
		g.clock.advance(5 * time.Second)
		g.expect(b.get("/page"), "alice", "set", 1)
	}
	last := g.claims(b)
	if last.Expires() != first.Expires() || last.AuthTime() != first.AuthTime() || last.TokenID() == first.TokenID() {
		t.Errorf("a token that followed: exp %+d, auth_time %+d", last.Expires()-first.Expires(), last.AuthTime()-first.AuthTime())
	}
	delete(b.cookies, tokenName) // the record followed too, with its confirmation where it was
	g.clock.advance(5 * time.Second)
	g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	if claims := g.claims(b); claims.Expires() != first.Expires() {
		t.Errorf("the record was confirmed by following: exp %+d", claims.Expires()-first.Expires())
	}
	g.clock.advance(5 * time.Second) // the last half of the token's life: the application is asked, and confirms
	g.expectRolling(b.get("/page"), "alice", "token", "set", 2)
	claims := g.claims(b)
	if claims.AuthTime() != first.AuthTime() || claims.Expires() != g.clock.Now().Unix()+60 {
		t.Errorf("after the confirmation: exp %+d, auth_time %+d", claims.Expires()-first.Expires(), claims.AuthTime()-first.AuthTime())
	}
}

func (g *testGateway) claims(b *browser) *validator.Claims {
	g.Helper()
	claims, reason := g.app.Opened().Verifier.Authenticate(b.cookies[tokenName])
	if reason != "" {
		g.Fatalf("the browser's token: %s", reason)
	}
	return claims
}

func TestRollingEndsWithUnsafeRequestsAndForgetOn(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(*browser) reply{
		"POST":      func(b *browser) reply { return b.do(http.MethodPost, "/page") },
		"OPTIONS":   func(b *browser) reply { return b.do(http.MethodOptions, "/page") },
		"forget_on": func(b *browser) reply { return b.get("/quiet-logout") },
	} {
		g := newRollingGateway(t, "mixed")
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		old := *b
		old.cookies = map[string]string{"session": b.cookies["session"], tokenName: b.cookies[tokenName]}
		g.expect(b.get("/page"), "alice", "set", 1)
		g.expect(request(b), "alice", "cleared", 1)
		if b.cookies["session"] == "" {
			t.Errorf("%s: the new cookie did not reach the browser", name)
		}
		if response := b.get("/page"); name != "forget_on" {
			g.expectRolling(response, "alice", "session", "set", 2) // asked anew
		}
		// What the browser had before is dead as well, whatever id it is bound to.
		if response := old.get("/page"); response.received != nil && response.received.Header.Get("X-Via") == "token" {
			t.Errorf("%s: a token from before still counts", name)
		}
	}
}

func TestRollingDeletionIsAnEnd(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	first := map[string]string{"session": b.cookies["session"], tokenName: b.cookies[tokenName]}
	g.expect(b.get("/page"), "alice", "set", 1)
	g.expect(b.get("/logout"), "alice", "cleared", 1)
	g.expectRefused(b.get("/page"), "")
	g.legacy.set(first["session"], "") // the application is a better one than those that can't forget
	thief := g.browser()
	thief.cookies = first
	g.expectRefused(thief.get("/page"), "cleared")
}

// Two answers that are under way at once bring a new cookie each; the browser keeps the one and its token, the other, or
// the one's cookie with the other's token.
func TestRollingAnswersInFlight(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	left, right := *b, *b
	left.cookies = map[string]string{"session": b.cookies["session"], tokenName: b.cookies[tokenName]}
	right.cookies = map[string]string{"session": b.cookies["session"], tokenName: b.cookies[tokenName]}
	g.expectRolling(left.get("/page"), "alice", "token", "set", 1)
	g.expectRolling(right.get("/page"), "alice", "token", "set", 1)
	g.expectRolling(b.get("/page"), "alice", "token", "set", 1) // and one more with the old ones
	crossed := g.browser()
	crossed.cookies = map[string]string{"session": left.cookies["session"], tokenName: right.cookies[tokenName]}
	g.expectRolling(crossed.get("/page"), "alice", "session", "set", 1) // nobody is asked: the record followed each
	g.expectRolling(left.get("/page"), "alice", "token", "set", 1)
	g.expectRolling(right.get("/page"), "alice", "token", "set", 1)
	g.expect(left.do(http.MethodPost, "/page"), "alice", "cleared", 1) // an end reaches all of them
	for _, other := range []*browser{b, &right, crossed} {
		if response := other.get("/page"); response.received.Header.Get("X-Via") != "session" {
			t.Error("a token outlived the end of its session")
		}
	}
}

func TestRollingRevocationReachesEveryCookie(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(*testGateway, string, string) error{
		"by the first cookie": func(g *testGateway, first, _ string) error {
			return g.app.Opened().Ledger.RevokeSession(g.Context(), keyOf(g, first))
		},
		"by the last cookie": func(g *testGateway, _, last string) error {
			return g.app.Opened().Ledger.RevokeSession(g.Context(), keyOf(g, last))
		},
		"by the user": func(g *testGateway, _, _ string) error {
			return g.app.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice")
		},
	} {
		g := newRollingGateway(t, "mixed")
		b := g.signedIn()
		first := b.cookies["session"]
		for range 3 {
			if response := b.get("/page"); response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
			g.clock.advance(40 * time.Second) // so that the record of the first cookie is gone
		}
		thief := g.browser()
		thief.cookies = map[string]string{"session": first}
		response := thief.get("/page")
		g.expect(response, "alice", "set", g.legacy.questions())
		if err := revoke(g, first, b.cookies["session"]); err != nil {
			t.Fatal(err)
		}
		for who, browser := range map[string]*browser{"the user": b, "the thief": thief} {
			for range 2 {
				response := browser.get("/page")
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: %s is in, with status %d", name, who, response.StatusCode)
				}
			}
		}
	}
}

// While a GET is on its way the session ends: its answer brings no identity to the new cookie.
func TestRollingAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	reached, proceed := make(chan struct{}), make(chan struct{})
	roll := g.legacy.answer
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/slow" {
			return roll(w, r)
		}
		user := g.legacy.user(r)
		close(reached)
		<-proceed
		http.SetCookie(w, &http.Cookie{Name: "session", Value: g.legacy.signIn(user), Path: "/"})
		return false
	})
	slow := g.browser()
	slow.cookies = map[string]string{"session": b.cookies["session"], tokenName: b.cookies[tokenName]}
	var wait sync.WaitGroup
	var response reply
	wait.Go(func() { response = slow.get("/slow") })
	<-reached
	g.expect(b.get("/logout"), "alice", "cleared", 1)
	close(proceed)
	wait.Wait()
	g.expect(response, "alice", "cleared", 1)
	g.expectRolling(slow.get("/page"), "alice", "session", "set", 2) // the application says so; nothing else does
}

// An answer that a cache may have kept for somebody else brings a cookie that may be somebody else's.
func TestRollingFollowsNoAnswerOfACache(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"Age: 3", "Cache-Control: public", "Cache-Control: max-age=60", "Cache-Control: s-maxage=5"} {
		g := newRollingGateway(t, "mixed")
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		bobs := g.legacy.signIn("bob")
		g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
			http.SetCookie(w, &http.Cookie{Name: "session", Value: bobs, Path: "/"})
			return false
		})
		if response := b.get("/page"); response.tokenSet() == "set" {
			t.Errorf("%s: the token follows", header)
		}
		g.legacy.respond(nil)
		g.expectRolling(b.get("/page"), "bob", "session", "set", 2)
	}
}

// An id that is known as another's is never taken for the one's that it is set for.
func TestRollingToAnotherUsersCookie(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	bob := g.browser()
	bob.cookies["session"] = g.legacy.signIn("bob")
	bobs := bob.cookies["session"]
	g.expect(bob.get("/page"), "bob", "set", 1)
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 2)
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: bobs, Path: "/"})
		return false
	})
	g.expect(b.get("/page"), "alice", "cleared", 2)
	g.expectRolling(b.get("/page"), "bob", "session", "set", 2)
}

func TestRollingNeedsOneClearChange(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"two values":       {"session=one-0123456789abcdef; Path=/", "session=two-0123456789abcdef; Path=/"},
		"deleted and set":  {"session=; Max-Age=0", "session=one-0123456789abcdef; Path=/"},
		"an empty value":   {"session=; Path=/"},
		"set, then unset":  {"session=one-0123456789abcdef; Path=/", "session=one-0123456789abcdef; Max-Age=0"},
		"an expired value": {"session=one-0123456789abcdef; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
	} {
		g := newRollingGateway(t, "mixed")
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header()["Set-Cookie"] = lines
			return false
		})
		response := b.get("/page")
		if g.expect(response, "alice", "cleared", 1); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestRollingInOtherModes(t *testing.T) {
	g := newRollingGateway(t, "stateful")
	b := g.signedIn()
	for range 5 {
		g.expectRolling(b.get("/page"), "alice", "session", "", 1)
	}
	g = newRollingGateway(t, "shadow")
	b = g.signedIn()
	before := g.mismatches()
	for range 5 {
		g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	}
	if got := g.mismatches(); got != before {
		t.Errorf("%v differences were counted where there are none", got-before)
	}
}

// Where tokens count alone, the token moves with the cookie, so that other routes of the realm find it bound.
func TestRollingStateless(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
		@new path /new*
		route @new {
			jwt_session shop {
				mode stateless
				whoami /whoami json user {
					rolling
				}
			}
			request_header X-Via {http.jwt_session.via}
			reverse_proxy LEGACY
		}
		route {
			jwt_session shop {
				whoami /whoami json user {
					rolling
				}
			}
			request_header X-Via {http.jwt_session.via}
			reverse_proxy LEGACY
		}`})
	g.legacy.rolls()
	b := g.signedIn()
	g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	g.expectRolling(b.get("/new"), "alice", "token", "set", 1) // near its end by this route's measure: it is renewed as well
	if claims := g.claims(b); claims.Expires() != g.clock.Now().Add(30*time.Minute).Unix() {
		t.Error("a token that stands alone is not renewed where the cookie changes")
	}
	long := g.claims(b).Expires()
	g.clock.advance(10 * time.Second)
	g.expectRolling(b.get("/new"), "alice", "token", "set", 1)
	if claims := g.claims(b); claims.Expires() != long || claims.SessionKey() != keyOf(g, b.cookies["session"]) {
		t.Error("the token did not move as it is")
	}
	g.clock.advance(50 * time.Second)
	g.expectRolling(b.get("/page"), "alice", "session", "set", 2) // too old for this route, however often it moved
	g.expect(b.do(http.MethodPost, "/new"), "alice", "cleared", 2)
	g.expectRefused(b.get("/new"), "")
}

// The share of a rolling session goes by its user, since each id would be in another share.
func TestRollingShareGoesByTheUser(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed 50%")
	in := 0
	for i := range 20 {
		user := fmt.Sprint("user", i)
		want := "session"
		if validator.UserInShare("shop", user, 50) {
			want = "token"
			in++
		}
		for range 2 { // two sessions of his
			b := g.browser()
			b.cookies["session"] = g.legacy.signIn(user)
			b.cookies[tokenName] = "left.over.token"
			first := b.get("/page")
			if set := first.tokenSet(); set != map[string]string{"token": "set", "session": "cleared"}[want] {
				t.Errorf("%s: token cookie %q", user, set)
			}
			for range 3 {
				if got := b.get("/page").received.Header.Get("X-Via"); got != want {
					t.Errorf("%s: %q speaks, want %q", user, got, want)
				}
			}
		}
	}
	if in < 5 || in > 15 {
		t.Errorf("%d of 20 users are in a share of 50%%", in)
	}
}

// Cookies that hold a session are long: of those over 256 bytes a token carries the hash.
func TestRollingLongCookies(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		long := g.legacy.signIn("") + strings.Repeat("x", 3000)
		g.legacy.set(long, g.legacy.user(r))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: long, Path: "/"})
		return false
	})
	b := g.signedIn()
	g.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	for range 3 {
		g.expectRolling(b.get("/page"), "alice", "token", "set", 1)
	}
	if size := len(b.cookies[tokenName]); size > 420 {
		t.Errorf("a token of %d bytes", size)
	}
}

// Another gateway with the same keys has no record of the session: the token proves it there.
func TestRollingAcrossGateways(t *testing.T) {
	t.Parallel()
	global := "key secret MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	legacy := newLegacyApp(t)
	legacy.rolls()
	options := gatewayOptions{global: global, site: strings.Replace(rollingSite, "MODE", "mixed", 1)}
	first := &testGateway{T: t, legacy: legacy, clock: newTestClock(), dir: t.TempDir()}
	first.load(options)
	second := &testGateway{T: t, legacy: legacy, clock: first.clock, dir: t.TempDir()}
	second.load(options)
	b := first.signedIn()
	first.expectRolling(b.get("/page"), "alice", "session", "set", 1)
	for i := range 6 {
		b.url = []string{second.url, first.url}[i%2]
		first.expectRolling(b.get("/page"), "alice", "token", "set", 1)
	}
}
