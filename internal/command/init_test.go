package command_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/survey"
)

// surveyed runs the command, and checks that the adapter accepts what it prints and that no cookie's value is in it.
func surveyed(t *testing.T, code int, arguments ...string) output {
	t.Helper()
	got := caddy(t, "", append([]string{"init"}, arguments...)...)
	if got.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", got.code, code, got.out, got.errors)
	}
	if strings.Contains(got.out+got.errors, "SECRET") {
		t.Errorf("the output shows a value:\n%s%s", got.out, got.errors)
	}
	if code == 2 {
		return got
	}
	if _, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(got.out), map[string]any{"filename": "Caddyfile"}); err != nil || len(warnings) > 0 {
		t.Errorf("the Caddyfile is refused: %v, %v\n%s", err, warnings, got.out)
	}
	return got
}

func (o output) has(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(o.out, word) {
			t.Errorf("the Caddyfile lacks %q:\n%s%s", word, o.out, o.errors)
		}
	}
}

// The shop of the example is found out whole, and probe accepts what is found.
func TestInitOfTheExample(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewServer(shop.New(time.Now, new(page.Trail)))
	t.Cleanup(legacy.Close)
	got := surveyed(t, 0, legacy.URL).ended(t, 0, "Cookie session: ", "HttpOnly", "it could be the session's", "Page /whoami could say who is signed in: 200, JSON with user")
	got.has(t, "session_cookie session\n", "whoami /whoami json user\n", "reverse_proxy "+strings.TrimPrefix(legacy.URL, "http://"))
	file := t.TempDir() + "/Caddyfile"
	writeFile(t, file, []byte(got.out))
	probedFile(t, file, "").ended(t, 0, "names nobody without a cookie")
	var found struct {
		survey.Survey

		Caddyfile string
	}
	surveyedJSON := caddy(t, "", "init", strings.TrimPrefix(legacy.URL, "http://"), "--json").done(t)
	surveyedJSON.into(t, &found)
	if found.Caddyfile != got.out || len(found.Candidates) == 0 || found.Cookies[0].Name != "session" {
		t.Errorf("as JSON: %s", surveyedJSON.out)
	}
}

func TestInitOfOtherApplications(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("SECRET", 5)
	var mutex sync.Mutex
	asked := make(map[string][]string) // requests, by the name of the case
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   int
		want   []string
		not    string
	}{
		"nothing at all": {
			func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, 1,
			[]string{"# No page set a cookie", "session_cookie session\n", "# No page was found", "whoami /whoami json user\n"},
			"rolling",
		},
		"the same page everywhere": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				http.SetCookie(w, &http.Cookie{Name: "csrftoken", Value: value, HttpOnly: true})
				http.SetCookie(w, &http.Cookie{Name: "JSESSIONID", Value: value, HttpOnly: true})
				fmt.Fprint(w, "<p>Hello")
			}, 1, []string{"session_cookie JSESSIONID\n", "# No page was found"}, "csrftoken",
		},
		"all behind the sign-in": {
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/me" {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(w, `{"error":"`+value+`"}`)
					return
				}
				http.Redirect(w, r, "https://elsewhere.test/login?next=SECRET", http.StatusFound)
			}, 1, []string{"whoami /api/me json user.id", "# This page is only for users who are signed in"}, "",
		},
		"rolling and short": {
			func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "sid", Value: fmt.Sprintf("S%07d", time.Now().Nanosecond()%1e7), HttpOnly: true})
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/profile" {
					_, _ = io.WriteString(w, `{"account":{"email":null}}`)
				} else {
					_, _ = io.WriteString(w, `{"user":"the same everywhere"}`)
				}
			}, 0, []string{"min_length 8", "rolling", "whoami /profile json account.email"}, "",
		},
		"hostile names": {
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("Set-Cookie", "session{$HOME}\u202e="+value)
				w.Header().Add("Set-Cookie", "sess`ion="+value)
				w.Header().Add("Set-Cookie", "app*="+value)
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/me" {
					_, _ = io.WriteString(w, `{"user{$HOME}\u202e\u001b[2J":"a","user\n}\nimport /etc/passwd":"b"}`)
				}
			}, 0, []string{"session_cookie session\n", "whoami /me json user\n"}, "HOME",
		},
		"endless": {
			func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}, 1, []string{"session_cookie session\n"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mutex.Lock()
				asked[name] = append(asked[name], r.Method+" "+r.URL.Path)
				mutex.Unlock()
				c.answer(w, r)
			}))
			t.Cleanup(server.Close)
			if name == "hostile names" {
				c.code = 1 // of these cookies no one can be named
			}
			got := surveyed(t, c.code, server.URL)
			got.has(t, c.want...)
			if c.not != "" && strings.Contains(got.out, c.not) || strings.ContainsAny(got.out+got.errors, "\x1b\u202e") {
				t.Errorf("the output has what must not be there:\n%s%s", got.out, got.errors)
			}
			mutex.Lock() // an answer may still be under way
			requests := slices.Clone(asked[name])
			mutex.Unlock()
			for _, request := range requests {
				if !strings.HasPrefix(request, "GET ") || strings.Contains(request, "out") {
					t.Errorf("it asked for %s", request)
				}
			}
			if len(requests) > 40 {
				t.Errorf("%d requests", len(requests))
			}
		})
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	for _, c := range []struct {
		arguments []string
		word      string
	}{
		{nil, "accepts 1 arg"},
		{[]string{"http://a.test", "http://b.test"}, "accepts 1 arg"},
		{[]string{"ftp://a.test"}, "want the address of the application"},
		{[]string{"http://"}, "want the address of the application"},
		{[]string{"http://user:SECRET@a.test"}, "without a user and a password"},
		{[]string{"http://a.test/shop"}, "without a path"},
		{[]string{"http://a.test/?SECRET"}, "without a path"},
		{[]string{"http://{env.HOME}"}, "want"},
		{[]string{"--nonsense", "http://a.test"}, "unknown flag"},
		{[]string{"--timeout", "0s", "http://a.test"}, "--timeout"},
		{[]string{"http://" + freeAddress(t)}, "the application does not answer: dial tcp"},
		{[]string{"--timeout", "50ms", slow.URL}, "the application does not answer"},
	} {
		got := surveyed(t, 2, c.arguments...)
		if !strings.Contains(got.errors, c.word) || got.out != "" {
			t.Errorf("%q: %s%s", c.arguments, got.out, got.errors)
		}
	}
}
