package stream

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestIsStream(t *testing.T) {
	for _, test := range []struct {
		method, contentType string
		status              int
		want                bool
	}{
		{http.MethodGet, "text/event-stream", 200, true},
		{http.MethodPost, "text/event-stream; charset=utf-8", 200, true},
		{http.MethodGet, "TEXT/EVENT-STREAM ;x", 206, true},
		{http.MethodGet, "text/event-streams", 200, false},
		{http.MethodGet, "text/event-strea", 200, false},
		{http.MethodGet, "text/html; charset=utf-8", 200, false},
		{http.MethodGet, "", 200, false},
		{http.MethodGet, "text/event-stream", 404, false},
		{http.MethodGet, "", 101, true},
		{http.MethodConnect, "", 200, true},
		{http.MethodConnect, "", 403, false},
	} {
		header := make(http.Header)
		if test.contentType != "" {
			header.Set("Content-Type", test.contentType)
		}
		r := httptest.NewRequestWithContext(t.Context(), test.method, "http://shop.example/", nil)
		if got := Is(r, test.status, header); got != test.want {
			t.Errorf("%+v: got %t", test, got)
		}
	}
}
