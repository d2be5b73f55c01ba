package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // where the gateway's own keys are

	_ "github.com/caddy-jwt-session/caddy-jwt-session" // the admin API
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
)

// Caddy's admin endpoint answers before the first configuration has started. That is not to have none.
func TestAdminWaitsForTheFirstConfiguration(t *testing.T) {
	for what, test := range map[string]struct {
		decide func(*app.App)
		want   string
	}{
		"it starts":     {app.Add, "the session store is not open"},
		"it is refused": {app.Remove, "the running configuration has no jwt_session"},
		"it takes long": {func(*app.App) { time.Sleep(app.StartPatience) }, "the running configuration has no jwt_session"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := app.NewClosed()
				app.Announce(first)
				defer app.Remove(first)
				refused := make(chan error, 1)
				go func() { refused <- serveAdmin(t, http.MethodGet, "keys", "") }()
				synctest.Wait()
				select {
				case err := <-refused:
					t.Fatalf("answered at once: %v", err)
				default:
				}
				test.decide(first)
				if err := <-refused; err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			})
		})
	}
}

// A configuration is waited for from its first step until it is refused.
func TestProvisionAnnouncesTheApp(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	refused := &app.App{StoreRaw: json.RawMessage(`{"engine": "none"}`)}
	if err := refused.Provision(ctx); err == nil || !app.IsAwaited() {
		t.Errorf("error %v, awaited: %v", err, app.IsAwaited())
	}
	if err := refused.Cleanup(); err != nil || app.IsAwaited() {
		t.Errorf("after the clean-up: error %v, awaited: %v", err, app.IsAwaited())
	}
}

// The configuration whose store is gone must not be taken for one without sessions.
func TestAdminOfAClosedConfiguration(t *testing.T) {
	start(t)
	if err := serveAdmin(t, http.MethodPost, "sessions/list", `{"realm": "shop"}`); statusOf(err) != http.StatusNotFound {
		t.Errorf("with the open store: got %v, want that there is no such realm", err)
	}
	closed := app.NewClosed()
	app.Add(closed)
	defer app.Remove(closed)
	if err := serveAdmin(t, http.MethodPost, "sessions/list", `{"realm": "shop"}`); statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("with the closed one: got %v, want 503", err)
	}
}

// A store that is given back while its app goes on is one that fails, and the clean-up has nothing left to give back.
func TestCloseStore(t *testing.T) {
	open := start(t)
	for range 2 {
		if err := open.CloseStore(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open.Opened().Ledger.Count(t.Context()); err == nil {
		t.Error("the store still answers")
	}
}

// start starts an app with a store and keys of its own.
func start(t *testing.T) *app.App {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		StorageRaw: json.RawMessage(fmt.Sprintf(`{"module": "file_system", "root": %q}`, t.TempDir())),
		AppsRaw: caddy.ModuleMap{
			"jwt_session": json.RawMessage(fmt.Sprintf(`{"store": {"engine": "badger", "dir": %q}}`, t.TempDir())),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	started, err := app.Of(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	if err := started.Start(); err != nil {
		t.Fatal(err)
	}
	return started
}

// serveAdmin sends a request to a route of the admin API, and returns how it is refused.
func serveAdmin(t *testing.T, method, route, body string) error {
	t.Helper()
	module, err := caddy.GetModule("admin.api.jwt_session")
	if err != nil {
		return err
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/jwt_session/"+route, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return module.New().(caddy.AdminRouter).Routes()[0].Handler.ServeHTTP(httptest.NewRecorder(), r)
}

// statusOf returns the status that a request is refused with, or 0.
func statusOf(err error) int {
	var refusal caddy.APIError
	errors.As(err, &refusal)
	return refusal.HTTPStatus
}
