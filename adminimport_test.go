package jwtsession_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func adminImport(t testing.TB, lines string) harness.AdminReply {
	t.Helper()
	return harness.AdminDo(t, http.MethodPost, "sessions", "application/x-ndjson", lines)
}

func TestImportAddsSessions(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	const lines = `{"realm": "shop", "id": "one-0123456789abcdef", "user": "alice", "attributes": {"role": "keeper"}}

  {"realm": "shop", "id": "two-0123456789abcdef", "user": "alice", "expires_in": 60}
{"realm": "shop", "id": "three-0123456789abcdef", "user": "bob"}`
	var answer admin.ImportAnswer
	adminImport(t, lines).Into(t, &answer)
	if answer.Imported != 3 || answer.Failed != 0 || len(answer.Failures) != 0 {
		t.Fatalf("got %+v, want 3 imported", answer)
	}
	for id, user := range map[string]string{"one-0123456789abcdef": "alice", "two-0123456789abcdef": "alice", "three-0123456789abcdef": "bob"} {
		b := g.Browser()
		b.Cookies["session"] = id
		if got := b.Get("/page").Received.User(t); got != user {
			t.Errorf("session %s: user %q, want %q", id, got, user)
		}
	}
	g.Clock.Advance(time.Minute)
	b := g.Browser()
	b.Cookies["session"] = "two-0123456789abcdef"
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its time: status %d", response.StatusCode)
	}
	if log := g.Logged(); strings.Count(log, `"sessions imported"`) != 1 || strings.Contains(log, "alice") {
		t.Errorf("the log:\n%s", log)
	}
}

// The line that is wrong is named by its number and the reason; nothing of it is repeated, and the others are added.
func TestImportNamesTheLinesThatFailed(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	harness.AdminPost(t, "revocations", `{"realm": "shop", "session": "SECRET-revoked-0123456789abcdef"}`).Into(t, new(admin.RevokeAnswer))
	lines := []struct{ text, want string }{
		{`{"realm": "shop", "id": "SECRET-good-0123456789abcdef", "user": "SECRET-alice"}`, ""},
		{`{"realm": "shop", "id": "SECRET-2-0123456789abcdef", "user": "SECRET-alice"`, "the body is not one JSON object"},
		{`{"realm": "shop", "id": "SECRET-3-0123456789abcdef", "user": "SECRET-alice", "user": "SECRET-bob"}`, "names a member twice"},
		{`{"realm": "shop", "id": "SECRET-4-0123456789abcdef", "user": "SECRET-alice", "SECRET": 1}`, "not known here; known are: realm, id"},
		{`{"realm": "SECRET-wiki", "id": "SECRET-5-0123456789abcdef", "user": "SECRET-alice"}`, "realm: there is no"},
		{`{"realm": "shop", "id": "SECRET-6-0123456789abcdef", "user": "SECRET alice"}`, "user: want"},
		{`{"realm": "shop", "id": "SECRET-7-0123456789abcdef;", "user": "SECRET-alice"}`, "id: "},
		{`{"realm": "shop", "id": "SECRET-revoked-0123456789abcdef", "user": "SECRET-alice"}`, "the session is revoked"},
		{`{"realm": "shop", "id": "SECRET-9-0123456789abcdef", "user": "SECRET-alice", "expires_in": 0}`, "expires_in: want"},
		{strings.Repeat("SECRET", admin.MaxImportLine), "longer than 64 KiB"},
		{`[]`, "not one JSON object"},
		{`"SECRET"`, "not one JSON object"},
		{"\xffSECRET", "not one JSON object"},
		{`{"realm": "shop", "id": "SECRET-good-too-0123456789abcdef", "user": "SECRET-alice"}`, ""},
		{strings.Repeat("SECRET", admin.MaxImportLine), "longer than 64 KiB"},
	}
	var body strings.Builder
	for _, line := range lines {
		body.WriteString(line.text + "\n")
	}
	var answer admin.ImportAnswer
	reply := adminImport(t, body.String())
	reply.Into(t, &answer)
	if answer.Imported != 2 || int(answer.Failed) != len(lines)-2 || len(answer.Failures) != len(lines)-2 {
		t.Fatalf("imported %d, failed %d, named %d", answer.Imported, answer.Failed, len(answer.Failures))
	}
	next := 0
	for i, line := range lines {
		if line.want == "" {
			continue
		}
		got := answer.Failures[next]
		next++
		if got.Line != int64(i+1) || !strings.Contains(got.Error, line.want) {
			t.Errorf("line %d: got %+v, want %q", i+1, got, line.want)
		}
	}
	if log := g.Logged(); strings.Contains(reply.Text, "SECRET") || strings.Contains(log, "SECRET") {
		t.Errorf("the answer or the log repeats what was read:\n%s\n%s", reply.Text, log)
	}
}

func TestImportOfNothingButFailures(t *testing.T) {
	harness.NewWith(t, harness.Options{Site: withoutWhoami})
	var answer admin.ImportAnswer
	adminImport(t, strings.Repeat("x\n", admin.MaxImportFailures+5)).Into(t, &answer)
	if answer.Failed != admin.MaxImportFailures+5 || len(answer.Failures) != admin.MaxImportFailures || answer.Failures[0].Line != 1 {
		t.Errorf("failed %d, named %d", answer.Failed, len(answer.Failures))
	}
	adminImport(t, "").Into(t, &answer)
}

// The last line about a session counts, as if they had been added one after the other.
func TestImportKeepsTheOrderOfOneSession(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	var body strings.Builder
	for i := range 200 {
		fmt.Fprintf(&body, `{"realm": "shop", "id": "session-number-%06d", "user": "user-%d"}`+"\n", i%4, i)
	}
	adminImport(t, body.String()).Into(t, new(admin.ImportAnswer))
	for i := range 4 {
		b := g.Browser()
		b.Cookies["session"] = fmt.Sprintf("session-number-%06d", i)
		if got, want := b.Get("/page").Received.User(t), fmt.Sprintf("user-%d", 196+i); got != want {
			t.Errorf("session %d is %s's, want %s", i, got, want)
		}
	}
}

// brokenOff is a body that ends in an error.
type brokenOff struct{ io.Reader }

func (b brokenOff) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("connection reset by peer")
	}
	return n, err
}

// A body that breaks off is an error that says how far it came: the last line may be a part of one.
func TestImportThatBreaksOff(t *testing.T) {
	harness.NewWith(t, harness.Options{Site: withoutWhoami})
	good := `{"realm": "shop", "id": "one-0123456789abcdef", "user": "alice"}` + "\n"
	body := brokenOff{strings.NewReader(good + `{"realm": "shop", "id": "two-0123456789abcdef", "user": "alice"}`)}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/sessions", body)
	r.Header.Set("Content-Type", "application/x-ndjson")
	var refusal caddy.APIError
	err := admin.Serve(httptest.NewRecorder(), r)
	if !errors.As(err, &refusal) || refusal.HTTPStatus != http.StatusBadRequest ||
		!strings.Contains(refusal.Err.Error(), "broke off after line 1; 1 sessions were added") {
		t.Errorf("got %v", err)
	}
}

// A store that fails ends the import, and the answer says from where it is to be done again.
func TestImportIntoAStoreThatFails(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat(`{"realm": "shop", "id": "one-0123456789abcdef", "user": "alice"}`+"\n", 50_000)
	got := adminImport(t, body)
	if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Text, "did not take line 1;") ||
		!strings.Contains(got.Text, "(0 sessions, 0 lines failed)") {
		t.Errorf("%d %s", got.Status, got.Text)
	}
	if log := g.Logged(); strings.Count(log, `"importing sessions"`) != 1 || strings.Contains(log, "alice") {
		t.Errorf("the log:\n%s", log)
	}
}

// generated is an import of so many sessions, ten for each user, in lines padded to a size. It is never in memory as a
// whole, and notes how much is in use meanwhile.
type generated struct {
	next, count, size int
	line              []byte
	peak              uint64
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.line) == 0 && g.next < g.count {
		g.line = fmt.Appendf(g.line[:0], `{"realm":"shop","id":"session-%08d","user":"user-%d","attributes":{"role":"customer"}}`,
			g.next, g.next/10)
		g.line = append(g.line, strings.Repeat(" ", max(0, g.size-len(g.line)))...)
		g.line = append(g.line, '\n')
		if g.next++; g.next%400 == 0 {
			g.peak = max(g.peak, inUse())
		}
	}
	if len(g.line) == 0 {
		return 0, io.EOF
	}
	n := copy(p, g.line)
	g.line = g.line[n:]
	return n, nil
}

// inUse returns how much of the heap is. How much garbage lies beside that is the collector's, and depends on what all
// tests before have left in use.
func inUse() uint64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// Memory does not grow with the import: 240 MiB pass through a heap that grows by far less than that.
func TestImportInConstantMemory(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	body := &generated{count: 4_000, size: 60_000}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/sessions", body)
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := httptest.NewRecorder()
	before := inUse()
	if err := admin.Serve(w, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.Body.String(), `"imported":4000,"failed":0`) {
		t.Errorf("the answer: %s", w.Body)
	}
	if body.peak > before+16<<20 {
		t.Errorf("the heap grew from %d MiB to %d", before>>20, body.peak>>20)
	}
	page, err := g.App.Opened().Ledger.List(t.Context(), sessions.Query{Realm: "shop", User: "user-7", Limit: 100})
	if err != nil || len(page.Sessions) != 10 {
		t.Errorf("user-7 has %d sessions, want 10: %v", len(page.Sessions), err)
	}
}
