package jwtsession_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// bearerSite takes tokens from Authorization, too.
func bearerSite(mode, rest string) harness.Options {
	return harness.Options{Site: `
		jwt_session shop {
			mode ` + mode + `
			whoami /whoami json user
			token_lifetime 1m
			renew_before 10s
			accept_bearer
			` + rest + `
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY`}
}

// The truth table holds for a token in Authorization as well, except that nothing becomes of a cookie then. A token under
// no key of ours is the application's, and so none.
func TestTruthTableByBearer(t *testing.T) {
	t.Parallel()
	for mode, wanted := range map[string]func(tableRow) outcome{
		"mixed":     func(row tableRow) outcome { return row.mixed },
		"stateful":  func(row tableRow) outcome { return row.stateful },
		"stateless": func(row tableRow) outcome { return row.stateless },
		"shadow":    tableRow.shadow,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g := harness.NewWith(t, bearerSite(mode, ""))
			for _, row := range tableRows() {
				if strings.Contains(row.name, "token ambiguous") {
					continue // that needs two places, see TestBearerAndCookie
				}
				theirs := strings.Contains(row.name, "foreign key") || strings.Contains(row.name, "malformed")
				want := wanted(row)
				if !theirs || want.token == "cleared" {
					want.token = ""
				}
				// Where the token is absent, it is as in the other table.
				if row.name == "token absent, session active" && (mode == "mixed" || mode == "shadow") {
					want.token = "set"
				}
				t.Run(row.name, func(t *testing.T) { checkBearerRow(t, g.In(t), mode, row, theirs, want) })
			}
		})
	}
}

func checkBearerRow(t *testing.T, g *harness.Gateway, mode string, row tableRow, theirs bool, want outcome) {
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"])
	row.arrange(g, b)
	sent, hasToken := b.Cookies[harness.TokenName]
	if line := b.Headers.Get("Cookie"); line != "" {
		b.Headers.Set("Cookie", strings.Replace(line, harness.TokenName+"=", "x=", 1))
	}
	if hasToken {
		b.ToBearer()
	}
	response := b.Get("/page")
	got := outcome{token: response.TokenSet()}
	if response.StatusCode != http.StatusUnauthorized {
		got.user = response.Received.User(t)
		got.via = response.Received.Header.Get("X-Via")
	}
	if got != want {
		t.Errorf("got %+v (status %d), want %+v", got, response.StatusCode, want)
	}
	if response.Received == nil {
		checkBearerChallenge(t, response, hasToken && !theirs && mode != "stateful")
		return
	}
	upstream := response.Received.Header.Values("Authorization")
	if theirs && !slices.Equal(upstream, []string{"Bearer " + sent}) {
		t.Errorf("the application's Bearer credential did not go through untouched: %d lines", len(upstream))
	}
	if !theirs && len(upstream) > 0 {
		t.Error("our token reached the application")
	}
}

// A refusal names an error where a token came that this route looks at (RFC 6750 section 3.1).
func checkBearerChallenge(t *testing.T, response harness.Reply, withError bool) {
	t.Helper()
	challenge := response.Header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, `Bearer realm="shop"`) || strings.Contains(challenge, `error="invalid_token"`) != withError {
		t.Errorf("WWW-Authenticate: %s; want an error: %v", challenge, withError)
	}
}

// Of a token in Authorization and one in the cookie that differ, none counts.
func TestBearerAndCookie(t *testing.T) {
	t.Parallel()
	gateways := map[string]*harness.Gateway{
		"mixed": harness.NewWith(t, bearerSite("mixed", "")), "stateless": harness.NewWith(t, bearerSite("stateless", "")),
	}
	for _, test := range []struct {
		name    string
		arrange func(g *harness.Gateway, b *harness.Browser, session string)
		want    map[string]outcome
	}{
		{"the same", func(*harness.Gateway, *harness.Browser, string) {}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"two good ones", func(g *harness.Gateway, b *harness.Browser, session string) {
			b.Cookies[harness.TokenName] = g.MintFor("alice", session)
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"a good one and a bad cookie", func(_ *harness.Gateway, b *harness.Browser, _ string) {
			b.Cookies[harness.TokenName] = "not.a.token"
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"another user's", func(g *harness.Gateway, b *harness.Browser, _ string) {
			b.Cookies[harness.TokenName] = g.MintFor("bob", g.Legacy.SignIn("bob"))
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"a cookie of another realm", func(g *harness.Gateway, b *harness.Browser, session string) {
			b.Cookies[harness.TokenName] = g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", session)
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"a bad one, and a cookie of another realm", func(g *harness.Gateway, b *harness.Browser, session string) {
			b.Cookies[harness.TokenName] = g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", session)
			b.Headers.Set("Authorization", b.Headers.Get("Authorization")+"x")
		}, map[string]outcome{"mixed": bySession, "stateless": refused}},
		{"one of another realm, and a good cookie", func(g *harness.Gateway, b *harness.Browser, session string) {
			b.Cookies[harness.TokenName] = strings.TrimPrefix(b.Headers.Get("Authorization"), "Bearer ")
			b.Headers.Set("Authorization", "Bearer "+g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", session))
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"one of another realm alone", func(g *harness.Gateway, b *harness.Browser, session string) {
			delete(b.Cookies, harness.TokenName)
			b.Headers.Set("Authorization", "Bearer "+g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", session))
		}, map[string]outcome{"mixed": replaced, "stateless": refused}},
		{"the application's, and a good cookie", func(_ *harness.Gateway, b *harness.Browser, _ string) {
			b.Headers.Set("Authorization", "Bearer opaque")
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"the application's, and a bad cookie", func(_ *harness.Gateway, b *harness.Browser, _ string) {
			b.Headers.Set("Authorization", "Bearer opaque")
			b.Cookies[harness.TokenName] = "not.a.token"
		}, map[string]outcome{"mixed": replaced, "stateless": refusedOut}},
		{"twice the same in Authorization", func(_ *harness.Gateway, b *harness.Browser, _ string) {
			b.Headers["Authorization"] = append(b.Headers["Authorization"], b.Headers["Authorization"]...)
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"with another scheme", func(_ *harness.Gateway, b *harness.Browser, _ string) {
			delete(b.Cookies, harness.TokenName)
			b.Headers["Authorization"] = append(b.Headers["Authorization"], "Basic YTpi")
		}, map[string]outcome{"mixed": bySession, "stateless": refused}},
	} {
		for mode, want := range test.want {
			t.Run(mode+"/"+test.name, func(t *testing.T) {
				g := gateways[mode].In(t)
				b := g.Browser()
				session := g.Legacy.SignIn("alice")
				b.Cookies["session"] = session
				b.Cookies[harness.TokenName] = g.MintFor("alice", session)
				b.Headers.Set("Authorization", "Bearer "+b.Cookies[harness.TokenName])
				test.arrange(g, b, session)
				response := b.Get("/page")
				got := outcome{token: response.TokenSet()}
				if response.StatusCode != http.StatusUnauthorized {
					got.user, got.via = response.Received.User(t), response.Received.Header.Get("X-Via")
				}
				if got != want {
					t.Errorf("got %+v (status %d), want %+v", got, response.StatusCode, want)
				}
			})
		}
	}
}

// A client that brings its token itself gets no cookie: not near the token's end, and not with the end of the session.
func TestBearerGetsNoCookie(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mixed", "stateless"} {
		g := harness.NewWith(t, bearerSite(mode, ""))
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"])
		b.ToBearer()
		for _, age := range []time.Duration{0, 55 * time.Second} {
			g.Clock.Advance(age)
			response := b.Get("/page")
			if got := response.Received.User(t); got != "alice" || response.TokenSet() != "" || len(response.Header["Set-Cookie"]) > 0 {
				t.Errorf("mode %s, after %s: user %q, %d cookies", mode, age, got, len(response.Header["Set-Cookie"]))
			}
		}
		if asked := g.Legacy.Questions(); asked != 0 {
			t.Errorf("mode %s: %d questions", mode, asked)
		}
		g.Clock.Advance(5 * time.Second)
		delete(b.Cookies, "session")
		if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("mode %s, after its end: status %d", mode, response.StatusCode)
		}
	}
}

func TestBearerRefusal(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, bearerSite("stateless", ""))
	token := g.MintFor("alice", g.Legacy.SignIn("alice"))
	for _, test := range []struct{ line, want string }{
		{"Bearer " + token[:len(token)-2] + "AA", `Bearer realm="shop", error="invalid_token", error_description="the token is not accepted"`},
		{"Bearer opaque", `Bearer realm="shop"`},
		{"Bearer", `Bearer realm="shop"`},
		{"Basic YTpi", `Bearer realm="shop"`},
		{"Bearer " + g.MintWith(g.App.Opened().Keys.Current(), "blog", "alice", "x"), `Bearer realm="shop", error="invalid_token", error_description="the token is not accepted"`},
	} {
		response := g.Browser().Get("/page", "Authorization: "+test.line)
		if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != http.StatusUnauthorized || !slices.Equal(got, []string{test.want}) {
			t.Errorf("status %d, WWW-Authenticate %q, want %q", response.StatusCode, got, test.want)
		}
	}
	g.Clock.Advance(time.Minute)
	want := `Bearer realm="shop", error="invalid_token", error_description="the token expired"`
	if got := g.Browser().Get("/page", "Authorization: Bearer "+token).Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("expired: %q", got)
	}
}

// Without the option Authorization is the application's, whoever made what is in it.
func TestBearerIsNotReadUnasked(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "unauthenticated pass")
	b := g.Browser()
	b.Cookies[harness.TokenName] = g.MintFor("alice", g.Legacy.SignIn("alice"))
	b.Cookies["session"] = "other-0123456789abcdef"
	b.ToBearer()
	got := b.Get("/page").Received
	if got.User(t) != "" || got.Header.Get("Authorization") != b.Headers.Get("Authorization") {
		t.Errorf("user %q, Authorization untouched: %v", got.User(t), got.Header.Get("Authorization") == b.Headers.Get("Authorization"))
	}
}

// Each realm reads what the client sent, whatever the one before it did to the request.
func TestBearerOfALaterRealm(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route {
			jwt_session blog {
				mode stateless
				accept_bearer
				unauthenticated pass
				identity_header Blog-User
			}
			jwt_session shop {
				mode stateless
				accept_bearer
				csrf
			}
			reverse_proxy LEGACY
		}`})
	b := g.Browser()
	b.Cookies[harness.TokenName] = g.MintFor("alice", "x")
	b.ToBearer()
	// That the first handler has hidden the credential makes the request none of a browser's own for the second.
	response := b.Do(http.MethodPost, "/page", "Sec-Fetch-Site: cross-site")
	if response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" || response.Received.Header.Get("Authorization") != "" {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A second handler of the realm keeps our token from its application, and names an error only where a token came.
func TestBearerAtALaterHandler(t *testing.T) {
	t.Parallel()
	site := func(rules string) harness.Options {
		return harness.Options{Site: `
			route {
				jwt_session shop {
					mode stateless
					unauthenticated pass
				}
				jwt_session shop {
					accept_bearer
					` + rules + `
				}
				reverse_proxy LEGACY
			}`}
	}
	g := harness.NewWith(t, site("unauthenticated pass"))
	got := g.Browser().Get("/page", "Authorization: Bearer "+g.MintFor("alice", "any")).Received
	if got.User(t) != "" || len(got.Header["Authorization"]) > 0 {
		t.Errorf("user %q, and %d lines of Authorization", got.User(t), len(got.Header["Authorization"]))
	}
	g = harness.NewWith(t, site(""))
	checkBearerChallenge(t, g.Browser().Get("/page"), false)
	checkBearerChallenge(t, g.Browser().Get("/page", "Authorization: Bearer "+g.MintFor("alice", "any")), true)
}
