package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// chunkedApp is an application as ASP.NET Core makes them: the ticket of a large session is in C1 and C2, and how many there
// are in the cookie itself. It takes the user from the ticket.
func chunkedApp(t *testing.T, directive string) *harness.Gateway {
	t.Helper()
	g := harness.NewWith(t, harness.Options{Site: "jwt_session shop {\nwhoami /whoami json user\n" + directive + `
		}
		request_header X-Via {http.jwt_session.via}
		request_header X-Reason {http.jwt_session.reason}
		reverse_proxy LEGACY`})
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
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
		response := g.Browser().Get("/page", "Cookie: "+cookies)
		if user := response.Received.User(t); user != "" || reasonIn(response.Received.Header) != "session_too_short" {
			t.Errorf("%s: user %q, reason %q", cookies, user, reasonIn(response.Received.Header))
		}
		if response.TokenSet() != "" {
			t.Errorf("%s: a token is %s", cookies, response.TokenSet())
		}
	}
	if g.Legacy.Questions() != 0 {
		t.Errorf("the application was asked %d times", g.Legacy.Questions())
	}
	log := g.Logged()
	if strings.Count(log, "min_length of session_cookie") != 1 || !strings.Contains(log, `"session_cookie":".AspNetCore.Cookies"`) ||
		strings.Contains(log, "chunks-2") {
		t.Error("the log does not say once what to do, or holds the value")
	}
}

// With the ** name the whole ticket is the session, in whichever order its parts come.
func TestChunkedSession(t *testing.T) {
	t.Parallel()
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**")
	alice := g.Browser()
	first := alice.Get("/page", "Cookie: "+aliceChunks)
	if first.Received.User(t) != "alice" || via(first) != identity.ViaSession || first.TokenSet() != "set" {
		t.Fatalf("%s, token %q", via(first), first.TokenSet())
	}
	token := "; " + harness.TokenName + "=" + alice.Cookies[harness.TokenName]
	if bob := g.Browser().Get("/page", "Cookie: "+bobChunks); bob.Received.User(t) != "bob" {
		t.Errorf("bob is %q", bob.Received.User(t))
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
		response := g.Browser().Get("/page", "Cookie: "+test.cookies)
		if via(response) != test.via || test.user != "" && response.Received.User(t) != test.user {
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
		b := g.Browser()
		b.Get("/page", "Cookie: "+aliceChunks)
		token := "; " + harness.TokenName + "=" + b.Cookies[harness.TokenName]
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/change" {
				w.Header().Set("Set-Cookie", line)
			}
			return false
		})
		if change := b.Get("/change", "Cookie: "+aliceChunks+token); via(change) != identity.ViaToken || change.TokenSet() != "cleared" {
			t.Errorf("%s: %s, token %q", line, via(change), change.TokenSet())
		}
		g.Clock.Advance(time.Second)
		if after := b.Get("/page", "Cookie: "+aliceChunks+token); via(after) != identity.ViaSession {
			t.Errorf("%s: afterwards %s", line, via(after))
		}
	}
}

// The cookies come back as they were, by the names that only the token knows.
func TestChunkedSessionIsRestored(t *testing.T) {
	t.Parallel()
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**\nrestore_session on")
	b := g.Browser()
	b.Get("/page", "Cookie: "+aliceChunks)
	response := b.Get("/page", "Cookie: "+harness.TokenName+"="+b.Cookies[harness.TokenName])
	if response.Received == nil || response.Received.Sent(t) != aliceChunks {
		t.Errorf("%s", via(response))
	}
}

// The admin API names the session by all its cookies, and refuses an id that no request can bring.
func TestAdminRefusesWhatIsNoSessionID(t *testing.T) {
	g := chunkedApp(t, "session_cookie .AspNetCore.Cookies**")
	const chunks = `{".AspNetCore.CookiesC2": "alice-ticket-2", ".AspNetCore.Cookies": "chunks-2", ".AspNetCore.CookiesC1": "alice-ticket-1"}`
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": map[string]string{
		".AspNetCore.CookiesC2": "alice-ticket-2", ".AspNetCore.Cookies": "chunks-2", ".AspNetCore.CookiesC1": "alice-ticket-1",
	}})
	if response := g.Browser().Get("/page", "Cookie: "+aliceChunks); response.StatusCode != http.StatusUnauthorized {
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
			if reply := harness.AdminPost(t, route, body); reply.Status != http.StatusBadRequest || !strings.Contains(reply.Text, strings.ReplaceAll(want, "fewer than 16 characters together", "fewer than 16 characters")) {
				t.Errorf("%s %s: %d %s", route, id, reply.Status, reply.Text)
			}
		}
	}
	if reply := harness.AdminPost(t, "sessions", `{"realm": "shop", "user": "alice", "id": `+chunks+`}`); reply.Status != http.StatusConflict {
		t.Errorf("the revoked session is added: %d %s", reply.Status, reply.Text)
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
		g := harness.NewWith(t, harness.Options{Site: `jwt_session shop {
				session_cookie session ` + test.options + `
				whoami /whoami json user
				unauthenticated pass
			}
			request_header X-Reason {http.jwt_session.reason}
			reverse_proxy LEGACY`})
		g.Legacy.Set(test.value, "alice")
		want := "alice"
		if test.reason != "" {
			want = ""
		}
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Cache-Control", "no-store")
			_, _ = fmt.Fprint(w, `{"user": "alice"}`)
			return true
		})
		received := g.Browser().Get("/page", "Cookie: session="+test.value).Received
		if received.User(t) != want || reasonIn(received.Header) != test.reason {
			t.Errorf("%q, %d bytes: user %q, reason %q, want %q", test.options, len(test.value), received.User(t), reasonIn(received.Header), test.reason)
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
