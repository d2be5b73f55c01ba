package refusal

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
)

// requestFor makes a request as Caddy hands it on, for a target as it stands in the request line.
func requestFor(t *testing.T, method, target string, lines ...string) (*http.Request, *caddy.Replacer) {
	t.Helper()
	address, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	original := *address
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.URL, r.RequestURI, r.Host, r.Header = address, target, "shop.example", headerOf(lines...)
	*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey,
		http.Request{Method: method, URL: &original, RequestURI: target}))
	return r, caddyhttp.NewTestReplacer(r)
}

func TestExpandURL(t *testing.T) {
	for _, test := range []struct{ template, target, want string }{
		{"/login", "/page", "/login"},
		{"/login?from=shop", "/page", "/login?from=shop"},
		{"https://{http.request.host}/login", "/page", "https://shop.example/login"},
		{"https://sso.example{http.request.uri}", "/page?a=1", "https://sso.example/page?a=1"},
		{"https://sso.example{http.request.uri}", "//evil.example/page", "https://sso.example/"},

		{"/login?next={http.request.uri}", "/page?a=1&next=evil", "/login?next=%2Fpage%3Fa%3D1%26next%3Devil"},
		{"/login?next={http.request.uri}#top", "/page", "/login?next=%2Fpage#top"},
		{"/login?next={http.request.uri_escaped}", "/page?a=1&next=evil", "/login?next=%2Fpage%3Fa%3D1%26next%3Devil"},
		{"/login?next={http.request.orig_uri}", "/page?a=1", "/login?next=%2Fpage%3Fa%3D1"},
		{"/login?next={http.request.uri.path}", "/a%26b%3Dc", "/login?next=%2Fa%26b%3Dc"},
		{"/login?next={http.request.uri}&{http.request.uri.query}", "/page?a=1", "/login?next=%2Fpage%3Fa%3D1&a%3D1"},
		{"/login?a={http.request.uri.query}?b", "/page?x=1", "/login?a=x%3D1?b"},
		{"/login?next={http.request.header.Referer}", "/page", "/login?next=https%3A%2F%2Fx.example%2F%3Fa%26b"},
		{"/login?next={http.unknown}", "/page", "/login?next="},

		// What a browser would take for another host counts as /.
		{"/login?next={http.request.uri}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri_escaped}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.orig_uri}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri.path}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri.path_escaped}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri.path.dir}", "//evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri.path}", `/\evil.example/`, "/login?next=%2F"},
		{"/login?next={http.request.uri.path}", `/%5Cevil.example/`, "/login?next=%2F"},
		{"/login?next={http.request.uri.path}", "/%09/evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri.path}", "/page%0d%0aSet-Cookie:%20a=b", "/login?next=%2F"},
		{"/login?next={http.request.orig_uri}", "http://evil.example/", "/login?next=%2F"},
		{"/login?next={http.request.uri}", "http://evil.example/page", "/login?next=%2F"},
		{"{http.request.header.X-Break}", "/page", "/aLocation: /b"},
	} {
		r, repl := requestFor(t, http.MethodGet, test.target, "Referer: https://x.example/?a&b", "X-Break: /a\r\nLocation: /b")
		if got := expandURL(test.template, r, repl); got != test.want {
			t.Errorf("%s for %s: got %q, want %q", test.template, test.target, got, test.want)
		}
	}
}

func TestLocalURI(t *testing.T) {
	for value, want := range map[string]string{
		"/": "/", "/a?b=c": "/a?b=c", "/a//b": "/a//b", "": "/", "a": "/", "*": "/", "//a": "/", `/\a`: "/", "/\ta": "/",
		"/a\x00": "/", "/a\x7f": "/", "https://a/": "/", "/é": "/é",
	} {
		if got := localURI("http.request.uri", value, true); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
		if got := localURI("http.request.uri", value, false); got != "/" {
			t.Errorf("%q, but the request was for another: got %q", value, got)
		}
		if got := localURI("http.request.header.x", value, false); got != value {
			t.Errorf("%q, not a request URI: got %q", value, got)
		}
	}
}

func TestIsAt(t *testing.T) {
	for _, test := range []struct {
		location, target string
		want             bool
	}{
		{"/login", "/login", true},
		{"/login?next=/x", "/login", true},
		{"/login", "/login?next=/x", true},
		{"/login", "/login/", false},
		{"/login", "/Login", false},
		{"/login", "/", false},
		{"/login", "/page?/login", false},
		{"/a%20b", "/a%20b", true},
		{"https://shop.example/login", "/login", true},
		{"https://SHOP.example/login", "/login", true},
		{"https://sso.example/login", "/login", false},
		{"//sso.example/login", "/login", false},
		{"https://shop.example", "/", true},
		{"https://shop.example?a", "/", true},
		{"/%zz", "/%25zz", false},
	} {
		r, _ := requestFor(t, http.MethodGet, test.target)
		if got := isAt(r, test.location); got != test.want {
			t.Errorf("redirect to %s, request for %s: %v", test.location, test.target, got)
		}
	}
}

// A handler that rewrote the path must neither hide the sign-in page nor make all pages one.
func TestIsAtLooksAtThePathAsItCame(t *testing.T) {
	r, _ := requestFor(t, http.MethodGet, "/login")
	r.URL.Path = "/index.php"
	if !isAt(r, "/login") || isAt(r, "/index.php") {
		t.Error("the rewritten path counted")
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login", nil)
	if !isAt(r, "/login") || isAt(r, "/page") {
		t.Error("a request that Caddy did not prepare: its own path must count")
	}
}

func TestIsNavigation(t *testing.T) {
	for _, test := range []struct {
		method string
		lines  []string
		want   bool
	}{
		{http.MethodGet, []string{"Sec-Fetch-Mode: navigate"}, true},
		{http.MethodHead, []string{"Sec-Fetch-Mode: navigate"}, true},
		{http.MethodPost, []string{"Sec-Fetch-Mode: navigate", "Accept: text/html"}, false},
		{http.MethodOptions, []string{"Accept: text/html"}, false},
		{http.MethodGet, []string{"Sec-Fetch-Mode: cors", "Accept: text/html"}, false},
		{http.MethodGet, []string{"Sec-Fetch-Mode: no-cors"}, false},
		{http.MethodGet, []string{"Accept: text/html,application/xhtml+xml,*/*;q=0.8"}, true},
		{http.MethodGet, []string{"Accept: application/json", "Accept: Text/HTML"}, true},
		{http.MethodHead, []string{"Accept: text/html"}, true},
		{http.MethodGet, []string{"Accept: */*"}, false},
		{http.MethodGet, []string{"Accept: application/json"}, false},
		{http.MethodGet, nil, false},
	} {
		r, _ := requestFor(t, test.method, "/", test.lines...)
		if got := IsNavigation(r); got != test.want {
			t.Errorf("%s %q: %v", test.method, test.lines, got)
		}
	}
}

func TestAnswerTo(t *testing.T) {
	page := "Accept: text/html"
	login := Rule{Action: Redirect, URL: "/login?n={http.request.uri}"}
	for _, test := range []struct {
		rule           Rule
		target, header string
		want           Answer
	}{
		{Rule{}, "/page", page, Answer{}},
		{Rule{Action: "something new"}, "/page", page, Answer{}},
		{Rule{Action: Deny}, "/page", page, Answer{}},
		{Rule{Action: Pass}, "/page", page, Answer{Pass: true}},
		{login, "/page", page, Answer{Location: "/login?n=%2Fpage"}},
		{login, "/page", "Accept: */*", Answer{}},
		{login, "/login", page, Answer{Pass: true}},
		{login, "/login", "Accept: */*", Answer{Pass: true}},
	} {
		r, repl := requestFor(t, http.MethodGet, test.target, test.header)
		if got := test.rule.AnswerTo(r, repl); got != test.want {
			t.Errorf("%s %s, %s: got %+v, want %+v", test.rule.Action, test.target, test.header, got, test.want)
		}
	}
}

func TestRuleFor(t *testing.T) {
	matching := func(path string) pathmatch.Sets {
		matcher := caddyhttp.MatchPath{path}
		if err := matcher.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		return setsOf(t, matcher)
	}
	rules := []*Rule{
		{Action: Pass, matchers: matching("/public/*")},
		{Action: Redirect, URL: "/login", matchers: matching("/public/page")},
	}
	for target, want := range map[string]string{"/public/page": Pass, "/page": Deny, "/": Deny} {
		r, _ := requestFor(t, http.MethodGet, target)
		if rule, err := RuleFor(rules, r); err != nil || rule.Action != want {
			t.Errorf("%s: got %+v, %v; want %s", target, rule, err, want)
		}
	}
	r, _ := requestFor(t, http.MethodGet, "/page")
	rules = append(rules, &Rule{Action: Pass})
	if rule, err := RuleFor(rules, r); err != nil || rule.Action != Pass {
		t.Errorf("with a last rule for all: got %+v, %v", rule, err)
	}
	broken := []*Rule{{Action: Pass, matchers: setsOf(t, failingMatcher{})}}
	if rule, err := RuleFor(broken, r); err == nil || rule != nil {
		t.Errorf("a matcher that fails: got %+v, %v; want an error", rule, err)
	}
}

func setsOf(t *testing.T, matcher any) pathmatch.Sets {
	t.Helper()
	sets, err := pathmatch.New([]map[string]any{{"matcher": matcher}})
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

// failingMatcher can't tell, as an expression on a missing value can't.
type failingMatcher struct{}

func (failingMatcher) MatchWithError(*http.Request) (bool, error) {
	return true, errors.New("matching")
}

func TestValidateRules(t *testing.T) {
	for _, test := range []struct {
		rule Rule
		want string // in the error; empty: none
	}{
		{Rule{Action: Deny}, ""},
		{Rule{Action: Pass}, ""},
		{Rule{Action: Pass, URL: "/login"}, "pass takes no URL"},
		{Rule{Action: Deny, URL: "/login"}, "deny takes no URL"},
		{Rule{Action: "allow"}, `"allow" is not known; want deny, pass or redirect`},
		{Rule{}, `"" is not known`},
		{Rule{Action: Redirect}, "which URL"},
		{Rule{Action: Redirect, URL: "/login"}, ""},
		{Rule{Action: Redirect, URL: "//sso.example/login"}, ""},
		{Rule{Action: Redirect, URL: "HTTPS://sso.example/login?x=%zz"}, ""},
		{Rule{Action: Redirect, URL: "http://{http.request.host}:{http.request.port}/login"}, ""},
		{Rule{Action: Redirect, URL: "{env.LOGIN}"}, ""},
		{Rule{Action: Redirect, URL: "login"}, "a path that begins with /"},
		{Rule{Action: Redirect, URL: "?login"}, "a path that begins with /"},
		{Rule{Action: Redirect, URL: "javascript:alert(1)"}, "want an http or https URL"},
		{Rule{Action: Redirect, URL: "/a%zz"}, "not a URL"},
		{Rule{Action: Redirect, URL: "/a\r\nb"}, "line break"},
	} {
		err := ValidateRules([]*Rule{&test.rule})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: got %v, want %q", test.rule.Action, test.rule.URL, err, test.want)
		}
	}
	all := &Rule{Action: Pass}
	some := &Rule{Action: Deny, MatcherSetsRaw: caddyhttp.RawMatcherSets{{}}}
	if err := Contradiction([]*Rule{some, all}); err != nil {
		t.Error(err)
	}
	if err := Contradiction([]*Rule{all, some}); err == nil || !strings.Contains(err.Error(), "must be the last") {
		t.Errorf("a rule for all before another: got %v", err)
	}
}

// headerOf makes a header of lines "Name: value".
func headerOf(lines ...string) http.Header {
	header := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return header
}
