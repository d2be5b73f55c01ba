package app_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
)

// A provider that is opened while another one of its name is open takes over that one's keys. One that is opened later does
// not: it waits for the first answer.
func TestProviderThatIsClosedIsForgotten(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	first := app.OpenProvider(issuer.Options{Issuer: server.URL})
	second := app.OpenProvider(issuer.Options{Issuer: server.URL, StaleMax: 2 * time.Hour})
	if app.IsNewest(first) || !app.IsNewest(second) {
		t.Error("the first provider is taken for the newest")
	}
	if err := first.Close(); err != nil || !app.IsNewest(second) {
		t.Errorf("closing the first one: %v; the second is the newest: %t", err, app.IsNewest(second))
	}
	if err := second.Close(); err != nil || app.IsNewest(second) {
		t.Errorf("closing the second one: %v; it is the newest: %t", err, app.IsNewest(second))
	}
}
