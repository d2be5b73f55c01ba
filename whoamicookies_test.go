package jwtsession_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// An attacker plants a session cookie in a browser that the application knows by a "remember me" cookie, so that the
// application's answer about the two makes the planted session the victim's.
func TestAttackRememberMeFixation(t *testing.T) {
	t.Parallel()
	const planted = "EVIL-EVIL-EVIL-EVIL-EVIL"
	for _, test := range []struct {
		name, options, cookies string
		victim                 int // the status of the victim's request
	}{
		{"the cookie is not in the question", "", "session=" + planted, http.StatusUnauthorized},
		{"it is, by option", "cookies remember", "session=" + planted + "; remember=R-of-alice", http.StatusServiceUnavailable},
		{"it is, by a pattern", "cookies rem*", "session=" + planted + "; remember=R-of-alice", http.StatusServiceUnavailable},
	} {
		for _, mode := range []string{"mixed", "stateful", "shadow"} {
			g := harness.NewWith(t, harness.Options{Site: `
				jwt_session shop {
					mode ` + mode + `
					whoami /whoami json user {
						` + test.options + `
					}
				}
				reverse_proxy LEGACY`})
			asked := g.Legacy.Remembering("alice")
			victim := g.Browser()
			victim.Cookies["session"], victim.Cookies["remember"] = planted, "R-of-alice"
			response := victim.Get("/page")
			if response.StatusCode != test.victim || response.Received != nil || response.TokenSet() == "set" {
				t.Errorf("%s, %s: the victim's request: status %d, want %d", test.name, mode, response.StatusCode, test.victim)
			}
			if got := asked(); len(got) != 1 || !slices.Equal(got[0], []string{test.cookies}) {
				t.Errorf("%s, %s: the questions carried %q, want %q", test.name, mode, got, test.cookies)
			}
			g.Clock.Advance(4 * time.Second) // longer than an answer that names nobody is remembered
			attacker := g.Browser()
			attacker.Cookies["session"] = planted
			if response := attacker.Get("/page"); response.StatusCode != http.StatusUnauthorized || response.Received != nil {
				t.Errorf("%s, %s: the attacker's request: status %d, want 401", test.name, mode, response.StatusCode)
			}
		}
	}
}

// Where requests go on without identity, the application signs the victim in itself, and the planted session stays nobody's.
func TestAttackRememberMeFixationWhereRequestsPass(t *testing.T) {
	t.Parallel()
	const planted = "EVIL-EVIL-EVIL-EVIL-EVIL"
	g := harness.New(t, "unauthenticated pass")
	g.Legacy.Remembering("alice")
	victim := g.Browser()
	victim.Cookies["session"], victim.Cookies["remember"] = planted, "R-of-alice"
	response := victim.Get("/page")
	if user := response.Received.User(t); user != "" || victim.Cookies["session"] == planted {
		t.Fatalf("the first request: user %q, and the session is new: %v", user, victim.Cookies["session"] != planted)
	}
	if user := victim.Get("/page").Received.User(t); user != "alice" {
		t.Errorf("the new session is %q's, want alice's", user)
	}
	attacker := g.Browser()
	attacker.Cookies["session"] = planted
	if user := attacker.Get("/page").Received.User(t); user != "" {
		t.Errorf("the planted session is %q's", user)
	}
}

// The question carries the session cookies and those that the option names, byte for byte, and nothing else of the client.
func TestQuestionCarriesOnlyItsCookies(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			session_cookie sid DW*
			whoami /whoami json user {
				cookies lb AWSALB*
			}
		}
		reverse_proxy LEGACY`})
	var mutex sync.Mutex
	var got http.Header
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		mutex.Lock()
		defer mutex.Unlock()
		got = r.Header
		_, _ = io.WriteString(w, `{"user": "alice"}`)
		return true
	})
	other := "theme=dark; SID=x; xsid=x; sid2=x; sid; =sid; =sid=x; lb2=x; LB=x; lb; remember; .sid=x; sid[=x; $Version=1"
	for i, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"sid=NUMBER; DWa=b"}, "sid=NUMBER; DWa=b"},
		{[]string{other + "; sid=NUMBER; " + other + "; DWa=b; " + other}, "sid=NUMBER; DWa=b"},
		{[]string{"remember=R;sid=NUMBER;DWa=b;remember=R"}, "sid=NUMBER; DWa=b"},
		{[]string{"DWa=b; lb=7; sid=NUMBER; AWSALBCORS=x/+=; AWSALB=y"}, "DWa=b; lb=7; sid=NUMBER; AWSALBCORS=x/+=; AWSALB=y"},
		{[]string{"sid=NUMBER; remember=R", "remember=R; lb=7", "DWa=b"}, "sid=NUMBER; lb=7; DWa=b"},
		{[]string{"sid=NUMBER; DWa=b; sid=NUMBER"}, "sid=NUMBER; DWa=b; sid=NUMBER"},
		{[]string{`sid="NUMBER,%41\ é; DWa = "b"; lb=`}, `sid="NUMBER,%41\ é; lb=`}, // some parsers read on in the open quote
		{[]string{`lb="1; remember=R; x"; sid=NUMBER; DWa=b`}, "sid=NUMBER; DWa=b"},
		{[]string{"jwt_shop=x; __Host-jwt_shop=y; sid=NUMBER; DWa=b"}, "sid=NUMBER; DWa=b"},
	} {
		number := fmt.Sprintf("0123456789abcdef-%d", i) // a session of its own, so that it is asked about
		lines := []string{
			"GET /page HTTP/1.1", "Host: legacy", "Connection: close", "Authorization: Basic YTpi", "X-Remember: R",
			"Referer: http://legacy/", "Origin: http://legacy",
		}
		for _, line := range test.lines {
			lines = append(lines, "Cookie: "+strings.ReplaceAll(line, "NUMBER", number))
		}
		if response := g.Raw(lines, ""); response.StatusCode != http.StatusOK {
			t.Fatalf("%q: status %d", test.lines, response.StatusCode)
		}
		mutex.Lock()
		if want := []string{strings.ReplaceAll(test.want, "NUMBER", number)}; !slices.Equal(got["Cookie"], want) {
			t.Errorf("%q: the question carried %q, want %q", test.lines, got["Cookie"], want)
		}
		for _, name := range []string{"Authorization", "X-Remember", "Referer", "Origin"} {
			if got[name] != nil {
				t.Errorf("the question carried %s: %q", name, got[name])
			}
		}
		mutex.Unlock()
	}
}

// An answer that names a user and changes a session cookie may be about another session than the one that was asked about.
func TestAnswerThatChangesTheSession(t *testing.T) {
	t.Parallel()
	const past = "Thu, 01 Jan 1970 00:00:00 GMT"
	for _, test := range []struct {
		name   string
		lines  []string // ID stands for the session's own id
		status int
	}{
		{"no cookie", nil, http.StatusOK},
		{"another cookie", []string{"theme=dark; Path=/", "Session=x", "sessions=x", "session2=x"}, http.StatusOK},
		{"the same value", []string{"session=ID; Path=/; HttpOnly"}, http.StatusOK},
		{"the same value for a while", []string{"session=ID; Max-Age=60; Expires=" + past}, http.StatusOK},
		{"the same value twice", []string{"session=ID; Path=/", "session=ID; Path=/app"}, http.StatusOK},
		{"another value", []string{"session=other; Path=/"}, http.StatusServiceUnavailable},
		{"another value behind the same", []string{"session=ID", "session=other"}, http.StatusServiceUnavailable},
		{"another value before the same", []string{"session=other", "session=ID"}, http.StatusServiceUnavailable},
		{"another value among others", []string{"a=b", "session = other ;Path=/", "c=d"}, http.StatusServiceUnavailable},
		{"an empty value", []string{"session=; Path=/"}, http.StatusServiceUnavailable},
		{"quoted, which is another value", []string{`session="ID"`}, http.StatusServiceUnavailable},
		{"deleted by Max-Age", []string{"session=; Max-Age=0"}, http.StatusServiceUnavailable},
		{"deleted with its value", []string{"session=ID; Max-Age=0"}, http.StatusServiceUnavailable},
		{"deleted by a negative Max-Age", []string{"session=ID; max-age=-1"}, http.StatusServiceUnavailable},
		{"deleted by Expires", []string{"session=ID; expires=" + past}, http.StatusServiceUnavailable},
	} {
		for _, rolling := range []bool{false, true} {
			options, want := "", test.status
			if rolling {
				options, want = "rolling", http.StatusOK
			}
			g := harness.NewWith(t, harness.Options{Site: `
				jwt_session shop {
					whoami /whoami json user {
						` + options + `
					}
				}
				reverse_proxy LEGACY`})
			b := g.SignedIn()
			g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
				for _, line := range test.lines {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "ID", b.Cookies["session"]))
				}
				return false
			})
			response := b.Get("/page")
			if response.StatusCode != want || len(response.Header.Values("Set-Cookie")) > 1 {
				t.Errorf("%s, rolling %v: status %d, want %d; cookies %q", test.name, rolling, response.StatusCode, want,
					response.Header["Set-Cookie"])
			}
			warned := strings.Contains(g.Logged(), "the whoami page rotates sessions")
			if warned != (want == http.StatusServiceUnavailable) {
				t.Errorf("%s, rolling %v: warned is %v", test.name, rolling, warned)
			}
		}
	}
}

// Such an answer is never remembered, ends nothing, has a reason of its own, and is warned of once.
func TestAnswerThatChangesTheSessionIsCounted(t *testing.T) {
	g := harness.New(t, "unauthenticated /open* pass")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Clock.Advance(31 * time.Second)
	changes := true
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		if changes {
			w.Header().Set("Set-Cookie", "session=other-other-other-other")
		}
		return false
	})
	if response := b.Get("/page"); response.Received.User(t) != "alice" || response.TokenSet() != "" {
		t.Errorf("while the token counts: user %q, token cookie %q", response.Received.User(t), response.TokenSet())
	}
	g.Clock.Advance(30 * time.Second)
	for range 2 {
		if response := b.Get("/page"); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	if user := b.Get("/open").Received.User(t); user != "" {
		t.Errorf("where requests pass: user %q", user)
	}
	status, text := g.Status()
	if !strings.Contains(text, `"changes_session"`) {
		t.Errorf("the status %+v has no reason for it", status)
	}
	if got := strings.Count(g.Logged(), "the whoami page rotates sessions"); got != 1 {
		t.Errorf("warned %d times", got)
	}
	if strings.Contains(g.Logged(), "other-other") {
		t.Error("the log holds the session id")
	}
	changes = false
	if user := b.Get("/page").Received.User(t); user != "alice" {
		t.Errorf("once the page changes nothing: user %q", user)
	}
}

// What changes the session and names nobody is nobody's, as an expired session's new id is.
func TestAnswerOfNobodyThatChangesTheSession(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusFound, http.StatusUnauthorized} {
		g := harness.New(t, "")
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Set-Cookie", "session=other-other-other-other")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"user": null}`)
			return true
		})
		g.ExpectRefused(g.SignedIn().Get("/page"), "")
	}
}

func TestWhoamiCookiesErrors(t *testing.T) {
	for _, test := range []struct{ options, want string }{
		{"whoami /w json u {\ncookies\n}", "cookies: want at least one value"},
		{"whoami /w json u {\ncookies a\ncookies b\n}", "cookies is given twice"},
		{"whoami /w json u {\ncookies *\n}", "cookies *: the question would carry every cookie"},
		{"whoami /w json u {\ncookies a**\n}", `cookies "a**": want a cookie's name`},
		{"whoami /w json u {\ncookies \"a b\"\n}", `cookies "a b": want a cookie's name`},
		{"whoami /w json u {\ncookies a=b\n}", `cookies "a=b": want a cookie's name`},
		{"whoami /w json u {\ncookies lb lb\n}", "lb and lb can be the same cookie"},
		{"whoami /w json u {\ncookies AWS* AWSALB\n}", "AWS* and AWSALB can be the same cookie"},
		{"session_cookie sid\nwhoami /w json u {\ncookies sid\n}", "cookies sid: that is the session_cookie sid, which the question carries anyway; leave it out"},
		{"whoami /w json u {\ncookies lb s*\n}\nsession_cookie sid", "cookies s*: that is the session_cookie sid"},
		{"session_cookie a DW*\nwhoami /w json u {\ncookies DWx\n}", "cookies DWx: that is the session_cookie DW*"},
		{"session_cookie a DW*\nwhoami /w json u {\ncookies D*\n}", "cookies D*: that is the session_cookie DW*"},
		{"token_cookie t\nwhoami /w json u {\ncookies t\n}", "cookies t: that can be the token_cookie of realm shop"},
		{"whoami /w json u {\ncookies to*\n}\ntoken_cookie token", "cookies to*: that can be the token_cookie of realm shop"},
		{"issuer https://id.example {\naudience a\nfrom cookie at\n}\nwhoami /w json u {\ncookies at\n}", `cookies at: that can be the cookie with tokens of the issuer "https://id.example"`},
		{"whoami /w json u {\nmax_per_client 0\n}", "max_per_client 0: want a number above 0"},
		{"whoami /w json u {\nmax_per_client many\n}", "max_per_client many: want a number above 0"},
	} {
		checkAdaptError(t, "http:// {\n"+handlerWith(test.options)+"\n}", test.want)
	}
	const asking = "whoami /w json u {\ncookies NAME\n}"
	for _, test := range []struct{ name, site, want string }{
		{"session", "jwt_session shop {\n" + asking + "\n}", "cookies session: that is the session_cookie session"},
		{"jwt_shop", "jwt_session shop {\n" + asking + "\n}", "cookies jwt_shop: that can be the token_cookie of realm shop"},
		{"__Host-jwt_shop", "jwt_session shop {\n" + asking + "\n}", "that can be the token_cookie of realm shop"},
		{"jwt_*", "jwt_session shop {\n" + asking + "\n}", "that can be the token_cookie of realm shop"},
		{"__Host-*", "jwt_session shop {\n" + asking + "\n}", "that can be the token_cookie of realm shop"},
		{"jwt_blog", "jwt_session shop {\n" + asking + "\n}\njwt_session blog", "that can be the token_cookie of realm blog"},
		{"jwt_blog", "jwt_session blog\njwt_session shop {\n" + asking + "\n}", "that can be the token_cookie of realm blog"},
		{"jwt_site-a*", "jwt_session site-{host} {\n" + asking + "\n}", "that can be the token_cookie of realm site-{"},
		{"at", `jwt_session_callback shop {
			issuer https://id.example
			client_id shop
			audience api
			client_secret secret
			access_token_cookie at
		}
		jwt_session shop {
			` + asking + `
		}`, "that can be a token's cookie of jwt_session_callback shop"},
	} {
		site := "route {\n" + strings.ReplaceAll(test.site, "NAME", test.name) + "\n}"
		checkInvalid(t, validateSite(t, "", site), test.name, test.want)
	}
	for _, name := range []string{"lb", "AWSALB*", "jwt", "j*", "sess", "sessions*", "jwt_blog"} {
		if err := validateSite(t, "", strings.ReplaceAll("jwt_session shop {\ntoken_cookie t\n"+asking+"\n}", "NAME", name)); err != nil {
			t.Errorf("cookies %s: %v", name, err)
		}
	}
}
