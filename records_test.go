package jwtsession

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// recordsOf returns how many sessions of a user the admin API lists.
func (g *testGateway) recordsOf(user string) int {
	g.Helper()
	answer := g.mustAdmin("sessions/list", map[string]any{"realm": "shop", "user": user, "limit": 1000})
	return len(answer["sessions"].([]any))
}

// An application that takes many spellings of a session id gives a client as many sessions, which would fill the store.
func TestAttackSpellingsOfTheSessionFillTheStore(t *testing.T) {
	g := newTestGateway(t, "session_idle_timeout 2h")
	oldest, used := g.browser(), g.browser()
	oldest.cookies["session"], used.cookies["session"] = g.legacy.signIn("alice"), g.legacy.signIn("alice")
	g.expect(oldest.get("/page"), "alice", "set", 1)
	g.clock.advance(time.Second)
	g.expect(used.get("/page"), "alice", "set", 2)
	others := g.browser()
	others.cookies["session"] = g.legacy.signIn("bob")
	others.get("/page")
	for i := range ledger.MaxRecords + 50 {
		g.clock.advance(10 * time.Second)
		id := fmt.Sprintf("%%%02x-spelling-of-one-session", i)
		g.legacy.set(id, "alice")
		b := g.browser()
		b.cookies["session"] = id
		if user := b.get("/page").received.user(t); user != "alice" {
			t.Fatalf("spelling %d: user %q", i, user)
		}
		if i%10 == 0 && used.get("/page").received.user(t) != "alice" {
			t.Fatal("the session that is in use is gone")
		}
	}
	if count := g.recordsOf("alice"); count != ledger.MaxRecords {
		t.Errorf("alice has %d records, want %d", count, ledger.MaxRecords)
	}
	if status, _ := g.status(); status.Counts.Sessions != ledger.MaxRecords+1 {
		t.Errorf("the status counts %d", status.Counts.Sessions)
	}
	if count := g.recordsOf("bob"); count != 1 {
		t.Errorf("bob has %d records", count)
	}
	// Whose record is gone is asked about again; nobody is signed out by that.
	questions := g.legacy.questions()
	if user := oldest.get("/page").received.user(t); user != "alice" || g.legacy.questions() == questions {
		t.Errorf("the oldest session: user %q, %d questions more", user, g.legacy.questions()-questions)
	}
}

// A session that the gateway opened has ended where its record had to go: nobody else knows of it.
func TestAddedSessionEndsWithItsRecord(t *testing.T) {
	g := newTestGatewayWith(t, gatewayOptions{site: "jwt_session shop {\nsession_idle_timeout 2h\n}\nreverse_proxy LEGACY"})
	add := func(id string) {
		g.clock.advance(time.Second / 10)
		g.mustAdmin("sessions", map[string]any{"realm": "shop", "id": id, "user": "alice"})
	}
	add("the-oldest-session-id")
	b := g.browser()
	b.cookies["session"] = "the-oldest-session-id"
	g.expect(b.get("/page"), "alice", "set", 0)
	for i := range ledger.MaxRecords - 1 {
		add(fmt.Sprintf("session-id-of-number-%d", i))
	}
	g.expect(b.get("/page"), "alice", "", 0)
	add("one-session-too-many")
	if response := b.get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d: its token lives", response.StatusCode)
	}
	if count := g.recordsOf("alice"); count != ledger.MaxRecords {
		t.Errorf("%d records", count)
	}
	if strings.Contains(g.log(), "keeping sessions") {
		t.Error("something failed")
	}
}
