package jwtsession

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What an application writes that has moved its cookie from the domain to the host, and clears the older one.
const (
	hostVariant   = "session=%s; Path=/; HttpOnly"
	olderCleared  = "session=; Domain=.shop.example; Path=/; Max-Age=0"
	hostDeleted   = "session=; Path=/; Max-Age=0"
	domainVariant = "session=%s; Domain=shop.example; Path=/"
)

// variantsGateway is a gateway before an application that writes these lines on sign-in and on every other page. NEW is the
// id that it gives.
func variantsGateway(t *testing.T, directive string, login, page []string) *testGateway {
	t.Helper()
	g := newTestGateway(t, directive)
	g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
		lines := page
		switch r.URL.Path {
		case "/login":
			lines = login
		case "/logout":
			lines = []string{hostDeleted}
		case "/silent":
			lines = nil
		}
		if len(lines) > 0 {
			id := g.legacy.signIn(r.URL.Query().Get("user"))
			for _, line := range lines {
				w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
			}
		}
		_, _ = fmt.Fprint(w, "hello")
		return true
	})
	return g
}

// signInByVariants signs in and keeps of the session what a browser keeps: the last value that was set.
func (b *browser) signInByVariants(user string) reply {
	b.Helper()
	response := b.do(http.MethodPost, "/login?user="+user)
	b.keepVariant(response)
	return response
}

func (b *browser) keepVariant(response reply) {
	for _, cookie := range response.Cookies() {
		if cookie.Name == "session" && cookie.MaxAge >= 0 {
			b.cookies["session"] = cookie.Value
		}
	}
}

// bothOrders are the lines in the order given and in the other one.
func bothOrders(lines ...string) [][]string {
	other := slices.Clone(lines)
	slices.Reverse(other)
	return [][]string{lines, other}
}

// A user whose sign-in clears an older variant of the cookie stays locked out once he was revoked.
func TestSignInThatClearsAnOlderVariantCounts(t *testing.T) {
	for _, login := range bothOrders(hostVariant, olderCleared) {
		g := variantsGateway(t, "unauthenticated pass", login, nil)
		b := g.browser()
		b.signInByVariants("alice")
		g.expect(b.get("/silent"), "alice", "set", 1)
		g.mustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
		b.get("/silent")
		b.cookies = map[string]string{}
		b.signInByVariants("alice")
		if user := b.get("/silent").received.user(t); user != "alice" {
			t.Errorf("after a new sign-in the user is %q", user)
		}
	}
}

// The same response names the user: the token that it brings is for the new session.
func TestNamedUserOfANewVariantGetsAToken(t *testing.T) {
	t.Parallel()
	for _, login := range bothOrders(hostVariant, olderCleared) {
		g := newNamingGateway(t, "mixed", "")
		g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/login" {
				id := g.legacy.signIn("alice")
				for _, line := range login {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
				}
			}
			w.Header().Set("X-Remote-User", g.legacy.user(r))
			if r.URL.Path == "/login" {
				w.Header().Set("X-Remote-User", "alice")
			}
			return true
		})
		b := g.browser()
		response := b.do(http.MethodPost, "/login")
		b.keepVariant(response)
		g.expectRolling(response, "", "none", "set", 0)
		g.expectRolling(b.get("/members"), "alice", "token", "", 0)
	}
}

// Every page clears the older variant, and the session lives on in the other one, until that is deleted.
func TestClearingAnOlderVariantIsNoEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ login, page []string }{
		"host alone":            {[]string{hostVariant}, []string{olderCleared}},
		"host alone, both":      {[]string{olderCleared, hostVariant}, []string{olderCleared}},
		"another path":          {[]string{hostVariant}, []string{"session=; Path=/shop; Max-Age=0"}},
		"the default path":      {[]string{hostVariant}, []string{"session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}},
		"another partition":     {[]string{hostVariant}, []string{"session=; Path=/; Secure; Partitioned; Max-Age=0"}},
		"emptied":               {[]string{hostVariant}, []string{"session=; Domain=.shop.example; Path=/"}},
		"several older ones":    {[]string{hostVariant}, []string{olderCleared, "session=; Path=/old; Max-Age=0"}},
		"a repeat beside it":    {[]string{hostVariant}, []string{"session=; Path=/old; Max-Age=0", olderCleared}},
		"the domain's own host": {[]string{hostVariant}, []string{"session=; Domain=SHOP.example; Path=/; Max-Age=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := variantsGateway(t, "unauthenticated pass", test.login, test.page)
			b := g.browser()
			b.host = "shop.example"
			b.signInByVariants("alice")
			session := b.cookies["session"]
			g.expect(b.get("/deep/page"), "alice", "set", 1)
			for range 3 {
				b.cookies["session"] = session // of which the test's browser has one variant alone
				g.expect(b.get("/deep/page"), "alice", "", 1)
			}
			b.cookies["session"] = session
			if response := b.get("/logout"); response.tokenSet() != "cleared" {
				t.Errorf("signing out: token cookie %q", response.tokenSet())
			}
		})
	}
}

// The variant for the domain is the session, and the one for the host is cleared.
func TestSessionInTheDomainsVariant(t *testing.T) {
	t.Parallel()
	g := variantsGateway(t, "unauthenticated pass", []string{domainVariant}, []string{hostDeleted})
	b := g.browser()
	b.host = "shop.example"
	b.signInByVariants("alice")
	session := b.cookies["session"]
	g.expect(b.get("/page"), "alice", "set", 1)
	b.cookies["session"] = session
	g.expect(b.get("/page"), "alice", "", 1)
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", olderCleared)
		return false
	})
	b.cookies["session"] = session
	g.expect(b.get("/page"), "alice", "cleared", 1)
}

// A session whose variant was never seen ends with the first deletion; that it comes again shows that the deletion was of
// another variant.
func TestSessionOfAnUnknownVariantEndsOnce(t *testing.T) {
	t.Parallel()
	g := variantsGateway(t, "unauthenticated pass", nil, []string{olderCleared})
	b := g.browser()
	session := g.legacy.signIn("alice")
	b.cookies["session"] = session
	g.expect(b.get("/page"), "alice", "", 1) // no token: it has ended
	for range 2 {
		b.cookies["session"] = session
		g.expect(b.get("/page"), "alice", "set", 2)
		delete(b.cookies, tokenName)
	}
	b.cookies["session"] = session
	b.get("/logout")
	b.cookies["session"] = session
	g.expect(b.get("/silent"), "alice", "set", 3)
}

// Two new values leave it open which one the application takes, so neither gets a token.
func TestTwoNewVariantsAreAmbiguous(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header()["Set-Cookie"] = []string{"session=" + g.legacy.signIn("alice") + "; Path=/", "session=" + g.legacy.signIn("bob") + "; Path=/shop"}
		w.Header().Set("X-Remote-User", "alice")
		return true
	})
	g.expectRolling(g.browser().do(http.MethodPost, "/login"), "", "none", "", 0)
}

// The whoami page may clear the older variant as all pages do.
func TestWhoamiPageClearsAnOlderVariant(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated pass")
	g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", olderCleared)
		return false
	})
	for _, seen := range []bool{true, false} { // whether the gateway saw where the session is
		questions := g.legacy.questions()
		b := g.browser()
		b.host = "shop.example"
		if seen {
			b.get("/login?user=alice")
		} else {
			b.cookies["session"] = g.legacy.signIn("alice")
		}
		g.expect(b.get("/page"), "alice", "set", questions+1)
		g.expect(b.get("/page"), "alice", "", questions+1)
	}
	if strings.Contains(g.log(), "changes session cookies") {
		t.Error("the clearing of an older variant is taken for a change of the session")
	}
}

// A rolling session goes on under its new value though the older variant is cleared with every answer.
func TestRollingBesideAnOlderVariant(t *testing.T) {
	t.Parallel()
	for _, lines := range bothOrders(hostVariant, olderCleared) {
		g := newRollingGateway(t, "mixed")
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		for i := range 3 {
			id := fmt.Sprintf("rolled-session-value-%d", i)
			g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
				g.legacy.set(id, "alice")
				for _, line := range lines {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
				}
				return false
			})
			response := b.get("/page")
			b.cookies["session"] = id
			g.expect(response, "alice", "set", 1)
		}
	}
}

// The cookie that carries the token too: its older variant is cleared, and id and token stay.
func TestCombinedCookieBesideAnOlderVariant(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "unauthenticated pass")
	b := g.browser()
	b.host = "shop.example"
	b.get("/login?user=alice")
	session := b.cookies["session"]
	g.legacy.respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Set-Cookie", olderCleared)
		return false
	})
	response := b.get("/page")
	lines := sessionLines(response.Header)
	if response.received.user(t) != "alice" || len(lines) != 2 || !strings.Contains(lines[1], "session=sid="+session+"&jwt=ey") {
		t.Fatalf("%d lines for the session cookie, want the application's and one with a token", len(lines))
	}
	b.keepVariant(response)
	value := b.cookies["session"]
	response = b.get("/page")
	if response.received.user(t) != "alice" || len(sessionLines(response.Header)) != 1 || g.legacy.questions() != 1 {
		t.Errorf("once more: %d lines, %d questions", len(sessionLines(response.Header)), g.legacy.questions())
	}
	g.legacy.respond(nil)
	b.cookies["session"] = value
	b.get("/logout")
	b.cookies["session"] = value
	if user := b.get("/page").received.user(t); user != "" {
		t.Errorf("after signing out the user is %s", user)
	}
}

// A line without a path is for the folder of the page as the browser asked for it, whatever handlers before this one made
// of it.
func TestDefaultPathIsOfThePageThatTheBrowserAskedFor(t *testing.T) {
	t.Parallel()
	legacySite := `handle_path /shop/* {
		route {
			jwt_session shop {
				whoami /whoami json user
				unauthenticated pass
			}
			reverse_proxy LEGACY
		}
	}`
	for deletion, want := range map[string]string{
		"session=; Path=/shop; Max-Age=0": "cleared", "session=; Max-Age=0": "cleared", "session=; Path=/; Max-Age=0": "",
	} {
		g := newTestGatewayWith(t, gatewayOptions{site: legacySite})
		id := g.legacy.signIn("alice")
		g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/login":
				w.Header().Set("Set-Cookie", "session="+id)
			case "/delete":
				w.Header().Set("Set-Cookie", deletion)
			}
			return false
		})
		b := g.browser()
		b.get("/shop/login")
		b.cookies["session"] = id
		g.expect(b.get("/shop/page"), "alice", "set", 1)
		if response := b.get("/shop/delete"); response.tokenSet() != want {
			t.Errorf("%s: token cookie %q, want %q", deletion, response.tokenSet(), want)
		}
	}
}
