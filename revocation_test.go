package jwtsession

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// admin sends a request to the admin API as Caddy's admin endpoint would hand it on, and returns status and answer.
func (g *testGateway) admin(method, path, body string) (int, map[string]any) {
	g.Helper()
	request := httptest.NewRequestWithContext(g.Context(), method, admin.Path+path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	if err := admin.Serve(recorder, request); err != nil {
		return apiStatus(g.T, err), map[string]any{"error": err.Error()}
	}
	answer := make(map[string]any)
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		g.Fatal(err)
	}
	return recorder.Code, answer
}

// mustAdmin is admin with a body made of pairs, for what must succeed.
func (g *testGateway) mustAdmin(path string, body map[string]any) map[string]any {
	g.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.Fatal(err)
	}
	status, answer := g.admin(http.MethodPost, path, string(text))
	if status != http.StatusOK {
		g.Fatalf("%s: status %d: %v", path, status, answer)
	}
	return answer
}

func TestRevokedSessionIsRefusedWhateverTheApplicationSays(t *testing.T) {
	g := newTestGateway(t, "unauthenticated /public* pass")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	session, token := b.cookies["session"], b.cookies[tokenName]
	g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": session})
	for range 2 {
		b.cookies["session"], b.cookies[tokenName] = session, token
		response := b.get("/page")
		g.expectRefused(response, "cleared")
		if _, kept := b.cookies["session"]; kept {
			t.Error("the revoked session cookie was not cleared")
		}
	}
	b.cookies["session"], b.cookies[tokenName] = session, token
	response := b.get("/public", "Cookie: theme=dark; session="+session+"; "+tokenName+"="+token)
	if response.StatusCode != http.StatusOK || response.received.user(t) != "" || response.received.Header.Get("Cookie") != "theme=dark" {
		t.Errorf("on a public page: status %d, user %q; the revoked cookie must not go upstream",
			response.StatusCode, response.received.user(t))
	}
	// Of two cookies the application may choose the revoked one.
	response = b.get("/public", "Cookie: theme=dark; session=x-0123456789abcdef; session="+session)
	if response.StatusCode != http.StatusOK || response.received.Header.Get("Cookie") != "theme=dark" {
		t.Errorf("beside another value: status %d, and the revoked cookie went upstream: %v", response.StatusCode,
			response.received.Header.Get("Cookie") != "theme=dark")
	}
	if g.legacy.questions() != 1 {
		t.Errorf("the application was asked about a revoked session")
	}
	if status, _ := g.admin(http.MethodPost, "sessions", `{"realm": "shop", "id": "`+session+`", "user": "alice"}`); status != http.StatusConflict {
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
			g := newTestGateway(t, "unauthenticated /login pass")
			b := g.signedIn()
			session := b.cookies["session"]
			g.expect(b.get("/page"), "alice", "set", 1)
			if body["session"] != nil {
				body["session"] = session
			}
			g.mustAdmin("revocations", body)
			other := g.legacy.signIn("alice") // the application knows it, the gateway never did
			for _, stolen := range []string{session, `"` + session + `"`, other} {
				thief := g.browser()
				thief.cookies["session"] = stolen
				for range 2 {
					if response := thief.get("/page"); response.StatusCode != http.StatusUnauthorized {
						t.Errorf("a stolen session: status %d, user %q", response.StatusCode, response.received.user(t))
					}
					thief.cookies["session"] = stolen
				}
			}
			bob := g.browser()
			bob.cookies["session"] = g.legacy.signIn("bob")
			if response := bob.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "bob" {
				t.Errorf("another user: status %d", response.StatusCode)
			}
			// The user signs in again: the application sets a new cookie, which the gateway sees.
			g.clock.advance(time.Second)
			response := b.get("/login?user=alice")
			if response.StatusCode != http.StatusOK || b.cookies["session"] == "" || b.cookies["session"] == session {
				t.Fatalf("signing in again: status %d", response.StatusCode)
			}
			for range 2 {
				if response := b.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
					t.Errorf("after signing in again: status %d", response.StatusCode)
				}
			}
			g.clock.advance(40 * time.Minute) // its record is gone, and it counts all the same
			if response := b.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
				t.Errorf("after an idle time: status %d", response.StatusCode)
			}
		})
	}
}

// A route that takes tokens alone looks no session up, yet the application behind it must not get the cookies of a user
// who is revoked: it would still let him in by them.
func TestStatelessRouteKeepsARevokedUsersCookies(t *testing.T) {
	for _, body := range []map[string]any{{"realm": "shop", "user": "alice"}, {"user": "alice"}} {
		g := newTestGatewayWith(t, gatewayOptions{site: "route /old* {\njwt_session shop {\nwhoami /whoami json user\n}\n" +
			"reverse_proxy LEGACY\n}\nroute {\njwt_session shop {\nmode stateless\nunauthenticated pass\n}\nreverse_proxy LEGACY\n}"})
		b := g.signedIn()
		b.get("/old")
		session, token := b.cookies["session"], b.cookies[tokenName]
		if token == "" {
			t.Fatal("no token")
		}
		g.mustAdmin("revocations", body)
		for _, cookies := range []string{"session=" + session, "session=" + session + "; " + tokenName + "=" + token} {
			b.cookies["session"] = session
			response := b.get("/new", "Cookie: theme=dark; "+cookies)
			if got := response.received.Header.Get("Cookie"); response.StatusCode != http.StatusOK || got != "theme=dark" {
				t.Errorf("status %d; the revoked cookie went upstream: %t", response.StatusCode, got != "theme=dark")
			}
			if _, kept := b.cookies["session"]; kept {
				t.Error("the revoked session cookie was not cleared")
			}
		}
	}
}

func TestOtherKnownSessionsOfTheUserGoOn(t *testing.T) {
	g := newTestGateway(t, "")
	phone, laptop := g.signedIn(), g.signedIn()
	phone.get("/page")
	laptop.get("/page")
	g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": phone.cookies["session"]})
	g.expectRefused(phone.get("/page"), "cleared")
	g.clock.advance(2 * time.Minute)
	if response := laptop.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
		t.Errorf("another session of the user: status %d", response.StatusCode)
	}
}

func TestRevokedUserIsOutEverywhereUntilLifted(t *testing.T) {
	g := newTestGateway(t, "")
	b := g.signedIn()
	session := b.cookies["session"]
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	g.mustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
	g.expectRefused(b.get("/page"), "cleared")
	g.mustAdmin("sessions", map[string]any{"realm": "shop", "id": "opened-later-0123456789abcdef", "user": "alice"})
	later := g.browser()
	later.cookies["session"] = "opened-later-0123456789abcdef"
	if response := later.get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("a session that was added later: status %d", response.StatusCode)
	}
	if answer := g.mustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice", "lift": true}); answer["lifted"] != true {
		t.Errorf("lifting: %v", answer)
	}
	if status, _ := g.admin(http.MethodPost, "revocations", `{"realm": "shop", "user": "alice", "lift": true}`); status != http.StatusNotFound {
		t.Errorf("lifting what is not there: status %d", status)
	}
	b.cookies["session"], b.cookies[tokenName] = session, token
	if response := b.get("/page"); response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
		t.Errorf("after lifting: status %d", response.StatusCode)
	}
}

func TestFlushAsksEverybodyAnew(t *testing.T) {
	for name, body := range map[string]map[string]any{"realm": {"realm": "shop"}, "all": {"all": true}} {
		t.Run(name, func(t *testing.T) {
			g := newTestGateway(t, "")
			b := g.signedIn()
			g.expect(b.get("/page"), "alice", "set", 1)
			token := b.cookies[tokenName]
			g.mustAdmin("revocations", body)
			g.expect(b.get("/page"), "alice", "set", 2)
			g.expect(b.get("/page"), "alice", "", 2)
			thief := g.browser()
			thief.cookies[tokenName] = token
			g.expectRefused(thief.get("/page"), "cleared")
		})
	}
}

func TestEndByTheOperator(t *testing.T) {
	g := newTestGateway(t, "")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session": b.cookies["session"]})
	g.expect(b.get("/page"), "alice", "set", 2) // the application still knows it
	thief := g.browser()
	thief.cookies[tokenName] = token
	g.expectRefused(thief.get("/page"), "cleared")
	hash := keyOf(g, b.cookies["session"]).Hash.String()
	g.mustAdmin("sessions/end", map[string]any{"realm": "shop", "session_hash": hash})
	if status, _ := g.admin(http.MethodPost, "sessions/end", `{"realm": "shop", "session": "nobody-knows-0123456789abcdef"}`); status != http.StatusNotFound {
		t.Errorf("ending what is not there: status %d", status)
	}
}

func TestListRevocations(t *testing.T) {
	g := newTestGateway(t, "")
	b := g.signedIn()
	session := b.cookies["session"]
	g.expect(b.get("/page"), "alice", "set", 1)
	g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": session})
	g.mustAdmin("revocations", map[string]any{"user": "mallory"})
	g.mustAdmin("revocations", map[string]any{"jti": "abc", "exp": g.clock.Now().Add(time.Minute).Unix()})
	status, answer := g.admin(http.MethodGet, "revocations", "")
	list, _ := answer["revocations"].([]any)
	if status != http.StatusOK || len(list) != 3 {
		t.Fatalf("status %d, %v", status, answer)
	}
	text, _ := json.Marshal(answer)
	for _, want := range []string{keyOf(g, session).Hash.String(), "mallory", `"kind":"session"`, `"kind":"token"`, `"kind":"user_everywhere"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the list lacks %s: %s", want, text)
		}
	}
	if bytes.Contains(text, []byte(session)) {
		t.Error("the list has a session id in it")
	}
}

func TestRevocationForms(t *testing.T) {
	g := newTestGateway(t, "")
	for _, body := range []string{
		`{}`, `{"lift": true}`, `{"realm": "shop", "lift": true}`, `{"all": true, "lift": true}`, `{"all": true, "realm": "shop"}`,
		`{"user": "a", "session": "b", "realm": "shop"}`, `{"session": "b"}`, `{"token": "a", "user": "b"}`, `{"jti": "a"}`,
		`{"exp": 5}`, `{"realm": "shop", "session": "a", "session_hash": "b"}`, `{"realm": "shop", "session_hash": "b"}`,
		`{"user": "with space"}`, `{"realm": "nowhere"}`, `{"realm": "nowhere", "user": "a"}`, `{"token": "a.b.c"}`, `{"all": false}`,
	} {
		if status, _ := g.admin(http.MethodPost, "revocations", body); status < 400 || status > 499 {
			t.Errorf("%s: status %d, want one that says no", body, status)
		}
	}
}

func apiStatus(t *testing.T, err error) int {
	t.Helper()
	var refusal caddy.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("an error that is no answer: %v", err)
	}
	return refusal.HTTPStatus
}
