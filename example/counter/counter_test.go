package counter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
)

// open serves a counter and remembers which users were revoked.
func open(t *testing.T, failing error) (server *httptest.Server, revoked *[]string) {
	t.Helper()
	revoked = new([]string)
	server = httptest.NewServer(New(Options{
		Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }, Trail: new(page.Trail),
		Revoke: func(_ context.Context, user string) error {
			*revoked = append(*revoked, user)
			return failing
		},
	}))
	t.Cleanup(server.Close)
	return server, revoked
}

// reply is a response that has been read.
type reply struct {
	*http.Response
	body string
}

func send(t *testing.T, server *httptest.Server, method, path, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(text)}
}

func TestCartChanges(t *testing.T) {
	server, _ := open(t, nil)
	for name, test := range map[string]struct {
		cart, body string
		status     int
		want       string // the new cart
	}{
		"the first one":      {"", `{"product":"assam","count":1}`, 200, `{"items":{"assam":1}}`},
		"one more":           {`{"items":{"assam":1}}`, `{"product":"assam","count":1}`, 200, `{"items":{"assam":2}}`},
		"another tea":        {`{"items":{"assam":1}}`, `{"product":"sencha","count":2}`, 200, `{"items":{"assam":1,"sencha":2}}`},
		"the last one taken": {`{"items":{"assam":1}}`, `{"product":"assam","count":-1}`, 200, `{"items":{}}`},
		"more than enough":   {`{"items":{"assam":98}}`, `{"product":"assam","count":9}`, 200, `{"items":{"assam":99}}`},
		"a cart of nothing":  {`{"items":null}`, `{"product":"assam","count":1}`, 200, `{"items":{"assam":1}}`},
		"no cart at all":     {`[`, `{"product":"assam","count":1}`, 200, `{"items":{"assam":1}}`},
		"coffee":             {"", `{"product":"coffee","count":1}`, 404, ""},
		"a hundred":          {"", `{"product":"assam","count":100}`, 404, ""},
		"no JSON":            {"", `product=assam`, 400, ""},
		"too long":           {"", `{"product":"` + strings.Repeat("a", maxBody) + `"}`, 400, ""},
	} {
		got := send(t, server, http.MethodPost, "/counter/api/cart", test.body, CartHeader, test.cart)
		if got.StatusCode != test.status || got.Header.Get(NewCartHeader) != test.want {
			t.Errorf("%s: %d with the cart %q; want %d with %q", name, got.StatusCode, got.Header.Get(NewCartHeader), test.status, test.want)
		}
	}
}

func TestOrderEmptiesTheCart(t *testing.T) {
	server, _ := open(t, nil)
	got := send(t, server, http.MethodPost, "/counter/api/order", "",
		CartHeader, `{"items":{"assam":2,"rooibos":1,"coffee":7}}`, page.UserHeader, "alice")
	if got.StatusCode != http.StatusOK || got.Header.Get(NewCartHeader) != `{"items":{}}` {
		t.Errorf("answered %d with the cart %q", got.StatusCode, got.Header.Get(NewCartHeader))
	}
	for _, want := range []string{`"user":"alice"`, `"count":3`, `"total":"€18.60"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the receipt lacks %s: %s", want, got.body)
		}
	}
	got = send(t, server, http.MethodPost, "/counter/api/order", "", page.UserHeader, "alice")
	if got.StatusCode != http.StatusConflict || got.Header.Get(NewCartHeader) != "" {
		t.Errorf("without a cart: %d with the cart %q", got.StatusCode, got.Header.Get(NewCartHeader))
	}
}

func TestPage(t *testing.T) {
	server, _ := open(t, nil)
	body := send(t, server, http.MethodGet, "/counter/", "").body
	for _, want := range []string{`data-user=""`, `href="/counter/login"`, `href="/counter/login/form"`, `data-add="sencha"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page for a visitor lacks %s", want)
		}
	}
	if strings.Contains(body, "data-has-cart") {
		t.Error("the page has a cart that did not come")
	}
	body = send(t, server, http.MethodGet, "/counter/", "",
		page.UserHeader, "alice", page.NameHeader, "Alice <b>", CartHeader, `{"items":{}}`, page.ViaHeader, "token").body
	for _, want := range []string{`data-user="alice" data-has-cart`, `Alice &lt;b&gt;`, `action="/counter/logout/everywhere"`, `class="via token"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page for alice lacks %s", want)
		}
	}
	if strings.Contains(body, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestSignOutDeletesTheCookies(t *testing.T) {
	for path, want := range map[string]string{"/counter/logout": "", "/counter/logout/everywhere": "alice"} {
		server, revoked := open(t, nil)
		got := send(t, server, http.MethodPost, path, "", page.UserHeader, "alice")
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != Path || strings.Join(*revoked, " ") != want {
			t.Errorf("%s: %d to %q, revoked %q", path, got.StatusCode, got.Header.Get("Location"), *revoked)
		}
		deleted := map[string]bool{}
		for _, cookie := range got.Cookies() {
			deleted[cookie.Name] = cookie.MaxAge < 0
		}
		for _, name := range []string{IDTokenCookie, CartCookie, AccessTokenCookie, SessionCookie} {
			if !deleted[name] {
				t.Errorf("%s leaves %s", path, name)
			}
		}
	}
}

func TestSignOutEverywhereTellsOfItsFailure(t *testing.T) {
	server, _ := open(t, errors.New("the gateway is away"))
	got := send(t, server, http.MethodPost, "/counter/logout/everywhere", "", page.UserHeader, "alice")
	if got.StatusCode != http.StatusBadGateway || len(got.Cookies()) > 0 {
		t.Errorf("answered %d and deleted %v", got.StatusCode, got.Cookies())
	}
	server, revoked := open(t, nil)
	send(t, server, http.MethodPost, "/counter/logout/everywhere", "")
	if len(*revoked) > 0 {
		t.Errorf("nobody was signed in, and %q is revoked", *revoked)
	}
}

// handshake is that of RFC 6455 section 1.3, goodbye the first byte of a close frame.
const (
	handshake = "GET /counter/live HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	goodbye = "\x88"
)

func TestLiveIsAWebSocket(t *testing.T) {
	server, _ := open(t, nil)
	if got := send(t, server, http.MethodGet, "/counter/live", "").StatusCode; got != http.StatusUpgradeRequired {
		t.Errorf("a plain request: %d", got)
	}
	for name, parts := range map[string][2]string{
		"goodbye after the answer":     {handshake, goodbye},
		"goodbye before it took place": {handshake + goodbye, ""},
	} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, parts[0]); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(connection)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("%s: answered %d, accept %q", name, response.StatusCode, response.Header.Get("Sec-WebSocket-Accept"))
		}
		if _, err := io.WriteString(connection, parts[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: then %v, want the end", name, err)
		}
	}
}
