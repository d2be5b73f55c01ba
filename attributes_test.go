package jwtsession_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// A user names a group of his own so that a word of its name is that of a group with rights.
func TestAttackGroupOfSeveralWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		attribute string // where it is read
		groups    string // what the application says there
		staff     bool
	}{
		{"regex <i>([^<]*)</i>", "<i>my staff</i>", false},
		{"regex <i>([^<]*)</i>", "<i>staff </i>", false},
		{"regex <i>([^<]*)</i>", "<i>staff,my</i>", false},
		{"regex <i>([^<]*)</i>", "<i>staff</i>", true},
		{"regex <i>([^<]*)</i>", "<i>my staff</i><i>guests</i>", false},
		{"regex <i>([^<]*)</i>", "<i>guests</i><i>staff</i>", true},
		{"regex <i>([^<]*)</i> list ,", "<i>guests, staff</i>", true},
		{"regex <i>([^<]*)</i> list ,", "<i>my staff,guests</i>", false},
		{"regex <i>([^<]*)</i> list ,", "<i>a,b</i><i>staff,c</i>", true},
		{"regex <i>([^<]*)</i> list ,", "<i>guests&#44;x, staff</i>", true}, // decoded before it is split, as the page means it
		{`regex <i>([^<]*)</i> list " "`, "<i>my staff</i>", true},
		{"header X-Groups", "my staff", false},
		{"header X-Groups", "guests, staff", false},
		{"header X-Groups", "staff", true},
		{"header X-Groups list ,", "guests,  staff ,", true},
		{"header X-Groups list ;", "guests, staff", false},
		{"header X-Groups list ,", "my staff", false},
		{"json groups", `"my staff"`, false},
		{"json groups", `["my staff"]`, false},
		{"json groups", `["my", "staff"]`, true},
		{"json groups list |", `"my|staff"`, true},
		{"json groups list |", `["my|staff"]`, false}, // a list already
		{"json groups list |", `null`, false},
		{"json groups list |", `""`, false},
		{"json groups list |", `{"staff": "staff"}`, false},
	} {
		g := harness.NewWith(t, harness.Options{Site: `
			jwt_session shop {
				whoami /whoami header X-User {
					attribute groups ` + test.attribute + `
				}
			}
			jwt_session_require /staff groups staff
			reverse_proxy LEGACY`})
		switch kind, _, _ := strings.Cut(test.attribute, " "); kind {
		case "regex":
			g.Legacy.Saying("text/html; charset=utf-8", test.groups, "X-User: alice")
		case "header":
			g.Legacy.Saying("text/plain", "", "X-User: alice", "X-Groups: "+test.groups)
		case "json":
			g.Legacy.Saying("application/json", `{"groups": `+test.groups+`}`, "X-User: alice")
		}
		want := http.StatusForbidden
		if test.staff {
			want = http.StatusOK
		}
		b := g.SignedIn()
		if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.TokenSet() != "set" {
			t.Fatalf("%s: %s: status %d", test.attribute, test.groups, response.StatusCode)
		}
		for _, path := range []string{"token", "session"} {
			if response := b.Get("/staff"); response.StatusCode != want {
				t.Errorf("%s: %s, %s path: status %d, want %d", test.attribute, test.groups, path, response.StatusCode, want)
			}
			delete(b.Cookies, harness.TokenName)
		}
	}
}

// OAuth scopes are a list however the provider writes them, and the words of any other claim are not.
func TestScopeOfAnIssuerIsAList(t *testing.T) {
	t.Parallel()
	idp := newIdentityProvider(t)
	options := issuerSite(idp, "", "")
	options.Site = strings.Replace(options.Site, "reverse_proxy", `jwt_session_require /buy scope buy
		jwt_session_require /both scope profile buy
		jwt_session_require /text scope "profile buy"
		reverse_proxy`, 1)
	g := harness.NewWith(t, options)
	b := g.Browser()
	bearer := "Authorization: Bearer " + idp.signIn(t, "api-client", "alice").Access
	for path, want := range map[string]int{"/buy": 200, "/both": 200, "/text": 403} {
		if response := b.Get(path, bearer); response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

// An element with a comma would be two for the service that reads the header; without it the service sees less, and the log
// says so.
func TestAttackCommaInAListElement(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		groups string // JSON
		want   string // the header; empty: none
		warned bool
	}{
		{`["guests", "x,staff"]`, "guests", true},
		{`["staff,", "guests", ",", "night shift"]`, "guests,night shift", true},
		{`["x,staff"]`, "", true},
		{`["guests", "night"]`, "guests,night", false},
		{`"x,staff"`, "x,staff", false}, // a text is one value
		{`[]`, "", false},
		{`""`, "", false},
		{`["Jörn"]`, "", true},
		{`["guests", "Jörn"]`, "", true},
		{`"Jörn"`, "", true},
		{`"J\u00f6rn Müller"`, "", true},
		{`" staff"`, "", true},
		{`"a\tb"`, "", true},
		{`null`, "", false},
	} {
		g := harness.NewWith(t, harness.Options{Site: `
			jwt_session shop {
				whoami /whoami json user {
					attribute groups json groups
					attribute role json role
				}
				identity_header X-Groups groups
				identity_header X-User
			}
			request_header X-Placeholder "<{http.auth.user.groups}>"
			reverse_proxy LEGACY`})
		g.Legacy.Saying("application/json", fmt.Sprintf(`{"user": "alice", "role": "customer", "groups": %s}`, test.groups))
		b := g.SignedIn()
		for _, path := range []string{"session", "token", "token again"} {
			got := b.Get("/page").Received.Header
			if want := test.want; got.Get("X-Groups") != want || (want == "") != (got["X-Groups"] == nil) {
				t.Errorf("%s, %s path: the header is %q, want %q", test.groups, path, got["X-Groups"], want)
			}
			placeholder := "<" + test.want + ">"
			if got.Get("X-Placeholder") != placeholder || got.Get("X-User") != "alice" {
				t.Errorf("%s, %s path: the placeholder is %q, want %q", test.groups, path, got.Get("X-Placeholder"), placeholder)
			}
		}
		want := 0
		if test.warned {
			want = 1
		}
		log := g.Logged()
		if got := strings.Count(log, "an attribute has what a header can't hold"); got != want {
			t.Errorf("%s: warned %d times, want %d", test.groups, got, want)
		}
		if test.warned && !strings.Contains(log, `"attribute":"groups"`) || strings.Contains(log, "J\u00f6rn") || strings.Contains(log, "staff") {
			t.Errorf("%s: the warning does not name the attribute, or names its value", test.groups)
		}
	}
}

// A page writes a user id as HTML has it: with character references where a browser shows the characters.
func TestCharacterReferencesInAPage(t *testing.T) {
	t.Parallel()
	const html, page = "text/html", `<b id="me">%s</b>`
	for _, test := range []struct {
		contentType, id string
		user            string // empty: none, and the status tells why
		status          int
	}{
		{html, "bob&#43;shop@example.org", "bob+shop@example.org", http.StatusOK},
		{html, "bob&plus;shop", "bob+shop", http.StatusOK},
		{html, "bob&#x2b;shop", "bob+shop", http.StatusOK},
		{html, "bob&#X2B;shop", "bob+shop", http.StatusOK},
		{"text/html; charset=utf-8", "bob&#43;shop", "bob+shop", http.StatusOK},
		{"TEXT/HTML;charset=utf-8", "bob&#43;shop", "bob+shop", http.StatusOK},
		{"text/html ;charset", "bob&#43;shop", "bob+shop", http.StatusOK},
		{"application/xhtml+xml", "bob&#43;shop", "bob+shop", http.StatusOK},
		{html, "bob&amp;shop", "bob&shop", http.StatusOK},
		{html, "bob&amp;#43;shop", "bob&#43;shop", http.StatusOK}, // once
		{html, "o&#39;neil", "o'neil", http.StatusOK},
		{html, "&lt;bob&gt;", "<bob>", http.StatusOK},
		{html, "a&b", "a&b", http.StatusOK},
		{html, "bob&unknown;", "bob&unknown;", http.StatusOK},
		{html, "&#48;", "", http.StatusUnauthorized}, // 0 is nobody
		{html, "n&#117;ll", "", http.StatusUnauthorized},
		{html, "&nbsp;", "", http.StatusServiceUnavailable},
		{html, "bob&nbsp;", "", http.StatusServiceUnavailable},
		{html, "bob&#10;", "", http.StatusServiceUnavailable},
		{html, "bob&#13;&#10;X-Admin: yes", "", http.StatusServiceUnavailable},
		{html, "bob&#0;", "", http.StatusServiceUnavailable},
		{html, "J&ouml;rn", "", http.StatusServiceUnavailable},
		{html, "bob&#x202e;", "", http.StatusServiceUnavailable},
		{html, `bob</b><b id="me">b&#111;b`, "bob", http.StatusOK}, // the same user twice
		{html, `bob&#43;</b><b id="me">bob+`, "bob+", http.StatusOK},
		{html, `bob</b><b id="me">b&#48;b`, "", http.StatusServiceUnavailable}, // two users
		{"text/plain", "bob&#43;shop", "bob&#43;shop", http.StatusOK},
		{"text/html2", "bob&#43;shop", "bob&#43;shop", http.StatusOK},
		{"application/json", "bob&#43;shop", "bob&#43;shop", http.StatusOK},
	} {
		g := harness.NewWith(t, harness.Options{Site: `
			jwt_session shop {
				whoami /whoami regex "<b id=\"me\">([^<]*)</b>" {
					attribute name regex "<i>([^<]*)</i>"
				}
				identity_header X-Name name
				identity_header OurApp-User-ID
			}
			reverse_proxy LEGACY`})
		g.Legacy.Saying(test.contentType, fmt.Sprintf(page, test.id)+"<i>Tom &amp; Co</i>")
		response := g.SignedIn().Get("/page")
		if response.StatusCode != test.status {
			t.Errorf("%s, %s: status %d, want %d", test.contentType, test.id, response.StatusCode, test.status)
			continue
		}
		if test.user == "" {
			continue
		}
		if user := response.Received.User(t); user != test.user {
			t.Errorf("%s, %s: user %q, want %q", test.contentType, test.id, user, test.user)
		}
		name := "Tom & Co"
		if !strings.Contains(strings.ToLower(test.contentType), "html") || strings.Contains(test.contentType, "html2") {
			name = "Tom &amp; Co"
		}
		if got := response.Received.Header["X-Name"]; !slices.Equal(got, []string{name}) {
			t.Errorf("%s: the attribute is %q, want %q", test.contentType, got, name)
		}
	}
}

// Headers and JSON have escapes of their own, and no others.
func TestCharacterReferencesElsewhere(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"header X-User", "json user"} {
		g := harness.NewWith(t, harness.Options{Site: "jwt_session shop {\nwhoami /whoami " + where + "\n}\nreverse_proxy LEGACY"})
		g.Legacy.Saying("text/html", `{"user": "bob&#43;shop"}`, "X-User: bob&#43;shop")
		if user := g.SignedIn().Get("/page").Received.User(t); user != "bob&#43;shop" {
			t.Errorf("%s: user %q", where, user)
		}
	}
}

func TestListErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ options, want string }{
		{"attribute a json b list", "want json <path>, header <name> or regex <expression>"},
		{"attribute a json b list , ;", `got "json b list , ;"`},
		{"attribute a json b split ,", `got "json b split ,"`},
		{`attribute a json b list ""`, "list: the separator is empty"},
		{"attribute a list , json b", `got "list , json b"`},
	} {
		checkAdaptError(t, "http:// {\n"+whoamiWith(test.options)+"\n}", test.want)
	}
	checkAdaptError(t, "http:// {\n"+handlerWith("whoami /w json user list ,")+"\n}", `got "json user list ,"`)
	for _, test := range []struct{ whoami, want string }{
		{`"user": {"json": "user", "list": ","}`, `list ",": a user id is one text`},
		{`"user": {"json": "user"}, "max_per_client": -1`, "max_per_client and max_body must be more than 0"},
		{`"user": {"json": "user"}, "cookies": ["*"]`, "cookies *: the question would carry every cookie"},
		{`"user": {"json": "user"}, "cookies": ["session"]`, "cookies session: that is the session_cookie"},
		{`"user": {"json": "user"}, "cookies": ["jwt_shop"]`, "cookies jwt_shop: that can be the token_cookie"},
	} {
		text := `{"admin": {"disabled": true}, "apps": {"http": {"servers": {"x": {"routes": [{"handle": [{"handler": "jwt_session",
			"realm": "shop", "whoami": {"uri": "/w", ` + test.whoami + `}}]}]}}}}}`
		checkInvalid(t, validateJSON(t, []byte(text)), test.whoami, test.want)
	}
}
