package jwtsession_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// warnings returns the warnings that were logged so far, as the lines of the log.
func warnings(g *harness.Gateway) []string {
	g.Helper()
	var found []string
	for line := range strings.Lines(g.Logged()) {
		var entry struct{ Level, Logger string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			g.Fatalf("a line of the log: %v", err)
		}
		if entry.Level == "warn" {
			found = append(found, line)
		}
	}
	return found
}

// checkWarning fails the test unless there is one warning with the text, which has all the parts and none of what is secret.
func checkWarning(g *harness.Gateway, text string, parts ...string) {
	g.Helper()
	var found []string
	for _, line := range warnings(g) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		g.Errorf("%d warnings with %q, want 1; all: %q", len(found), text, warnings(g))
		return
	}
	for _, part := range append(parts, `"realm":"shop"`) {
		if !strings.Contains(found[0], part) {
			g.Errorf("the warning %s lacks %s", found[0], part)
		}
	}
	if strings.Contains(found[0], secretValue) || strings.Contains(found[0], "alice") {
		g.Errorf("the warning %s holds a value", found[0])
	}
}

// secretValue is a part of all values of cookies here.
const secretValue = "topsecretvalue"

// visit asks for a page with one session cookie each, of different sessions that begin with the number.
func visit(g *harness.Gateway, count int, path string) {
	g.Helper()
	for n := range count {
		b := g.Browser()
		b.Cookies["session"] = fmt.Sprintf("%s-%03d", secretValue, n)
		b.Get(path)
	}
}

func TestWarnsOfWhoamiThatNamesNobody(t *testing.T) {
	t.Parallel()
	page := func(status int, contentType, body string, headers ...string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Cache-Control", "no-store")
			for _, line := range headers {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	for _, test := range []struct {
		name     string
		from     string // where the user is looked for
		answer   func(w http.ResponseWriter, r *http.Request) bool
		sessions int // from how many it is said
		want     string
		parts    []string
	}{
		{
			"404", "json user", page(404, "text/html", "<html>"), 3, "the whoami page does not exist",
			[]string{`"status":404`, `"sessions":3`, `"looked_for":"json user"`, `"page":"/whoami"`},
		},
		{
			"HTML where JSON is looked for", "json user", page(200, "text/html; charset=utf-8", "<html>alice"), 3,
			"the whoami page is not JSON",
			[]string{`"status":200`, `"content_type":"text/html"`},
		},
		{
			"a wrong path", "json account.id", page(200, "application/json", `{"user":{"id":"alice"}}`), 5,
			"nothing at the JSON path",
			[]string{`"looked_for":"json account.id"`, `"content_type":"application/json"`},
		},
		{
			"a redirect", "json user", page(302, "", "", "Location: /login?next=topsecretvalue"), 10,
			"has redirected every session",
			[]string{`"location":"/login"`, `"status":302`},
		},
		{"401", "json user", page(401, "", ""), 10, "has refused every session", []string{`"status":401`}},
		{"null", "json user", page(200, "application/json", `{"user":null}`), 10, "has named nobody so far", nil},
		{"no such header", "header X-User", page(200, "text/html", "<html>"), 10, "has named nobody so far", []string{`"looked_for":"header X-User"`}},
		{"no match", `regex "hello (\w+)"`, page(200, "text/html", "<html>"), 10, "has named nobody so far", []string{`"looked_for":"regex hello (\\w+)"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := harness.NewWith(t, harness.Options{
				Site: "jwt_session shop {\nwhoami /whoami " + test.from + "\nunauthenticated pass\n}\nreverse_proxy LEGACY",
			})
			g.Legacy.RespondWhoami(test.answer)
			visit(g, test.sessions-1, "/page")
			if got := warnings(g); len(got) > 0 {
				t.Errorf("warned too early: %q", got)
			}
			visit(g, test.sessions, "/page")
			checkWarning(g, test.want, test.parts...)
			visit(g, 30, "/page") // it is said once
			g.Clock.Advance(2 * time.Minute)
			visit(g, 30, "/page")
			checkWarning(g, test.want)
		})
	}
}

// A page that named a user once is no mistake, and neither is one of a gateway that knows users from before.
func TestWarnsOfNoWhoamiThatWorks(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(g *harness.Gateway){
		"a user was named, and has signed out": func(g *harness.Gateway) {
			b := g.SignedIn()
			b.Get("/page")
			b.Get("/logout")
		},
		"responses name users": func(g *harness.Gateway) {
			g.Load(harness.Options{Site: "jwt_session shop {\nwhoami /whoami json user\nresponse_user X-User\nunauthenticated pass\n}\nreverse_proxy LEGACY"})
			g.Legacy.Names("X-User")
			b := g.Browser()
			b.Get("/login?user=alice")
			b.Get("/page")
			b.Get("/silent")
			b.Get("/switch?user=")
		},
		"users are known": func(g *harness.Gateway) {
			g.SignedIn().Get("/page")
			g.Load(harness.Options{Site: "jwt_session shop {\nwhoami /whoami json user\nunauthenticated pass\n}\nreverse_proxy LEGACY"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := harness.New(t, "unauthenticated pass")
			prepare(g)
			visit(g, 50, "/page")
			for range 50 { // visitors without a session, of whom others know more
				b := g.Browser()
				b.Cookies["PHPSESSID"] = secretValue
				b.Get("/page")
			}
			if got := warnings(g); len(got) > 0 {
				t.Errorf("warned: %q", got)
			}
		})
	}
}

func TestWarnsOfWrongCookie(t *testing.T) {
	t.Parallel()
	for _, directive := range []string{"unauthenticated pass", "", "mode stateful", "mode shadow\nunauthenticated pass", "mode stateless"} {
		g := harness.New(t, directive)
		for n := range 2 {
			b := g.Browser()
			b.Cookies["_ga"], b.Cookies["PHPSESSID"], b.Cookies["cart"] = secretValue, fmt.Sprint(secretValue, n), secretValue
			b.Get("/page")
		}
		if got := warnings(g); len(got) > 0 {
			t.Errorf("%s: warned too early: %q", directive, got)
		}
		for range 3 {
			b := g.Browser()
			b.Cookies["PHPSESSID"], b.Cookies["other"] = secretValue, secretValue
			b.Get("/page")
		}
		checkWarning(g, "requests bring cookies, but never the session cookie", `"session_cookie":"session"`, `"came":["PHPSESSID","cart","other"]`)
	}
}

// What comes as the name of a cookie may be a value: a browser sends a cookie without a name as its value alone.
func TestWarnsOfNoCookieWithoutName(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	for range 5 {
		for _, line := range []string{"sid-" + secretValue, "sid-" + secretValue + "=", "sid-" + secretValue + "==", "=sid-" + secretValue} {
			if response := g.RawGet("Host: shop.example", "Cookie: "+line); response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
		}
	}
	if log := g.Logged(); len(warnings(g)) > 0 || strings.Contains(log, secretValue) {
		t.Errorf("warned: %q", warnings(g))
	}
}

// Cookies that are no session's, ours, or another realm's session's show nothing.
func TestWarnsOfNoCookieThatIsNone(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user
			unauthenticated pass
		}
		jwt_session blog {
			session_cookie blog_session
			unauthenticated pass
		}
		reverse_proxy LEGACY`})
	for range 50 {
		b := g.Browser()
		b.Cookies["_ga"], b.Cookies["theme"] = secretValue, secretValue
		b.Get("/page")
		b = g.Browser()
		b.Cookies["blog_session"], b.Cookies["jwt_blog"], b.Cookies["jwt_shop"] = secretValue, secretValue, secretValue
		b.Get("/page")
	}
	// Where the gateway opens the sessions itself, it sets the cookie as well.
	signIn := harness.NewWith(t, harness.Options{Site: `
		jwt_session_callback shop {
			issuer https://id.example
			client_id a
			client_secret b
		}
		jwt_session shop {
			unauthenticated pass
		}
		reverse_proxy LEGACY`})
	for range 50 {
		b := signIn.Browser()
		b.Cookies["PHPSESSID"] = secretValue
		b.Get("/page")
	}
	for _, line := range append(warnings(g), warnings(signIn)...) {
		if strings.Contains(line, "requests bring cookies, but never") {
			t.Errorf("warned: %s", line)
		}
	}
}

func TestWarnsOfUnseenSignOuts(t *testing.T) {
	t.Parallel()
	for directive, want := range map[string]string{
		"":                                 "write forget_on with the path of the sign-out",
		"forget_on /signout":               "compare forget_on, which never matched",
		"mode stateful\nforget_on /logoff": "compare forget_on, which never matched",
	} {
		g := harness.New(t, directive+"\nunauthenticated pass")
		signOutUnseen := func() {
			b := g.SignedIn()
			b.Get("/page")
			b.Get("/quiet-logout")
			g.Clock.Advance(70 * time.Second)
			b.Get("/page")
		}
		signOutUnseen()
		signOutUnseen()
		if got := warnings(g); len(got) > 0 {
			t.Errorf("%s: warned too early: %q", directive, got)
		}
		signOutUnseen()
		signOutUnseen()
		checkWarning(g, want, `"sessions":3`)
	}
}

// Sessions that nobody used for long end by themselves, and a sign-out that was noticed shows that others will be.
func TestWarnsOfNoEndsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(g *harness.Gateway, b *harness.Browser){
		"long ago": func(g *harness.Gateway, b *harness.Browser) {
			g.Legacy.Set(b.Cookies["session"], "")
			g.Clock.Advance(10 * time.Minute)
		},
		"by cookie": func(g *harness.Gateway, b *harness.Browser) {
			g.Legacy.Set(b.Cookies["session"], "")
			g.Clock.Advance(70 * time.Second)
			g.SignedIn().Get("/logout")
		},
		"by forget_on": func(g *harness.Gateway, b *harness.Browser) {
			g.Legacy.Set(b.Cookies["session"], "")
			g.Clock.Advance(70 * time.Second)
			g.SignedIn().Get("/quiet-logout")
		},
	} {
		g := harness.New(t, "forget_on /quiet-logout\nunauthenticated pass")
		for range 6 {
			b := g.SignedIn()
			b.Get("/page")
			end(g, b)
			b.Get("/page")
		}
		if got := warnings(g); len(got) > 0 {
			t.Errorf("%s: warned: %q", name, got)
		}
	}
	// A page that was exchanged for a wrong one shows no ends.
	wrong := harness.New(t, "unauthenticated pass")
	users := []*harness.Browser{wrong.SignedIn(), wrong.SignedIn(), wrong.SignedIn(), wrong.SignedIn()}
	for _, b := range users {
		b.Get("/page")
	}
	wrong.Load(harness.Options{Site: "jwt_session shop {\nwhoami /whoami json account\nunauthenticated pass\n}\nreverse_proxy LEGACY"})
	for _, b := range users {
		b.URL, b.Client = wrong.URL, wrong.Server.Client()
		wrong.Clock.Advance(70 * time.Second)
		b.Get("/page")
	}
	if got := warnings(wrong); len(got) > 0 {
		t.Errorf("a wrong page: warned: %q", got)
	}
	// An application that is started again may lose all sessions at once.
	g := harness.New(t, "unauthenticated pass")
	var browsers []*harness.Browser
	for range 6 {
		browsers = append(browsers, g.SignedIn())
		browsers[len(browsers)-1].Get("/page")
	}
	g.Clock.Advance(70 * time.Second)
	for _, b := range browsers {
		g.Legacy.Set(b.Cookies["session"], "")
		b.Get("/page")
		g.Clock.Advance(5 * time.Second)
	}
	if got := warnings(g); len(got) > 0 {
		t.Errorf("an application that was started again: warned: %q", got)
	}
}

func TestWarnsOfSharedCookie(t *testing.T) {
	t.Parallel()
	const want = "one value of the session cookie was several users' in turn"
	// By the page: the application knows users by another cookie, which the question carries, and the session cookie is one of
	// the server.
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			session_cookie server
			whoami /whoami json user {
				cookies session
			}
		}
		reverse_proxy LEGACY`})
	alice, bob := g.SignedIn(), g.Browser()
	bob.Cookies["session"] = g.Legacy.SignIn("bob")
	alice.Cookies["server"], bob.Cookies["server"] = secretValue+"-1", secretValue+"-1"
	for range 2 {
		alice.Get("/page")
		g.Clock.Advance(70 * time.Second)
		bob.Get("/page")
		g.Clock.Advance(70 * time.Second)
	}
	checkWarning(g, want, `"session_cookie":"server"`)

	// By the header in responses.
	g = harness.New(t, "response_user X-User")
	g.Legacy.Names("X-User")
	b := g.SignedIn()
	for _, user := range []string{"alice", "bob", "carol", "alice"} {
		b.Get("/switch?user=" + user)
	}
	checkWarning(g, want, `"session_cookie":"session"`)
}

func TestWarnsOfRefusedSignInPage(t *testing.T) {
	t.Parallel()
	const want = "a page was refused with 401, and nobody has signed in so far"
	for _, test := range []struct {
		name, directive, path, accept string
		visits                        int
		want                          bool
	}{
		{"the page itself", "", "/login", "text/html", 1, true},
		{"by a rule", "unauthenticated /public/* pass\nunauthenticated deny", "/account/login", "text/html", 1, true},
		{"no page at all is open", "", "/", "text/html", 3, true},
		{"too few to tell", "", "/", "text/html", 2, false},
		{"no page", "", "/login", "application/json", 9, false},
		{"another page is open", "unauthenticated /start pass", "/", "text/html", 9, false},
		{"a redirect", "unauthenticated redirect /start", "/login", "text/html", 9, false},
		{"clients bring tokens", "accept_bearer", "/", "text/html", 9, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := harness.New(t, test.directive)
			for range test.visits {
				g.Browser().Get(test.path, "Accept: "+test.accept)
			}
			if test.want {
				g.Browser().Get(test.path, "Accept: "+test.accept)
				checkWarning(g, want)
			} else if got := warnings(g); len(got) > 0 {
				t.Errorf("warned: %q", got)
			}
		})
	}
	// Another page of the configuration may be the one to sign in at, or the page for errors leads there.
	const handler = "jwt_session shop {\nwhoami /whoami json user\n}\n"
	for _, site := range []string{
		"handle /enter {\nrespond ok\n}\nhandle {\n" + handler + "reverse_proxy LEGACY\n}",
		"route {\nrespond /enter ok\n" + handler + "reverse_proxy LEGACY\n}",
		handler + "reverse_proxy LEGACY\nhandle_errors 401 {\nredir * /enter\n}",
		"@id host id.example\nhandle @id {\nrespond ok\n}\nhandle {\n" + handler + "reverse_proxy LEGACY\n}",
		"@shop not host id.example\nroute @shop {\n" + handler + "reverse_proxy LEGACY\n}\nrespond ok",
	} {
		g := harness.NewWith(t, harness.Options{Site: site})
		for range 9 {
			g.Browser().Get("/page", "Accept: text/html")
		}
		if got := warnings(g); len(got) > 0 {
			t.Errorf("%s: warned: %q", site, got)
		}
	}
	// Who has signed in once has found the page, also before the configuration was loaded again.
	g := harness.New(t, "")
	g.SignedIn().Get("/page")
	for range 5 {
		g.Browser().Get("/login", "Accept: text/html")
	}
	g.Load(harness.Options{Site: handler + "reverse_proxy LEGACY"})
	for range 5 {
		g.Browser().Get("/login", "Accept: text/html")
	}
	if got := warnings(g); len(got) > 0 {
		t.Errorf("warned: %q", got)
	}
}

// A gateway that fits its application says nothing: visitors come, sign in, browse, and sign out.
func TestWarnsOfNothingThatWorks(t *testing.T) {
	t.Parallel()
	for _, directive := range []string{
		"", "mode stateful", "mode shadow", "mode stateless\ntoken_lifetime 1m", "session_cookie session\nrestore_session on",
		"forget_on /quiet-logout", "token_in_session_cookie", "identity_header X-User\nidentity_header X-Role role",
	} {
		t.Run(directive, func(t *testing.T) {
			t.Parallel()
			g := harness.NewWith(t, harness.Options{Site: `
				jwt_session shop {
					whoami /whoami json user {
						attribute role json role
					}
					unauthenticated /login pass
					unauthenticated /start pass
					unauthenticated redirect /start
					` + directive + `
				}
				jwt_session_require /orders role customer
				reverse_proxy LEGACY`})
			for n := range 12 {
				b := g.Browser()
				b.Headers.Set("Accept", "text/html")
				b.Cookies["_ga"], b.Cookies["csrftoken"] = secretValue, secretValue
				for range 4 {
					b.Get("/")
					b.Get("/start")
				}
				b.Get(fmt.Sprintf("/login?user=user%d", n%4))
				for range 3 {
					b.Get("/page")
					b.Get("/orders")
					g.Clock.Advance(40 * time.Second)
				}
				b.Get("/logout")
				b.Get("/page")
				b.Get("/start")
			}
			if got := warnings(g); len(got) > 0 {
				t.Errorf("warned: %q", got)
			}
		})
	}
}
