package jwtsession_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// The status shows how far the migration is: by what requests are let in, and what that saves.
func TestStatus(t *testing.T) {
	g := harness.New(t, "")
	before, _ := g.Status()
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("hortense")
	for range 4 {
		b.Get("/page")
	}
	token := b.Cookies[harness.TokenName]
	delete(b.Cookies, harness.TokenName)
	b.Get("/page")
	nobody := g.Browser()
	nobody.Cookies["session"] = "SECRET-nobodys-0123456789abcdef"
	nobody.Get("/page")
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusTeapot)
		return true
	})
	nobody.Cookies["session"] = "SECRET-another-0123456789abcdef"
	nobody.Get("/page")
	harness.AdminPost(t, "revocations", `{"realm": "shop", "user": "mallory"}`).Into(t, new(admin.RevokeAnswer))
	after, text := g.Status()

	for via, want := range map[string]uint64{"token": 3, "session": 2, "none": 2} {
		if got := after.Requests.Paths[via] - before.Requests.Paths[via]; got != want {
			t.Errorf("by %s: %d requests, want %d", via, got, want)
		}
	}
	if got := after.LookUps.Saved - before.LookUps.Saved; got != 3 || after.LookUps.BytesSaved <= before.LookUps.BytesSaved {
		t.Errorf("saved %d look-ups and %d bytes", got, after.LookUps.BytesSaved-before.LookUps.BytesSaved)
	}
	if after.LookUps.Made <= before.LookUps.Made || after.LookUps.BytesRead <= before.LookUps.BytesRead {
		t.Errorf("the look-ups that were made: %+v", after.LookUps)
	}
	if after.Tokens.Issued[telemetry.CauseFirst] != before.Tokens.Issued[telemetry.CauseFirst]+2 || after.Tokens.Bytes < 200 {
		t.Errorf("tokens: %+v", after.Tokens)
	}
	if after.Counts.Sessions != 1 || after.Counts.Revocations != 1 || after.Counts.Blacklist < 1 || after.Counts.Pending != 0 {
		t.Errorf("counts: %+v", after.Counts)
	}
	if after.Store.Engine != "badger" || after.Store.Location != filepath.Join(g.Dir, "store") || !after.Store.Answers {
		t.Errorf("store: %+v", after.Store)
	}
	if len(after.Keys) != 1 || after.Keys[0].State != keyring.StateSigning || after.Keys[0].Age == nil {
		t.Errorf("keys: %+v", after.Keys)
	}
	tally, earlier := after.Realms["shop"].Whoami, before.Realms["shop"].Whoami
	for outcome, want := range map[string]uint64{telemetry.OutcomeIdentified: 1, telemetry.OutcomeNobody: 1, telemetry.OutcomeCouldNotTell: 1} {
		if got := tally.Outcomes[outcome] - earlier.Outcomes[outcome]; got != want {
			t.Errorf("whoami %s: %d, want %d", outcome, got, want)
		}
	}
	if tally.LastReason != "unexpected_status" || tally.LastTime == nil || !tally.LastTime.Equal(g.Clock.Now()) {
		t.Errorf("the last reason: %+v", tally)
	}
	for _, secret := range []string{"hortense", "SECRET", b.Cookies["session"], b.Cookies[harness.TokenName], token, "mallory"} {
		if strings.Contains(text, secret) {
			t.Errorf("the status holds %q: %s", secret, text)
		}
	}
	if sum := after.Requests.Shares["token"] + after.Requests.Shares["session"] + after.Requests.Shares["none"]; sum < 0.99 || sum > 1.01 {
		t.Errorf("the shares: %v", after.Requests.Shares)
	}
}

func TestStatusOfAStoreThatDoesNotAnswer(t *testing.T) {
	g := harness.New(t, "")
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	if status, _ := g.Status(); status.Store.Answers {
		t.Error("it is said to answer")
	}
}

// A realm that is made of the request is shown under its own name, and there is an end to how many are.
func TestWhoamiTalliesAreBounded(t *testing.T) {
	t.Parallel()
	counts := telemetry.NewTallies()
	for i := range telemetry.MaxTallies + 10 {
		counts.Note(strings.Repeat("x", i), true, nil, time.Unix(int64(i), 0))
	}
	if got := len(counts.Realms()); got != telemetry.MaxTallies {
		t.Errorf("%d realms are told apart, want %d", got, telemetry.MaxTallies)
	}
	if got := counts.Of("none such"); len(got.Outcomes) != 0 || got.LastTime != nil {
		t.Errorf("of a realm without a question: %+v", got)
	}
}

func TestAdminBackup(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	adminImport(t, `{"realm": "shop", "id": "one-0123456789abcdef", "user": "alice"}`).Into(t, new(admin.ImportAnswer))
	for _, body := range []string{"", "{}"} {
		got := harness.AdminPost(t, "store/backup", body)
		if got.Status != http.StatusOK || got.Header.Get("Content-Type") != "application/octet-stream" ||
			got.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("status %d, header %v", got.Status, got.Header)
		}
		contents, err := badgerstore.Restore(filepath.Join(t.TempDir(), "store"), strings.NewReader(got.Text), zap.NewNop())
		if err != nil || contents.Sessions != 1 {
			t.Errorf("restored: %+v, %v", contents, err)
		}
	}
	if got := harness.AdminPost(t, "store/backup", `{"to": "/etc"}`); got.Status != http.StatusBadRequest {
		t.Errorf("an option that there is not: %d %s", got.Status, got.Text)
	}
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	if got := harness.AdminPost(t, "store/backup", ""); got.Status != http.StatusServiceUnavailable {
		t.Errorf("a closed store: %d %s", got.Status, got.Text)
	}
}

// deadlineWriter keeps the deadlines that are set.
type deadlineWriter struct {
	*httptest.ResponseRecorder

	deadlines []time.Time
}

func (w *deadlineWriter) SetWriteDeadline(deadline time.Time) error {
	w.deadlines = append(w.deadlines, deadline)
	return nil
}

// A client that stops reading is not waited for without end, and one that goes on with the connection has no deadline left.
func TestAdminBackupHasADeadlineForEachPart(t *testing.T) {
	harness.NewWith(t, harness.Options{Site: withoutWhoami})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/store/backup", nil)
	r.Header.Set("Content-Type", "application/json")
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	if err := admin.Serve(w, r); err != nil {
		t.Fatal(err)
	}
	if len(w.deadlines) < 2 || w.deadlines[0].IsZero() || !w.deadlines[len(w.deadlines)-1].IsZero() {
		t.Errorf("the deadlines are %v, want one for each part and none at the end", w.deadlines)
	}
}

// failingWriter is a client that leaves after the first part.
type failingWriter struct {
	*httptest.ResponseRecorder

	parts int
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.parts++; w.parts > 1 {
		return 0, errors.New("broken pipe")
	}
	return w.ResponseRecorder.Write(p)
}

// A backup that breaks off must not look like one that is whole.
func TestAdminBackupThatBreaksOff(t *testing.T) {
	harness.NewWith(t, harness.Options{Site: withoutWhoami})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/sessions", &generated{count: 2000})
	r.Header.Set("Content-Type", "application/x-ndjson")
	if err := admin.Serve(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/store/backup", nil)
	r.Header.Set("Content-Type", "application/json")
	w := &failingWriter{ResponseRecorder: httptest.NewRecorder()}
	defer func() {
		if recovered := recover(); recovered != http.ErrAbortHandler {
			t.Errorf("it ended with %v, want the connection broken", recovered)
		}
		if _, err := backup.ReadAll(bytes.NewReader(w.Body.Bytes())); !errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("what the client has counts as a backup: %v", err)
		}
	}()
	_ = admin.Serve(w, r)
}

// A page of another site can make a browser send requests to the admin endpoint, which has no other guard than where
// they come from. Caddy says in its answer which Origin it allowed.
func TestAdminRefusesOtherSites(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: withoutWhoami})
	const added = `{"realm": "shop", "id": "one-0123456789abcdef", "user": "alice"}`
	for _, test := range []struct {
		name            string
		header, allowed http.Header
		want            int
	}{
		{"no browser", nil, nil, 200},
		{"an allowed origin", http.Header{"Origin": {"http://localhost:2019"}}, http.Header{"Access-Control-Allow-Origin": {"http://localhost:2019"}}, 200},
		{
			"an allowed origin of another site",
			http.Header{"Origin": {"https://ops.example"}, "Sec-Fetch-Site": {"cross-site"}},
			http.Header{"Access-Control-Allow-Origin": {"https://ops.example"}},
			200,
		},
		{"an origin that nobody looked at", http.Header{"Origin": {"http://localhost:2019"}}, nil, 403},
		{"a foreign origin", http.Header{"Origin": {"https://evil.example"}}, nil, 403},
		{"another origin than the allowed one", http.Header{"Origin": {"https://evil.example"}}, http.Header{"Access-Control-Allow-Origin": {"http://localhost:2019"}}, 403},
		{"two origins", http.Header{"Origin": {"http://localhost:2019", "https://evil.example"}}, http.Header{"Access-Control-Allow-Origin": {"http://localhost:2019"}}, 403},
		{"an empty origin", http.Header{"Origin": {""}}, nil, 403},
		{"a null origin", http.Header{"Origin": {"null"}}, nil, 403},
		{"a page of another site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, nil, 403},
		{"a page of a site next to it", http.Header{"Sec-Fetch-Site": {"same-site"}}, nil, 403},
		{"its own page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, nil, 200},
	} {
		for _, contentType := range []string{"application/json", "application/x-ndjson"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwt_session/sessions", strings.NewReader(added))
			r.Header = test.header.Clone()
			if r.Header == nil {
				r.Header = make(http.Header)
			}
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			for name, values := range test.allowed {
				w.Header()[name] = values
			}
			status := http.StatusOK
			var refusal caddy.APIError
			if err := admin.Serve(w, r); errors.As(err, &refusal) {
				status = refusal.HTTPStatus
			}
			if status != test.want {
				t.Errorf("%s, %s: status %d, want %d", test.name, contentType, status, test.want)
			}
		}
	}
	for _, origin := range []string{"", "https://evil.example"} { // reading is what browsers keep pages from by themselves
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/jwt_session/status", nil)
		r.Header.Set("Origin", origin)
		if err := admin.Serve(httptest.NewRecorder(), r); err != nil {
			t.Errorf("GET with the Origin %q: %v", origin, err)
		}
	}
	if got := g.App.Opened(); got == nil {
		t.Error("the store is closed")
	}
}

// Caddy leaves the routes of a configuration in place that it refused after all. They act on the store of the one that
// runs on.
func TestAdminAfterARefusedConfiguration(t *testing.T) {
	legacy := harness.NewLegacy(t)
	address, endpoint := freeAddress(t), freeAddress(t)
	storage := filepath.Join(t.TempDir(), "storage")
	config := func(store string) string {
		return strings.Replace(storeGlobals(store, storage, ""), "admin off", "admin "+endpoint, 1) +
			site(address, "shop", "", legacy)
	}
	if err := loadText(t, config(filepath.Join(t.TempDir(), "store"))); err != nil {
		t.Fatal(err)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	b.Get("/page")
	if err := caddy.Load(adaptText(t, config(foreignDirectory(t))), true); err == nil {
		t.Fatal("the configuration was taken")
	}
	for _, call := range []struct{ route, want string }{{"sessions/list", `"user":"alice"`}, {"revocations", `"revoked":true`}} {
		body := strings.NewReader(`{"realm": "shop", "user": "alice"}`)
		response, err := http.Post("http://"+endpoint+admin.Path+call.route, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		_, _ = text.ReadFrom(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(text.String(), call.want) {
			t.Errorf("%s: %d %s", call.route, response.StatusCode, text.String())
		}
	}
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the revocation: status %d", response.StatusCode)
	}
}
