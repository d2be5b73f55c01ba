package jwtsession_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

var preflightLines = []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a"}

// A stranger sends a preflight that the application takes for another request, or for somebody's.
func TestAttackPreflightCarriesNothing(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "issuer https://id.example {\naudience shop\nfrom header X-Access\n}")
	hidden := []string{
		"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X_HTTP_Method_Override: DELETE",
		"x-http_method.override: DELETE", "HTTP-X-HTTP-Method-Override: DELETE", "X-WP-Method-Override: DELETE",
		"X--HTTP--Method--Override: DELETE", "X-Request-Method: DELETE", "X-Method: DELETE", "_method: DELETE", "X-HTTP-Verb: DELETE",
		"X-Forwarded-Method: DELETE", "Cookie: session=a", "Authorization: Basic YTpi", "Proxy-Authorization: Basic YTpi",
		"Client-Cert: :YQ==:", "X-Forwarded-Client-Cert: a", "X-Api-Key: a", "X-Access: a.b.c", "Content-Type: text/plain",
		"Upgrade: websocket", "OurApp-User-ID: mallory", "Expect: 100-continue",
	}
	response := g.Browser().Send(http.MethodOptions, "/page?a=1&_method=DELETE&b=%5f;_METHOD=x&%5Fmethod=DELETE&X-HTTP-Method-Override=PUT",
		strings.NewReader("_method=DELETE"), append(hidden, preflightLines...)...)
	if response.StatusCode != http.StatusOK || response.Received == nil {
		t.Fatalf("status %d", response.StatusCode)
	}
	got := response.Received.Header
	for _, line := range hidden {
		name, value, _ := strings.Cut(line, ": ")
		for arrived, values := range got {
			if identity.Fold(arrived) == identity.Fold(name) {
				t.Errorf("%s arrived as %s: %q, sent %q", name, arrived, values, value)
			}
		}
	}
	for _, line := range preflightLines {
		if name, value, _ := strings.Cut(line, ": "); got.Get(name) != value {
			t.Errorf("%s did not arrive", name)
		}
	}
	if got.Get("Content-Length") != "" && got.Get("Content-Length") != "0" {
		t.Error("a body arrived")
	}
}

// A stranger reads a page, or opens a session, with a request that only looks like a preflight.
func TestAttackPreflightAnswerHasNoBody(t *testing.T) {
	t.Parallel()
	for _, useTLS := range []bool{false, true} { // HTTP/1.1 and HTTP/2
		g := harness.NewWith(t, harness.Options{TLS: useTLS, Site: `jwt_session shop {
				whoami /whoami json user
				response_user X-User
			}
			reverse_proxy LEGACY`})
		for status, length := range map[int]string{200: "0", 204: "", 302: "0", 401: "0", 403: "0", 404: "0", 500: "0"} {
			g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
				w.Header().Set("Set-Cookie", "session=opened")
				w.Header().Set("X-User", "alice")
				w.Header().Set("Trailer", "X-Later")
				w.Header().Set("Content-Encoding", "br")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, "the page")
				w.Header().Set("X-Later", "a secret")
				w.Header().Set(http.TrailerPrefix+"X-Last", "a secret")
				return true
			})
			response := g.Browser().Do(http.MethodOptions, "/page", preflightLines...)
			switch {
			case response.StatusCode != status:
				t.Errorf("status %d, want %d", response.StatusCode, status)
			case response.Text != "" || len(response.Trailer) > 0 || len(response.TransferEncoding) > 0:
				t.Errorf("%d: body %q, trailers %v", status, response.Text, response.Trailer)
			case response.Header.Get("Content-Length") != length || response.Header.Get("Content-Encoding") != "":
				t.Errorf("%d: Content-Length %q, Content-Encoding %q", status, response.Header.Get("Content-Length"), response.Header.Get("Content-Encoding"))
			case response.Header.Get("Access-Control-Allow-Origin") == "":
				t.Errorf("%d: the answer to the preflight is missing", status)
			case response.Header.Get("Set-Cookie") != "" || response.Header.Get("X-User") != "":
				t.Errorf("%d: got %v", status, response.Header)
			}
		}
	}
}

// An application that never stops writing keeps the connections of strangers, and its own, open.
func TestAttackPreflightOfAnEndlessAnswer(t *testing.T) {
	t.Parallel()
	for _, useTLS := range []bool{false, true} {
		for name, write := range map[string]func(w http.ResponseWriter){
			"writes": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 8<<10)) },
			"waits":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		} {
			g := harness.NewWith(t, harness.Options{TLS: useTLS, Site: `jwt_session shop {
					whoami /whoami json user
				}
				reverse_proxy LEGACY {
					flush_interval -1
				}`})
			stopped := make(chan struct{})
			g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
				defer close(stopped)
				w.WriteHeader(http.StatusOK)
				for r.Context().Err() == nil {
					write(w)
					select {
					case <-r.Context().Done():
					case <-time.After(time.Millisecond): // a real application's pace
					}
				}
				return true
			})
			response := g.Browser().Do(http.MethodOptions, "/page", preflightLines...)
			if response.StatusCode != http.StatusOK || response.Text != "" {
				t.Errorf("%s: status %d, body %q", name, response.StatusCode, response.Text)
			}
			select {
			case <-stopped:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: the application still writes", name)
			}
		}
	}
}

func TestPreflightDeny(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "preflight deny\nunauthenticated pass")
	b := g.Browser()
	if response := b.Do(http.MethodOptions, "/page", preflightLines...); response.StatusCode != http.StatusForbidden ||
		response.Received != nil || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %v", response.StatusCode, response.Header)
	}
	if response := b.Do(http.MethodOptions, "/page", preflightLines[0]); response.StatusCode != http.StatusOK {
		t.Errorf("no preflight: status %d", response.StatusCode)
	}
	if response := harness.New(t, "preflight pass").Browser().Do(http.MethodOptions, "/page", preflightLines...); response.StatusCode != http.StatusOK {
		t.Errorf("preflight pass: status %d", response.StatusCode)
	}
}

// An error of the route is answered as ever, and a route that answers nothing with 200.
func TestPreflightWithoutAnApplication(t *testing.T) {
	t.Parallel()
	for site, want := range map[string]int{"error 404": 404, "respond 204": 204, "": 200, `respond "page" 200`: 200} {
		g := harness.NewWith(t, harness.Options{Site: "jwt_session shop\n" + site})
		if response := g.Browser().Do(http.MethodOptions, "/page", preflightLines...); response.StatusCode != want || response.Text != "" {
			t.Errorf("%s: status %d, body %q", site, response.StatusCode, response.Text)
		}
	}
}

// A preflight loses the parameters that name another method, and keeps the others as they are.
func TestWithoutMethod(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	got := make(chan string, 1)
	g.Legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		got <- r.URL.RawQuery
		return false
	})
	for query, want := range map[string]string{
		"": "", "a": "a", "a=1&b=2": "a=1&b=2", "_method=DELETE": "", "a=1&_method=DELETE&b": "a=1&b", "_METHOD": "",
		"%5Fmethod=x&a": "a", "a;_method=x;b&c": "a;b&c", "X_HTTP_Method_Override=x&a=%zz": "a=%zz", "method=a&x_method=b": "method=a&x_method=b",
		"%zz=1&+_method=x": "%zz=1",
	} {
		g.Browser().Do(http.MethodOptions, "/page?"+query, preflightLines...)
		if got := <-got; got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
