package jwtsession

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// bearerSite takes tokens from Authorization, too.
func bearerSite(mode, rest string) gatewayOptions {
	return gatewayOptions{site: `
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

// toBearer moves the token from the cookie into Authorization.
func (b *browser) toBearer() {
	b.headers.Set("Authorization", "Bearer "+b.cookies[tokenName])
	delete(b.cookies, tokenName)
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
			g := newTestGatewayWith(t, bearerSite(mode, ""))
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
				t.Run(row.name, func(t *testing.T) { checkBearerRow(t, g.in(t), mode, row, theirs, want) })
			}
		})
	}
}

func checkBearerRow(t *testing.T, g *testGateway, mode string, row tableRow, theirs bool, want outcome) {
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.cookies[tokenName] = g.mintFor("alice", b.cookies["session"])
	row.arrange(g, b)
	sent, hasToken := b.cookies[tokenName]
	if line := b.headers.Get("Cookie"); line != "" {
		b.headers.Set("Cookie", strings.Replace(line, tokenName+"=", "x=", 1))
	}
	if hasToken {
		b.toBearer()
	}
	response := b.get("/page")
	got := outcome{token: response.tokenSet()}
	if response.StatusCode != http.StatusUnauthorized {
		got.user = response.received.user(t)
		got.via = response.received.Header.Get("X-Via")
	}
	if got != want {
		t.Errorf("got %+v (status %d), want %+v", got, response.StatusCode, want)
	}
	if response.received == nil {
		checkBearerChallenge(t, response, hasToken && !theirs && mode != "stateful")
		return
	}
	upstream := response.received.Header.Values("Authorization")
	if theirs && !slices.Equal(upstream, []string{"Bearer " + sent}) {
		t.Errorf("the application's Bearer credential did not go through untouched: %d lines", len(upstream))
	}
	if !theirs && len(upstream) > 0 {
		t.Error("our token reached the application")
	}
}

// A refusal names an error where a token came that this route looks at (RFC 6750 section 3.1).
func checkBearerChallenge(t *testing.T, response reply, withError bool) {
	t.Helper()
	challenge := response.Header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, `Bearer realm="shop"`) || strings.Contains(challenge, `error="invalid_token"`) != withError {
		t.Errorf("WWW-Authenticate: %s; want an error: %v", challenge, withError)
	}
}

// Of a token in Authorization and one in the cookie that differ, none counts.
func TestBearerAndCookie(t *testing.T) {
	t.Parallel()
	gateways := map[string]*testGateway{
		"mixed": newTestGatewayWith(t, bearerSite("mixed", "")), "stateless": newTestGatewayWith(t, bearerSite("stateless", "")),
	}
	for _, test := range []struct {
		name    string
		arrange func(g *testGateway, b *browser, session string)
		want    map[string]outcome
	}{
		{"the same", func(*testGateway, *browser, string) {}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"two good ones", func(g *testGateway, b *browser, session string) {
			b.cookies[tokenName] = g.mintFor("alice", session)
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"a good one and a bad cookie", func(_ *testGateway, b *browser, _ string) {
			b.cookies[tokenName] = "not.a.token"
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"another user's", func(g *testGateway, b *browser, _ string) {
			b.cookies[tokenName] = g.mintFor("bob", g.legacy.signIn("bob"))
		}, map[string]outcome{"mixed": {user: "alice", via: "session", token: "cleared"}, "stateless": refusedOut}},
		{"a cookie of another realm", func(g *testGateway, b *browser, session string) {
			b.cookies[tokenName] = g.mintWith(g.app.Opened().Keys.Current(), "blog", "alice", session)
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"a bad one, and a cookie of another realm", func(g *testGateway, b *browser, session string) {
			b.cookies[tokenName] = g.mintWith(g.app.Opened().Keys.Current(), "blog", "alice", session)
			b.headers.Set("Authorization", b.headers.Get("Authorization")+"x")
		}, map[string]outcome{"mixed": bySession, "stateless": refused}},
		{"one of another realm, and a good cookie", func(g *testGateway, b *browser, session string) {
			b.cookies[tokenName] = strings.TrimPrefix(b.headers.Get("Authorization"), "Bearer ")
			b.headers.Set("Authorization", "Bearer "+g.mintWith(g.app.Opened().Keys.Current(), "blog", "alice", session))
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"one of another realm alone", func(g *testGateway, b *browser, session string) {
			delete(b.cookies, tokenName)
			b.headers.Set("Authorization", "Bearer "+g.mintWith(g.app.Opened().Keys.Current(), "blog", "alice", session))
		}, map[string]outcome{"mixed": replaced, "stateless": refused}},
		{"the application's, and a good cookie", func(_ *testGateway, b *browser, _ string) {
			b.headers.Set("Authorization", "Bearer opaque")
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"the application's, and a bad cookie", func(_ *testGateway, b *browser, _ string) {
			b.headers.Set("Authorization", "Bearer opaque")
			b.cookies[tokenName] = "not.a.token"
		}, map[string]outcome{"mixed": replaced, "stateless": refusedOut}},
		{"twice the same in Authorization", func(_ *testGateway, b *browser, _ string) {
			b.headers["Authorization"] = append(b.headers["Authorization"], b.headers["Authorization"]...)
		}, map[string]outcome{"mixed": byToken, "stateless": byToken}},
		{"with another scheme", func(_ *testGateway, b *browser, _ string) {
			delete(b.cookies, tokenName)
			b.headers["Authorization"] = append(b.headers["Authorization"], "Basic YTpi")
		}, map[string]outcome{"mixed": bySession, "stateless": refused}},
	} {
		for mode, want := range test.want {
			t.Run(mode+"/"+test.name, func(t *testing.T) {
				g := gateways[mode].in(t)
				b := g.browser()
				session := g.legacy.signIn("alice")
				b.cookies["session"] = session
				b.cookies[tokenName] = g.mintFor("alice", session)
				b.headers.Set("Authorization", "Bearer "+b.cookies[tokenName])
				test.arrange(g, b, session)
				response := b.get("/page")
				got := outcome{token: response.tokenSet()}
				if response.StatusCode != http.StatusUnauthorized {
					got.user, got.via = response.received.user(t), response.received.Header.Get("X-Via")
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
		g := newTestGatewayWith(t, bearerSite(mode, ""))
		b := g.browser()
		b.cookies["session"] = g.legacy.signIn("alice")
		b.cookies[tokenName] = g.mintFor("alice", b.cookies["session"])
		b.toBearer()
		for _, age := range []time.Duration{0, 55 * time.Second} {
			g.clock.advance(age)
			response := b.get("/page")
			if got := response.received.user(t); got != "alice" || response.tokenSet() != "" || len(response.Header["Set-Cookie"]) > 0 {
				t.Errorf("mode %s, after %s: user %q, %d cookies", mode, age, got, len(response.Header["Set-Cookie"]))
			}
		}
		if asked := g.legacy.questions(); asked != 0 {
			t.Errorf("mode %s: %d questions", mode, asked)
		}
		g.clock.advance(5 * time.Second)
		delete(b.cookies, "session")
		if response := b.get("/page"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("mode %s, after its end: status %d", mode, response.StatusCode)
		}
	}
}

func TestBearerRefusal(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, bearerSite("stateless", ""))
	token := g.mintFor("alice", g.legacy.signIn("alice"))
	for _, test := range []struct{ line, want string }{
		{"Bearer " + token[:len(token)-2] + "AA", `Bearer realm="shop", error="invalid_token", error_description="the token is not accepted"`},
		{"Bearer opaque", `Bearer realm="shop"`},
		{"Bearer", `Bearer realm="shop"`},
		{"Basic YTpi", `Bearer realm="shop"`},
		{"Bearer " + g.mintWith(g.app.Opened().Keys.Current(), "blog", "alice", "x"), `Bearer realm="shop", error="invalid_token", error_description="the token is not accepted"`},
	} {
		response := g.browser().get("/page", "Authorization: "+test.line)
		if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != http.StatusUnauthorized || !slices.Equal(got, []string{test.want}) {
			t.Errorf("status %d, WWW-Authenticate %q, want %q", response.StatusCode, got, test.want)
		}
	}
	g.clock.advance(time.Minute)
	want := `Bearer realm="shop", error="invalid_token", error_description="the token expired"`
	if got := g.browser().get("/page", "Authorization: Bearer "+token).Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("expired: %q", got)
	}
}

// Without the option Authorization is the application's, whoever made what is in it.
func TestBearerIsNotReadUnasked(t *testing.T) {
	t.Parallel()
	g := newTestGateway(t, "unauthenticated pass")
	b := g.browser()
	b.cookies[tokenName] = g.mintFor("alice", g.legacy.signIn("alice"))
	b.cookies["session"] = "other-0123456789abcdef"
	b.toBearer()
	got := b.get("/page").received
	if got.user(t) != "" || got.Header.Get("Authorization") != b.headers.Get("Authorization") {
		t.Errorf("user %q, Authorization untouched: %v", got.user(t), got.Header.Get("Authorization") == b.headers.Get("Authorization"))
	}
}

// Each realm reads what the client sent, whatever the one before it did to the request.
func TestBearerOfALaterRealm(t *testing.T) {
	t.Parallel()
	g := newTestGatewayWith(t, gatewayOptions{site: `
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
	b := g.browser()
	b.cookies[tokenName] = g.mintFor("alice", "x")
	b.toBearer()
	// That the first handler has hidden the credential makes the request none of a browser's own for the second.
	response := b.do(http.MethodPost, "/page", "Sec-Fetch-Site: cross-site")
	if response.StatusCode != http.StatusOK || response.received.user(t) != "alice" || response.received.Header.Get("Authorization") != "" {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A second handler of the realm keeps our token from its application, and names an error only where a token came.
func TestBearerAtALaterHandler(t *testing.T) {
	t.Parallel()
	site := func(rules string) gatewayOptions {
		return gatewayOptions{site: `
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
	g := newTestGatewayWith(t, site("unauthenticated pass"))
	got := g.browser().get("/page", "Authorization: Bearer "+g.mintFor("alice", "any")).received
	if got.user(t) != "" || len(got.Header["Authorization"]) > 0 {
		t.Errorf("user %q, and %d lines of Authorization", got.user(t), len(got.Header["Authorization"]))
	}
	g = newTestGatewayWith(t, site(""))
	checkBearerChallenge(t, g.browser().get("/page"), false)
	checkBearerChallenge(t, g.browser().get("/page", "Authorization: Bearer "+g.mintFor("alice", "any")), true)
}
