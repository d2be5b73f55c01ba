package jwtsession_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
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
	arrange func(*harness.Gateway, *harness.Browser)
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
		{"token usable, the same session", func(*harness.Gateway, *harness.Browser) {}, byToken, bySession, byToken},
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
		arrange func(*harness.Gateway, *harness.Browser)
	}{
		{"expired", expired},
		{"revoked", revoked},
		{"of a foreign key", foreignKey},
		{"malformed", func(_ *harness.Gateway, b *harness.Browser) { b.Cookies[harness.TokenName] = "not.a.token" }},
		{"badly signed", badlySigned},
		{"too large", func(_ *harness.Gateway, b *harness.Browser) {
			b.Cookies[harness.TokenName] += strings.Repeat("A", validator.MaxTokenBytes)
		}},
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

func both(first, second func(*harness.Gateway, *harness.Browser)) func(*harness.Gateway, *harness.Browser) {
	return func(g *harness.Gateway, b *harness.Browser) {
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
			g := harness.NewWith(t, harness.Options{
				Site: strings.Replace(strings.Replace(truthTableSite, "MODE", mode, 1), "ROLLING", option, 1),
			})
			for _, row := range tableRows() {
				t.Run(row.name, func(t *testing.T) { checkRow(t, g.In(t), mode, row, table.want(row)) })
			}
		})
	}
}

func checkRow(t *testing.T, g *harness.Gateway, mode string, row tableRow, want outcome) {
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Cookies[harness.TokenName] = g.MintFor("alice", b.Cookies["session"])
	asked := g.Legacy.Questions()
	row.arrange(g, b)
	response := b.Get("/page")
	got := outcome{token: response.TokenSet()}
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
	if response.Received != nil && strings.Contains(response.Received.Header.Get("Cookie"), harness.TokenName) {
		t.Errorf("the token reached the application")
	}
	if want.user != "" && !strings.HasPrefix(mode, "stateless") && strings.Count(response.Received.Header.Get("Cookie"), "session=") != 1 {
		t.Errorf("the session cookie did not reach the application once: %d lines", len(response.Received.Header["Cookie"]))
	}
}

func noToken(_ *harness.Gateway, b *harness.Browser)   { delete(b.Cookies, harness.TokenName) }
func noSession(_ *harness.Gateway, b *harness.Browser) { delete(b.Cookies, "session") }

func unknownSession(_ *harness.Gateway, b *harness.Browser) {
	b.Cookies["session"] = "nobody-knows-this-one-" + rand.Text()
}

// twoSessions sends two values for the session cookie, the good one first.
func twoSessions(g *harness.Gateway, b *harness.Browser) {
	line := b.CookieLine()
	b.Headers["Cookie"] = []string{"session=" + g.Legacy.SignIn("bob") + "; session=" + g.Legacy.SignIn("alice") + "; " + line}
}

// revokedSession revokes the session that the browser has.
func revokedSession(g *harness.Gateway, b *harness.Browser) {
	if err := g.App.Opened().Ledger.RevokeSession(g.Context(), harness.KeyOf(g, b.Cookies["session"])); err != nil {
		g.Fatal(err)
	}
}

func twoTokens(g *harness.Gateway, b *harness.Browser) {
	other := g.MintFor("alice", b.Cookies["session"])
	b.Cookies[harness.TokenName] += "; " + harness.TokenName + "=" + other
}

func otherSession(g *harness.Gateway, b *harness.Browser) {
	b.Cookies[harness.TokenName] = g.MintFor("bob", g.Legacy.SignIn("bob"))
}

func expired(g *harness.Gateway, _ *harness.Browser) { g.Clock.Advance(time.Minute) }

func revoked(g *harness.Gateway, b *harness.Browser) {
	claims, reason := g.App.Opened().Verifier.Authenticate(b.Cookies[harness.TokenName])
	if reason != "" {
		g.Fatal(reason)
	}
	if err := g.App.Opened().Ledger.RevokeToken(g.Context(), claims.TokenID(), time.Unix(claims.Expires(), 0)); err != nil {
		g.Fatal(err)
	}
}

func foreignKey(g *harness.Gateway, b *harness.Browser) {
	key, err := validator.NewSecretKey("theirs", []byte("another secret of 32 random bytes"))
	if err != nil {
		g.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		g.Fatal(err)
	}
	b.Cookies[harness.TokenName] = g.MintWith(keys, "shop", "alice", b.Cookies["session"])
}

func badlySigned(_ *harness.Gateway, b *harness.Browser) {
	token := b.Cookies[harness.TokenName]
	cut := strings.LastIndex(token, ".")
	b.Cookies[harness.TokenName] = token[:cut+1] + strings.Repeat("A", len(token)-cut-1)
}

// endedSession ends the session that the token proves; the application still knows it, and so it is learned again.
func endedSession(g *harness.Gateway, b *harness.Browser) {
	open := g.App.Opened()
	claims, reason := open.Verifier.Authenticate(b.Cookies[harness.TokenName])
	if reason != "" {
		g.Fatal(reason)
	}
	if _, err := open.Ledger.End(g.Context(), claims.SessionKey(), claims.AuthTime()); err != nil {
		g.Fatal(err)
	}
}
