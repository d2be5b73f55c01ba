package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// chunkedApp is an application as ASP.NET Core makes them: the ticket of a large session is in C1 and C2, and how many there
// are in the cookie itself. It takes the user from the ticket.
func chunkedApp(t *testing.T, directive string) *testGateway {
	t.Helper()
	g := newTestGatewayWith(t, gatewayOptions{site: "jwt_session shop {\nwhoami /whoami json user\n" + directive + `
		}
		request_header X-Via {http.jwt_session.via}
		request_header X-Reason {http.jwt_session.reason}
		reverse_proxy LEGACY`})
	g.legacy.respondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Cache-Control", "no-store")
		user := "null"
		if cookie, err := r.Cookie(".AspNetCore.CookiesC1"); err == nil {
			name, _, _ := strings.Cut(cookie.Value, "-")
			user = fmt.Sprintf("%q", name)
		}
		_, _ = fmt.Fprintf(w, `{"user": %s}`, user)
		return true
	})
	return g
}

const (
	aliceChunks = ".AspNetCore.Cookies=chunks-2; .AspNetCore.CookiesC1=alice-ticket-1; .AspNetCore.CookiesC2=alice-ticket-2"
	bobChunks   = ".AspNetCore.Cookies=chunks-2; .AspNetCore.CookiesC1=bob-ticket-1; .AspNetCore.CookiesC2=bob-ticket-2"
)

// Everybody with a large session has the same counter in the named cookie, and is taken for the first of them who came.
func TestAttackChunkCounterIsNoSession(t *testing.T) {
	t.Parallel()
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies\nunauthenticated pass")
	for _, cookies := range []string{aliceChunks, bobChunks, ".AspNetCore.Cookies=chunks-2", aliceChunks} {
		response := g.browser().get("/page", "Cookie: "+cookies)
		if user := response.received.user(t); user != "" || reasonIn(response.received.Header) != "session_too_short" {
			t.Errorf("%s: user %q, reason %q", cookies, user, reasonIn(response.received.Header))
		}
		if response.tokenSet() != "" {
			t.Errorf("%s: a token is %s", cookies, response.tokenSet())
		}
	}
	if g.legacy.questions() != 0 {
		t.Errorf("the application was asked %d times", g.legacy.questions())
	}
	log := g.log()
	if strings.Count(log, "min_length of session_cookie") != 1 || !strings.Contains(log, `"session_cookie":".AspNetCore.Cookies"`) ||
		strings.Contains(log, "chunks-2") {
		t.Error("the log does not say once what to do, or holds the value")
	}
}

// With the ** name the whole ticket is the session, in whichever order its parts come.
func TestChunkedSession(t *testing.T) {
	t.Parallel()
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**")
	alice := g.browser()
	first := alice.get("/page", "Cookie: "+aliceChunks)
	if first.received.user(t) != "alice" || via(first) != identity.ViaSession || first.tokenSet() != "set" {
		t.Fatalf("%s, token %q", via(first), first.tokenSet())
	}
	token := "; " + tokenName + "=" + alice.cookies[tokenName]
	if bob := g.browser().get("/page", "Cookie: "+bobChunks); bob.received.user(t) != "bob" {
		t.Errorf("bob is %q", bob.received.user(t))
	}
	backwards := ".AspNetCore.CookiesC2=alice-ticket-2; a=b; .AspNetCore.CookiesC1=alice-ticket-1; .AspNetCore.Cookies=chunks-2"
	for _, test := range []struct{ name, cookies, via, user string }{
		{"the same", aliceChunks + token, identity.ViaToken, "alice"},
		{"in another order", backwards + token, identity.ViaToken, "alice"},
		{"an empty one beside them", aliceChunks + "; .AspNetCore.CookiesC3=" + token, identity.ViaToken, "alice"},
		{"the token beside bob's", bobChunks + token, identity.ViaSession, "bob"},
		{"one chunk less", strings.Replace(aliceChunks, "; .AspNetCore.CookiesC2=alice-ticket-2", "", 1) + token, identity.ViaSession, "alice"},
		{"one chunk with two values", aliceChunks + "; .AspNetCore.CookiesC2=bob-ticket-2" + token, "401", ""},
		{"the counter alone", ".AspNetCore.Cookies=chunks-2" + token, "401", ""},
		{"none of them", "a=b" + token, "401", ""},
	} {
		response := g.browser().get("/page", "Cookie: "+test.cookies)
		if via(response) != test.via || test.user != "" && response.received.user(t) != test.user {
			t.Errorf("%s: %s, want %s", test.name, via(response), test.via)
		}
	}
}

// Another number of chunks is another session, and the one before it has ended.
func TestChunkedSessionEndsWithItsChunks(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		".AspNetCore.CookiesC2=; Max-Age=0; Path=/", ".AspNetCore.CookiesC3=alice-ticket-3; Path=/", ".AspNetCore.Cookies=chunks-1; Path=/",
	} {
		g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**")
		b := g.browser()
		b.get("/page", "Cookie: "+aliceChunks)
		token := "; " + tokenName + "=" + b.cookies[tokenName]
		g.legacy.respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/change" {
				w.Header().Set("Set-Cookie", line)
			}
			return false
		})
		if change := b.get("/change", "Cookie: "+aliceChunks+token); via(change) != identity.ViaToken || change.tokenSet() != "cleared" {
			t.Errorf("%s: %s, token %q", line, via(change), change.tokenSet())
		}
		g.clock.advance(time.Second)
		if after := b.get("/page", "Cookie: "+aliceChunks+token); via(after) != identity.ViaSession {
			t.Errorf("%s: afterwards %s", line, via(after))
		}
	}
}

// The cookies come back as they were, by the names that only the token knows.
func TestChunkedSessionIsRestored(t *testing.T) {
	t.Parallel()
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**\nrestore_session on")
	b := g.browser()
	b.get("/page", "Cookie: "+aliceChunks)
	response := b.get("/page", "Cookie: "+tokenName+"="+b.cookies[tokenName])
	if response.received == nil || response.received.sent(t) != aliceChunks {
		t.Errorf("%s", via(response))
	}
}

// The admin API names the session by all its cookies, and refuses an id that no request can bring.
func TestAdminRefusesWhatIsNoSessionID(t *testing.T) {
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**")
	const chunks = `{".AspNetCore.CookiesC2": "alice-ticket-2", ".AspNetCore.Cookies": "chunks-2", ".AspNetCore.CookiesC1": "alice-ticket-1"}`
	g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": map[string]string{
		".AspNetCore.CookiesC2": "alice-ticket-2", ".AspNetCore.Cookies": "chunks-2", ".AspNetCore.CookiesC1": "alice-ticket-1",
	}})
	if response := g.browser().get("/page", "Cookie: "+aliceChunks); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked session: %s", via(response))
	}
	for id, want := range map[string]string{
		`"alice-ticket-1-and-2"`:                    "want an object with all of them by name: .AspNetCore.Cookies**",
		`{".AspNetCore.Cookies": "chunks-2"}`:       "fewer than 16 characters together (min_length",
		`{".AspNetCore.CookiesC1": "a\u0007bcdef"}`: "control byte",
		`{"other": "alice-ticket-1-and-2"}`:         "there is none of that name",
	} {
		for route, body := range map[string]string{
			"sessions":     `{"realm": "shop", "user": "alice", "id": ` + id + `}`,
			"sessions/end": `{"realm": "shop", "session": ` + id + `}`, "revocations": `{"realm": "shop", "session": ` + id + `}`,
		} {
			if reply := adminPost(t, route, body); reply.status != http.StatusBadRequest || !strings.Contains(reply.body, strings.ReplaceAll(want, "fewer than 16 characters together", "fewer than 16 characters")) {
				t.Errorf("%s %s: %d %s", route, id, reply.status, reply.body)
			}
		}
	}
	if reply := adminPost(t, "sessions", `{"realm": "shop", "user": "alice", "id": `+chunks+`}`); reply.status != http.StatusConflict {
		t.Errorf("the revoked session is added: %d %s", reply.status, reply.body)
	}
}

// What is no session id by the site's own rules signs nobody in, whoever the application says it is.
func TestSessionIDRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ options, value, reason string }{
		{"", "0123456789abcdef", ""},
		{"", "0123456789abcde", "session_too_short"},
		{"", strings.Repeat("x", 4097), "session_malformed"},
		{"", "01234567\t89abcdef", "session_malformed"},
		{"{\nmin_length 1\n}", "x", ""},
		{"{\nmin_length 32\n}", "0123456789abcdef0123456789abcde", "session_too_short"},
		{"{\npattern [0-9a-f]{32}\n}", "0123456789abcdef0123456789abcdef", ""},
		{"{\npattern [0-9a-f]{32}\n}", "0123456789abcdef0123456789abcdef0", "session_malformed"},
		{"{\npattern [0-9a-f]{32}\n}", "anonymous-visitor-of-the-shop", "session_malformed"},
		{"{\nmin_length 4\npattern [0-9]+\n}", "123", "session_too_short"},
	} {
		g := newTestGatewayWith(t, gatewayOptions{site: `jwt_session shop {
				session_cookie session ` + test.options + `
				whoami /whoami json user
				unauthenticated pass
			}
			request_header X-Reason {http.jwt_session.reason}
			reverse_proxy LEGACY`})
		g.legacy.set(test.value, "alice")
		want := "alice"
		if test.reason != "" {
			want = ""
		}
		g.legacy.respondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Cache-Control", "no-store")
			_, _ = fmt.Fprint(w, `{"user": "alice"}`)
			return true
		})
		received := g.browser().get("/page", "Cookie: session="+test.value).received
		if received.user(t) != want || reasonIn(received.Header) != test.reason {
			t.Errorf("%q, %d bytes: user %q, reason %q, want %q", test.options, len(test.value), received.user(t), reasonIn(received.Header), test.reason)
		}
	}
}

func TestSessionCookieOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"sid {\nmin_length 0\n}":               "min_length 0: want a number above 0",
		"sid {\nmin_length many\n}":            "min_length many: want a number above 0",
		"sid {\nmin_length 99999\n}":           "min_length 99999: want a number of characters from 1 to 16384",
		"sid {\npattern (\n}":                  "pattern",
		"sid {\npattern a)|(b\n}":              "pattern",
		"sid {\npattern\n}":                    "pattern: want a value",
		"sid {\npattern a b\n}":                "unexpected argument",
		"sid {\nmin_length 4\nmin_length 5\n}": "min_length is given twice",
		"sid {\nlength 4\n}":                   "want one of min_length, pattern",
		"sid***":                               "nor one followed by * or **",
		"**":                                   "no cookie name",
		"sid** sid1":                           "can be the same cookie",
		"sid**\ntoken_cookie sid-token":        "token_cookie",
		"sid**\ntoken_in_session_cookie {\n}":  "is a pattern",
	} {
		checkAdaptError(t, "http:// {\njwt_session shop {\nsession_cookie "+options+"\n}\n}", want)
	}
}
