package jwtsession_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
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
func variantsGateway(t *testing.T, directive string, login, page []string) *harness.Gateway {
	t.Helper()
	g := harness.New(t, directive)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
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
			id := g.Legacy.SignIn(r.URL.Query().Get("user"))
			for _, line := range lines {
				w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
			}
		}
		_, _ = fmt.Fprint(w, "hello")
		return true
	})
	return g
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
		b := g.Browser()
		b.SignInByVariants("alice")
		g.Expect(b.Get("/silent"), "alice", "set", 1)
		g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
		b.Get("/silent")
		b.Cookies = map[string]string{}
		b.SignInByVariants("alice")
		if user := b.Get("/silent").Received.User(t); user != "alice" {
			t.Errorf("after a new sign-in the user is %q", user)
		}
	}
}

// The same response names the user: the token that it brings is for the new session.
func TestNamedUserOfANewVariantGetsAToken(t *testing.T) {
	t.Parallel()
	for _, login := range bothOrders(hostVariant, olderCleared) {
		g := newNamingGateway(t, "mixed", "")
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/login" {
				id := g.Legacy.SignIn("alice")
				for _, line := range login {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
				}
			}
			w.Header().Set("X-Remote-User", g.Legacy.User(r))
			if r.URL.Path == "/login" {
				w.Header().Set("X-Remote-User", "alice")
			}
			return true
		})
		b := g.Browser()
		response := b.Do(http.MethodPost, "/login")
		b.KeepVariant(response)
		g.ExpectRolling(response, "", "none", "set", 0)
		g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
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
			b := g.Browser()
			b.Host = "shop.example"
			b.SignInByVariants("alice")
			session := b.Cookies["session"]
			g.Expect(b.Get("/deep/page"), "alice", "set", 1)
			for range 3 {
				b.Cookies["session"] = session // of which the test's browser has one variant alone
				g.Expect(b.Get("/deep/page"), "alice", "", 1)
			}
			b.Cookies["session"] = session
			if response := b.Get("/logout"); response.TokenSet() != "cleared" {
				t.Errorf("signing out: token cookie %q", response.TokenSet())
			}
		})
	}
}

// The variant for the domain is the session, and the one for the host is cleared.
func TestSessionInTheDomainsVariant(t *testing.T) {
	t.Parallel()
	g := variantsGateway(t, "unauthenticated pass", []string{domainVariant}, []string{hostDeleted})
	b := g.Browser()
	b.Host = "shop.example"
	b.SignInByVariants("alice")
	session := b.Cookies["session"]
	g.Expect(b.Get("/page"), "alice", "set", 1)
	b.Cookies["session"] = session
	g.Expect(b.Get("/page"), "alice", "", 1)
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", olderCleared)
		return false
	})
	b.Cookies["session"] = session
	g.Expect(b.Get("/page"), "alice", "cleared", 1)
}

// A session whose variant was never seen ends with the first deletion; that it comes again shows that the deletion was of
// another variant.
func TestSessionOfAnUnknownVariantEndsOnce(t *testing.T) {
	t.Parallel()
	g := variantsGateway(t, "unauthenticated pass", nil, []string{olderCleared})
	b := g.Browser()
	session := g.Legacy.SignIn("alice")
	b.Cookies["session"] = session
	g.Expect(b.Get("/page"), "alice", "", 1) // no token: it has ended
	for range 2 {
		b.Cookies["session"] = session
		g.Expect(b.Get("/page"), "alice", "set", 2)
		delete(b.Cookies, harness.TokenName)
	}
	b.Cookies["session"] = session
	b.Get("/logout")
	b.Cookies["session"] = session
	g.Expect(b.Get("/silent"), "alice", "set", 3)
}

// Two new values leave it open which one the application takes, so neither gets a token.
func TestTwoNewVariantsAreAmbiguous(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header()["Set-Cookie"] = []string{"session=" + g.Legacy.SignIn("alice") + "; Path=/", "session=" + g.Legacy.SignIn("bob") + "; Path=/shop"}
		w.Header().Set("X-Remote-User", "alice")
		return true
	})
	g.ExpectRolling(g.Browser().Do(http.MethodPost, "/login"), "", "none", "", 0)
}

// The whoami page may clear the older variant as all pages do.
func TestWhoamiPageClearsAnOlderVariant(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", olderCleared)
		return false
	})
	for _, seen := range []bool{true, false} { // whether the gateway saw where the session is
		questions := g.Legacy.Questions()
		b := g.Browser()
		b.Host = "shop.example"
		if seen {
			b.Get("/login?user=alice")
		} else {
			b.Cookies["session"] = g.Legacy.SignIn("alice")
		}
		g.Expect(b.Get("/page"), "alice", "set", questions+1)
		g.Expect(b.Get("/page"), "alice", "", questions+1)
	}
	if strings.Contains(g.Logged(), "changes session cookies") {
		t.Error("the clearing of an older variant is taken for a change of the session")
	}
}

// A rolling session goes on under its new value though the older variant is cleared with every answer.
func TestRollingBesideAnOlderVariant(t *testing.T) {
	t.Parallel()
	for _, lines := range bothOrders(hostVariant, olderCleared) {
		g := newRollingGateway(t, "mixed")
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		for i := range 3 {
			id := fmt.Sprintf("rolled-session-value-%d", i)
			g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
				g.Legacy.Set(id, "alice")
				for _, line := range lines {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
				}
				return false
			})
			response := b.Get("/page")
			b.Cookies["session"] = id
			g.Expect(response, "alice", "set", 1)
		}
	}
}

// The cookie that carries the token too: its older variant is cleared, and id and token stay.
func TestCombinedCookieBesideAnOlderVariant(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "unauthenticated pass")
	b := g.Browser()
	b.Host = "shop.example"
	b.Get("/login?user=alice")
	session := b.Cookies["session"]
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Set-Cookie", olderCleared)
		return false
	})
	response := b.Get("/page")
	lines := sessionLines(response.Header)
	if response.Received.User(t) != "alice" || len(lines) != 2 || !strings.Contains(lines[1], "session=sid="+session+"&jwt=ey") {
		t.Fatalf("%d lines for the session cookie, want the application's and one with a token", len(lines))
	}
	b.KeepVariant(response)
	value := b.Cookies["session"]
	response = b.Get("/page")
	if response.Received.User(t) != "alice" || len(sessionLines(response.Header)) != 1 || g.Legacy.Questions() != 1 {
		t.Errorf("once more: %d lines, %d questions", len(sessionLines(response.Header)), g.Legacy.Questions())
	}
	g.Legacy.Respond(nil)
	b.Cookies["session"] = value
	b.Get("/logout")
	b.Cookies["session"] = value
	if user := b.Get("/page").Received.User(t); user != "" {
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
		g := harness.NewWith(t, harness.Options{Site: legacySite})
		id := g.Legacy.SignIn("alice")
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/login":
				w.Header().Set("Set-Cookie", "session="+id)
			case "/delete":
				w.Header().Set("Set-Cookie", deletion)
			}
			return false
		})
		b := g.Browser()
		b.Get("/shop/login")
		b.Cookies["session"] = id
		g.Expect(b.Get("/shop/page"), "alice", "set", 1)
		if response := b.Get("/shop/delete"); response.TokenSet() != want {
			t.Errorf("%s: token cookie %q, want %q", deletion, response.TokenSet(), want)
		}
	}
}
