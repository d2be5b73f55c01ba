package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
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

func newRollingGateway(t *testing.T, mode string) *harness.Gateway {
	t.Helper()
	g := harness.NewWith(t, harness.Options{Site: strings.Replace(rollingSite, "MODE", mode, 1)})
	g.Legacy.Rolls()
	return g
}

func TestRollingIdentityFollowsTheCookie(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.SignedIn()
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	seen := map[string]bool{b.Cookies["session"]: true}
	for range 10 { // the token path, though both cookies are others each time
		response := b.Get("/page")
		g.ExpectRolling(response, "alice", "token", "set", 1)
		if seen[b.Cookies["session"]] {
			t.Fatal("the application does not roll")
		}
		seen[b.Cookies["session"]] = true
		g.Clock.Advance(2 * time.Second)
	}
	g.ExpectRolling(b.Do(http.MethodHead, "/page"), "alice", "token", "set", 1)
	if strings.Contains(g.Logged(), "whoami page changes session cookies") {
		t.Error("it is warned about what was said to be so")
	}
}

func TestRollingMovesNoDeadline(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	first := g.Claims(b)
	for range 5 {
		g.Clock.Advance(5 * time.Second)
		g.Expect(b.Get("/page"), "alice", "set", 1)
	}
	last := g.Claims(b)
	if last.Expires() != first.Expires() || last.AuthTime() != first.AuthTime() || last.TokenID() == first.TokenID() {
		t.Errorf("a token that followed: exp %+d, auth_time %+d", last.Expires()-first.Expires(), last.AuthTime()-first.AuthTime())
	}
	delete(b.Cookies, harness.TokenName) // the record followed too, with its confirmation where it was
	g.Clock.Advance(5 * time.Second)
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	if claims := g.Claims(b); claims.Expires() != first.Expires() {
		t.Errorf("the record was confirmed by following: exp %+d", claims.Expires()-first.Expires())
	}
	g.Clock.Advance(5 * time.Second) // the last half of the token's life: the application is asked, and confirms
	g.ExpectRolling(b.Get("/page"), "alice", "token", "set", 2)
	claims := g.Claims(b)
	if claims.AuthTime() != first.AuthTime() || claims.Expires() != g.Clock.Now().Unix()+60 {
		t.Errorf("after the confirmation: exp %+d, auth_time %+d", claims.Expires()-first.Expires(), claims.AuthTime()-first.AuthTime())
	}
}

func TestRollingEndsWithUnsafeRequestsAndForgetOn(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(*harness.Browser) harness.Reply{
		"POST":      func(b *harness.Browser) harness.Reply { return b.Do(http.MethodPost, "/page") },
		"OPTIONS":   func(b *harness.Browser) harness.Reply { return b.Do(http.MethodOptions, "/page") },
		"forget_on": func(b *harness.Browser) harness.Reply { return b.Get("/quiet-logout") },
	} {
		g := newRollingGateway(t, "mixed")
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		old := *b
		old.Cookies = map[string]string{"session": b.Cookies["session"], harness.TokenName: b.Cookies[harness.TokenName]}
		g.Expect(b.Get("/page"), "alice", "set", 1)
		g.Expect(request(b), "alice", "cleared", 1)
		if b.Cookies["session"] == "" {
			t.Errorf("%s: the new cookie did not reach the browser", name)
		}
		if response := b.Get("/page"); name != "forget_on" {
			g.ExpectRolling(response, "alice", "session", "set", 2) // asked anew
		}
		// What the browser had before is dead as well, whatever id it is bound to.
		if response := old.Get("/page"); response.Received != nil && response.Received.Header.Get("X-Via") == "token" {
			t.Errorf("%s: a token from before still counts", name)
		}
	}
}

func TestRollingDeletionIsAnEnd(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	first := map[string]string{"session": b.Cookies["session"], harness.TokenName: b.Cookies[harness.TokenName]}
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Expect(b.Get("/logout"), "alice", "cleared", 1)
	g.ExpectRefused(b.Get("/page"), "")
	g.Legacy.Set(first["session"], "") // the application is a better one than those that can't forget
	thief := g.Browser()
	thief.Cookies = first
	g.ExpectRefused(thief.Get("/page"), "cleared")
}

// Two answers that are under way at once bring a new cookie each; the browser keeps the one and its token, the other, or
// the one's cookie with the other's token.
func TestRollingAnswersInFlight(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	left, right := *b, *b
	left.Cookies = map[string]string{"session": b.Cookies["session"], harness.TokenName: b.Cookies[harness.TokenName]}
	right.Cookies = map[string]string{"session": b.Cookies["session"], harness.TokenName: b.Cookies[harness.TokenName]}
	g.ExpectRolling(left.Get("/page"), "alice", "token", "set", 1)
	g.ExpectRolling(right.Get("/page"), "alice", "token", "set", 1)
	g.ExpectRolling(b.Get("/page"), "alice", "token", "set", 1) // and one more with the old ones
	crossed := g.Browser()
	crossed.Cookies = map[string]string{"session": left.Cookies["session"], harness.TokenName: right.Cookies[harness.TokenName]}
	g.ExpectRolling(crossed.Get("/page"), "alice", "session", "set", 1) // nobody is asked: the record followed each
	g.ExpectRolling(left.Get("/page"), "alice", "token", "set", 1)
	g.ExpectRolling(right.Get("/page"), "alice", "token", "set", 1)
	g.Expect(left.Do(http.MethodPost, "/page"), "alice", "cleared", 1) // an end reaches all of them
	for _, other := range []*harness.Browser{b, &right, crossed} {
		if response := other.Get("/page"); response.Received.Header.Get("X-Via") != "session" {
			t.Error("a token outlived the end of its session")
		}
	}
}

func TestRollingRevocationReachesEveryCookie(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(*harness.Gateway, string, string) error{
		"by the first cookie": func(g *harness.Gateway, first, _ string) error {
			return g.App.Opened().Ledger.RevokeSession(g.Context(), harness.KeyOf(g, first))
		},
		"by the last cookie": func(g *harness.Gateway, _, last string) error {
			return g.App.Opened().Ledger.RevokeSession(g.Context(), harness.KeyOf(g, last))
		},
		"by the user": func(g *harness.Gateway, _, _ string) error {
			return g.App.Opened().Ledger.RevokeUser(g.Context(), "shop", "alice")
		},
	} {
		g := newRollingGateway(t, "mixed")
		b := g.SignedIn()
		first := b.Cookies["session"]
		for range 3 {
			if response := b.Get("/page"); response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
			g.Clock.Advance(40 * time.Second) // so that the record of the first cookie is gone
		}
		thief := g.Browser()
		thief.Cookies = map[string]string{"session": first}
		response := thief.Get("/page")
		g.Expect(response, "alice", "set", g.Legacy.Questions())
		if err := revoke(g, first, b.Cookies["session"]); err != nil {
			t.Fatal(err)
		}
		for who, browser := range map[string]*harness.Browser{"the user": b, "the thief": thief} {
			for range 2 {
				response := browser.Get("/page")
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
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	reached, proceed := make(chan struct{}), make(chan struct{})
	roll := g.Legacy.Answer
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/slow" {
			return roll(w, r)
		}
		user := g.Legacy.User(r)
		close(reached)
		<-proceed
		http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn(user), Path: "/"})
		return false
	})
	slow := g.Browser()
	slow.Cookies = map[string]string{"session": b.Cookies["session"], harness.TokenName: b.Cookies[harness.TokenName]}
	var wait sync.WaitGroup
	var response harness.Reply
	wait.Go(func() { response = slow.Get("/slow") })
	<-reached
	g.Expect(b.Get("/logout"), "alice", "cleared", 1)
	close(proceed)
	wait.Wait()
	g.Expect(response, "alice", "cleared", 1)
	g.ExpectRolling(slow.Get("/page"), "alice", "session", "set", 2) // the application says so; nothing else does
}

// An answer that a cache may have kept for somebody else brings a cookie that may be somebody else's.
func TestRollingFollowsNoAnswerOfACache(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"Age: 3", "Cache-Control: public", "Cache-Control: max-age=60", "Cache-Control: s-maxage=5"} {
		g := newRollingGateway(t, "mixed")
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		bobs := g.Legacy.SignIn("bob")
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
			http.SetCookie(w, &http.Cookie{Name: "session", Value: bobs, Path: "/"})
			return false
		})
		if response := b.Get("/page"); response.TokenSet() == "set" {
			t.Errorf("%s: the token follows", header)
		}
		g.Legacy.Respond(nil)
		g.ExpectRolling(b.Get("/page"), "bob", "session", "set", 2)
	}
}

// An id that is known as another's is never taken for the one's that it is set for.
func TestRollingToAnotherUsersCookie(t *testing.T) {
	t.Parallel()
	g := newRollingGateway(t, "mixed")
	bob := g.Browser()
	bob.Cookies["session"] = g.Legacy.SignIn("bob")
	bobs := bob.Cookies["session"]
	g.Expect(bob.Get("/page"), "bob", "set", 1)
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 2)
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: bobs, Path: "/"})
		return false
	})
	g.Expect(b.Get("/page"), "alice", "cleared", 2)
	g.ExpectRolling(b.Get("/page"), "bob", "session", "set", 2)
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
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header()["Set-Cookie"] = lines
			return false
		})
		response := b.Get("/page")
		if g.Expect(response, "alice", "cleared", 1); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestRollingInOtherModes(t *testing.T) {
	g := newRollingGateway(t, "stateful")
	b := g.SignedIn()
	for range 5 {
		g.ExpectRolling(b.Get("/page"), "alice", "session", "", 1)
	}
	g = newRollingGateway(t, "shadow")
	b = g.SignedIn()
	before := g.Mismatches()
	for range 5 {
		g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	}
	if got := g.Mismatches(); got != before {
		t.Errorf("%v differences were counted where there are none", got-before)
	}
}

// Where tokens count alone, the token moves with the cookie, so that other routes of the realm find it bound.
func TestRollingStateless(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
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
	g.Legacy.Rolls()
	b := g.SignedIn()
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	g.ExpectRolling(b.Get("/new"), "alice", "token", "set", 1) // near its end by this route's measure: it is renewed as well
	if claims := g.Claims(b); claims.Expires() != g.Clock.Now().Add(30*time.Minute).Unix() {
		t.Error("a token that stands alone is not renewed where the cookie changes")
	}
	long := g.Claims(b).Expires()
	g.Clock.Advance(10 * time.Second)
	g.ExpectRolling(b.Get("/new"), "alice", "token", "set", 1)
	if claims := g.Claims(b); claims.Expires() != long || claims.SessionKey() != harness.KeyOf(g, b.Cookies["session"]) {
		t.Error("the token did not move as it is")
	}
	g.Clock.Advance(50 * time.Second)
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 2) // too old for this route, however often it moved
	g.Expect(b.Do(http.MethodPost, "/new"), "alice", "cleared", 2)
	g.ExpectRefused(b.Get("/new"), "")
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
			b := g.Browser()
			b.Cookies["session"] = g.Legacy.SignIn(user)
			b.Cookies[harness.TokenName] = "left.over.token"
			first := b.Get("/page")
			if set := first.TokenSet(); set != map[string]string{"token": "set", "session": "cleared"}[want] {
				t.Errorf("%s: token cookie %q", user, set)
			}
			for range 3 {
				if got := b.Get("/page").Received.Header.Get("X-Via"); got != want {
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
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		long := g.Legacy.SignIn("") + strings.Repeat("x", 3000)
		g.Legacy.Set(long, g.Legacy.User(r))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: long, Path: "/"})
		return false
	})
	b := g.SignedIn()
	g.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	for range 3 {
		g.ExpectRolling(b.Get("/page"), "alice", "token", "set", 1)
	}
	if size := len(b.Cookies[harness.TokenName]); size > 420 {
		t.Errorf("a token of %d bytes", size)
	}
}

// Another gateway with the same keys has no record of the session: the token proves it there.
func TestRollingAcrossGateways(t *testing.T) {
	t.Parallel()
	global := "key secret MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	legacy := harness.NewLegacy(t)
	legacy.Rolls()
	options := harness.Options{Global: global, Site: strings.Replace(rollingSite, "MODE", "mixed", 1)}
	first := &harness.Gateway{T: t, Legacy: legacy, Clock: testclock.New(), Dir: t.TempDir()}
	first.Load(options)
	second := &harness.Gateway{T: t, Legacy: legacy, Clock: first.Clock, Dir: t.TempDir()}
	second.Load(options)
	b := first.SignedIn()
	first.ExpectRolling(b.Get("/page"), "alice", "session", "set", 1)
	for i := range 6 {
		b.URL = []string{second.URL, first.URL}[i%2]
		first.ExpectRolling(b.Get("/page"), "alice", "token", "set", 1)
	}
}
