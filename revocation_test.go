package jwtsession_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

func TestRevokedSessionIsRefusedWhateverTheApplicationSays(t *testing.T) {
	g := harness.New(t, "unauthenticated /public* pass")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": session})
	for range 2 {
		b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
		response := b.Get("/page")
		g.ExpectRefused(response, "cleared")
		if _, kept := b.Cookies["session"]; kept {
			t.Error("the revoked session cookie was not cleared")
		}
	}
	b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
	response := b.Get("/public", "Cookie: theme=dark; session="+session+"; "+harness.TokenName+"="+token)
	if response.StatusCode != http.StatusOK || response.Received.User(t) != "" || response.Received.Header.Get("Cookie") != "theme=dark" {
		t.Errorf("on a public page: status %d, user %q; the revoked cookie must not go upstream",
			response.StatusCode, response.Received.User(t))
	}
	// Of two cookies the application may choose the revoked one.
	response = b.Get("/public", "Cookie: theme=dark; session=x-0123456789abcdef; session="+session)
	if response.StatusCode != http.StatusOK || response.Received.Header.Get("Cookie") != "theme=dark" {
		t.Errorf("beside another value: status %d, and the revoked cookie went upstream: %v", response.StatusCode,
			response.Received.Header.Get("Cookie") != "theme=dark")
	}
	if g.Legacy.Questions() != 1 {
		t.Errorf("the application was asked about a revoked session")
	}
	if status, _ := g.Admin(http.MethodPost, "sessions", `{"realm": "shop", "id": "`+session+`", "user": "alice"}`); status != http.StatusConflict {
		t.Errorf("adding a revoked session: status %d, want 409", status)
	}
}

// A thief has the stolen cookie; the same session in another spelling; an id that the gateway never saw.
func TestWhoamiCantUndoARevocation(t *testing.T) {
	for name, body := range map[string]map[string]any{
		"session": {"realm": "shop", "session": "SESSION"},
		"user":    {"realm": "shop", "user": "alice"},
		"nowhere": {"user": "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.New(t, "unauthenticated /login pass")
			b := g.SignedIn()
			session := b.Cookies["session"]
			g.Expect(b.Get("/page"), "alice", "set", 1)
			if body["session"] != nil {
				body["session"] = session
			}
			g.MustAdmin("revocations", body)
			other := g.Legacy.SignIn("alice") // the application knows it, the gateway never did
			for _, stolen := range []string{session, `"` + session + `"`, other} {
				thief := g.Browser()
				thief.Cookies["session"] = stolen
				for range 2 {
					if response := thief.Get("/page"); response.StatusCode != http.StatusUnauthorized {
						t.Errorf("a stolen session: status %d, user %q", response.StatusCode, response.Received.User(t))
					}
					thief.Cookies["session"] = stolen
				}
			}
			bob := g.Browser()
			bob.Cookies["session"] = g.Legacy.SignIn("bob")
			if response := bob.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "bob" {
				t.Errorf("another user: status %d", response.StatusCode)
			}
			// The user signs in again: the application sets a new cookie, which the gateway sees.
			g.Clock.Advance(time.Second)
			response := b.Get("/login?user=alice")
			if response.StatusCode != http.StatusOK || b.Cookies["session"] == "" || b.Cookies["session"] == session {
				t.Fatalf("signing in again: status %d", response.StatusCode)
			}
			for range 2 {
				if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
					t.Errorf("after signing in again: status %d", response.StatusCode)
				}
			}
			g.Clock.Advance(40 * time.Minute) // its record is gone, and it counts all the same
			if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
				t.Errorf("after an idle time: status %d", response.StatusCode)
			}
		})
	}
}

// A route that takes tokens alone looks no session up, yet the application behind it must not get the cookies of a user
// who is revoked: it would still let him in by them.
func TestStatelessRouteKeepsARevokedUsersCookies(t *testing.T) {
	for _, body := range []map[string]any{{"realm": "shop", "user": "alice"}, {"user": "alice"}} {
		g := harness.NewWith(t, harness.Options{Site: "route /old* {\njwt_session shop {\nwhoami /whoami json user\n}\n" +
			"reverse_proxy LEGACY\n}\nroute {\njwt_session shop {\nmode stateless\nunauthenticated pass\n}\nreverse_proxy LEGACY\n}"})
		b := g.SignedIn()
		b.Get("/old")
		session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
		if token == "" {
			t.Fatal("no token")
		}
		g.MustAdmin("revocations", body)
		for _, cookies := range []string{"session=" + session, "session=" + session + "; " + harness.TokenName + "=" + token} {
			b.Cookies["session"] = session
			response := b.Get("/new", "Cookie: theme=dark; "+cookies)
			if got := response.Received.Header.Get("Cookie"); response.StatusCode != http.StatusOK || got != "theme=dark" {
				t.Errorf("status %d; the revoked cookie went upstream: %t", response.StatusCode, got != "theme=dark")
			}
			if _, kept := b.Cookies["session"]; kept {
				t.Error("the revoked session cookie was not cleared")
			}
		}
	}
}

func TestOtherKnownSessionsOfTheUserGoOn(t *testing.T) {
	g := harness.New(t, "")
	phone, laptop := g.SignedIn(), g.SignedIn()
	phone.Get("/page")
	laptop.Get("/page")
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": phone.Cookies["session"]})
	g.ExpectRefused(phone.Get("/page"), "cleared")
	g.Clock.Advance(2 * time.Minute)
	if response := laptop.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
		t.Errorf("another session of the user: status %d", response.StatusCode)
	}
}

func TestRevokedUserIsOutEverywhereUntilLifted(t *testing.T) {
	g := harness.New(t, "")
	b := g.SignedIn()
	session := b.Cookies["session"]
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
	g.ExpectRefused(b.Get("/page"), "cleared")
	g.MustAdmin("sessions", map[string]any{"realm": "shop", "id": "opened-later-0123456789abcdef", "user": "alice"})
	later := g.Browser()
	later.Cookies["session"] = "opened-later-0123456789abcdef"
	if response := later.Get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("a session that was added later: status %d", response.StatusCode)
	}
	if answer := g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice", "lift": true}); answer["lifted"] != true {
		t.Errorf("lifting: %v", answer)
	}
	if status, _ := g.Admin(http.MethodPost, "revocations", `{"realm": "shop", "user": "alice", "lift": true}`); status != http.StatusNotFound {
		t.Errorf("lifting what is not there: status %d", status)
	}
	b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
	if response := b.Get("/page"); response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
		t.Errorf("after lifting: status %d", response.StatusCode)
	}
}

func TestFlushAsksEverybodyAnew(t *testing.T) {
	for name, body := range map[string]map[string]any{"realm": {"realm": "shop"}, "all": {"all": true}} {
		t.Run(name, func(t *testing.T) {
			g := harness.New(t, "")
			b := g.SignedIn()
			g.Expect(b.Get("/page"), "alice", "set", 1)
			token := b.Cookies[harness.TokenName]
			g.MustAdmin("revocations", body)
			g.Expect(b.Get("/page"), "alice", "set", 2)
			g.Expect(b.Get("/page"), "alice", "", 2)
			thief := g.Browser()
			thief.Cookies[harness.TokenName] = token
			g.ExpectRefused(thief.Get("/page"), "cleared")
		})
	}
}

func TestEndByTheOperator(t *testing.T) {
	g := harness.New(t, "")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.Cookies["session"]})
	g.Expect(b.Get("/page"), "alice", "set", 2) // the application still knows it
	thief := g.Browser()
	thief.Cookies[harness.TokenName] = token
	g.ExpectRefused(thief.Get("/page"), "cleared")
	hash := harness.KeyOf(g, b.Cookies["session"]).Hash.String()
	g.MustAdmin("sessions/end", map[string]any{"realm": "shop", "session_hash": hash})
	if status, _ := g.Admin(http.MethodPost, "sessions/end", `{"realm": "shop", "session": "nobody-knows-0123456789abcdef"}`); status != http.StatusNotFound {
		t.Errorf("ending what is not there: status %d", status)
	}
}

func TestListRevocations(t *testing.T) {
	g := harness.New(t, "")
	b := g.SignedIn()
	session := b.Cookies["session"]
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": session})
	g.MustAdmin("revocations", map[string]any{"user": "mallory"})
	g.MustAdmin("revocations", map[string]any{"jti": "abc", "exp": g.Clock.Now().Add(time.Minute).Unix()})
	status, answer := g.Admin(http.MethodGet, "revocations", "")
	list, _ := answer["revocations"].([]any)
	if status != http.StatusOK || len(list) != 3 {
		t.Fatalf("status %d, %v", status, answer)
	}
	text, _ := json.Marshal(answer)
	for _, want := range []string{harness.KeyOf(g, session).Hash.String(), "mallory", `"kind":"session"`, `"kind":"token"`, `"kind":"user_everywhere"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the list lacks %s: %s", want, text)
		}
	}
	if bytes.Contains(text, []byte(session)) {
		t.Error("the list has a session id in it")
	}
}

func TestRevocationForms(t *testing.T) {
	g := harness.New(t, "")
	for _, body := range []string{
		`{}`, `{"lift": true}`, `{"realm": "shop", "lift": true}`, `{"all": true, "lift": true}`, `{"all": true, "realm": "shop"}`,
		`{"user": "a", "session": "b", "realm": "shop"}`, `{"session": "b"}`, `{"token": "a", "user": "b"}`, `{"jti": "a"}`,
		`{"exp": 5}`, `{"realm": "shop", "session": "a", "session_hash": "b"}`, `{"realm": "shop", "session_hash": "b"}`,
		`{"user": "with space"}`, `{"realm": "nowhere"}`, `{"realm": "nowhere", "user": "a"}`, `{"token": "a.b.c"}`, `{"all": false}`,
	} {
		if status, _ := g.Admin(http.MethodPost, "revocations", body); status < 400 || status > 499 {
			t.Errorf("%s: status %d, want one that says no", body, status)
		}
	}
}
