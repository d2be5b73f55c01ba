package jwtsession_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/fresh"
)

// freshSite asks for a fresh sign-in below /account.
func freshSite(rules string) harness.Options {
	return harness.Options{Site: `
		jwt_session shop {
			whoami /whoami json user
			` + rules + `
		}
		jwt_session_fresh /account* 10m
		reverse_proxy LEGACY`}
}

const freshChallenge = `Bearer realm="shop", error="insufficient_user_authentication", ` +
	`error_description="a more recent sign-in is required", max_age="600"`

// A user who signed in too long ago is asked to sign in again, by token and by session, and by nobody else than that route.
func TestFresh(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mixed", "stateful", "shadow"} {
		g := harness.NewWith(t, freshSite("mode "+mode))
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		b.Get("/page")
		for _, wait := range []time.Duration{0, 9 * time.Minute} {
			g.Clock.Advance(wait)
			if response := b.Get("/account/password"); response.StatusCode != http.StatusOK {
				t.Errorf("%s, fresh: status %d", mode, response.StatusCode)
			}
		}
		g.Clock.Advance(2 * time.Minute)
		for _, path := range []string{"by session", "by token", "by token again"} {
			response := b.Get("/account/password")
			if response.StatusCode != http.StatusUnauthorized || response.Received != nil {
				t.Errorf("%s, %s: status %d", mode, path, response.StatusCode)
			}
			if got := response.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != freshChallenge {
				t.Errorf("%s, %s: WWW-Authenticate %q", mode, path, got)
			}
			if response.Header.Get("Cache-Control") != "no-store" || response.TokenSet() == "cleared" {
				t.Errorf("%s, %s: it is cached, or the token is gone", mode, path)
			}
			if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.Received.Header.Get("OurApp-User-ID") != "alice" {
				t.Errorf("%s, %s: another route: status %d", mode, path, response.StatusCode)
			}
		}
		b.Cookies["session"] = g.Legacy.SignIn("alice") // again
		if response := b.Get("/account/password"); response.StatusCode != http.StatusOK {
			t.Errorf("%s, signed in again: status %d", mode, response.StatusCode)
		}
	}
}

// Requests that nobody is signed in with are answered as a required attribute is; preflights pass; without jwt_session: 500.
func TestFreshWithoutAUser(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, freshSite("unauthenticated pass"))
	b := g.Browser()
	if response := b.Get("/account"); response.StatusCode != http.StatusUnauthorized ||
		response.Header.Get("WWW-Authenticate") != `Bearer realm="shop"` {
		t.Errorf("status %d, %q", response.StatusCode, response.Header.Get("WWW-Authenticate"))
	}
	preflight := b.Do(http.MethodOptions, "/account", "Origin: https://x.example", "Access-Control-Request-Method: PUT")
	if preflight.Received == nil {
		t.Errorf("a preflight: status %d", preflight.StatusCode)
	}
	g = harness.NewWith(t, harness.Options{Site: "jwt_session_fresh 10m\nreverse_proxy LEGACY"})
	if response := g.Browser().Get("/page"); response.StatusCode != http.StatusInternalServerError {
		t.Errorf("without a handler: status %d", response.StatusCode)
	}
}

// A path is written otherwise, so that the route does not notice.
func TestAttackPathBesideFresh(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, freshSite(""))
	b := g.SignedIn()
	b.Get("/page") // from now on the gateway knows the user
	g.Clock.Advance(11 * time.Minute)
	for _, path := range []string{"/account", "/account/", "/%61ccount", "/x/../account", "//account", "/account;a=b", `/.\account`} {
		if response := b.Get(path); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
}

// A browser is sent to the realm's sign-in page, and comes back to where it was. Other requests get the challenge.
func TestFreshRedirects(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, freshSite("unauthenticated redirect /login?next={uri}"))
	b := g.SignedIn()
	b.Get("/page") // from now on the gateway knows the user
	g.Clock.Advance(11 * time.Minute)
	response := b.Get("/account?a=1", "Accept: text/html")
	if response.StatusCode != http.StatusFound || response.Header.Get("Location") != "/login?next=%2Faccount%3Fa%3D1" {
		t.Errorf("status %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	for _, response := range []harness.Reply{b.Get("/account"), b.Post("/account", url.Values{"a": {"b"}}, "Accept: text/html")} {
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != freshChallenge {
			t.Errorf("%s: status %d", response.Request.Method, response.StatusCode)
		}
	}
}

// Where the realm has a callback, the browser is sent there, and the provider is asked for a fresh sign-in.
func TestFreshOfACallback(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, "code", "")
	options := g.options
	options.Site = strings.Replace(options.Site, "request_header X-Via", "jwt_session_fresh /account* 10m\n\t\trequest_header X-Via", 1)
	g.Load(options)
	b := g.visitor()
	g.finish(b, "code", g.begin(b, "/auth/login", "alice"))
	if response := b.Get("/account"); response.StatusCode != http.StatusOK {
		t.Fatalf("fresh: status %d", response.StatusCode)
	}
	g.Clock.Advance(11 * time.Minute)
	response := b.Get("/account?a=b&c", "Accept: text/html")
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusFound || !strings.HasPrefix(location, "/auth/login?") {
		t.Fatalf("status %d to %q", response.StatusCode, location)
	}
	address, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	if query := address.Query(); query.Get("return") != "/account?a=b&c" || query.Get("max_age") != "600" {
		t.Errorf("it goes to %s", location)
	}
}

// An access token counts by its auth_time, and not by when it was issued.
func TestFreshOfAccessTokens(t *testing.T) {
	t.Parallel()
	p := newShapingProvider(t)
	options := p.site("audience https://api.example")
	options.Site = strings.Replace(options.Site, "request_header", "jwt_session_fresh 10m\n\t\trequest_header", 1)
	g := harness.NewWith(t, options)
	now := time.Now().Unix()
	for name, test := range map[string]struct {
		authTime any
		want     int
	}{
		"fresh":    {now - 300, http.StatusOK},
		"too old":  {now - 900, http.StatusUnauthorized},
		"not told": {nil, http.StatusUnauthorized},
		"zero":     {0, http.StatusUnauthorized},
	} {
		b := g.Browser()
		token := p.sign(map[string]any{"typ": "at+jwt"}, map[string]any{"auth_time": test.authTime})
		response := b.Get("/api", "Authorization: Bearer "+token)
		if response.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", name, response.StatusCode, test.want)
		}
		if test.want != http.StatusOK && response.Header.Get("WWW-Authenticate") != freshChallenge {
			t.Errorf("%s: %q", name, response.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestIsFresh(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 900_000_000)
	for name, test := range map[string]struct {
		authTime int64
		maxAge   time.Duration
		want     bool
	}{
		"now":                   {1_800_000_000, time.Minute, true},
		"in its last second":    {1_800_000_000 - 60, time.Minute, true},
		"too long ago":          {1_800_000_000 - 61, time.Minute, false},
		"not known":             {0, 1 << 62, false},
		"negative":              {-1, 1 << 62, false},
		"a clock ahead of ours": {1_800_000_060, time.Minute, true},
		"far ahead":             {1_800_000_061, time.Minute, false},
		"no age":                {1_800_000_000, 0, true},
	} {
		if got := fresh.IsFresh(test.authTime, test.maxAge, now); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
