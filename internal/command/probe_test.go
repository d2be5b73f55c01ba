package command_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/probe"
)

// secretCookie is the session of a user who is signed in, which no output may show.
const secretCookie = "SECRET-0123456789abcdef"

// strange is an application with a page for each mistake.
type strange struct {
	*httptest.Server

	signedOut atomic.Bool
	strays    atomic.Int32 // requests with the cookie on a page that nobody named
}

func newStrange(t *testing.T) *strange {
	t.Helper()
	app := new(strange)
	app.Server = httptest.NewServer(app)
	t.Cleanup(app.Close)
	return app
}

func (s *strange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie("sid")
	isAlice := err == nil && cookie.Value == secretCookie && !s.signedOut.Load()
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/json")
	user := func() {
		if isAlice {
			_, _ = io.WriteString(w, `{"user":{"id":7,"login":"alice"},"csrf":"`+secretCookie+`"}`)
		} else {
			_, _ = io.WriteString(w, `{"user":null}`)
		}
	}
	switch r.URL.Path {
	case "/me", "/prefixed/me":
		user()
	case "/html":
		header.Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<p>Hello %v", isAlice)
	case "/sign-in-first":
		if !isAlice {
			header.Set("Location", "/login;sid="+secretCookie+"?next="+secretCookie)
			w.WriteHeader(http.StatusFound)
			return
		}
		user()
	case "/always-sign-in":
		http.Redirect(w, r, "/login?s="+secretCookie, http.StatusSeeOther)
	case "/login":
		s.strays.Add(1)
	case "/moved":
		http.Redirect(w, r, "/me", http.StatusMovedPermanently)
	case "/sets":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "SECRET-another", Path: "/"})
		user()
	case "/cacheable":
		header.Set("Cache-Control", "public, max-age=600")
		user()
	case "/everybody":
		_, _ = io.WriteString(w, `{"user":{"login":"bob"}}`)
	case "/aged":
		header.Set("Age", "7")
		user()
	case "/half":
		_, _ = io.WriteString(w, `{"user":`)
	case "/two":
		header.Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<b>alice</b><b>bob</b>")
	case "/header":
		if isAlice {
			header.Set("X-User", "alice")
		}
	case "/breaks-off":
		header.Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/broken":
		w.WriteHeader(http.StatusInternalServerError)
	case "/slow":
		<-r.Context().Done()
	case "/large":
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", 2<<20)+`"`)
	case "/sign-out", "/sign-out-cookie":
		s.signedOut.Store(true)
		if r.URL.Path == "/sign-out-cookie" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1})
		}
	case "/forgets-cookie":
		http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1})
	case "/post-sign-out":
		if r.Method == http.MethodPost {
			s.signedOut.Store(true)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// probed writes a Caddyfile for the whoami option and runs the command. The output never shows the cookie.
func probed(t *testing.T, address, whoami, cookie string, arguments ...string) output {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	writeFile(t, file, fmt.Appendf(nil, "{\n\tadmin off\n}\nhttp://shop.test {\n\tlog\n\tjwt_session shop {\n\t\tsession_cookie sid\n\t\t%s\n\t}\n"+
		"\treverse_proxy %s\n}\n", whoami, strings.TrimPrefix(address, "http://")))
	return probedFile(t, file, cookie, arguments...)
}

func probedFile(t *testing.T, file, cookie string, arguments ...string) output {
	t.Helper()
	arguments = append([]string{"probe", "--config", file}, arguments...)
	if cookie != "" {
		arguments = append(arguments, "--cookie", "-")
	}
	got := caddy(t, cookie, arguments...)
	if strings.Contains(got.out+got.errors, "SECRET") {
		t.Errorf("the output shows a cookie:\n%s%s", got.out, got.errors)
	}
	return got
}

func TestProbeSaysWhatToChange(t *testing.T) {
	t.Parallel()
	app := newStrange(t)
	down := "http://" + freeAddress(t)
	for name, c := range map[string]struct {
		whoami, cookie string
		code           int
		words          []string
	}{
		"healthy": {"whoami /me json user.login", secretCookie, 0, []string{
			"With sid (23 characters): 200", "the user alice", "nobody (no_match)", "Content-Type    application/json", "Cache-Control   no-store",
			"may be cached   no", "nothing to change", "whoami /me json user.login",
		}},
		"as the browser sends it": {"whoami /me json user.login", "Cookie: theme=dark; sid=" + secretCookie, 0, []string{"With sid (23 characters): 200", "not sent        theme (4 characters)", "the user alice"}},
		"without a cookie":        {"whoami /me json user.login", "", 0, []string{"names nobody without a cookie", "--cookie"}},
		"no page":                 {"whoami /absent json user", secretCookie, 1, []string{"has no page /absent (404)", "whoami /<page> json user"}},
		"HTML": {"whoami /html json user", secretCookie, 1, []string{
			"The rule reads JSON and the answer is HTML", "whoami /html regex `<text before>",
		}},
		"HTML without a cookie": {"whoami /html json user", "", 1, []string{"the answer is HTML"}},
		"redirect": {"whoami /always-sign-in json user", secretCookie, 1, []string{
			"redirects to /login with the cookie too", "Location        /login?…", "session_cookie <name>",
		}},
		"wrong path": {"whoami /me json account.id", secretCookie, 1, []string{
			"The answer has no account.id: the answer has the paths user.id, user.login, csrf", "whoami /me json user.id",
		}},
		"no id":        {"whoami /me json user", secretCookie, 1, []string{"can't be a user id", "user.id, user.login", "whoami /me json user.id"}},
		"sets cookies": {"whoami /sets json user.login", secretCookie, 1, []string{"changes the session cookie (sid)", "sets            sid (14 characters)", "rolling"}},
		"cacheable":    {"whoami /cacheable json user.login", secretCookie, 1, []string{"may be cached   yes", "Cache-Control: no-store"}},
		"wrong cookie": {"whoami /sign-in-first json user.login", "SECRET-of-nobody-0123", 1, []string{
			"does not know this session", "redirects to /login",
		}},
		"wrong cookie, same answer": {"whoami /me json user.login", "SECRET-of-nobody-0123", 1, []string{"The application does not know this cookie, or the path is wrong"}},
		"wrong name":                {"whoami /me json user.login", "theme=x; session=" + secretCookie, 1, []string{"None of the cookies is the session cookie", "theme, session", "session_cookie session"}},
		"everybody":                 {"whoami /everybody json user.login", secretCookie, 1, []string{"names bob without any cookie"}},
		"the cookie as the user":    {"whoami /me json csrf", secretCookie, 1, []string{"the session cookie itself", "whoami /me json user.id"}},
		"moved":                     {"whoami /moved json user.login", secretCookie, 1, []string{"moved for good (301)", "whoami /me json user.login"}},
		"broken":                    {"whoami /broken json user.login", secretCookie, 1, []string{"answers 500"}},
		"large":                     {"whoami /large json user.login", secretCookie, 1, []string{"larger than max_body"}},
		"from a cache":              {"whoami /aged json user.login", secretCookie, 1, []string{"Age             7", "A shared cache"}},
		"half":                      {"whoami /half json user.login", secretCookie, 1, []string{"begins like JSON"}},
		"two users":                 {"whoami /two regex <b>(.*?)</b>", secretCookie, 1, []string{"two different users"}},
		"a header":                  {"whoami /header header X-User", secretCookie, 0, []string{"the user alice", "whoami /header header X-User"}},
		"no header":                 {"whoami /sign-in-first header X-User", secretCookie, 1, []string{"nothing that the rule header X-User fits"}},
		"breaks off":                {"whoami /breaks-off json user.login", secretCookie, 2, []string{"broke off"}},
		"a route":                   {"whoami /me json user.login {\nroute {\nrespond `{\"user\":{\"login\":\"carol\"}}`\n}\n}", secretCookie, 1, []string{"names carol without any cookie"}},
		"shared cookie": {"whoami /me json user.login\ntoken_in_session_cookie", "sid=sid=" + secretCookie + "&jwt=SECRET.e30.x", 0, []string{
			"sid (23 characters)", "the user alice",
		}},
		"shared cookie of a browser": {"whoami /me json user.login\ntoken_in_session_cookie", "Cookie: a=b; sid=sid=" + secretCookie + "&jwt=SECRET.e30.x", 0, []string{
			"sid (23 characters)", "the user alice",
		}},
		"no attribute": {"whoami /me json user.login {\nattribute role json user.role\n}", secretCookie, 1, []string{"attribute       role is not there", "does not have the attribute role"}},
		"down":         {"whoami /me json user.login", secretCookie, 2, []string{"did not answer", "connection refused", "reverse_proxy <address>"}},
		"time-out":     {"whoami /slow json user.login {\ntimeout 50ms\n}", secretCookie, 2, []string{"No answer of /slow came within 50ms", "timeout 5s"}},
		"short":        {"whoami /me json user.login\nsession_cookie sid {\nmin_length 40\n}", secretCookie, 1, []string{"takes no session id from the cookie (session_too_short)", "min_length 23"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := app.URL
			if name == "down" {
				address = down
			}
			whoami := c.whoami
			if strings.Contains(whoami, "\nsession_cookie") { // in the place of the usual one
				line, own, _ := strings.Cut(whoami, "\n")
				file := filepath.Join(t.TempDir(), "Caddyfile")
				writeFile(t, file, fmt.Appendf(nil, "http:// {\njwt_session shop {\n%s\n%s\n}\nreverse_proxy %s\n}\n", own, line, strings.TrimPrefix(address, "http://")))
				probedFile(t, file, c.cookie).ended(t, c.code, c.words...)
				return
			}
			probed(t, address, whoami, c.cookie).ended(t, c.code, c.words...)
		})
	}
	t.Cleanup(func() {
		if app.strays.Load() != 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestProbeTriesTheSignOut(t *testing.T) {
	t.Parallel()
	const whoami = "whoami /me json user.login"
	for name, c := range map[string]struct {
		more, path string
		method     string
		code       int
		words      []string
	}{
		"in a cookie":     {"", "/sign-out-cookie", "GET", 0, []string{"shows in a cookie (sid), and the old cookie names nobody", "sid (removed)"}},
		"in no cookie":    {"", "/sign-out", "GET", 1, []string{"shows in no cookie", "forget_on /sign-out"}},
		"with a query":    {"", "/sign-out?all=yes", "GET", 1, []string{"query all=yes", "forget_on @sign_out"}},
		"named already":   {"\nforget_on /sign-out", "/sign-out", "GET", 0, []string{"forget_on names it"}},
		"not at all":      {"", "/me", "GET", 1, []string{"signed nobody out", "--method POST"}},
		"as POST":         {"", "/post-sign-out", "post", 1, []string{"forget_on /post-sign-out"}},
		"in the browser":  {"", "/forgets-cookie", "GET", 1, []string{"still takes the old one for alice"}},
		"another host":    {"", "http://elsewhere.test/sign-out", "GET", 2, []string{"to no other host"}},
		"another scheme":  {"", "https://shop.test/sign-out", "GET", 2, []string{"to no other host"}},
		"the whole URL":   {"", "http://shop.test/sign-out", "GET", 1, []string{"forget_on /sign-out"}},
		"no such method":  {"", "/sign-out", "DELETE", 2, []string{"want GET or POST"}},
		"relative, as is": {"", "//elsewhere.test/sign-out", "GET", 2, []string{"to no other host"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newStrange(t)
			probed(t, app.URL, whoami+c.more, secretCookie, "--sign-out", c.path, "--method", c.method).ended(t, c.code, c.words...)
			if c.code == 2 && app.signedOut.Load() {
				t.Error("it signed out")
			}
		})
	}
}

func TestProbeRefusesFlags(t *testing.T) {
	t.Parallel()
	app := newStrange(t)
	file := filepath.Join(t.TempDir(), "Caddyfile")
	writeFile(t, file, fmt.Appendf(nil, "http://a.test {\nhandle_path /prefixed/* {\nbasic_auth /prefixed/closed {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n"+
		"jwt_session one {\nsession_cookie sid\nwhoami /me json user.login\n}\njwt_session_require role staff\nreverse_proxy %[1]s\n}\n}\n"+
		"http://b.test {\njwt_session two {\nsession_cookie a b*\nwhoami /me json user.login\n}\nreverse_proxy %[1]s\n}\nhttp://c.test {\njwt_session three\n}\n",
		strings.TrimPrefix(app.URL, "http://")))
	for name, c := range map[string]struct {
		arguments []string
		words     []string
	}{
		"which realm":   {nil, []string{"several realms", "one, two"}},
		"no realm":      {[]string{"--realm", "four"}, []string{"no such realm", "one, two"}},
		"empty realm":   {[]string{"--realm", ""}, []string{"--realm: it is empty"}},
		"asks nobody":   {[]string{"--realm", "three"}, []string{"no whoami page"}},
		"unknown flag":  {[]string{"--nonsense"}, []string{"unknown flag: --nonsense", "--help"}},
		"an argument":   {[]string{"shop"}, []string{"unknown command"}},
		"the cookie":    {[]string{"--realm", "one", "--cookie", secretCookie}, []string{"want the name of a file", "never write"}},
		"no cookie":     {[]string{"--realm", "one", "--sign-out", "/sign-out"}, []string{"needs the cookie"}},
		"method alone":  {[]string{"--realm", "one", "--method", "POST"}, []string{"--sign-out"}},
		"bad page":      {[]string{"--realm", "one", "--page", "ftp://x/"}, []string{"--page"}},
		"not reached":   {[]string{"--realm", "one", "--page", "/elsewhere"}, []string{"does not reach jwt_session one", "--page"}},
		"closed":        {[]string{"--realm", "one", "--page", "http://b.test/"}, []string{"does not reach jwt_session one"}},
		"no such file":  {[]string{"--config", filepath.Join(t.TempDir(), "absent")}, []string{"no such file"}},
		"both inputs":   {[]string{"--config", "-", "--cookie", "-"}, []string{"standard input is there once"}},
		"nobody's home": {[]string{"--address", freeAddress(t)}, []string{"no Caddy answers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := probedFile(t, file, "", c.arguments...)
			got.errors = strings.ToLower(got.errors) + got.errors
			got.ended(t, 2, c.words...)
		})
	}
	probedFile(t, file, secretCookie, "--realm", "one").ended(t, 0, "the user alice", "page http://a.test/prefixed/")
	probedFile(t, file, secretCookie, "--realm", "two").ended(t, 2, "the session has the cookies a, b*")
	named := filepath.Join(t.TempDir(), "Caddyfile")
	writeFile(t, named, fmt.Appendf(nil, "&(shop) {\nroute {\njwt_session shop {\nsession_cookie sid\nwhoami /me json user.login\n}\nreverse_proxy %s\n}\n}\nhttp://a.test:8080 {\ninvoke shop\n}\n",
		strings.TrimPrefix(app.URL, "http://")))
	probedFile(t, named, secretCookie, "--page", "http://a.test:8080/x").ended(t, 0, "the user alice", "page http://a.test:8080/x")
	writeFile(t, named, []byte("http://a.test:8080 {\njwt_session shop {\nwhoami /me json user\n}\nrespond /x hello\n}\n"))
	probedFile(t, named, "").ended(t, 1, "No handler behind jwt_session answers /me", "page http://a.test:8080/")
	broken := filepath.Join(t.TempDir(), "Caddyfile")
	writeFile(t, broken, []byte("http:// {\njwt_session shop {\nwhoami /me json a..b\n}\n}\n"))
	probedFile(t, broken, "").ended(t, 2, "a name is empty")
	writeFile(t, broken, []byte("http:// {\nrespond hello\n}\n"))
	probedFile(t, broken, "").ended(t, 2, "has no jwt_session")
	caddy(t, "", "__complete", "x")
	program(t, "", "__complete", "jwt-session", "probe", "--config", file, "--realm", "t").done(t, "two")
}

// The configuration of a gateway that runs is asked by its admin API, beside the gateway: its store is in use.
func TestProbeOfARunningGateway(t *testing.T) {
	s := newSite(t, "")
	s.signIn(secretCookie, "alice")
	s.caddy(secretCookie, "probe", "--cookie", "-").done(t, "the user alice", "nothing to change")
	var report probe.Report
	got := s.caddy(secretCookie, "probe", "--cookie", "-", "--json").done(t)
	got.into(t, &report)
	if report.With.User != "alice" || report.Verdict.Result != probe.Fine || report.Without.Outcome != probe.Nobody || strings.Contains(got.out, "SECRET") {
		t.Errorf("the report is %+v", report)
	}
	if listed := s.caddy("", "sessions", "list", "--realm", "shop").done(t); !strings.Contains(listed.out, "No active sessions.") {
		t.Errorf("the probe left something in the gateway:\n%s", listed.out)
	}
}
