package jwtsession_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// combinedGateway is a gateway whose token is in the session cookie.
func combinedGateway(t *testing.T, directive string) *harness.Gateway {
	t.Helper()
	return harness.New(t, "token_in_session_cookie {\npath /\n}\n"+directive)
}

func sessionLines(header http.Header) []string {
	return slices.DeleteFunc(slices.Clone(header["Set-Cookie"]), func(line string) bool {
		return !strings.HasPrefix(line, "session=")
	})
}

// One cookie: sign-in, a token, the token path, renewal, sign-out. The application sees its own cookie throughout.
func TestCombinedVisit(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "unauthenticated pass")
	b := g.Browser()
	b.Get("/login?user=alice")
	id := b.Cookies["session"]
	b.WantCookie("a new session goes out plain", id, false)

	first := b.Get("/page")
	b.WantCookie("the first page brings a token", id, true)
	if lines := sessionLines(first.Header); len(lines) != 1 || lines[0] != "session="+b.Cookies["session"]+"; Path=/; HttpOnly; SameSite=Lax" {
		t.Errorf("the token is set by %d lines, or with other attributes", len(lines))
	}
	if len(first.Header["Set-Cookie"]) != 1 || first.Header.Get("Cache-Control") != "private" || first.Header.Get("Vary") != "Cookie" {
		t.Errorf("got the header %v", first.Header.Values("Vary"))
	}
	asked := g.Legacy.Questions()
	for range 3 {
		page := b.Get("/page", "Cookie: a=1;session="+b.Cookies["session"]+" ;b= sid=x&jwt=y")
		if user, cookies := page.Received.User(t), page.Received.Sent(t); user != "alice" || cookies != "a=1;session="+id+";b= sid=x&jwt=y" {
			t.Errorf("the application sees %q as %q", cookies, user)
		}
		if len(page.Header["Set-Cookie"]) > 0 || page.Header.Get("Cache-Control") != "" {
			t.Error("a page on the token path sets a cookie")
		}
	}
	if g.Legacy.Questions() != asked {
		t.Error("the token path asked the application")
	}

	_, before := b.Combined()
	g.Clock.Advance(40 * time.Second)
	b.Get("/page")
	b.WantCookie("the token is renewed", id, true)
	if _, after := b.Combined(); after == before {
		t.Error("the token was not replaced")
	}

	stolen := b.Cookies["session"]
	out := b.Get("/logout")
	if _, has := b.Cookies["session"]; has || len(out.Header["Set-Cookie"]) != 1 {
		t.Error("after the sign-out the browser has a session cookie")
	}
	b.Cookies["session"] = stolen
	if user := b.Get("/page").Received.User(t); user != "" {
		t.Error("the cookie from before the sign-out still counts")
	}
	b.WantCookie("its token is cleared, its session id is left", id, false)
	if log := g.Logged(); strings.Contains(log, id) || strings.Contains(log, before) {
		t.Error("a session id or a token is in the log")
	}
}

// What the application does to its own cookie happens to the browser's, and takes the token along only where the session
// is the same.
func TestCombinedFollowsTheApplication(t *testing.T) {
	t.Parallel()
	const attributes = "; Max-Age=3600; Path=/; SameSite=Strict; Priority=High"
	for _, test := range []struct {
		name  string
		lines []string // of the application; ID is the session id that it has
		write func(http.ResponseWriter)
		want  []string // of the session cookie in the browser's response; TOKEN is a token
		// private: the response is made private although it carries no token, since it takes one away
		private bool
	}{
		{name: "repeats the value", lines: []string{"session=ID" + attributes}, want: []string{"session=sid=ID&jwt=TOKEN" + attributes + "; HttpOnly"}},
		{name: "has it HttpOnly", lines: []string{"session=ID;path=/; httponly"}, want: []string{"session=sid=ID&jwt=TOKEN;path=/; httponly"}},
		{name: "a new value", lines: []string{"session=new" + attributes}, want: []string{"session=new" + attributes}},
		{name: "deletes it", lines: []string{"session=ID; Path=/; Max-Age=0"}, want: []string{"session=ID; Path=/; Max-Age=0"}},
		{
			name: "deletes it by date", lines: []string{"session=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"},
			want: []string{"session=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"},
		},
		{name: "deletes and repeats", lines: []string{"session=; Path=/; Max-Age=0", "session=ID; Path=/"}, want: []string{"session=; Path=/; Max-Age=0", "session=sid=ID&jwt=TOKEN; Path=/; HttpOnly"}},
		{name: "a new value that looks combined", lines: []string{"session=sid=a&jwt=b; Path=/"}, want: []string{"session=sid=sid=a&jwt=b&jwt=; Path=/; HttpOnly"}},
		{
			name: "repeats it where a shared cache may store it", lines: []string{"session=ID; Path=/"},
			write: func(w http.ResponseWriter) { w.Header().Set("Cache-Control", "public, max-age=60") }, want: []string{"session=ID; Path=/"},
		},
		{
			name: "repeats it on an error", lines: []string{"session=ID; Path=/"},
			write: func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, want: []string{"session=ID; Path=/"},
		},
		{
			name: "new, with another path", lines: []string{"session=new; Path=/app"},
			want: []string{"session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", "session=new; Path=/app"},
		},
		{
			name: "repeats it with another path", lines: []string{"session=ID; Path=/app"},
			want: []string{"session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", "session=ID; Path=/app"},
		},
		{
			// The browser keeps the id in our place all the same; it has lost its token, and is asked about anew.
			name: "deletes it with a domain", lines: []string{"session=; Path=/; Domain=.shop.example; Max-Age=0"},
			want:    []string{"session=; Path=/; Domain=.shop.example; Max-Age=0", "session=ID; Path=/; HttpOnly; SameSite=Lax"},
			private: true,
		},
		{name: "another cookie", lines: []string{"Session=sid=ID&jwt=x; Path=/"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := combinedGateway(t, "unauthenticated pass")
			b := g.Browser()
			id := g.Legacy.SignIn("alice")
			b.Cookies["session"] = id
			b.Get("/page")
			_, token := b.Combined()
			g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
				for _, line := range test.lines {
					w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "ID", id))
				}
				if test.write != nil {
					test.write(w)
				}
				return false
			})
			response := b.Get("/page")
			var want []string
			for _, line := range test.want {
				want = append(want, strings.NewReplacer("ID", id, "TOKEN", token).Replace(line))
			}
			got := sessionLines(response.Header)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			carries := slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "&jwt=ey") })
			if (carries || test.private) != (response.Header.Get("Cache-Control") == "private") {
				t.Errorf("Cache-Control: %s", response.Header.Get("Cache-Control"))
			}
			if response.Received.User(t) != "alice" {
				t.Error("the request was not alice's")
			}
		})
	}
}

// An application that repeats its cookie with every answer gets each new token put into it.
func TestCombinedMintsIntoARepeatedCookie(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "")
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", "session="+id+"; Path=/; Max-Age=600")
		return false
	})
	for _, what := range []string{"minted", "renewed"} {
		_, before := b.Combined()
		response := b.Get("/page")
		b.WantCookie(what, id, true)
		if _, token := b.Combined(); token == before {
			t.Errorf("%s: it is the token from before", what)
		}
		if lines := sessionLines(response.Header); len(lines) != 1 || !strings.HasSuffix(lines[0], "; Path=/; Max-Age=600; HttpOnly") {
			t.Errorf("%s: the application's attributes are not kept, or the cookie is set twice", what)
		}
		g.Clock.Advance(40 * time.Second)
	}
}

// A change of what the gateway has in the cookie alone leaves the session id, with the configured attributes.
func TestCombinedClearsTheTokenAlone(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "token_in_session_cookie {\npath /app\ndomain shop.example\nsame_site strict\nmax_age 1h\n}\nforget_on /forget\nunauthenticated pass")
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	set := b.Get("/page")
	const attributes = "; Path=/app; Domain=shop.example; Max-Age=3600; HttpOnly; SameSite=Strict"
	if got, want := sessionLines(set.Header), "session="+b.Cookies["session"]+attributes; !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	b.WantCookie("set", id, true)
	cleared := b.Get("/forget")
	if got, want := sessionLines(cleared.Header), "session="+id+attributes; !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := b.Get("/page"); again.Received.User(t) != "alice" {
		t.Error("the session was not asked for anew")
	}
	b.WantCookie("set again", id, true)
}

// The operator's no takes the whole cookie from the browser, with its path and domain, and from the application.
func TestCombinedRevocation(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "token_in_session_cookie {\npath /app\n}\nunauthenticated /open pass")
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	b.Get("/page")
	if err := g.App.Opened().Ledger.RevokeSession(t.Context(), harness.KeyOf(g, id)); err != nil {
		t.Fatal(err)
	}
	mine := b.Cookies["session"]
	for _, path := range []string{"/page", "/open"} {
		b.Cookies["session"] = mine
		response := b.Get(path)
		if got := sessionLines(response.Header); !slices.Equal(got, []string{"session=; Path=/app; Max-Age=0; HttpOnly; SameSite=Lax"}) {
			t.Errorf("%s: got %q", path, got)
		}
		if response.Received != nil && len(response.Received.Header["Cookie"]) > 0 {
			t.Errorf("%s: the revoked session reached the application", path)
		}
	}
}

// Over TLS the cookie is a secure one, also where the application repeats it without saying so.
func TestCombinedIsSecureOverTLS(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{TLS: true, Site: "jwt_session shop {\nwhoami /whoami json user\ntoken_in_session_cookie\n}\nreverse_proxy LEGACY"})
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	if lines := sessionLines(b.Get("/page").Header); len(lines) != 1 || !strings.HasSuffix(lines[0], "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("got %d lines, or not with these attributes", len(lines))
	}
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", "session="+id)
		return false
	})
	if lines := sessionLines(b.Get("/page").Header); len(lines) != 1 || !strings.HasSuffix(lines[0], "; HttpOnly; Secure") || !strings.Contains(lines[0], "&jwt=ey") {
		t.Errorf("got %d lines, or not with these attributes", len(lines))
	}
}

// A session id that looks combined stays what the application made it.
func TestCombinedOddSessionIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"sid=a", "a&jwt=b", "sid=a&jwt=b", "sid=&jwt=", "sid=sid=a&jwt=b&jwt=c", `"q"`, "%26jwt%3D", "a b", "a,b"} {
		g := combinedGateway(t, "unauthenticated pass\nsession_cookie session {\nmin_length 1\n}")
		g.Legacy.Set(id, "alice")
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Cache-Control", "no-store")
			if r.Header.Get("Cookie") == "session="+id {
				_, _ = w.Write([]byte(`{"user": "alice"}`))
			} else {
				_, _ = w.Write([]byte(`{"user": null}`))
			}
			return true
		})
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/start" {
				w.Header().Set("Set-Cookie", "session="+id+"; Path=/")
			}
			return false
		})
		b := g.Browser()
		keep := func(response harness.Reply) {
			for _, line := range sessionLines(response.Header) {
				b.Cookies["session"] = cookie.ReadLine(line).Value // net/http would drop or change some of these
			}
		}
		keep(b.Get("/start"))
		for range 2 {
			response := b.Get("/page")
			keep(response)
			if user, sent := response.Received.User(t), response.Received.Sent(t); user != "alice" || sent != "session="+id {
				t.Errorf("%q: the application sees %q as %q", id, sent, user)
			}
			b.WantCookie(id, id, true)
		}
		if g.Legacy.Questions() != 1 {
			t.Errorf("%q: the application was asked %d times", id, g.Legacy.Questions())
		}
	}
}

// A cookie that would be too long stays plain, and the log names the attribute.
func TestCombinedTooLong(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `jwt_session shop {
		whoami /whoami json user {
			attribute small json role
			attribute large json large
		}
		token_in_session_cookie
	}
	reverse_proxy LEGACY`})
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`{"user": "alice", "role": "customer", "large": "` + strings.Repeat("x", 3000) + `"}`))
		return true
	})
	b := g.Browser()
	b.Cookies["session"] = "abc-0123456789abcdef"
	for _, repeats := range []bool{false, true} {
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			if repeats {
				w.Header().Set("Set-Cookie", "session=abc-0123456789abcdef; Path=/")
			}
			return false
		})
		if response := b.Get("/page"); response.Received.User(t) != "alice" || response.Received.Sent(t) != "session=abc-0123456789abcdef" {
			t.Error("the session path did not serve it")
		}
		b.WantCookie("too long", "abc-0123456789abcdef", false)
	}
	if log := g.Logged(); !strings.Contains(log, `"largest_attribute":"large"`) {
		t.Error("the log does not name the largest attribute")
	}
}

// A late answer of another request must not bring the id of a session back that has ended meanwhile.
func TestCombinedDoesNotBringBackAnEndedSession(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "")
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	b.Get("/page")
	g.Clock.Advance(time.Hour) // the token has expired, so that it is to be replaced, or cleared where that can't be
	g.Legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/slow" {
			b := g.Browser()
			b.Cookies["session"] = id
			b.Get("/logout")
		}
		return false
	})
	if lines := sessionLines(b.Get("/slow").Header); len(lines) > 0 {
		t.Error("the ended session's id was set again")
	}
}

// Two realms that have one session cookie: the first handler's token is in it, the second one leaves it alone, and each
// says rightly who the user is.
func TestCombinedOfTwoRealms(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `route {
		jwt_session shop {
			whoami /whoami json user
			token_in_session_cookie
			identity_header X-Shop-User
		}
		jwt_session blog {
			whoami /whoami json user
			token_in_session_cookie
			identity_header X-Blog-User
		}
		reverse_proxy LEGACY
	}`})
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	for i := range 3 {
		response := b.Get("/page")
		header := response.Received.Header
		if header.Get("X-Shop-User") != "alice" || header.Get("X-Blog-User") != "alice" || response.Received.Sent(t) != "session="+id {
			t.Errorf("request %d: the application does not see alice twice, with her own cookie", i)
		}
		if lines := sessionLines(response.Header); len(lines) != 1-min(i, 1) {
			t.Errorf("request %d: the cookie is set %d times", i, len(lines))
		}
		b.WantCookie("both", id, true)
	}
	if g.Legacy.Questions() != 2 {
		t.Errorf("the application was asked %d times", g.Legacy.Questions())
	}
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", "session="+id+"; Path=/")
		return false
	})
	b.Cookies["session"] = id // no token any more
	if lines := sessionLines(b.Get("/page").Header); len(lines) != 1 {
		t.Errorf("a repeated cookie is set %d times", len(lines))
	}
	b.WantCookie("repeated", id, true)
	if _, token := b.Combined(); g.ClaimsOf(token).Realm() != "shop" {
		t.Error("the token is that of the second realm")
	}
	before := g.Legacy.Questions()
	for range 2 {
		if b.Get("/page").Received.Header.Get("X-Shop-User") != "alice" || g.Legacy.Questions() != before {
			t.Error("the token does not count, or its being handed on is taken for a new session")
		}
		b.WantCookie("repeated", id, true)
	}
}

// Of two tokens that differ none is chosen, not even to be handed on.
func TestCombinedTokensThatDiffer(t *testing.T) {
	t.Parallel()
	g := combinedGateway(t, "mode stateful")
	id := g.Legacy.SignIn("alice")
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", "session="+id+"; Path=/")
		return false
	})
	first, second := g.MintFor("alice", id), g.MintFor("alice", id)
	for cookies, want := range map[string]bool{
		"session=sid=" + id + "&jwt=" + first + "; session=sid=" + id + "&jwt=" + second: false,
		"session=sid=" + id + "&jwt=" + first + "; session=sid=" + id + "&jwt=" + first:  true,
		"session=sid=" + id + "&jwt=" + first + "; session=" + id:                        true,
	} {
		b := g.Browser()
		if user := b.Get("/page", "Cookie: "+cookies).Received.User(t); user != "alice" {
			t.Error("the session does not count")
		}
		b.WantCookie("handed on", id, want)
	}
}

// Everything behind sees the plain cookie: services without the handler's own realm, and error routes.
func TestCombinedIsSplitForAll(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `handle_errors {
		jwt_session_strip
		reverse_proxy LEGACY
	}
	route /error {
		error 500
	}
	route /blog {
		jwt_session blog {
			session_cookie blogid
			unauthenticated pass
		}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
			token_in_session_cookie
		}
		error /broken 502
		reverse_proxy LEGACY
	}`})
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	b.Get("/page")
	b.WantCookie("set", id, true)
	for _, path := range []string{"/blog", "/error", "/broken"} {
		if sent := b.Get(path).Received.Sent(t); sent != "session="+id {
			t.Errorf("%s: the application got a session cookie of %d bytes", path, len(sent))
		}
	}
	// A session id that looks combined is split once, however many handlers it meets.
	b.Cookies["session"] = validator.JoinCombined("sid=a&jwt=b", "")
	for _, path := range []string{"/blog", "/error"} {
		if sent := b.Get(path).Received.Sent(t); sent != "session=sid=a&jwt=b" {
			t.Errorf("%s: the application got %q", path, sent)
		}
	}
}

// Modes that do not read tokens hand them on in the browser's cookie, and going to stateful and back signs nobody out.
func TestCombinedPerRouteModes(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
	route /api* {
		jwt_session shop {
			mode stateless
			token_in_session_cookie
		}
		reverse_proxy LEGACY
	}
	route /old* {
		jwt_session shop {
			mode stateful
			whoami /whoami json user
			token_in_session_cookie
		}
		reverse_proxy LEGACY
	}
	route {
		jwt_session shop {
			whoami /whoami json user
			token_in_session_cookie
		}
		reverse_proxy LEGACY
	}`})
	b := g.Browser()
	id := g.Legacy.SignIn("alice")
	b.Cookies["session"] = id
	if status := b.Get("/api").StatusCode; status != http.StatusUnauthorized {
		t.Errorf("a session without a token on the stateless route: %d", status)
	}
	b.Get("/page")
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Set-Cookie", "session="+id+"; Path=/")
		return false
	})
	for _, path := range []string{"/old", "/api", "/page", "/old"} {
		response := b.Get(path)
		if response.Received.User(t) != "alice" || response.Received.Sent(t) != "session="+id {
			t.Errorf("%s: the application does not see alice with her own cookie", path)
		}
		b.WantCookie(path, id, true)
	}
}

// A session that moves to a new id with every answer takes its token along in the one cookie.
func TestCombinedRolling(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
	jwt_session shop {
		whoami /whoami json user {
			rolling
		}
		token_in_session_cookie
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy LEGACY`})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if old, err := r.Cookie("session"); err == nil && g.Legacy.User(r) == "alice" {
			id := g.Legacy.SignIn("alice")
			g.Legacy.Set(old.Value, "")
			w.Header().Set("Set-Cookie", "session="+id+"; Path=/; HttpOnly")
		}
		return false
	})
	for i, want := range []string{"session", "token", "token", "token"} {
		before := b.Cookies["session"]
		response := b.Get("/page")
		if got := response.Received.Header.Get("X-Via"); got != want || response.Received.User(t) != "alice" {
			t.Errorf("request %d: via %s, want %s", i, got, want)
		}
		if b.Cookies["session"] == before || !strings.Contains(b.Cookies["session"], "&jwt=") {
			t.Errorf("request %d: the cookie did not move, or has no token", i)
		}
	}
	if asked := g.Legacy.Questions(); asked != 1 {
		t.Errorf("the application was asked %d times", asked)
	}
}

// The truth table once more for one cookie: what tables say of the token cookie is true of what the session cookie
// carries, and where there is no telling which session id would stay, nothing is cleared.
func TestTruthTableOfTheCombinedCookie(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]func(tableRow) outcome{
		"mixed":     func(row tableRow) outcome { return row.mixed },
		"stateful":  func(row tableRow) outcome { return row.stateful },
		"stateless": func(row tableRow) outcome { return row.stateless },
		"shadow":    tableRow.shadow,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			site := strings.NewReplacer("MODE", mode+"\n token_in_session_cookie", "ROLLING", "").Replace(truthTableSite)
			g := harness.NewWith(t, harness.Options{Site: site})
			for _, row := range tableRows() {
				if row.name == "token too large, session ambiguous" {
					continue // as one cookie that is more than Cookie lines may hold, and answered with 400
				}
				t.Run(row.name, func(t *testing.T) { checkCombinedRow(t, g.In(t), row, want(row)) })
			}
		})
	}
}

func checkCombinedRow(t *testing.T, g *harness.Gateway, row tableRow, want outcome) {
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"])
	asked := g.Legacy.Questions()
	row.arrange(g, b)
	line := b.CookieLine()
	if given := b.Headers["Cookie"]; given != nil {
		line = given[0]
	}
	b.Headers["Cookie"] = []string{combineLine(t, line)}
	response := b.Get("/page")

	if strings.Contains(row.name, "session ambiguous") && want.token == "cleared" {
		want.token = ""
	}
	if strings.Contains(row.name, "revoked") && strings.Contains(row.name, "session") && !strings.Contains(row.name, "token revoked, session") ||
		strings.Contains(row.name, "session revoked") {
		want.token = "removed"
	}
	if strings.Contains(row.name, "cookies absent") && want.token == "cleared" {
		want.token = "removed"
	}
	got := outcome{token: combinedSet(response)}
	if response.StatusCode != http.StatusUnauthorized {
		got.user = response.Received.User(t)
		got.via = response.Received.Header.Get("X-Via")
	}
	if got != want {
		t.Errorf("got %+v (status %d), want %+v", got, response.StatusCode, want)
	}
	if asked = g.Legacy.Questions() - asked; want == byToken && asked != 0 {
		t.Errorf("the token path asked the application %d times", asked)
	}
	if response.Received != nil && strings.Contains(response.Received.Header.Get("Cookie"), "jwt=") {
		t.Errorf("the token reached the application")
	}
}

// combineLine writes the two kinds of cookies of a line as one: each session id with each token.
func combineLine(t *testing.T, line string) string {
	t.Helper()
	cookies, err := validator.ScanCookies([]string{line})
	if err != nil {
		t.Fatal(err)
	}
	ids, tokens := []string{}, []string{}
	for _, cookie := range cookies {
		if cookie.Name == "session" {
			ids = append(ids, cookie.Value)
		} else {
			tokens = append(tokens, cookie.Value)
		}
	}
	if len(ids) == 0 {
		if len(tokens) == 0 {
			return ""
		}
		ids = append(ids, "")
	}
	if len(tokens) == 0 {
		tokens = append(tokens, "")
	}
	var pairs []string
	for _, id := range ids {
		for _, token := range tokens {
			pairs = append(pairs, "session="+validator.JoinCombined(id, token))
		}
	}
	return strings.Join(pairs, "; ")
}

// combinedSet says what the response did to the token in the session cookie.
func combinedSet(response harness.Reply) string {
	lines := sessionLines(response.Header)
	switch {
	case len(lines) == 0:
		return ""
	case len(lines) > 1:
		return "more than once"
	}
	line := cookie.ReadLine(lines[0])
	switch _, token := validator.SplitCombined(line.Value); {
	case line.Removes(time.Now()):
		return "removed"
	case token != "":
		return "set"
	}
	return "cleared"
}
