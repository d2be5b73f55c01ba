package state

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
)

// The header of the application goes out with no interim response either.
func TestWriterKeepsTheHeaderFromInterimResponses(t *testing.T) {
	recorder := httptest.NewRecorder()
	writer := &stateWriter{header: "X-New-Cart", Writer: response.NewWriter(recorder, func(int) {})}
	writer.Header().Set("X-New-Cart", "{}")
	writer.WriteHeader(http.StatusEarlyHints)
	if writer.Begun || len(recorder.Header()["X-New-Cart"]) > 0 {
		t.Error("an interim response has the header, or counts as the final one")
	}
}
