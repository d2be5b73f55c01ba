package jwtsession_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// What a client sends beside the session cookie, or in its place, and what the application could take for it. That real
// applications read no more than this is shown in apps/cookies and apps.

// A client sends another user's session beside its own, under a name that only the application takes for the session
// cookie's: the header would name one user and the page would show another one.
func TestAttackAliasBesideTheSession(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app_session", "session", "connect.sid"} {
		t.Run(name, func(t *testing.T) {
			g := harness.New(t, "unauthenticated pass\nsession_cookie "+name)
			whoami := ""
			g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
				whoami = strings.Join(r.Header["Cookie"], " | ")
				_, _ = fmt.Fprint(w, `{"user": "alice"}`)
				return true
			})
			for i, alias := range aliasesOf(name) {
				own := fmt.Sprintf("%s=alice-%d-0123456789abcdef", name, i)
				for _, line := range []string{alias + "; " + own, own + "; " + alias, own + ";" + alias} {
					received, cookies := g.Asked("/page", "Cookie: a=1; "+line+"; b=2")
					if user := received.User(t); user != "alice" || cookies != "a=1; "+own+"; b=2" && cookies != "a=1;"+own+"; b=2" {
						t.Errorf("%q: the application sees %q with %q", line, user, cookies)
					}
				}
				if strings.Contains(whoami, "mallory") || !strings.Contains(whoami, own) {
					t.Errorf("%q: the question carries %q", alias, whoami)
				}
				if _, cookies := g.Asked("/page", "Cookie: "+alias); cookies != "" {
					t.Errorf("%q alone: the application receives %q", alias, cookies)
				}
			}
		})
	}
}

// aliasesOf returns segments that some application reads as the cookie of that name, with the value mallory.
func aliasesOf(name string) []string {
	dotted := strings.NewReplacer("_", ".", ".", "_").Replace(name)
	segments := []string{
		strings.ToUpper(name) + "=mallory", strings.ToUpper(name[:1]) + name[1:] + "=mallory", name + "[]=mallory", name + "[x]=mallory", name, dotted + "[",
		fmt.Sprintf("%%%02x%s=mallory", name[0], name[1:]), fmt.Sprintf("%%25%02X%s=mallory", name[0], name[1:]), "%20" + name + "=mallory",
		name + "%20=mallory", "+" + name + "=mallory", name + "%00=mallory", name + "%09=mallory", "\u00a0" + name + "=mallory", name + "\u2003=mallory",
		"\xa0" + name + "=mallory", "x=y " + name + "=mallory", "x=y\t" + name + "=mallory", "x=y," + name + "=mallory", "x=y, " + name + "=mallory", "x y=z " + name + " = mallory",
		"=" + name + "=mallory", "x=y " + strings.ToUpper(name) + "=mallory", `x="mallory`, `x="\"mallory`, "$Version=1", `x="y" ` + name + `=mallory`,
	}
	if dotted != name {
		segments = append(segments, dotted+"=mallory", strings.NewReplacer("_", " ", ".", " ").Replace(name)+"=mallory",
			strings.NewReplacer("_", "[", ".", "[").Replace(name)+"=mallory", strings.ToUpper(dotted)+"=mallory")
	}
	return segments
}

// A client whose session was revoked sends its id under another name where the route passes everybody on: the application
// would go on with the session, and its next answer would bring the identity back.
func TestAttackRevokedSessionByAlias(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	session := g.Legacy.SignIn("bob")
	if err := g.App.Opened().Ledger.RevokeSession(t.Context(), harness.KeyOf(g, session)); err != nil {
		t.Fatal(err)
	}
	for _, template := range []string{
		"Session=%s", "session[]=%s", "%%73ession=%s", "x=y session=%s", "x=y,session=%s", "session=%[1]s; SESSION=%[1]s", "session%%20=%s", `session="; x=%s"`,
	} {
		line := fmt.Sprintf(template, session)
		received, cookies := g.Asked("/page", "Cookie: "+line)
		if user := received.User(t); user != "" || strings.Contains(cookies, session) {
			t.Errorf("%q: the application sees %q with %q", line, user, cookies)
		}
	}
}

// A client divides its cookies among several lines, which servers put together in ways of their own, so that a quote in one
// runs on into another.
func TestAttackSeveralCookieLines(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	own := "session=" + g.Legacy.SignIn("alice")
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{own, "a=1"}, own + "; a=1"},
		{[]string{"a=1;b=2 ", own, "c"}, "a=1;b=2; " + own + "; c"},
		{[]string{`a="x`, own, `b="`}, own},
		{[]string{"Session=x", own}, own},
		{[]string{own, own}, own + "; " + own},
		{[]string{"jwt_shop=x", own, "a=\"b\"; c = d"}, own + "; a=\"b\"; c = d"},
	} {
		var lines []string
		for _, line := range test.lines {
			lines = append(lines, "Cookie: "+line)
		}
		received, cookies := g.Asked("/page", lines...)
		if user := received.User(t); user != "alice" || cookies != test.want {
			t.Errorf("%q: the application sees %q with %q, want %q", test.lines, user, cookies, test.want)
		}
	}
}

// Cookies that no parser takes for the session cookie arrive byte for byte.
func TestOtherCookiesArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass\nsession_cookie session DW*")
	for _, line := range []string{
		"a=session;b=session=x;c=?session=1&DWx=2", `theme="dark"; prefs={"a":"b","c":[1]}; q="Zm9v=="`, "sessions=1; mysession=2; session_x=3;session-y=4; D=5; adw=6",
		"a=%73ession; tags=user,session; note=my session; =x; ;;z", "J\xc3\xb6rg=\xc3\xbc; groups=C1:1,C2:0; date=Wed, 09 Jun 2021 10:18:14 GMT",
	} {
		if _, cookies := g.Asked("/page", "Cookie: "+line); cookies != line {
			t.Errorf("of %q arrives %q", line, cookies)
		}
	}
}

// The white space around a session cookie's name and value is a part of them for PHP and Rack, and not for the gateway: a
// client would have another session judged than the application reads.
func TestAttackWhiteSpaceAroundTheSession(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	own := g.Legacy.SignIn("alice")
	for _, line := range []string{"session= " + own, "session = " + own + " ", "session=\t" + own, "session\t=" + own} {
		received, cookies := g.Asked("/page", "Cookie: a = 1; "+line+"; b")
		if user := received.User(t); user != "alice" || cookies != "a = 1; session="+own+"; b" {
			t.Errorf("%q: the application sees %q with %q", line, user, cookies)
		}
	}
}

// Each of two realms in one chain, and an error route, remove what could be taken for their session cookies, and none removes
// the other's.
func TestAliasesInEveryRoute(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route /two {
			jwt_session shop {
				whoami /whoami json user
				unauthenticated pass
			}
			jwt_session tomcat {
				whoami /whoami json user
				session_cookie JSESSIONID
				unauthenticated pass
			}
			reverse_proxy LEGACY
		}
		route {
			error 500
		}
		handle_errors {
			jwt_session_strip
			reverse_proxy LEGACY
		}`})
	cookies := "Cookie: Session=mallory; session=a; jsessionid=mallory; JSESSIONID=b; c=d"
	for path, want := range map[string]string{
		"/two":   "session=a; JSESSIONID=b; c=d",
		"/error": "session=a; JSESSIONID=b; c=d",
	} {
		if _, got := g.Asked(path, cookies); got != want {
			t.Errorf("%s: the application receives %q, want %q", path, got, want)
		}
	}
	if received, _ := g.Asked("/error;JSessionID=mallory;x=1"); received.Path != "/error;x=1" {
		t.Errorf("the error route leads to %q", received.Path)
	}
}

// A later handler of the realm goes by the session cookies of the one that decided, also where a handler in between has changed
// the request; the default name is a cookie of somebody else there.
func TestAliasesBehindALaterHandler(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route {
			jwt_session shop {
				whoami /whoami json user
				session_cookie sid
				unauthenticated pass
			}
			request_header /changed* Cookie "Session=dark; SID=mallory; sid=a"
			jwt_session shop {
				unauthenticated pass
			}
			reverse_proxy LEGACY
		}`})
	for path, want := range map[string]string{
		"/page;session=1;SID=mallory;v=2": "/page;session=1;v=2",
		"/changed":                        "/changed",
	} {
		received, cookies := g.Asked(path, "Cookie: Session=dark; SID=mallory; sid=a")
		if received.Path != want || cookies != "Session=dark; sid=a" {
			t.Errorf("%s: the application receives %q with %q", path, received.Path, cookies)
		}
	}
	g.Asked("/page", "Cookie: Session=dark; sid=a")
	if log := g.Logged(); strings.Contains(log, `"session_cookie":"session"`) {
		t.Errorf("the log says\n%s", log)
	}
}

// What was removed is said once, by its kind and the session cookie's name, and never with what the client sent.
func TestAliasIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	for range 3 {
		g.Asked("/page", "Cookie: SESSION=secret-value; a=b")
		g.Asked("/page", `Cookie: secret-name="secret-value; a=b`)
	}
	g.Asked("/page", "Cookie: a=b; session=c")
	log := g.Logged()
	if strings.Count(log, "another spelling of the name") != 1 || strings.Count(log, "a quoted value without an end") != 1 ||
		!strings.Contains(log, `"session_cookie":"session"`) || strings.Contains(log, "secret-") {
		t.Errorf("the log says\n%s", log)
	}
}

// A client sends the id of a session in the path, where servlet containers read it past the cookie.
func TestAttackSessionInThePath(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		handle_path /app* {
			jwt_session shop {
				whoami /whoami json user
				session_cookie JSESSIONID
				unauthenticated pass
			}
			reverse_proxy LEGACY {
				header_up X-Original {http.request.orig_uri}
				header_up X-URI {http.request.uri}
			}
		}`})
	arrived, original := "", ""
	g.Legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		arrived, original = r.RequestURI, r.Header.Get("X-Original")
		if uri := r.Header.Get("X-Uri"); uri != arrived {
			t.Errorf("placeholders say %q of %q", uri, arrived)
		}
		return false
	})
	for path, want := range map[string]string{
		"/page.jsp;jsessionid=A1":                "/page.jsp",
		"/page.jsp;jsessionid=A1.node1?a=;b=c":   "/page.jsp?a=;b=c",
		"/page.jsp;JSESSIONID=A1":                "/page.jsp",
		"/a;jSessionId=A1/b;x=1;jsessionid=A2;y": "/a/b;x=1;y",
		"/page%3Bjsessionid=A1/x":                "/page/x",
		"/page%3bjsessionid%3dA1":                "/page",
		"/page%253Bjsessionid=A1":                "/page",
		"/page;%6Asessionid=A1":                  "/page",
		"/page;%256Asessionid=A1/%2F%20x":        "/page/%2F%20x",
		"/page;%20jsessionid%20=A1":              "/page",
		"/page;jsessionid":                       "/page",
		"/;jsessionid=A1":                        "/",
		// What names no session cookie arrives as it came.
		"/page;v=1.0/%2F%3B%20%C3%BC;x?;jsessionid=A1": "/page;v=1.0/%2F%3B%20%C3%BC;x?;jsessionid=A1",
		"/a;xjsessionid=A1;jsessionid2=A2":             "/a;xjsessionid=A1;jsessionid2=A2",
		"/a/b;v=jsessionid=1":                          "/a/b;v=jsessionid=1",
	} {
		g.Asked("/app" + path)
		if arrived != want || original != "/app"+want {
			t.Errorf("of %s arrives %s, want %s; as the original %s", path, arrived, want, original)
		}
	}
}

// The same where PHP is asked: its server interface gets the path as it was before all rewriting.
func TestAttackSessionInThePathOfPHP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s %v", r.URL, fcgi.ProcessEnv(r))
		})) // it ends when the listener is closed
	}()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g := harness.NewWith(t, harness.Options{Site: fmt.Sprintf(`
		route {
			jwt_session shop {
				unauthenticated pass
			}
			root * %q
			php_fastcgi %s
		}
		handle_errors {
			respond "{uri} {http.request.orig_uri}"
		}`, root, listener.Addr())})
	for _, path := range []string{"/index.php;session=SECRET/info", "/page;Session=SECRET", "/index.php%3Bsession=SECRET", "/index.php/a%3bsession=SECRET/b"} {
		reply := g.Browser().Get(path)
		if strings.Contains(reply.Text, "SECRET") || !strings.HasPrefix(reply.Text, "http://") {
			t.Errorf("%s: PHP receives %s", path, reply.Text)
		}
	}
}

// A refused request carries no session in its path to the error routes either.
func TestAttackSessionInThePathOfAnError(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user
		}
		reverse_proxy LEGACY
		handle_errors {
			reverse_proxy LEGACY {
				header_up X-Original {http.request.orig_uri}
			}
		}`})
	received, _ := g.Asked("/page;session=SECRET/x?y")
	if original := received.Header.Get("X-Original"); received.Path != "/page/x" || original != "/page/x?y" {
		t.Errorf("the error route leads to %q, asked for as %q", received.Path, original)
	}
}
