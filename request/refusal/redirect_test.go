package refusal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The redirect's own path passes always, so it must not be whatever path is asked for.
func TestRedirectTargets(t *testing.T) {
	const own = "the path depends on the request"
	for target, want := range map[string]string{
		"{http.request.uri.path}?do=login": own, "{http.request.uri}": own, "{http.request.orig_uri}": own, "{http.request.orig_uri.path}/": own,
		"/{http.request.uri.path.file}": own, "{http.request.uri.path.dir}?a": own, "/{http.request.uri.path.0}/login": own,
		"/{http.regexp.a.1}": own, "{http.vars.login}": own, "/{http.request.header.X-Path}": own, "/{http.request.cookie.a}": own,
		"/{http.request.uri.query.a}/login": own, "/{http.request.host}": own, "/{unknown}": own, "/login{http.request.uri.query}": own,
		"{env.PREFIX}{http.request.uri.path}": own, "https://{http.request.host}{http.request.uri}": own, "//{http.request.hostport}/{http.vars.a}": own,
		"{http.request.scheme}://{http.request.host}/{http.request.method}": own, "https://login.{http.request.host.labels.0}/{http.vars.a}": own,
		"https://{http.request.host}{http.regexp.a.1}": own, "{http.request.scheme}://{http.request.host}{http.vars.a}?b": own,
		"https://{http.request.host}{http.request.uri.path}/login": own, "https://{http.request.host}": "", "https://{http.vars.idp}/login": "",
		"https://{env.HOST}/{http.vars.a}": "", "https://id.example{http.request.uri}": "", "//id.example/{http.request.uri.path}?a": "",
		"/login": "", "/login?next={http.request.uri}": "", "/login#{http.request.uri}": "", "/{env.LOGIN}": "", "{file./run/login}?a={http.vars.a}": "",
		"https://{http.request.host}/login?a={http.request.uri.path}": "", "{http.request.scheme}://{http.request.hostport}/login": "",
		"https://login.{http.request.host.labels.1}.{http.request.host.labels.0}/in": "", "https://{http.request.remote.host/24}/login": "",
		"/login{http.request.uri.prefixed_query}": "", "/a\x00{env.A}": "zero byte",
	} {
		err := (&Rule{Action: Redirect, URL: target}).Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("redirect %q: got %v, want %q", target, err, want)
		}
	}
}

// A header that names the host of the target must not bring a path along.
func TestAttackHostOfTheRedirectWithAPath(t *testing.T) {
	rule := Rule{Action: Redirect, URL: "https://{http.request.header.X-Forwarded-Host}/login"}
	for host, want := range map[string]bool{
		"shop.example": false, "shop.example/page#": false, "shop.example/page?": false, `shop.example\page#`: false, "a@shop.example/page#": false,
	} {
		r, repl := requestFor(t, http.MethodGet, "/page", "X-Forwarded-Host: "+host)
		if got := rule.AnswerTo(r, repl).Pass; got != want {
			t.Errorf("%s: the page passes: %v", host, got)
		}
	}
	r, repl := requestFor(t, http.MethodGet, "/login", "X-Forwarded-Host: shop.example")
	if !rule.AnswerTo(r, repl).Pass {
		t.Error("the target itself must pass")
	}
}

func TestIsSameHost(t *testing.T) {
	for _, test := range []struct {
		target, host string
		want         bool
	}{
		{"https://shop.example/", "shop.example", true},
		{"https://shop.example./", "SHOP.example", true},
		{"//shop.example", "shop.example.", true},
		{"https://shop.example:443/", "shop.example", true},
		{"http://shop.example/", "shop.example:80", true},
		{"https://shop.example/", "shop.example:443", true},
		{"//shop.example:443", "shop.example", true},
		{"https://shop.example:8443/", "shop.example:8443", true},
		{"https://shop.example:8443/", "shop.example", false},
		{"https://shop.example/", "shop.example:8443", false},
		{"https://shop.example/", "shop.example:80", false},
		{"https://bücher.example/", "xn--bcher-kva.example", true},
		{"https://[::1]/", "[::1]", true},
		{"http://[::1]:80/", "[::1]", true},
		{"https://shop.example/", "xshop.example", false},
		{"https://shop.example/", "", false},
		{"https:///", "", false},
	} {
		target, err := url.Parse(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := isSameHost(target, test.host); got != test.want {
			t.Errorf("%s and Host %s: %v", test.target, test.host, got)
		}
	}
}

// What comes out of a template's parts put together is the template.
func FuzzSplitTarget(f *testing.F) {
	for _, seed := range []string{"/login?next={uri}", "https://{host}/a", "{file./run/x}{env.A}/", "//{a}", "{uri.prefixed_query}", "{{}}://{/", "http://a{b?c}#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		if strings.ContainsAny(template, mask+pathMask) {
			return
		}
		target := splitTarget(template)
		if whole := target.origin + target.path; !strings.HasPrefix(template, whole) {
			t.Errorf("%q: got %q and %q", template, target.origin, target.path)
		}
		if target.origin == "" && !target.canBeAnywhere() && !isFixed(target.path) {
			t.Errorf("%q: an open path on this host", template)
		}
	})
}
