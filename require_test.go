package jwtsession_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// requireSite has a route that needs a role, behind rules for those who are not signed in.
func requireSite(rules string) harness.Options {
	return harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
			}
			` + rules + `
		}
		jwt_session_require /admin* role customer buyer
		reverse_proxy LEGACY`}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		role string // JSON
		want int
	}{
		{`"customer"`, http.StatusForbidden},
		{`"buyer customer"`, http.StatusForbidden},
		{`["customer","buyer"]`, http.StatusOK},
		{`["customer buyer"]`, http.StatusForbidden},
		{`null`, http.StatusForbidden},
		{`""`, http.StatusForbidden},
	} {
		g := harness.NewWith(t, requireSite(""))
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = fmt.Fprintf(w, `{"user": "alice", "role": %s}`, test.role)
			return true
		})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		if test.want == http.StatusOK {
			b.Get("/admin") // the session path; its response brings the token
		} else {
			b.Get("/page")
		}
		for _, path := range []string{"by token", "by session"} {
			response := b.Get("/admin")
			if response.StatusCode != test.want {
				t.Errorf("role %s, %s: status %d, want %d", test.role, path, response.StatusCode, test.want)
			}
			if (response.Received != nil) != (test.want == http.StatusOK) {
				t.Errorf("role %s, %s: reached the application: %v", test.role, path, response.Received != nil)
			}
			if test.want == http.StatusForbidden {
				checkForbidden(t, response)
			}
			delete(b.Cookies, harness.TokenName)
		}
		if response := b.Get("/page"); response.StatusCode != http.StatusOK {
			t.Errorf("a route that requires nothing: status %d", response.StatusCode)
		}
	}
}

func checkForbidden(t *testing.T, response harness.Reply) {
	t.Helper()
	challenge := response.Header.Values("WWW-Authenticate")
	want := `Bearer realm="shop", error="insufficient_scope", error_description="the user may not do this"`
	if len(challenge) != 1 || challenge[0] != want {
		t.Errorf("WWW-Authenticate: %q", challenge)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	if response.TokenSet() != "" {
		t.Errorf("the refusal did this to the token cookie: %q", response.TokenSet())
	}
}

// A pass lets requests go on as far as the requirement, and no further.
func TestRequireWithoutIdentity(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules, path string
		want        int
		location    string
	}{
		{"unauthenticated pass", "/admin", http.StatusUnauthorized, ""},
		{"", "/admin", http.StatusUnauthorized, ""},
		{"unauthenticated redirect /login", "/admin", http.StatusFound, "/login"},
		{"unauthenticated /admin* pass\nunauthenticated redirect /login?next={uri}", "/admin?a=b", http.StatusFound, "/login?next=%2Fadmin%3Fa%3Db"},
		{"unauthenticated /admin* pass\nunauthenticated deny", "/admin", http.StatusUnauthorized, ""},
		{"unauthenticated redirect /admin/login", "/admin/login", http.StatusUnauthorized, ""},
		{"unauthenticated pass", "/page", http.StatusOK, ""},
	} {
		g := harness.NewWith(t, requireSite(test.rules))
		b := g.Browser()
		b.Cookies[harness.TokenName] = "not.a.token"
		response := b.Get(test.path, "Accept: text/html")
		if response.StatusCode != test.want || response.Header.Get("Location") != test.location {
			t.Errorf("%q, %s: status %d to %q, want %d to %q", test.rules, test.path, response.StatusCode,
				response.Header.Get("Location"), test.want, test.location)
		}
		if response.TokenSet() != "cleared" {
			t.Errorf("%q, %s: the token cookie was %q, want it cleared once", test.rules, test.path, response.TokenSet())
		}
		if test.want == http.StatusUnauthorized && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), `Bearer realm="shop"`) {
			t.Errorf("%q, %s: WWW-Authenticate %q", test.rules, test.path, response.Header.Get("WWW-Authenticate"))
		}
		if test.want != http.StatusOK && (response.Received != nil || response.Header.Get("Cache-Control") != "no-store") {
			t.Errorf("%q, %s: reached the application: %v; Cache-Control %q", test.rules, test.path,
				response.Received != nil, response.Header.Get("Cache-Control"))
		}
	}
}

func TestRequireCouldNotTell(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, requireSite("unauthenticated pass"))
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	response := b.Get("/admin")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
}

func TestRequireWithoutHandler(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route /before* {
			jwt_session_require role customer
			jwt_session shop
		}
		route {
			jwt_session_require role customer
		}
		respond ok`})
	for _, path := range []string{"/", "/before"} {
		if response := g.Browser().Get(path); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", path, response.StatusCode)
		}
	}
}

// The identity that counts is the one that the services behind see: that of the handler met last.
func TestRequireTakesTheLastIdentity(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route {
			jwt_session staff {
				session_cookie staff
				whoami /staff json user {
					attribute role json role
				}
				unauthenticated pass
			}
			jwt_session shop {
				whoami /whoami json user {
					attribute role json role
				}
				unauthenticated pass
			}
			jwt_session_require role customer
			reverse_proxy LEGACY
		}`})
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/staff" {
			_, _ = io.WriteString(w, `{"user": "root", "role": "customer"}`)
			return true
		}
		return false
	})
	session := g.Legacy.SignIn("alice")
	for line, want := range map[string]int{
		"staff=abc":                     http.StatusUnauthorized,
		"session=" + session:            http.StatusOK,
		"staff=abc; session=" + session: http.StatusOK,
	} {
		response := g.Browser().Get("/page", "Cookie: "+line)
		if response.StatusCode != want {
			t.Errorf("%d cookies: status %d, want %d", strings.Count(line, "="), response.StatusCode, want)
		}
		if want == http.StatusOK && response.Received.User(t) != "alice" {
			t.Errorf("the application sees %q", response.Received.User(t))
		}
	}
}

// A second handler of the realm brings its own rules for those who are not signed in.
func TestRequireTakesTheRulesOfTheLastHandler(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route {
			jwt_session shop {
				unauthenticated pass
			}
			jwt_session shop {
				unauthenticated /admin pass
				unauthenticated redirect /login
			}
			jwt_session_require role customer
			respond ok
		}`})
	if response := g.Browser().Get("/admin", "Accept: text/html"); response.Header.Get("Location") != "/login" {
		t.Errorf("status %d to %q, want the redirect", response.StatusCode, response.Header.Get("Location"))
	}
}

// A preflight has no credentials, so that it can hold nothing; the request that it asks for is held to it all the same.
func TestRequireLetsPreflightsPass(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, requireSite(""))
	lines := []string{"Origin: https://app.example", "Access-Control-Request-Method: POST"}
	if response := g.Browser().Do(http.MethodOptions, "/admin", lines...); response.StatusCode != http.StatusOK {
		t.Errorf("a preflight: status %d", response.StatusCode)
	}
	if response := g.Browser().Do(http.MethodOptions, "/admin", lines[0]); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("no preflight: status %d", response.StatusCode)
	}
}

// The page that says who the user is stands behind the requirement that needs to know it.
func TestRequireLetsWhoamiPass(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user {
				attribute role json role
			}
		}
		jwt_session_require role customer
		reverse_proxy LEGACY`})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if response := b.Get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestRequireSaysWhatNobodyReads(t *testing.T) {
	t.Parallel()
	for attribute, want := range map[string]bool{"role": false, "rolle": true} {
		g := harness.NewWith(t, harness.Options{Site: strings.Replace(requireSite("").Site, "role customer", attribute+" customer", 1)})
		if got := strings.Contains(g.Logged(), "that no whoami, no issuer and no jwt_session_callback reads"); got != want {
			t.Errorf("%s: warned: %v", attribute, got)
		}
	}
}

// What a sign-in reads somebody reads: by an option of the callback, or because a route of its realm needs it.
func TestWarningsKnowWhatASignInReads(t *testing.T) {
	t.Parallel()
	const required, mapped = "that no whoami, no issuer and no jwt_session_callback reads", "map: neither whoami nor a jwt_session_callback"
	const signOut = "jwt_session_signout REALM {\nissuer https://id.invalid\nclient_id shop\nmap sub to attribute role\n}\n"
	for name, test := range map[string]struct {
		options, handler, realm string // of the callback, of the handler, of the sign-out
		require, signOut        bool   // there is a warning
	}{
		"nobody":              {"", "", "shop", true, true},
		"an option":           {"attribute role groups", "", "shop", false, false},
		"another option":      {"attribute groups role", "", "shop", true, true},
		"a header":            {"", "identity_header X-Role role", "shop", false, false},
		"an option, a blog":   {"attribute role groups", "", "blog", false, true},
		"a header, of whoami": {"", "whoami /me json user {\nattribute role json role\n}", "shop", false, false},
	} {
		g := newShapedSite(t, newShapedProvider(t), test.options, strings.ReplaceAll(signOut, "REALM", test.realm)+`
			jwt_session shop {
				`+test.handler+`
			}
			jwt_session blog {
				session_cookie blog
			}
			jwt_session_require role customer`)
		log := g.Logged()
		if got := strings.Contains(log, required); got != test.require {
			t.Errorf("%s: jwt_session_require warns: %v", name, got)
		}
		if got := strings.Contains(log, mapped); got != test.signOut {
			t.Errorf("%s: map warns: %v", name, got)
		}
	}
}

func TestRequireInvalid(t *testing.T) {
	for config, want := range map[string]string{
		"jwt_session_require sub a":         "meaning of its own",
		"jwt_session_require id alice":      "meaning of its own",
		"jwt_session_require ro.le a":       "letters, digits",
		"jwt_session_require role a b a":    "is given twice",
		`jwt_session_require role ""`:       "is empty",
		"jwt_session_require role {method}": "placeholders do not work",
	} {
		checkInvalid(t, validateSite(t, "", config), config, want)
	}
	for config, want := range map[string]string{
		"jwt_session_require":                   "want jwt_session_require [<matcher>] <attribute> <value...>",
		"jwt_session_require role":              "want at least one value",
		"jwt_session_require role a {\n x y\n}": `unknown option "x"`,
	} {
		checkAdaptError(t, "http:// {\n"+config+"\n}", want)
	}
}

// A page for errors can tell why: the user is known, and may not.
func TestRequireTellsThePlaceholder(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: strings.Replace(requireSite("").Site, "reverse_proxy LEGACY", `reverse_proxy LEGACY
		handle_errors {
			respond "{http.auth.user.id} {http.jwt_session.reason}" {err.status_code}
		}`, 1)})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	if response := b.Get("/admin"); response.StatusCode != http.StatusForbidden || response.Text != "alice insufficient_scope" {
		t.Errorf("status %d: %s", response.StatusCode, response.Text)
	}
}
