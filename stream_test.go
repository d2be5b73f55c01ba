package jwtsession_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/websocket"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/stream"
)

// streamingApp is a legacy application with streams that end when the other side leaves, and only then.
type streamingApp struct {
	*harness.Gateway

	left chan string // the paths of streams that the application saw end
	send chan string // what it sends to whichever stream takes it
}

func newStreamingApp(t *testing.T, options harness.Options) *streamingApp {
	t.Helper()
	s := &streamingApp{Gateway: harness.NewWith(t, options), left: make(chan string, 64), send: make(chan string)}
	socket := websocket.Server{Handler: s.echo}
	s.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasPrefix(r.URL.Path, "/socket"):
			socket.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/events"):
			s.stream(w, r, "Text/Event-Stream;charset=utf-8")
		case strings.HasPrefix(r.URL.Path, "/download"):
			s.stream(w, r, "application/octet-stream")
		default:
			return false
		}
		return true
	})
	return s
}

func (s *streamingApp) stream(w http.ResponseWriter, r *http.Request, contentType string) {
	w.Header().Set("Content-Type", contentType)
	if strings.HasSuffix(r.URL.Path, "/out") {
		w.Header().Set("Set-Cookie", "session=; Path=/; Max-Age=0")
	}
	for text := "data: first\n"; ; {
		_, _ = io.WriteString(w, text)
		if http.NewResponseController(w).Flush() != nil {
			break
		}
		select {
		case text = <-s.send:
			continue
		case <-r.Context().Done():
		}
		break
	}
	s.left <- r.URL.Path
}

func (s *streamingApp) echo(connection *websocket.Conn) {
	for {
		var text string
		if err := websocket.Message.Receive(connection, &text); err != nil {
			s.left <- connection.Request().URL.Path
			return
		}
		_ = websocket.Message.Send(connection, text)
	}
}

// openStream is a stream as the client has it: what it takes to see that it goes on, and that it is closed.
type openStream struct {
	next  func() error // asks for a sign of life and waits for it
	ended func() error // waits until the other side has closed
}

// open opens a stream of the kind at the path.
func (s *streamingApp) open(b *harness.Browser, kind, path string) openStream {
	s.Helper()
	if kind == "socket" {
		return s.openSocket(b, path)
	}
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	s.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Cookie", b.CookieLine())
	if kind == "event source" {
		request.Header.Set("Accept", harness.EventStream)
	}
	response, err := b.Client.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		s.Fatalf("status %d", response.StatusCode)
	}
	lines := bufio.NewReader(response.Body)
	line := func() error {
		_, err := lines.ReadString('\n')
		return err
	}
	if err := line(); err != nil {
		s.Fatal(err)
	}
	return openStream{
		next: func() error {
			s.send <- "data: next\n"
			return line()
		},
		ended: func() error {
			_, err := io.Copy(io.Discard, lines)
			if errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			return nil
		},
	}
}

func (s *streamingApp) openSocket(b *harness.Browser, path string) openStream {
	s.Helper()
	config, err := websocket.NewConfig(strings.Replace(b.URL, "http", "ws", 1)+path, b.URL)
	if err != nil {
		s.Fatal(err)
	}
	if s.Server.TLS != nil {
		config.TlsConfig = s.Server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		config.TlsConfig.NextProtos = []string{"http/1.1"}
	}
	config.Header.Set("Cookie", b.CookieLine())
	connection, err := config.DialContext(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.Fatal(err)
	}
	next := func() error {
		if err := websocket.Message.Send(connection, "hello"); err != nil {
			return err
		}
		var text string
		return websocket.Message.Receive(connection, &text)
	}
	if err := next(); err != nil {
		s.Fatal(err)
	}
	return openStream{next: next, ended: func() error {
		var text string
		err := websocket.Message.Receive(connection, &text)
		if netErr, ok := errors.AsType[net.Error](err); err == nil || ok && netErr.Timeout() {
			return fmt.Errorf("it is open: %w", err)
		}
		return nil
	}}
}

// waitFor waits until the condition holds, which nothing says when it does.
func (s *streamingApp) waitFor(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			s.Fatal(what)
		}
	}
}

func (s *streamingApp) ledger() *ledger.Ledger { return s.App.Opened().Ledger }

const streamSite = "jwt_session shop {\nwhoami /whoami json user\nunauthenticated /socket/open pass\n}\nreverse_proxy LEGACY"

// What ends or revokes what a stream was opened with, by another request or the operator.
var streamEnds = map[string]func(*streamingApp, *harness.Browser){
	"sign-out in another tab": func(s *streamingApp, b *harness.Browser) {
		tab := s.Browser()
		tab.Cookies["session"] = b.Cookies["session"]
		tab.Get("/logout")
	},
	"the application says nobody": func(s *streamingApp, b *harness.Browser) {
		s.Legacy.Set(b.Cookies["session"], "")
		s.Clock.Advance(2 * time.Minute)
		b.Get("/page")
	},
	"the session is ended by the operator": func(s *streamingApp, b *harness.Browser) {
		s.post("sessions/end", fmt.Sprintf(`{"realm": "shop", "session": %q}`, b.Cookies["session"]))
	},
	"the session is revoked": func(s *streamingApp, b *harness.Browser) {
		s.post("revocations", fmt.Sprintf(`{"realm": "shop", "session": %q}`, b.Cookies["session"]))
	},
	"the user is revoked": func(s *streamingApp, _ *harness.Browser) {
		s.post("revocations", `{"realm": "shop", "user": "alice"}`)
	},
	"the user is revoked everywhere": func(s *streamingApp, _ *harness.Browser) { s.post("revocations", `{"user": "alice"}`) },
	"the tokens of the session are revoked": func(s *streamingApp, b *harness.Browser) {
		s.post("revocations", fmt.Sprintf(`{"token": %q}`, b.Cookies[harness.TokenName]+b.Cookies[carrier.HostPrefix+harness.TokenName]))
	},
	"the realm is flushed": func(s *streamingApp, _ *harness.Browser) { s.post("revocations", `{"realm": "shop"}`) },
	"all is flushed":       func(s *streamingApp, _ *harness.Browser) { s.post("revocations", `{"all": true}`) },
}

func (s *streamingApp) post(route, body string) {
	s.Helper()
	if reply := harness.AdminPost(s.T, route, body); reply.Status != http.StatusOK {
		s.Fatalf("%s: status %d", route, reply.Status)
	}
}

// Streams of either kind are closed on both sides, over HTTP/1.1 and HTTP/2, whatever ends their session, and whether a
// token or the session spoke for the user.
func TestStreamsAreClosed(t *testing.T) {
	for cause, end := range streamEnds {
		for _, tls := range []bool{false, true} {
			for _, kind := range []string{"event source", "events", "socket"} {
				t.Run(fmt.Sprintf("%s/%s/TLS %t", cause, kind, tls), func(t *testing.T) {
					s := newStreamingApp(t, harness.Options{Site: streamSite, TLS: tls})
					b := s.Browser()
					b.Cookies["session"] = s.Legacy.SignIn("alice")
					path := map[string]string{"event source": "/events", "events": "/events", "socket": "/socket"}[kind]
					bySession := s.open(b, kind, path+"/session")
					if b.Get("/page").TokenSet() != "set" {
						t.Fatal("there is no token: the stream keeps others from minting")
					}
					byToken := s.open(b, kind, path+"/token")
					if s.ledger().Watching() != 2 {
						t.Fatalf("%d streams are watched", s.ledger().Watching())
					}
					end(s, b)
					for what, stream := range map[string]openStream{"session": bySession, "token": byToken} {
						if err := stream.ended(); err != nil {
							t.Errorf("the stream by %s: %v", what, err)
						}
					}
					seen := map[string]bool{<-s.left: true, <-s.left: true}
					if !seen[path+"/session"] || !seen[path+"/token"] {
						t.Errorf("the application saw %v end", seen)
					}
					s.waitFor("streams are still watched", func() bool { return s.ledger().Watching() == 0 })
				})
			}
		}
	}
}

// A token that is revoked by itself closes the streams that it opened, and no others of its session.
func TestStreamOfARevokedToken(t *testing.T) {
	s := newStreamingApp(t, harness.Options{Site: streamSite})
	b := s.Browser()
	b.Cookies["session"] = s.Legacy.SignIn("alice")
	bySession := s.open(b, "socket", "/socket")
	b.Get("/page")
	byToken := s.open(b, "socket", "/socket/token")
	claims := s.ClaimsOf(b.Cookies[harness.TokenName])
	s.post("revocations", fmt.Sprintf(`{"jti": %q, "exp": %d}`, claims.TokenID(), claims.Expires()))
	if err := byToken.ended(); err != nil {
		t.Error(err)
	}
	if err := bySession.next(); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

// What goes on: streams of others, of nobody, of what is no stream, and of a handler that says so.
func TestStreamsThatGoOn(t *testing.T) {
	s := newStreamingApp(t, harness.Options{Site: `handle /socket/kept {
		jwt_session shop {
			whoami /whoami json user
			keep_streams
		}
		reverse_proxy LEGACY
	}
	handle {
		` + streamSite + `
	}`})
	b, other, nobody := s.Browser(), s.Browser(), s.Browser()
	b.Cookies["session"], other.Cookies["session"] = s.Legacy.SignIn("alice"), s.Legacy.SignIn("bob")
	others, kept := s.open(other, "socket", "/socket/other"), s.open(b, "socket", "/socket/kept")
	anonymous := s.open(nobody, "socket", "/socket/open")
	closed := s.open(b, "socket", "/socket")
	download := s.open(b, "download", "/download")
	s.post("revocations", `{"user": "alice"}`)
	if err := closed.ended(); err != nil {
		t.Fatal(err)
	}
	for what, stream := range map[string]openStream{"another user's": others, "nobody's": anonymous, "kept": kept, "a download": download} {
		if err := stream.next(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The answer that ends a session is not cut short by that, not even if it is a stream. What is revoked later is over.
func TestStreamThatEndsItsOwnSession(t *testing.T) {
	for _, kind := range []string{"event source", "events", "events by token"} {
		s := newStreamingApp(t, harness.Options{Site: streamSite})
		b := s.Browser()
		b.Cookies["session"] = s.Legacy.SignIn("alice")
		if kind == "events by token" && b.Get("/page").TokenSet() != "set" {
			t.Fatal("there is no token")
		}
		other := s.open(b, kind, "/events")
		last := s.open(b, kind, "/events/out")
		if err := other.ended(); err != nil {
			t.Errorf("%s: the stream that was open: %v", kind, err)
		}
		<-s.left // or else it could take what the application sends to the last one
		if err := last.next(); err != nil {
			t.Errorf("%s: the answer was cut: %v", kind, err)
		}
		s.Clock.Advance(2 * time.Second)
		s.post("revocations", `{"user": "alice"}`)
		if err := last.ended(); err != nil {
			t.Errorf("%s: its user is revoked: %v", kind, err)
		}
	}
}

// A stream whose session ended while the application thought about it is closed when it begins.
func TestStreamBeginsAfterTheEnd(t *testing.T) {
	s := newStreamingApp(t, harness.Options{Site: streamSite})
	b := s.Browser()
	b.Cookies["session"] = s.Legacy.SignIn("alice")
	answer := s.Legacy.Answer
	s.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/events" {
			streamEnds["the session is revoked"](s, b)
		}
		return answer(w, r)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", b.CookieLine())
	if response, err := b.Client.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	<-s.left
}

// A connection whose stream has ended by itself serves the next request, whatever becomes of the session then.
func TestStreamConnectionIsReused(t *testing.T) {
	s := newStreamingApp(t, harness.Options{Site: streamSite})
	s.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", harness.EventStream)
		}
		return false
	})
	b := s.Browser()
	b.Cookies["session"] = s.Legacy.SignIn("alice")
	for range 20 {
		b.Get("/events")
	}
	// The client may have the whole answer before the handler has returned.
	s.waitFor("streams that have ended are still watched", func() bool { return s.ledger().Watching() == 0 })
	s.post("revocations", `{"user": "alice"}`)
	if status := b.Get("/page").StatusCode; status != http.StatusUnauthorized || s.ledger().Watching() != 0 {
		t.Errorf("status %d, %d streams are watched", status, s.ledger().Watching())
	}
}

// Over HTTP/2 and HTTP/3 a WebSocket is an extended CONNECT, and what reverse_proxy does for it ends with its context. So
// does all else over HTTP/3.
func TestStreamsWithoutAConnectionOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		method string
		major  int
		write  func(http.ResponseWriter)
	}{
		{"extended CONNECT over HTTP/2", http.MethodConnect, 2, func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }},
		{"extended CONNECT over HTTP/3", http.MethodConnect, 3, func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }},
		{"event stream over HTTP/3", http.MethodGet, 3, func(w http.ResponseWriter) { w.Header().Set("Content-Type", harness.EventStream) }},
	} {
		g := harness.New(t, "")
		session := g.Legacy.SignIn("alice")
		g.Browser().Get("/page", "Cookie: session="+session)
		r := httptest.NewRequestWithContext(t.Context(), test.method, "https://shop.example/socket", nil)
		r.ProtoMajor, r.ProtoMinor = test.major, 0
		r.Header.Set("Cookie", "session="+session)
		if test.method == http.MethodConnect {
			r.Header[":protocol"] = []string{"websocket"}
		}
		w := httptest.NewRecorder()
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
		application := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			test.write(w)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
			if err := g.App.Opened().Ledger.RevokeSession(t.Context(), harness.KeyOf(g, session)); err != nil {
				return err
			}
			<-r.Context().Done()
			return nil
		})
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler { //nolint:errorlint // it is never wrapped
					t.Errorf("%s: the response looks complete", test.name)
				}
			}()
			t.Errorf("%s: returned %v", test.name, harness.ModulesOf[*jwtsession.Handler](t, g.Ctx)[0].ServeHTTP(w, r, application))
		}()
		if left := g.App.Opened().Ledger.Watching(); left != 0 {
			t.Errorf("%s: %d streams are watched", test.name, left)
		}
	}
}

// A handler that takes the connection over, and returns, has it closed all the same.
func TestStreamThatOutlivesItsHandler(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	session := g.Legacy.SignIn("alice")
	taken := make(chan net.Conn, 1)
	application := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		connection, _, err := http.NewResponseController(w).Hijack()
		taken <- connection
		return err
	})
	if g.Browser().Get("/page", "Cookie: session="+session).StatusCode != http.StatusOK {
		t.Fatal("alice is not signed in")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
		if err := harness.ModulesOf[*jwtsession.Handler](t, g.Ctx)[0].ServeHTTP(w, r, application); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, _ = fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\nCookie: session=%s\r\n\r\n", session)
	connection := <-taken
	if _, err := io.WriteString(connection, "hello"); err != nil {
		t.Fatal(err)
	}
	shared := g.App.Opened().Ledger
	if err := shared.RevokeSession(t.Context(), harness.KeyOf(g, session)); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(client); string(text) != "hello" {
		t.Errorf("got %q", text)
	}
	if err := connection.Close(); !errors.Is(err, net.ErrClosed) || shared.Watching() != 0 {
		t.Errorf("closing it again: %v; %d streams are watched", err, shared.Watching())
	}
}

func TestIsStream(t *testing.T) {
	t.Parallel()
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
		if got := stream.Is(r, test.status, header); got != test.want {
			t.Errorf("%+v: got %t", test, got)
		}
	}
}
