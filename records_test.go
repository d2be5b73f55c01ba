package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// An application that takes many spellings of a session id gives a client as many sessions, which would fill the store.
func TestAttackSpellingsOfTheSessionFillTheStore(t *testing.T) {
	g := harness.New(t, "session_idle_timeout 2h")
	oldest, used := g.Browser(), g.Browser()
	oldest.Cookies["session"], used.Cookies["session"] = g.Legacy.SignIn("alice"), g.Legacy.SignIn("alice")
	g.Expect(oldest.Get("/page"), "alice", "set", 1)
	g.Clock.Advance(time.Second)
	g.Expect(used.Get("/page"), "alice", "set", 2)
	others := g.Browser()
	others.Cookies["session"] = g.Legacy.SignIn("bob")
	others.Get("/page")
	for i := range ledger.MaxRecords + 50 {
		g.Clock.Advance(10 * time.Second)
		id := fmt.Sprintf("%%%02x-spelling-of-one-session", i)
		g.Legacy.Set(id, "alice")
		b := g.Browser()
		b.Cookies["session"] = id
		if user := b.Get("/page").Received.User(t); user != "alice" {
			t.Fatalf("spelling %d: user %q", i, user)
		}
		if i%10 == 0 && used.Get("/page").Received.User(t) != "alice" {
			t.Fatal("the session that is in use is gone")
		}
	}
	if count := g.RecordsOf("alice"); count != ledger.MaxRecords {
		t.Errorf("alice has %d records, want %d", count, ledger.MaxRecords)
	}
	if status, _ := g.Status(); status.Counts.Sessions != ledger.MaxRecords+1 {
		t.Errorf("the status counts %d", status.Counts.Sessions)
	}
	if count := g.RecordsOf("bob"); count != 1 {
		t.Errorf("bob has %d records", count)
	}
	// Whose record is gone is asked about again; nobody is signed out by that.
	questions := g.Legacy.Questions()
	if user := oldest.Get("/page").Received.User(t); user != "alice" || g.Legacy.Questions() == questions {
		t.Errorf("the oldest session: user %q, %d questions more", user, g.Legacy.Questions()-questions)
	}
}

// A session that the gateway opened has ended where its record had to go: nobody else knows of it.
func TestAddedSessionEndsWithItsRecord(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: "jwt_session shop {\nsession_idle_timeout 2h\n}\nreverse_proxy LEGACY"})
	add := func(id string) {
		g.Clock.Advance(time.Second / 10)
		g.MustAdmin("sessions", map[string]any{"realm": "shop", "id": id, "user": "alice"})
	}
	add("the-oldest-session-id")
	b := g.Browser()
	b.Cookies["session"] = "the-oldest-session-id"
	g.Expect(b.Get("/page"), "alice", "set", 0)
	for i := range ledger.MaxRecords - 1 {
		add(fmt.Sprintf("session-id-of-number-%d", i))
	}
	g.Expect(b.Get("/page"), "alice", "", 0)
	add("one-session-too-many")
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d: its token lives", response.StatusCode)
	}
	if count := g.RecordsOf("alice"); count != ledger.MaxRecords {
		t.Errorf("%d records", count)
	}
	if strings.Contains(g.Logged(), "keeping sessions") {
		t.Error("something failed")
	}
}
