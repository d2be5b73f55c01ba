package harness

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// AdminReply is an answer of the admin API: a body, or the status and the words of a refusal.
type AdminReply struct {
	Status int
	Text   string
	Header http.Header
}

// AdminDo sends a request to the routes, past Caddy's own rules for its endpoint. The process has one endpoint, which acts on the
// newest gateway: a test that asks it must not run in parallel to others.
func AdminDo(t testing.TB, method, route, contentType, body string) AdminReply {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:2019/jwt_session/"+route, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	err := admin.Serve(w, r)
	if err == nil {
		return AdminReply{Status: w.Code, Text: w.Body.String(), Header: w.Header()}
	}
	var refusal caddy.APIError
	if !errors.As(err, &refusal) || refusal.HTTPStatus < 400 {
		t.Fatalf("%s: got the error %T %v, want an APIError", route, err, err)
	}
	if w.Body.Len() > 0 {
		t.Errorf("%s: refused, but it wrote %q", route, w.Body)
	}
	return AdminReply{Status: refusal.HTTPStatus, Text: refusal.Err.Error(), Header: w.Header()}
}

// AdminPost sends an object to a route.
func AdminPost(t testing.TB, route, body string) AdminReply {
	t.Helper()
	return AdminDo(t, http.MethodPost, route, "application/json", body)
}

// Into reads the body of a good answer.
func (r AdminReply) Into(t *testing.T, value any) {
	t.Helper()
	if r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" ||
		r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, header %v: %s", r.Status, r.Header, r.Text)
	}
	if err := json.Unmarshal([]byte(r.Text), value); err != nil {
		t.Fatal(err)
	}
}

// ClaimsOf reads a token as the gateway does.
func (g *Gateway) ClaimsOf(token string) *validator.Claims {
	g.Helper()
	claims, reason := g.App.Opened().Verifier.Authenticate(token)
	if reason != "" {
		g.Fatal(reason)
	}
	return claims
}

// Status returns the status, and its text.
func (g *Gateway) Status() (status.Status, string) {
	g.Helper()
	var status status.Status
	reply := AdminDo(g, http.MethodGet, "status", "", "")
	reply.Into(g.T, &status)
	return status, reply.Text
}

// MintRole mints a token that says the user's role too.
func (g *Gateway) MintRole(user, role, session string) string {
	g.Helper()
	names, err := validator.NewSessionCookies("session")
	if err != nil {
		g.Fatal(err)
	}
	credential := names.Read(validator.Cookies{{Name: "session", Value: session}})
	now := g.Clock.Now()
	token, err := validator.Minter{Keys: g.App.Opened().Keys.Current(), Lifetime: time.Minute}.Mint(sessions.Session{
		Key: KeyOf(g, session), User: user, Attributes: sessions.Attributes{"role": sessions.Text(role)},
		AuthTime: now.Unix(), Seen: now, Confirmed: now, Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		g.Fatal(err)
	}
	return token
}

// Mismatches sums the counter over its reasons.
func (g *Gateway) Mismatches() float64 {
	g.Helper()
	sum := 0.0
	for _, what := range []telemetry.Mismatch{telemetry.MismatchSignedOut, telemetry.MismatchUser, telemetry.MismatchAttributes, telemetry.MismatchUndetermined} {
		var metric dto.Metric
		if err := telemetry.ShadowMismatchesTotal.WithLabelValues(string(what)).Write(&metric); err != nil {
			g.Fatal(err)
		}
		sum += metric.GetCounter().GetValue()
	}
	return sum
}

// RecordsOf returns how many sessions of a user the admin API lists.
func (g *Gateway) RecordsOf(user string) int {
	g.Helper()
	answer := g.MustAdmin("sessions/list", map[string]any{"realm": "shop", "user": user, "limit": 1000})
	return len(answer["sessions"].([]any))
}

// Admin sends a request to the admin API as Caddy's admin endpoint would hand it on, and returns status and answer.
func (g *Gateway) Admin(method, path, body string) (int, map[string]any) {
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

// MustAdmin is admin with a body made of pairs, for what must succeed.
func (g *Gateway) MustAdmin(path string, body map[string]any) map[string]any {
	g.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.Fatal(err)
	}
	status, answer := g.Admin(http.MethodPost, path, string(text))
	if status != http.StatusOK {
		g.Fatalf("%s: status %d: %v", path, status, answer)
	}
	return answer
}

func apiStatus(t *testing.T, err error) int {
	t.Helper()
	var refusal caddy.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("an error that is no answer: %v", err)
	}
	return refusal.HTTPStatus
}

// Claims returns the claims of the browser's token.
func (g *Gateway) Claims(b *Browser) *validator.Claims {
	g.Helper()
	claims, reason := g.App.Opened().Verifier.Authenticate(b.Cookies[TokenName])
	if reason != "" {
		g.Fatalf("the browser's token: %s", reason)
	}
	return claims
}

// MintFor mints a token as the gateway does, for a session that it need not know.
func (g *Gateway) MintFor(user, session string) string {
	g.Helper()
	return g.MintWith(g.App.Opened().Keys.Current(), "shop", user, session)
}

// MintWith mints a token with other keys, or for another realm.
func (g *Gateway) MintWith(keys *validator.KeySet, realm, user, session string) string {
	g.Helper()
	names, err := validator.NewSessionCookies("session")
	if err != nil {
		g.Fatal(err)
	}
	cookies, err := validator.ScanCookies([]string{"session=" + session})
	if err != nil {
		g.Fatal(err)
	}
	rules, err := validator.NewSessionRules(1, "") // what the token is bound to is up to the test
	if err != nil {
		g.Fatal(err)
	}
	credential, now := names.WithRules(rules).Read(cookies), g.Clock.Now()
	token, err := validator.Minter{Keys: keys, Lifetime: time.Minute, Encrypt: g.encrypts}.Mint(sessions.Session{
		Key: sessions.Key{Realm: realm, Hash: credential.Hash}, User: user, Source: sessions.Learned,
		AuthTime: now.Unix(), Seen: now, Confirmed: now, Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		g.Fatal(err)
	}
	return token
}

// RevokeSomebody revokes a user whom the request under test has nothing to do with, as far as the gateway knows.
func (g *Gateway) RevokeSomebody() {
	g.Helper()
	g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "mallory"})
}
