package jwtsession_test

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

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestAdminRefusesTheForm(t *testing.T) {
	g := harness.New(t, "")
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
		got := harness.AdminDo(t, test.method, test.route, test.contentType, test.body)
		if got.Status != test.want {
			t.Errorf("%s %s %s: status %d, want %d: %s", test.method, test.route, test.contentType, got.Status, test.want, got.Text)
		}
		if test.want == http.StatusMethodNotAllowed && got.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s %s: Allow %q", test.method, test.route, got.Header.Get("Allow"))
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
		if got := harness.AdminPost(t, route, `{}`); got.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d: %s", route, got.Status, got.Text)
		}
	}
}

// checkNoSessions fails the test if there is a session in the realm shop.
func checkNoSessions(g *harness.Gateway) {
	g.Helper()
	var list admin.ListAnswer
	harness.AdminPost(g, "sessions/list", `{"realm": "shop"}`).Into(g.T, &list)
	if len(list.Sessions) != 0 {
		g.Errorf("there are %d sessions", len(list.Sessions))
	}
}

// A body that is not exactly what the route wants is refused and changes nothing. What is secret in it is not repeated,
// neither in the answer nor in the log.
func TestAdminRefusesBodies(t *testing.T) {
	g := harness.New(t, "")
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
		got := harness.AdminPost(t, test.route, test.body)
		if got.Status != test.want || !strings.Contains(got.Text, test.words) {
			t.Errorf("%s %s: %d %s; want %d and %q", test.route, test.body, got.Status, got.Text, test.want, test.words)
		}
		if strings.Contains(got.Text, secret) || strings.Contains(got.Text, "alice") {
			t.Errorf("%s %s: the answer repeats what it read: %s", test.route, test.body, got.Text)
		}
	}
	checkNoSessions(g)
	if log := g.Logged(); strings.Contains(log, secret) || strings.Contains(log, "alice") {
		t.Errorf("the log holds what was sent:\n%s", log)
	}
}

// withoutWhoami is a site that knows no sessions but those that the operator adds.
const withoutWhoami = "jwt_session shop {\n\tsession_idle_timeout 30m\n\tsession_max_age 2h\n}\nreverse_proxy LEGACY"

func TestAdminAddsASession(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	const id = "SECRET-SESSION-ID"
	b := g.Browser()
	b.Cookies["session"] = id
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("before it is added: status %d", response.StatusCode)
	}
	var added admin.AddAnswer
	harness.AdminPost(t, "sessions", `{"realm": "shop", "id": "`+id+`", "user": "alice",
		"attributes": {"role": "keeper", "groups": ["a", "b"]}}`).Into(t, &added)
	if want := sessions.HashOf(id).String(); added.Hash != want {
		t.Errorf("its hash is %s, want %s", added.Hash, want)
	}
	if want := g.Clock.Now().Add(2 * time.Hour); !added.Ends.Equal(want) {
		t.Errorf("it ends at %s, want session_max_age after now, %s", added.Ends, want)
	}
	if want := g.Clock.Now().Add(30 * time.Minute); !added.Expires.Equal(want) {
		t.Errorf("unused it ends at %s, want session_idle_timeout after now, %s", added.Expires, want)
	}
	response := b.Get("/page")
	if user := response.Received.User(t); user != "alice" || response.TokenSet() != "set" {
		t.Errorf("after it was added: user %q, token cookie %q", user, response.TokenSet())
	}
	var list admin.ListAnswer
	reply := harness.AdminPost(t, "sessions/list", `{"realm": "shop"}`)
	reply.Into(t, &list)
	if len(list.Sessions) != 1 || list.Next != "" {
		t.Fatalf("listed: %s", reply.Text)
	}
	got := list.Sessions[0]
	if got.Hash != added.Hash || got.User != "alice" || got.Source != "added" || !got.Ends.Equal(added.Ends) ||
		got.AuthTime.Unix() != g.Clock.Now().Unix() || !got.Expires.Equal(g.Clock.Now().Add(30*time.Minute)) ||
		!got.Attributes["role"].Equal(sessions.Text("keeper")) || !got.Attributes["groups"].Equal(sessions.List("a", "b")) {
		t.Errorf("listed: %s", reply.Text)
	}
	if log := g.Logged(); strings.Contains(reply.Text, id) || strings.Contains(log, id) || strings.Contains(log, "alice") {
		t.Errorf("the list or the log holds the session id or the user:\n%s\n%s", reply.Text, log)
	}
	if strings.Count(g.Logged(), `"session added"`) != 1 {
		t.Errorf("the log does not say once that a session was added:\n%s", g.Logged())
	}
}

func TestAdminAddsASessionForLess(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	for seconds, want := range map[string]time.Duration{"60": time.Minute, "86400": 2 * time.Hour, "3153600000": 2 * time.Hour} {
		var added admin.AddAnswer
		body := `{"realm": "shop", "id": "x-0123456789abcdef` + seconds + `", "user": "alice", "expires_in": ` + seconds + `}`
		harness.AdminPost(t, "sessions", body).Into(t, &added)
		if got := added.Ends.Sub(g.Clock.Now()); got != want {
			t.Errorf("expires_in %s: it ends in %s, want %s", seconds, got, want)
		}
		if got, want := added.Expires.Sub(g.Clock.Now()), min(want, 30*time.Minute); got != want {
			t.Errorf("expires_in %s: unused it ends in %s, want %s", seconds, got, want)
		}
	}
	b := g.Browser()
	b.Cookies["session"] = "x-0123456789abcdef60"
	if user := b.Get("/page").Received.User(t); user != "alice" {
		t.Errorf("in its time: user %q", user)
	}
	g.Clock.Advance(time.Minute)
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after it: status %d", response.StatusCode)
	}
}

// A session of several cookies is named by all of them.
func TestAdminAddsASessionOfSeveralCookies(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: "jwt_session shop {\n\tsession_cookie session DW*\n}\nreverse_proxy LEGACY"})
	refused := harness.AdminPost(t, "sessions", `{"realm": "shop", "id": "one-884c7d65", "user": "alice"}`)
	if refused.Status != http.StatusBadRequest || !strings.Contains(refused.Text, "want an object: session, DW*") {
		t.Errorf("one value: %d %s", refused.Status, refused.Text)
	}
	for _, id := range []string{
		`{"session": "one-884c7d65"}`, `{"session": "one-884c7d65", "DW*": ""}`, `{"session": "one-884c7d65", "DW1": "two-884c7d65", "DW2": "two-884c7d65"}`,
		`{"session": "one-884c7d65", "DW1": "two-884c7d65", "theme": "dark"}`,
	} {
		refused := harness.AdminPost(t, "sessions", `{"realm": "shop", "id": `+id+`, "user": "alice"}`)
		if refused.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", id, refused.Status, refused.Text)
		}
	}
	checkNoSessions(g)
	var added admin.AddAnswer
	harness.AdminPost(t, "sessions", `{"realm": "shop", "id": {"DW12": "two-884c7d65", "session": "one-884c7d65"}, "user": "alice"}`).Into(t, &added)
	b := g.Browser()
	if user := b.Get("/page", "Cookie: DW12=two-884c7d65; session=one-884c7d65").Received.User(t); user != "alice" {
		t.Errorf("user %q", user)
	}
	if response := b.Get("/page", "Cookie: DW13=two-884c7d65; session=one-884c7d65"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("another cookie of the pattern: status %d", response.StatusCode)
	}
}

func TestAdminListsInPages(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	var want, ofAlice []string
	for i := range 7 {
		user := []string{"alice", "bob"}[i%2]
		var added admin.AddAnswer
		harness.AdminPost(t, "sessions", fmt.Sprintf(`{"realm": "shop", "id": "session-number-%06d", "user": %q}`, i, user)).Into(t, &added)
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
func listAll(g *harness.Gateway, more string) (hashes []string, pages int) {
	g.Helper()
	after := ""
	for pages < 20 {
		var page admin.ListAnswer
		reply := harness.AdminPost(g, "sessions/list", `{"realm": "shop"`+more+after+`}`)
		reply.Into(g.T, &page)
		if !strings.Contains(reply.Text, `"sessions":[`) {
			g.Errorf("a list that is none: %s", reply.Text)
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

func TestAdminRevokesATokenByID(t *testing.T) {
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page")
	token := b.Cookies[harness.TokenName]
	claims := g.ClaimsOf(token)
	var done admin.RevokeAnswer
	harness.AdminPost(t, "revocations", fmt.Sprintf(`{"jti": %q, "exp": %d}`, claims.TokenID(), claims.Expires())).Into(t, &done)
	if !done.Revoked {
		t.Error("the answer does not say so")
	}
	response := b.Get("/page")
	if user := response.Received.User(t); user != "alice" || response.TokenSet() != "set" {
		t.Errorf("the next request: user %q, token cookie %q; want the session path and another token", user, response.TokenSet())
	}
	if b.Cookies[harness.TokenName] == token {
		t.Error("the revoked token is still there")
	}
	g.Clock.Advance(time.Second)
	if response := b.Get("/page"); response.Received.User(t) != "alice" || response.TokenSet() != "" {
		t.Errorf("the new token does not count: token cookie %q", response.TokenSet())
	}
	if log := g.Logged(); strings.Contains(log, claims.TokenID()) || strings.Count(log, `"token revoked"`) != 1 {
		t.Errorf("the log holds the token id, or does not say once that it was revoked:\n%s", log)
	}
}

func TestAdminRevokesTheTokensOfASession(t *testing.T) {
	g := harness.New(t, "")
	b, other := g.Browser(), g.Browser()
	b.Cookies["session"], other.Cookies["session"] = g.Legacy.SignIn("alice"), g.Legacy.SignIn("alice")
	b.Get("/page")
	other.Get("/page")
	first := b.Cookies[harness.TokenName]
	g.Clock.Advance(40 * time.Second)
	b.Get("/page") // renewed
	if b.Cookies[harness.TokenName] == first {
		t.Fatal("the token was not renewed")
	}
	harness.AdminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, first)).Into(t, new(admin.RevokeAnswer))
	for _, token := range []string{first, b.Cookies[harness.TokenName]} {
		b.Cookies[harness.TokenName] = token
		questions := g.Legacy.Questions()
		response := b.Get("/page")
		if response.Received.User(t) != "alice" || response.TokenSet() != "set" ||
			token == first && g.Legacy.Questions() == questions {
			t.Errorf("user %q, token cookie %q, %d questions more; want the application asked and another token",
				response.Received.User(t), response.TokenSet(), g.Legacy.Questions()-questions)
		}
	}
	if reason, dead := g.App.Opened().Dead(g.ClaimsOf(other.Cookies[harness.TokenName])); dead {
		t.Errorf("the token of another session of the user is dead: %s", reason)
	}
	if log := g.Logged(); strings.Contains(log, first) || strings.Count(log, `"tokens of a session revoked"`) != 1 {
		t.Errorf("the log holds the token, or does not say once what was revoked:\n%s", log)
	}
}

// A token that has merely expired still says whose tokens are to be revoked; one that is not ours says nothing.
func TestAdminRevokesByOldTokensButNotByForeignOnes(t *testing.T) {
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page")
	old := b.Cookies[harness.TokenName]
	g.Clock.Advance(59 * time.Second)
	b.Get("/page")
	g.Clock.Advance(10 * time.Second)
	young := b.Cookies[harness.TokenName]
	for name, arrange := range map[string]func(*harness.Gateway, *harness.Browser){"foreign key": foreignKey, "badly signed": badlySigned} {
		arrange(g, b)
		got := harness.AdminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, b.Cookies[harness.TokenName]))
		if got.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
		b.Cookies[harness.TokenName] = young
		if _, dead := g.App.Opened().Dead(g.ClaimsOf(young)); dead {
			t.Errorf("%s: the session's tokens are dead", name)
		}
	}
	harness.AdminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, old)).Into(t, new(admin.RevokeAnswer))
	if _, dead := g.App.Opened().Dead(g.ClaimsOf(young)); !dead {
		t.Error("the session's newer token is not dead")
	}
}

// A store that does not take it: nothing is acknowledged, and what went wrong goes to the log alone.
func TestAdminSaysWhenTheStoreFails(t *testing.T) {
	g := harness.New(t, "")
	claims := g.ClaimsOf(g.MintFor("alice", "some-session"))
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	for route, body := range map[string]string{
		"sessions":      `{"realm": "shop", "id": "x-0123456789abcdef", "user": "alice"}`,
		"sessions/list": `{"realm": "shop"}`,
		"revocations":   fmt.Sprintf(`{"jti": %q, "exp": %d}`, claims.TokenID(), claims.Expires()),
	} {
		got := harness.AdminPost(t, route, body)
		if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Text, "nothing was done") {
			t.Errorf("%s: %d %s", route, got.Status, got.Text)
		}
	}
	if log := g.Logged(); strings.Count(log, "serving the admin API") != 3 || strings.Contains(log, claims.TokenID()) {
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
