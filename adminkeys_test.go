package jwtsession_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

func listKeys(t *testing.T) []status.Key {
	t.Helper()
	var list admin.KeyList
	harness.AdminDo(t, http.MethodGet, "keys", "", "").Into(t, &list)
	return list.Keys
}

func TestAdminListsKeys(t *testing.T) {
	g := newKeysGateway(t, "algorithm ES256")
	g.Clock.Advance(90 * time.Second)
	harness.AdminPost(t, "keys/rotate", `{}`)
	g.Clock.Advance(5 * time.Second)
	keys := listKeys(t)
	if len(keys) != 2 || keys[0].State != keyring.StateSigning || keys[1].State != keyring.StateUpcoming ||
		*keys[0].Age != 95 || *keys[1].Age != 5 || keys[1].SignsFrom.Sub(*keys[1].Created) != 5*time.Minute || keys[0].Algorithm != "ES256" {
		t.Errorf("the list is %+v", keys)
	}
	var raw map[string][]map[string]any
	harness.AdminDo(t, http.MethodGet, "keys", "", "").Into(t, &raw)
	for _, key := range raw["keys"] {
		for member := range key {
			if !slices.Contains([]string{"kid", "alg", "state", "created", "signs_from", "age"}, member) {
				t.Errorf("listed is the member %s", member)
			}
		}
	}
	if stored, _ := os.ReadFile(filepath.Join(g.Dir, "storage", keyring.Path)); !strings.Contains(string(stored), keys[1].ID) {
		t.Error("the new key is not in Caddy's storage")
	}
}

func TestAdminRotateRefuses(t *testing.T) {
	g := newKeysGateway(t, "")
	for body, status := range map[string]int{
		``: http.StatusBadRequest, `[]`: http.StatusBadRequest, ` null`: http.StatusBadRequest, `{"emergency": 1}`: http.StatusBadRequest,
		`{"now": true}`: http.StatusBadRequest, `{"emergency": true, "emergency": false}`: http.StatusBadRequest,
	} {
		if got := harness.AdminPost(t, "keys/rotate", body); got.Status != status {
			t.Errorf("%s: status %d, want %d", body, got.Status, status)
		}
	}
	if got := harness.AdminDo(t, http.MethodPost, "keys", "application/json", "{}"); got.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST keys: status %d", got.Status)
	}
	if keys := listKeys(t); len(keys) != 1 {
		t.Errorf("a refused request made a key: %+v", keys)
	}
	path := filepath.Join(g.Dir, "storage", keyring.Path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := harness.AdminPost(t, "keys/rotate", `{}`); got.Status != http.StatusServiceUnavailable {
		t.Errorf("without the file: status %d", got.Status)
	}
	g.WithToken()

	explicit := newKeysGateway(t, "key secret "+goodSecret(1)+"\nkey secret "+goodSecret(2))
	for _, body := range []string{`{}`, `{"emergency": true}`} {
		if got := harness.AdminPost(t, "keys/rotate", body); got.Status != http.StatusConflict || !strings.Contains(got.Text, "`key`") {
			t.Errorf("%s with keys of the configuration: status %d, %s", body, got.Status, got.Text)
		}
	}
	keys := listKeys(t)
	if len(keys) != 2 || keys[0].State != keyring.StateSigning || keys[1].State != keyring.StateVerifying || keys[0].Created != nil ||
		keys[0].ID != joseHeaderOf(t, explicit.WithToken().Cookies[harness.TokenName]).Kid {
		t.Errorf("the list is %+v", keys)
	}
}

// Every token dies with the next request, and who has an active session gets another one without a sign-in.
func TestAdminEmergency(t *testing.T) {
	g := newKeysGateway(t, "")
	b := g.WithToken()
	g.ExpectVia(b.Get("/stateless"), "token", "")
	old := b.Cookies[harness.TokenName]
	harness.AdminPost(t, "keys/rotate", `{}`) // one more key that must go
	var rotated admin.RotateAnswer
	harness.AdminPost(t, "keys/rotate", `{"emergency": true}`).Into(t, &rotated)
	if keys := listKeys(t); len(keys) != 1 || keys[0].ID != rotated.ID || keys[0].State != keyring.StateSigning {
		t.Errorf("the keys are %+v", keys)
	}
	if response := b.Get("/stateless"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token alone: status %d", response.StatusCode)
	}
	b.Cookies[harness.TokenName] = old
	g.ExpectVia(b.Get("/page"), "session", "set")
	if questions := g.Legacy.Questions(); questions != 1 {
		t.Errorf("the application was asked %d times", questions)
	}
	if kid := joseHeaderOf(t, b.Cookies[harness.TokenName]).Kid; kid != rotated.ID {
		t.Errorf("the new token is of the key %s, want %s", kid, rotated.ID)
	}
	g.ExpectVia(b.Get("/stateless"), "token", "")
	if log := g.Logged(); strings.Count(log, `"all keys replaced"`) != 1 || strings.Contains(log, old) {
		t.Errorf("the log does not say it once:\n%s", log)
	}
}

// During a reload two configurations are there. An emergency is in force in both.
func TestAdminEmergencyReachesTheOtherConfiguration(t *testing.T) {
	g := newKeysGateway(t, "")
	b := g.WithToken()
	next := &harness.Gateway{T: t, Legacy: g.Legacy, Clock: g.Clock, Dir: t.TempDir(), Storage: filepath.Join(g.Dir, "storage")}
	next.Load(harness.Options{Site: keysSiteFor("")})
	if got := harness.AdminPost(t, "keys/rotate", `{"emergency": true}`); got.Status != http.StatusOK {
		t.Fatalf("status %d", got.Status)
	}
	g.ExpectVia(b.Get("/page"), "session", "set")
	if ids := []string{g.App.Opened().Keeper.Keys()[0].ID, next.App.Opened().Keeper.Keys()[0].ID}; ids[0] != ids[1] {
		t.Errorf("the configurations sign with %v", ids)
	}
}

// eventWitness is a handler of Caddy's events that remembers them.
type eventWitness struct{}

var witnessedEvents struct {
	mutex  sync.Mutex
	events []string
}

func init() { caddy.RegisterModule(eventWitness{}) }

func (eventWitness) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.jwt_session_witness", New: func() caddy.Module { return new(eventWitness) }}
}

func (eventWitness) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (eventWitness) Handle(_ context.Context, event caddy.Event) error {
	data, err := json.Marshal(event.Data)
	witnessedEvents.mutex.Lock()
	defer witnessedEvents.mutex.Unlock()
	witnessedEvents.events = append(witnessedEvents.events, string(event.Origin().CaddyModule().ID)+" "+event.Name()+" "+string(data))
	return err
}

func TestEvents(t *testing.T) {
	legacy, dir := harness.NewLegacy(t), t.TempDir()
	globals := strings.Replace(storeGlobals(filepath.Join(dir, "store"), filepath.Join(dir, "storage"), ""), "admin off", `admin off
	events {
		on key_published jwt_session_witness
		on keys_replaced jwt_session_witness
		on key_signing   jwt_session_witness
		on revocation    jwt_session_witness
	}`, 1)
	witnessedEvents.mutex.Lock()
	witnessedEvents.events = nil
	witnessedEvents.mutex.Unlock()
	if err := loadText(t, globals+site(freeAddress(t), "shop", "", legacy)); err != nil {
		t.Fatal(err)
	}
	first := listKeys(t)[0]
	var second, third admin.RotateAnswer
	harness.AdminPost(t, "keys/rotate", `{}`).Into(t, &second)
	harness.AdminPost(t, "keys/rotate", `{"emergency": true}`).Into(t, &third)
	harness.AdminPost(t, "revocations", `{"realm": "shop", "user": "alice"}`)
	harness.AdminPost(t, "revocations", `{"realm": "shop", "user": "alice", "lift": true}`)
	witnessedEvents.mutex.Lock()
	defer witnessedEvents.mutex.Unlock()
	want := []struct{ name, data string }{
		{"key_published", first.ID}, // before the events app had started, perhaps: Caddy starts its apps in any order
		{"key_published", second.ID},
		{"key_signing", third.ID},
		{"keys_replaced", third.ID},
		{"revocation", `{"kind":"user","realm":"shop"}`},
		{"revocation", `{"kind":"lifted","realm":"shop"}`},
	}
	if len(witnessedEvents.events) != len(want) {
		t.Fatalf("got the events %q", witnessedEvents.events)
	}
	for i, event := range witnessedEvents.events {
		if !strings.HasPrefix(event, "jwt_session "+want[i].name+" ") || !strings.Contains(event, want[i].data) || strings.Contains(event, "alice") {
			t.Errorf("event %d is %s, want %v", i+1, event, want[i])
		}
	}
}

// A configuration that has opened, but not started, is not told of an emergency: it finds out when it starts.
func TestEmergencyWhileAConfigurationStarts(t *testing.T) {
	g := newKeysGateway(t, "")
	next := &harness.Gateway{T: t, Legacy: g.Legacy, Clock: g.Clock, Dir: t.TempDir(), Storage: filepath.Join(g.Dir, "storage")}
	ctx, err := harness.Provision(next.Adapt(harness.Options{Site: keysSiteFor("")}))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := ctx.App("jwt_session")
	if err != nil {
		t.Fatal(err)
	}
	app := loaded.(*app.App)
	app.SetClock(g.Clock.Now)
	t.Cleanup(func() { _ = app.Cleanup() })
	if _, err := app.Open(); err != nil {
		t.Fatal(err)
	}
	var rotated admin.RotateAnswer
	harness.AdminPost(t, "keys/rotate", `{"emergency": true}`).Into(t, &rotated)
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	if keys := app.Opened().Keeper.Keys(); len(keys) != 1 || keys[0].ID != rotated.ID {
		t.Errorf("it starts with %+v", keys)
	}
}
