package jwtsession_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// A client's own Authorization reaches a service by the page for an error, and the service takes it for the gateway's word.
func TestForwardTokenOnErrorRoutes(t *testing.T) {
	t.Parallel()
	for _, site := range []struct{ name, handlers, errors string }{
		{"refused", "jwt_session shop {\nFORWARD\n}", ""},
		{"refused, and stripped", "jwt_session shop {\nFORWARD\n}", "jwt_session_strip"},
		{"stateless", "jwt_session shop {\nFORWARD\nmode stateless\n}", ""},
		{"in the client's own place for tokens", "jwt_session shop {\nFORWARD\naccept_bearer\n}", ""},
		{"a later realm refuses", "route {\njwt_session open {\nFORWARD\nunauthenticated pass\n}\njwt_session shop\n}", ""},
		{"an earlier realm refuses", "route {\njwt_session shop\njwt_session open {\nFORWARD\n}\n}", "jwt_session_strip"},
		{"refused for another origin", "jwt_session shop {\nFORWARD\ncsrf\nunauthenticated pass\n}", ""},
		{"refused for what the user lacks", "jwt_session shop {\nFORWARD\nunauthenticated pass\n}\njwt_session_require role admin", ""},
		{"an error behind it", "jwt_session shop {\nFORWARD\nunauthenticated pass\n}\nerror 500", ""},
		{"an error before it, and stripped", "route {\nerror 500\njwt_session shop {\nFORWARD\n}\n}", "jwt_session_strip"},
	} {
		g := harness.NewWith(t, harness.Options{Site: strings.ReplaceAll(site.handlers, "FORWARD", "token_issuer https://shop.example\nforward_token") +
			"\nreverse_proxy LEGACY\nhandle_errors {\n" + site.errors + "\nrewrite * /error\nmethod GET\nreverse_proxy LEGACY\n}"})
		for _, lines := range [][]string{
			{"Authorization: Basic YWRtaW46YWRtaW4="},
			{"Authorization: Bearer eyJhbGciOiJub25lIn0.e30."},
			{"authorization_: Bearer x"},
			{"Http-Authorization: Bearer x"},
			{"Authorization: Bearer x", "Authorization: Basic x"},
		} {
			received := g.Browser().Do(http.MethodPost, "/page", append(lines, "Origin: https://evil.example")...).Received
			// A request with a Bearer credential is no other page's, and goes on.
			if received == nil || received.Path != "/error" && site.name != "refused for another origin" {
				t.Fatalf("%s: the error route was not reached", site.name)
			}
			for name, values := range received.Header {
				if strings.Contains(strings.ToLower(name), "authorization") {
					t.Errorf("%s, %q: the service behind the error route got %s: %q", site.name, lines, name, values)
				}
			}
		}
	}
}

// The same by a trailer, and with a name that the client lists in Connection.
func TestForwardTokenOnErrorRoutesByTrailer(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `jwt_session shop {
			token_issuer https://shop.example
			forward_token
		}
		reverse_proxy LEGACY
		handle_errors {
			rewrite * /error
			reverse_proxy LEGACY
		}`})
	connection, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "POST /page HTTP/1.1\r\nHost: a\r\nConnection: close, Authorization\r\nTrailer: Authorization\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := fmt.Sprint(response.Header["X-Legacy"]); !strings.Contains(got, "/error") || strings.Contains(got, "Bearer x") {
		t.Errorf("the service behind the error route got %s", got)
	}
}

// Where nothing is forwarded, Authorization is the application's, and is left alone.
func TestErrorRoutesKeepAuthorizationWithoutForwardToken(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `jwt_session shop
		reverse_proxy LEGACY
		handle_errors {
			jwt_session_strip
			rewrite * /error
			reverse_proxy LEGACY
		}`})
	received := g.Browser().Get("/page", "Authorization: Basic YWRtaW46YWRtaW4=").Received
	if received == nil || received.Header.Get("Authorization") != "Basic YWRtaW46YWRtaW4=" {
		t.Errorf("the service behind the error route got %v", received)
	}
}
