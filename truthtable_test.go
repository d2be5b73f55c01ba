package jwtsession

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The truth table once more, over HTTP: a real token or session cookie for every row.

const truthTableSite = `
	jwt_session shop {
		mode MODE
		whoami /whoami json user {
			ROLLING
		}
		token_lifetime 1m
		renew_before 10s
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy LEGACY`

// tableRow is one row. The browser is signed in as alice with a usable token before arrange changes that.
type tableRow struct {
	name    string
	arrange func(*testGateway, *browser)
	mixed   outcome
	// stateful is what the same request gives without the token column.
	stateful outcome
	// stateless is what it gives without the session column.
	stateless outcome
}

// shadow is what the session says, with the token cookie treated as in mixed mode.
func (r tableRow) shadow() outcome {
	return outcome{user: r.stateful.user, via: r.stateful.via, token: r.mixed.token}
}

// outside is what mixed mode gives where tokens are not for the session, or its user: the session speaks, and a token that
// came is cleared.
func (r tableRow) outside() outcome {
	result := r.stateful
	if !strings.HasPrefix(r.name, "token absent") {
		result.token = "cleared"
	}
	return result
}

// outcome is what is seen from outside.
type outcome struct {
	user  string // as the application sees it; empty: 401
	via   string
	token string // what happened to the token cookie
}

var (
	byToken    = outcome{user: "alice", via: "token"}
	bySession  = outcome{user: "alice", via: "session"}
	replaced   = outcome{user: "alice", via: "session", token: "set"}
	refused    = outcome{}
	refusedOut = outcome{token: "cleared"}
)

func tableRows() []tableRow {
	rows := []tableRow{
		{"token usable, the same session", func(*testGateway, *browser) {}, byToken, bySession, byToken},
		{"token usable, cookies absent", noSession, refused, refused, byToken},
		{"token usable, another session that is unknown", unknownSession, refusedOut, refused, byToken},
		{"token usable, session ambiguous", twoSessions, refusedOut, refused, byToken},
		{"token absent, session active", noToken, replaced, bySession, refused},
		{"token absent, session unknown", both(noToken, unknownSession), refused, refused, refused},
		{"token absent, session ambiguous", both(noToken, twoSessions), refused, refused, refused},
		{"token absent, session revoked", both(revokedSession, noToken), refused, refused, refused},
		{"token absent, session absent", both(noToken, noSession), refused, refused, refused},
		{"token of the revoked session", revokedSession, refusedOut, refused, refusedOut},
		{"token of an ended session, session known again", endedSession, replaced, bySession, refusedOut},
		{"token of another session, session active", otherSession, replaced, bySession, outcome{user: "bob", via: "token"}},
		{"token of another session, session unknown", both(otherSession, unknownSession), refusedOut, refused, outcome{user: "bob", via: "token"}},
	}
	for _, token := range []struct {
		name    string
		arrange func(*testGateway, *browser)
	}{
		{"expired", expired},
		{"revoked", revoked},
		{"of a foreign key", foreignKey},
		{"malformed", func(_ *testGateway, b *browser) { b.cookies[tokenName] = "not.a.token" }},
		{"badly signed", badlySigned},
		{"too large", func(_ *testGateway, b *browser) { b.cookies[tokenName] += strings.Repeat("A", validator.MaxTokenBytes) }},
		{"ambiguous", twoTokens},
	} {
		rows = append(rows,
			tableRow{"token " + token.name + ", session active", token.arrange, replaced, bySession, refusedOut},
			tableRow{"token " + token.name + ", session unknown", both(token.arrange, unknownSession), refusedOut, refused, refusedOut},
			tableRow{"token " + token.name + ", session ambiguous", both(token.arrange, twoSessions), refusedOut, refused, refusedOut},
			tableRow{"token " + token.name + ", session revoked", both(token.arrange, revokedSession), refusedOut, refused, refusedOut},
			tableRow{"token " + token.name + ", cookies absent", both(token.arrange, noSession), refusedOut, refused, refusedOut},
		)
	}
	return rows
}

func both(first, second func(*testGateway, *browser)) func(*testGateway, *browser) {
	return func(g *testGateway, b *browser) {
		first(g, b)
		second(g, b)
	}
}

func TestTruthTableOverHTTP(t *testing.T) {
	checkTables(t, map[string]table{
		"mixed":            {"mixed", func(row tableRow) outcome { return row.mixed }},
		"stateful":         {"stateful", func(row tableRow) outcome { return row.stateful }},
		"stateless":        {"stateless", func(row tableRow) outcome { return row.stateless }},
		"shadow":           {"shadow", tableRow.shadow},
		"outside":          {"mixed 0.000001%", tableRow.outside},
		"rolling":          {"mixed, rolling", func(row tableRow) outcome { return row.mixed }},
		"rolling, outside": {"mixed 0.000001%, rolling", tableRow.outside},
	})
}

// With token_encrypt the same holds of encrypted tokens, whatever is wrong with them.
func TestTruthTableOverHTTPWithEncryptedTokens(t *testing.T) {
	checkTables(t, map[string]table{
		"mixed":     {"mixed\ntoken_encrypt", func(row tableRow) outcome { return row.mixed }},
		"stateless": {"stateless\ntoken_encrypt", func(row tableRow) outcome { return row.stateless }},
	})
}

// table is what all rows give in one mode.
type table struct {
	mode string // after a comma: an option of whoami
	want func(tableRow) outcome
}

// checkTables checks all rows at one gateway for each table. Each row has a session and tokens of its own.
func checkTables(t *testing.T, tables map[string]table) {
	t.Parallel()
	for name, table := range tables {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mode, option, _ := strings.Cut(table.mode, ", ")
			g := newTestGatewayWith(t, gatewayOptions{
				site: strings.Replace(strings.Replace(truthTableSite, "MODE", mode, 1), "ROLLING", option, 1),
			})
			for _, row := range tableRows() {
				t.Run(row.name, func(t *testing.T) { checkRow(t, g.in(t), mode, row, table.want(row)) })
			}
		})
	}
}

func checkRow(t *testing.T, g *testGateway, mode string, row tableRow, want outcome) {
	b := g.browser()
	b.cookies["session"] = g.legacy.signIn("alice")
	b.cookies[tokenName] = g.mintFor("alice", b.cookies["session"])
	asked := g.legacy.questions()
	row.arrange(g, b)
	response := b.get("/page")
	got := outcome{token: response.tokenSet()}
	if response.StatusCode != http.StatusUnauthorized {
		got.user = response.received.user(t)
		got.via = response.received.Header.Get("X-Via")
	}
	if got != want {
		t.Errorf("got %+v (status %d), want %+v", got, response.StatusCode, want)
	}
	if asked = g.legacy.questions() - asked; want == byToken && asked != 0 {
		t.Errorf("the token path asked the application %d times", asked)
	}
	if response.received != nil && strings.Contains(response.received.Header.Get("Cookie"), tokenName) {
		t.Errorf("the token reached the application")
	}
	if want.user != "" && !strings.HasPrefix(mode, "stateless") && strings.Count(response.received.Header.Get("Cookie"), "session=") != 1 {
		t.Errorf("the session cookie did not reach the application once: %d lines", len(response.received.Header["Cookie"]))
	}
}

// mintFor mints a token as the gateway does, for a session that it need not know.
func (g *testGateway) mintFor(user, session string) string {
	g.Helper()
	return g.mintWith(g.app.Opened().Keys.Current(), "shop", user, session)
}

func (g *testGateway) mintWith(keys *validator.KeySet, realm, user, session string) string {
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
	credential, now := names.WithRules(rules).Read(cookies), g.clock.Now()
	token, err := validator.Minter{Keys: keys, Lifetime: time.Minute, Encrypt: modulesOf[*Handler](g.T, g.ctx)[0].TokenEncrypt}.Mint(sessions.Session{
		Key: sessions.Key{Realm: realm, Hash: credential.Hash}, User: user, Source: sessions.Learned,
		AuthTime: now.Unix(), Seen: now, Confirmed: now, Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		g.Fatal(err)
	}
	return token
}

func noToken(_ *testGateway, b *browser)   { delete(b.cookies, tokenName) }
func noSession(_ *testGateway, b *browser) { delete(b.cookies, "session") }

func unknownSession(_ *testGateway, b *browser) {
	b.cookies["session"] = "nobody-knows-this-one-" + rand.Text()
}

// twoSessions sends two values for the session cookie, the good one first.
func twoSessions(g *testGateway, b *browser) {
	line := b.cookieLine()
	b.headers["Cookie"] = []string{"session=" + g.legacy.signIn("bob") + "; session=" + g.legacy.signIn("alice") + "; " + line}
}

// revokedSession revokes the session that the browser has.
func revokedSession(g *testGateway, b *browser) {
	if err := g.app.Opened().Ledger.RevokeSession(g.Context(), keyOf(g, b.cookies["session"])); err != nil {
		g.Fatal(err)
	}
}

func twoTokens(g *testGateway, b *browser) {
	other := g.mintFor("alice", b.cookies["session"])
	b.cookies[tokenName] += "; " + tokenName + "=" + other
}

func otherSession(g *testGateway, b *browser) {
	b.cookies[tokenName] = g.mintFor("bob", g.legacy.signIn("bob"))
}

func expired(g *testGateway, _ *browser) { g.clock.advance(time.Minute) }

func revoked(g *testGateway, b *browser) {
	claims, reason := g.app.Opened().Verifier.Authenticate(b.cookies[tokenName])
	if reason != "" {
		g.Fatal(reason)
	}
	if err := g.app.Opened().Ledger.RevokeToken(g.Context(), claims.TokenID(), time.Unix(claims.Expires(), 0)); err != nil {
		g.Fatal(err)
	}
}

func foreignKey(g *testGateway, b *browser) {
	key, err := validator.NewSecretKey("theirs", []byte("another secret of 32 random bytes"))
	if err != nil {
		g.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		g.Fatal(err)
	}
	b.cookies[tokenName] = g.mintWith(keys, "shop", "alice", b.cookies["session"])
}

func badlySigned(_ *testGateway, b *browser) {
	token := b.cookies[tokenName]
	cut := strings.LastIndex(token, ".")
	b.cookies[tokenName] = token[:cut+1] + strings.Repeat("A", len(token)-cut-1)
}

// endedSession ends the session that the token proves; the application still knows it, and so it is learned again.
func endedSession(g *testGateway, b *browser) {
	open := g.app.Opened()
	claims, reason := open.Verifier.Authenticate(b.cookies[tokenName])
	if reason != "" {
		g.Fatal(reason)
	}
	if _, err := open.Ledger.End(g.Context(), claims.SessionKey(), claims.AuthTime()); err != nil {
		g.Fatal(err)
	}
}
