package jwtsession

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// adminReply is an answer of the admin API: a body, or the status and the words of a refusal.
type adminReply struct {
	status int
	body   string
	header http.Header
}

// adminDo sends a request to the routes, past Caddy's own rules for its endpoint.
func adminDo(t testing.TB, method, route, contentType, body string) adminReply {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:2019/jwt_session/"+route, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	err := admin.Serve(w, r)
	if err == nil {
		return adminReply{status: w.Code, body: w.Body.String(), header: w.Header()}
	}
	var refusal caddy.APIError
	if !errors.As(err, &refusal) || refusal.HTTPStatus < 400 {
		t.Fatalf("%s: got the error %T %v, want an APIError", route, err, err)
	}
	if w.Body.Len() > 0 {
		t.Errorf("%s: refused, but it wrote %q", route, w.Body)
	}
	return adminReply{status: refusal.HTTPStatus, body: refusal.Err.Error(), header: w.Header()}
}

func adminPost(t testing.TB, route, body string) adminReply {
	t.Helper()
	return adminDo(t, http.MethodPost, route, "application/json", body)
}

// into reads the body of a good answer.
func (r adminReply) into(t *testing.T, value any) {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" ||
		r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, header %v: %s", r.status, r.header, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), value); err != nil {
		t.Fatal(err)
	}
}

func TestAdminRefusesTheForm(t *testing.T) {
	g := newTestGateway(t, "")
	full := `{"realm": "shop", "user": "` + strings.Repeat("a", admin.MaxBody) + `"}`
	for _, test := range []struct {
		method, route, contentType, body string
		want                             int
	}{
		{http.MethodGet, "sessions/list", "", "", http.StatusMethodNotAllowed},
		{http.MethodPut, "sessions", "application/json", "{}", http.StatusMethodNotAllowed},
		{http.MethodDelete, "sessions", "application/json", "{}", http.StatusMethodNotAllowed},
		{http.MethodPost, "", "application/json", "{}", http.StatusNotFound},
		{http.MethodPost, "sessions/", "application/json", "{}", http.StatusNotFound},
		{http.MethodPost, "Sessions", "application/json", "{}", http.StatusNotFound},
		{http.MethodPost, "sessions", "", "{}", http.StatusUnsupportedMediaType},
		{http.MethodPost, "sessions", "text/plain", "{}", http.StatusUnsupportedMediaType},
		{http.MethodPost, "sessions", "application/x-www-form-urlencoded", "{}", http.StatusUnsupportedMediaType},
		{http.MethodPost, "sessions", "application/json-seq", "{}", http.StatusUnsupportedMediaType},
		{http.MethodPost, "sessions", "application/json; charset", "{}", http.StatusUnsupportedMediaType},
		{http.MethodPost, "sessions/list", "application/json", full, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "sessions/list", "Application/JSON; charset=utf-8", `{"realm": "shop"}`, http.StatusOK},
	} {
		got := adminDo(t, test.method, test.route, test.contentType, test.body)
		if got.status != test.want {
			t.Errorf("%s %s %s: status %d, want %d: %s", test.method, test.route, test.contentType, got.status, test.want, got.body)
		}
		if test.want == http.StatusMethodNotAllowed && got.header.Get("Allow") != http.MethodPost {
			t.Errorf("%s %s: Allow %q", test.method, test.route, got.header.Get("Allow"))
		}
	}
	checkNoSessions(g)
}

func TestAdminBodyThatCanNotBeRead(t *testing.T) {
	body := iotest.ErrReader(errors.New("reset by peer"))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/sessions", body)
	r.Header.Set("Content-Type", "application/json")
	var refusal caddy.APIError
	if err := admin.Serve(httptest.NewRecorder(), r); !errors.As(err, &refusal) || refusal.HTTPStatus != http.StatusBadRequest {
		t.Errorf("got %v, want 400", err)
	}
}

func TestAdminWithoutRunningConfiguration(t *testing.T) {
	for _, route := range []string{"sessions", "sessions/list", "revocations"} {
		if got := adminPost(t, route, `{}`); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d: %s", route, got.status, got.body)
		}
	}
}

// checkNoSessions fails the test if there is a session in the realm shop.
func checkNoSessions(g *testGateway) {
	g.Helper()
	var list admin.ListAnswer
	adminPost(g, "sessions/list", `{"realm": "shop"}`).into(g.T, &list)
	if len(list.Sessions) != 0 {
		g.Errorf("there are %d sessions", len(list.Sessions))
	}
}

// A body that is not exactly what the route wants is refused and changes nothing. What is secret in it is not repeated,
// neither in the answer nor in the log.
func TestAdminRefusesBodies(t *testing.T) {
	g := newTestGateway(t, "")
	const secret = "SECRET-SESSION-ID"
	const good = `{"realm": "shop", "id": "` + secret + `", "user": "alice"` // but for the brace at its end
	for _, test := range []struct {
		route, body string
		want        int
		words       string
	}{
		{"sessions", ``, 400, "not one JSON object"},
		{"sessions", `[]`, 400, ""},
		{"sessions", `"` + secret + `"`, 400, ""},
		{"sessions", `5`, 400, ""},
		{"sessions", good, 400, "not one JSON object"},
		{"sessions", good + `} {}`, 400, "not one JSON object"},
		{"sessions", good + `}x`, 400, "not one JSON object"},
		{"sessions", good + `, "user": "bob"}`, 400, "twice"},
		{"sessions", good + `, "us\u0065r": "bob"}`, 400, "twice"},
		{"sessions", good + `, "ttl": 5}`, 400, "known are: realm, id, user, attributes, expires_in"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `", "User": "alice"}`, 400, "known are: realm, id, user"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `", "user": 5}`, 400, "/user has a value of the wrong form"},
		{"sessions", `{"realm": "shop", "id": 5, "user": "alice"}`, 400, "/id has a value of the wrong form"},
		{"sessions", `{"realm": "shop", "id": ["` + secret + `"], "user": "alice"}`, 400, "/id has"},
		{"sessions", `{"realm": "shop", "id": {"session": 5}, "user": "alice"}`, 400, "/id/session has"},
		{"sessions", good + `, "attributes": {"a": {"b": 1}}}`, 400, "/attributes/a has"},
		{"sessions", good + `, "attributes": {"a": 1, "a": 2}}`, 400, "twice"},
		{"sessions", `{"realm": "shop", "id": "` + secret + "\xff" + `", "user": "alice"}`, 400, ""},
		{"sessions", `{"realm": "blog", "id": "` + secret + `", "user": "alice"}`, 404, "realm"},
		{"sessions", `{"id": "` + secret + `", "user": "alice"}`, 400, "realm: want the name"},
		{"sessions", `null`, 400, "not one JSON object"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `"}`, 400, "user: want 1 to 256 visible ASCII characters"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `", "user": "al ice"}`, 400, "user: want"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `", "user": "alice\r\n"}`, 400, "user: want"},
		{"sessions", `{"realm": "shop", "user": "alice"}`, 400, "id: "},
		{"sessions", `{"realm": "shop", "id": "", "user": "alice"}`, 400, "id: "},
		{"sessions", `{"realm": "shop", "id": " ` + secret + `", "user": "alice"}`, 400, "what no cookie can hold"},
		{"sessions", `{"realm": "shop", "id": "` + secret + `; a=b", "user": "alice"}`, 400, "what no cookie can hold"},
		{"sessions", `{"realm": "shop", "id": {"other": "` + secret + `"}, "user": "alice"}`, 400, "the session has session"},
		{"sessions", `{"realm": "shop", "id": {}, "user": "alice"}`, 400, "id: "},
		{"sessions", good + `, "attributes": {"exp": 1}}`, 400, "attributes: "},
		{"sessions", good + `, "attributes": {"": 1}}`, 400, "attributes: "},
		{"sessions", good + `, "expires_in": 0}`, 400, "expires_in: want"},
		{"sessions", good + `, "expires_in": -1}`, 400, "expires_in: want"},
		{"sessions", good + `, "expires_in": 4000000000000}`, 400, "expires_in: want"},
		{"sessions", good + `, "expires_in": 1.5}`, 400, "/expires_in has"},
		{"sessions", good + `, "expires_in": "60"}`, 400, "/expires_in has"},

		{"sessions/list", `{}`, 400, "realm: want the name"},
		{"sessions/list", `null`, 400, "not one JSON object"},
		{"sessions/list", `[]`, 400, "not one JSON object"},
		{"sessions/list", `{"realm": "shop", "limit": 0}`, 400, "limit: want a number from 1 to 1000"},
		{"sessions/list", `{"realm": "shop", "limit": 1001}`, 400, "limit: want"},
		{"sessions/list", `{"realm": "shop", "limit": -1}`, 400, "limit: want"},
		{"sessions/list", `{"realm": "shop", "limit": "5"}`, 400, "/limit has"},
		{"sessions/list", `{"realm": "shop", "after": "` + secret + `"}`, 400, "after: want the value of `next`"},
		{"sessions/list", `{"realm": "shop", "id": "` + secret + `"}`, 400, "known are: realm, user, limit, after"},

		{"revocations", `{}`, 400, "want exactly one of"},
		{"revocations", `{"jti": "` + secret + `"}`, 400, "exp: want"},
		{"revocations", `{"exp": 2000000000}`, 400, "jti: want"},
		{"revocations", `{"jti": "` + secret + `", "exp": 0}`, 400, "exp: want"},
		{"revocations", `{"jti": "` + secret + `", "exp": 253402300800}`, 400, "exp: want"},
		{"revocations", `{"jti": "` + secret + `", "exp": 1e9}`, 400, "/exp has"},
		{"revocations", `{"jti": "` + secret + `", "exp": "2000000000"}`, 400, "/exp has"},
		{"revocations", `{"jti": "` + secret + ` ", "exp": 2000000000}`, 400, "jti: want"},
		{"revocations", `{"jti": "` + strings.Repeat(secret, 16) + `", "exp": 2000000000}`, 400, "jti: want"},
		{"revocations", `{"jti": "` + secret + `", "exp": 2000000000, "token": "` + secret + `"}`, 400, "want exactly one of"},
		{"revocations", `{"exp": 2000000000, "token": "` + secret + `"}`, 400, "want exactly one of"},
		{"revocations", `{"token": "` + secret + `"}`, 422, "it does not verify (token_malformed); nothing was done"},
		{"revocations", `{"token": ["` + secret + `"]}`, 400, "/token has"},
		{"revocations", `{"realm": "shop", "session": {"other": "` + secret + `"}}`, 400, "session: "},
		{"keys/rotate", `null`, 400, "not one JSON object"},
		{"revocations", `{"realm": "shop", "user": ""}`, 400, "user: it is empty; leave out what is not meant"},
		{"revocations", `{"realm": "shop", "user": null}`, 400, "user: it is empty"},
		{"revocations", `{"realm": "shop", "session": ""}`, 400, "session: it is empty"},
		{"revocations", `{"realm": "shop", "session_hash": ""}`, 400, "session_hash: it is empty"},
		{"revocations", `{"realm": "shop", "jti": ""}`, 400, "jti: it is empty"},
		{"revocations", `{"realm": "shop", "token": ""}`, 400, "token: it is empty"},
		{"revocations", `{"realm": "shop", "exp": null}`, 400, "exp: it is empty"},
		{"revocations", `{"realm": "", "user": "` + secret + `"}`, 400, "realm: it is empty"},
		{"revocations", `{"session": "` + secret + `"}`, 400, "realm: want the realm of the session"},
		{"revocations", `{"session_hash": "` + strings.Repeat("ab", 32) + `"}`, 400, "realm: want the realm of the session"},
		{"sessions/end", `{"session": "` + secret + `"}`, 400, "realm: want the realm of the session"},
	} {
		got := adminPost(t, test.route, test.body)
		if got.status != test.want || !strings.Contains(got.body, test.words) {
			t.Errorf("%s %s: %d %s; want %d and %q", test.route, test.body, got.status, got.body, test.want, test.words)
		}
		if strings.Contains(got.body, secret) || strings.Contains(got.body, "alice") {
			t.Errorf("%s %s: the answer repeats what it read: %s", test.route, test.body, got.body)
		}
	}
	checkNoSessions(g)
	if log := g.log(); strings.Contains(log, secret) || strings.Contains(log, "alice") {
		t.Errorf("the log holds what was sent:\n%s", log)
	}
}

// withoutWhoami is a site that knows no sessions but those that the operator adds.
const withoutWhoami = "jwt_session shop {\n\tsession_idle_timeout 30m\n\tsession_max_age 2h\n}\nreverse_proxy LEGACY"

func TestAdminAddsASession(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: withoutWhoami})
	const id = "SECRET-SESSION-ID"
	b := g.browser()
	b.cookies["session"] = id
	if response := b.get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("before it is added: status %d", response.StatusCode)
	}
	var added admin.AddAnswer
	adminPost(t, "sessions", `{"realm": "shop", "id": "`+id+`", "user": "alice",
		"attributes": {"role": "keeper", "groups": ["a", "b"]}}`).into(t, &added)
	if want := sessions.HashOf(id).String(); added.Hash != want {
		t.Errorf("its hash is %s, want %s", added.Hash, want)
	}
	if want := g.clock.Now().Add(2 * time.Hour); !added.Ends.Equal(want) {
		t.Errorf("it ends at %s, want session_max_age after now, %s", added.Ends, want)
	}
	response := b.get("/page")
	if user := response.received.user(t); user != "alice" || response.tokenSet() != "set" {
		t.Errorf("after it was added: user %q, token cookie %q", user, response.tokenSet())
	}
	var list admin.ListAnswer
	reply := adminPost(t, "sessions/list", `{"realm": "shop"}`)
	reply.into(t, &list)
	if len(list.Sessions) != 1 || list.Next != "" {
		t.Fatalf("listed: %s", reply.body)
	}
	got := list.Sessions[0]
	if got.Hash != added.Hash || got.User != "alice" || got.Source != "added" || !got.Ends.Equal(added.Ends) ||
		got.AuthTime.Unix() != g.clock.Now().Unix() || !got.Expires.Equal(g.clock.Now().Add(30*time.Minute)) ||
		!got.Attributes["role"].Equal(sessions.Text("keeper")) || !got.Attributes["groups"].Equal(sessions.List("a", "b")) {
		t.Errorf("listed: %s", reply.body)
	}
	if log := g.log(); strings.Contains(reply.body, id) || strings.Contains(log, id) || strings.Contains(log, "alice") {
		t.Errorf("the list or the log holds the session id or the user:\n%s\n%s", reply.body, log)
	}
	if strings.Count(g.log(), `"session added"`) != 1 {
		t.Errorf("the log does not say once that a session was added:\n%s", g.log())
	}
}

func TestAdminAddsASessionForLess(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: withoutWhoami})
	for seconds, want := range map[string]time.Duration{"60": time.Minute, "86400": 2 * time.Hour, "3153600000": 2 * time.Hour} {
		var added admin.AddAnswer
		body := `{"realm": "shop", "id": "x-0123456789abcdef` + seconds + `", "user": "alice", "expires_in": ` + seconds + `}`
		adminPost(t, "sessions", body).into(t, &added)
		if got := added.Ends.Sub(g.clock.Now()); got != want {
			t.Errorf("expires_in %s: it ends in %s, want %s", seconds, got, want)
		}
	}
	b := g.browser()
	b.cookies["session"] = "x-0123456789abcdef60"
	if user := b.get("/page").received.user(t); user != "alice" {
		t.Errorf("in its time: user %q", user)
	}
	g.clock.advance(time.Minute)
	if response := b.get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after it: status %d", response.StatusCode)
	}
}

// A session of several cookies is named by all of them.
func TestAdminAddsASessionOfSeveralCookies(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: "jwt_session shop {\n\tsession_cookie session DW*\n}\nreverse_proxy LEGACY"})
	refused := adminPost(t, "sessions", `{"realm": "shop", "id": "one-884c7d65", "user": "alice"}`)
	if refused.status != http.StatusBadRequest || !strings.Contains(refused.body, "want an object: session, DW*") {
		t.Errorf("one value: %d %s", refused.status, refused.body)
	}
	for _, id := range []string{
		`{"session": "one-884c7d65"}`, `{"session": "one-884c7d65", "DW*": ""}`, `{"session": "one-884c7d65", "DW1": "two-884c7d65", "DW2": "two-884c7d65"}`,
		`{"session": "one-884c7d65", "DW1": "two-884c7d65", "theme": "dark"}`,
	} {
		refused := adminPost(t, "sessions", `{"realm": "shop", "id": `+id+`, "user": "alice"}`)
		if refused.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", id, refused.status, refused.body)
		}
	}
	checkNoSessions(g)
	var added admin.AddAnswer
	adminPost(t, "sessions", `{"realm": "shop", "id": {"DW12": "two-884c7d65", "session": "one-884c7d65"}, "user": "alice"}`).into(t, &added)
	b := g.browser()
	if user := b.get("/page", "Cookie: DW12=two-884c7d65; session=one-884c7d65").received.user(t); user != "alice" {
		t.Errorf("user %q", user)
	}
	if response := b.get("/page", "Cookie: DW13=two-884c7d65; session=one-884c7d65"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("another cookie of the pattern: status %d", response.StatusCode)
	}
}

func TestAdminListsInPages(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: withoutWhoami})
	var want, ofAlice []string
	for i := range 7 {
		user := []string{"alice", "bob"}[i%2]
		var added admin.AddAnswer
		adminPost(t, "sessions", fmt.Sprintf(`{"realm": "shop", "id": "session-number-%06d", "user": %q}`, i, user)).into(t, &added)
		want = append(want, added.Hash)
		if user == "alice" {
			ofAlice = append(ofAlice, added.Hash)
		}
	}
	slices.Sort(want)
	slices.Sort(ofAlice)
	for _, test := range []struct {
		more  string
		want  []string
		pages int
	}{
		{``, want, 1},
		{`, "limit": 7`, want, 1},
		{`, "limit": 6`, want, 2},
		{`, "limit": 1`, want, 7},
		{`, "user": "alice"`, ofAlice, 1},
		{`, "user": "alice", "limit": 3`, ofAlice, 2},
		{`, "user": "alic"`, nil, 1},
		{`, "user": "alice", "limit": 1000, "after": "` + ofAlice[3] + `"`, nil, 1},
	} {
		got, pages := listAll(g, test.more)
		if !slices.Equal(got, test.want) || pages != test.pages {
			t.Errorf("%s: %d sessions in %d pages, want %d in %d", test.more, len(got), pages, len(test.want), test.pages)
		}
	}
}

// listAll follows `next` to the end.
func listAll(g *testGateway, more string) (hashes []string, pages int) {
	g.Helper()
	after := ""
	for pages < 20 {
		var page admin.ListAnswer
		reply := adminPost(g, "sessions/list", `{"realm": "shop"`+more+after+`}`)
		reply.into(g.T, &page)
		if !strings.Contains(reply.body, `"sessions":[`) {
			g.Errorf("a list that is none: %s", reply.body)
		}
		for _, session := range page.Sessions {
			hashes = append(hashes, session.Hash)
		}
		pages++
		if page.Next == "" {
			break
		}
		after = `, "after": "` + page.Next + `"`
	}
	return hashes, pages
}

// claimsOf reads a token as the gateway does.
func (g *testGateway) claimsOf(token string) *validator.Claims {
	g.Helper()
	claims, reason := g.app.Opened().Verifier.Authenticate(token)
	if reason != "" {
		g.Fatal(reason)
	}
	return claims
}

func TestAdminRevokesATokenByID(t *testing.T) {
	g := newTestGateway(t, "")
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.get("/page")
	token := b.cookies[tokenName]
	claims := g.claimsOf(token)
	var done admin.RevokeAnswer
	adminPost(t, "revocations", fmt.Sprintf(`{"jti": %q, "exp": %d}`, claims.TokenID(), claims.Expires())).into(t, &done)
	if !done.Revoked {
		t.Error("the answer does not say so")
	}
	response := b.get("/page")
	if user := response.received.user(t); user != "alice" || response.tokenSet() != "set" {
		t.Errorf("the next request: user %q, token cookie %q; want the session path and another token", user, response.tokenSet())
	}
	if b.cookies[tokenName] == token {
		t.Error("the revoked token is still there")
	}
	g.clock.advance(time.Second)
	if response := b.get("/page"); response.received.user(t) != "alice" || response.tokenSet() != "" {
		t.Errorf("the new token does not count: token cookie %q", response.tokenSet())
	}
	if log := g.log(); strings.Contains(log, claims.TokenID()) || strings.Count(log, `"token revoked"`) != 1 {
		t.Errorf("the log holds the token id, or does not say once that it was revoked:\n%s", log)
	}
}

func TestAdminRevokesTheTokensOfASession(t *testing.T) {
	g := newTestGateway(t, "")
	b, other := g.browser(), g.browser()
	b.cookies["session"], other.cookies["session"] = g.legacy.signIn("alice"), g.legacy.signIn("alice")
	b.get("/page")
	other.get("/page")
	first := b.cookies[tokenName]
	g.clock.advance(40 * time.Second)
	b.get("/page") // renewed
	if b.cookies[tokenName] == first {
		t.Fatal("the token was not renewed")
	}
	adminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, first)).into(t, new(admin.RevokeAnswer))
	for _, token := range []string{first, b.cookies[tokenName]} {
		b.cookies[tokenName] = token
		questions := g.legacy.questions()
		response := b.get("/page")
		if response.received.user(t) != "alice" || response.tokenSet() != "set" ||
			token == first && g.legacy.questions() == questions {
			t.Errorf("user %q, token cookie %q, %d questions more; want the application asked and another token",
				response.received.user(t), response.tokenSet(), g.legacy.questions()-questions)
		}
	}
	if reason, dead := g.app.Opened().Dead(g.claimsOf(other.cookies[tokenName])); dead {
		t.Errorf("the token of another session of the user is dead: %s", reason)
	}
	if log := g.log(); strings.Contains(log, first) || strings.Count(log, `"tokens of a session revoked"`) != 1 {
		t.Errorf("the log holds the token, or does not say once what was revoked:\n%s", log)
	}
}

// A token that has merely expired still says whose tokens are to be revoked; one that is not ours says nothing.
func TestAdminRevokesByOldTokensButNotByForeignOnes(t *testing.T) {
	g := newTestGateway(t, "")
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.get("/page")
	old := b.cookies[tokenName]
	g.clock.advance(59 * time.Second)
	b.get("/page")
	g.clock.advance(10 * time.Second)
	young := b.cookies[tokenName]
	for name, arrange := range map[string]func(*testGateway, *browser){"foreign key": foreignKey, "badly signed": badlySigned} {
		arrange(g, b)
		got := adminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, b.cookies[tokenName]))
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		b.cookies[tokenName] = young
		if _, dead := g.app.Opened().Dead(g.claimsOf(young)); dead {
			t.Errorf("%s: the session's tokens are dead", name)
		}
	}
	adminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, old)).into(t, new(admin.RevokeAnswer))
	if _, dead := g.app.Opened().Dead(g.claimsOf(young)); !dead {
		t.Error("the session's newer token is not dead")
	}
}

// A store that does not take it: nothing is acknowledged, and what went wrong goes to the log alone.
func TestAdminSaysWhenTheStoreFails(t *testing.T) {
	g := newTestGateway(t, "")
	claims := g.claimsOf(g.mintFor("alice", "some-session"))
	if err := g.app.CloseStore(); err != nil {
		t.Fatal(err)
	}
	for route, body := range map[string]string{
		"sessions":      `{"realm": "shop", "id": "x-0123456789abcdef", "user": "alice"}`,
		"sessions/list": `{"realm": "shop"}`,
		"revocations":   fmt.Sprintf(`{"jti": %q, "exp": %d}`, claims.TokenID(), claims.Expires()),
	} {
		got := adminPost(t, route, body)
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "nothing was done") {
			t.Errorf("%s: %d %s", route, got.status, got.body)
		}
	}
	if log := g.log(); strings.Count(log, "serving the admin API") != 3 || strings.Contains(log, claims.TokenID()) {
		t.Errorf("the log:\n%s", log)
	}
}

// Whatever stands in a body, it is read as one JSON object or refused in the same few words.
func FuzzAdminBody(f *testing.F) {
	f.Add(`{"realm": "shop", "id": "x-0123456789abcdef", "user": "alice", "attributes": {"a": [1, true, null]}, "expires_in": 60}`)
	f.Add(`{"id": {"a": "b"}, "id": {}}`)
	f.Add(`{"realm": "shop", "user": "x", "limit": 5, "after": ""}`)
	f.Add(`{"jti": "x", "exp": 2000000000}`)
	f.Add(`{"token": "x.y.z"}`)
	f.Add("null")
	f.Fuzz(func(t *testing.T, body string) {
		for _, into := range []any{new(admin.AddRequest), new(admin.ListRequest), new(admin.RevokeRequest)} {
			err := (&admin.Call{Body: []byte(body)}).Read(into)
			if err == nil {
				if !json.Valid([]byte(body)) {
					t.Errorf("%q: read, and yet it is no JSON", body)
				}
				continue
			}
			var refusal caddy.APIError
			if !errors.As(err, &refusal) || refusal.HTTPStatus != http.StatusBadRequest {
				t.Fatalf("%q: got %v, want 400", body, err)
			}
			if text := refusal.Err.Error(); !strings.HasPrefix(text, "the body ") && !strings.HasPrefix(text, "the member ") {
				t.Errorf("%q: got %q", body, text)
			}
		}
	})
}
