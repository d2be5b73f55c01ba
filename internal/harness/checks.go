package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Expect checks one response in short: the user that the application saw, what happened to the token cookie, and how many
// questions the application was asked so far.
func (g *Gateway) Expect(response Reply, user, token string, questions int) {
	g.Helper()
	if response.StatusCode != http.StatusOK {
		g.Errorf("status %d: %s", response.StatusCode, response.Text)
		return
	}
	if got := response.Received.User(g.T); got != user {
		g.Errorf("the application sees %q, want %q", got, user)
	}
	if got := response.TokenSet(); got != token {
		g.Errorf("token cookie: %q, want %q", got, token)
	}
	if got := g.Legacy.Questions(); got != questions {
		g.Errorf("the application was asked %d times, want %d", got, questions)
	}
}

// ExpectRefused checks a refusal, and what happened to the token cookie.
func (g *Gateway) ExpectRefused(response Reply, token string) {
	g.Helper()
	if response.StatusCode != http.StatusUnauthorized || response.TokenSet() != token || response.Received != nil {
		g.Errorf("status %d, token cookie %q; want 401 and %q", response.StatusCode, response.TokenSet(), token)
	}
	if response.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer ") {
		g.Errorf("a refusal with the header %v", response.Header)
	}
}

// CheckUpgrade checks that a connection that changes its protocol goes through.
func (g *Gateway) CheckUpgrade(t *testing.T, cookies string) {
	connection, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "GET /upgrade HTTP/1.1\r\nHost: legacy\r\nConnection: Upgrade\r\nUpgrade: test\r\nCookie: "+cookies+"\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil) //nolint:bodyclose // the connection has no body, and is closed
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrading: %v, %v", response, err)
	}
	_, _ = io.WriteString(connection, "hello\n")
	for _, want := range []string{"welcome\n", "echo hello\n"} {
		if line, err := reader.ReadString('\n'); err != nil || line != want {
			t.Errorf("got %q, %v, want %q", line, err, want)
		}
	}
}

// ExpectVia checks that the application was told of alice, what spoke for her, and what became of the token cookie. The site
// must tell what spoke in X-Via.
func (g *Gateway) ExpectVia(response Reply, via, token string) {
	g.Helper()
	if user, by := response.Received.User(g.T), response.Received.Header.Get("X-Via"); user != "alice" || by != via || response.TokenSet() != token {
		g.Errorf("the application sees %q by the %s and the token cookie is %q, want alice by the %s and %q",
			user, by, response.TokenSet(), via, token)
	}
}

// ExpectRolling checks also what spoke for the user.
func (g *Gateway) ExpectRolling(response Reply, user, via, token string, questions int) {
	g.Helper()
	g.Expect(response, user, token, questions)
	if response.Received == nil {
		return
	}
	if got := response.Received.Header.Get("X-Via"); got != via {
		g.Errorf("%q spoke for the user, want %q", got, via)
	}
}
