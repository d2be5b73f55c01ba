package jwtsession

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// eventStream is the type of an event stream.
const eventStream = "text/event-stream"

// testClock is a clock that moves when it is told to.
type testClock struct {
	mutex sync.Mutex
	now   time.Time
}

func newTestClock() *testClock {
	return &testClock{now: time.Now().Truncate(time.Second).Add(300 * time.Millisecond)}
}

func (c *testClock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
}

// testGateway is a Caddy server with the handler under test, its own store and clock, in front of a legacy application.
// It listens on a port of its own, and nothing outside the test's temporary folder is touched.
type testGateway struct {
	*testing.T

	app    *app.App
	ctx    caddy.Context // of the configuration that was loaded last
	url    string
	server *httptest.Server
	legacy *legacyApp
	clock  *testClock
	dir    string

	storage string // Caddy's storage, where it is not below dir
}

// gatewayOptions are what tests change of a gateway.
type gatewayOptions struct {
	global  string // inside the global option jwt_session
	site    string // the whole site block; LEGACY stands for the application's address
	servers string // further global options
	tls     bool
}

// newTestGateway starts a gateway whose directive has the given options besides the usual ones.
func newTestGateway(t *testing.T, directive string) *testGateway {
	t.Helper()
	return newTestGatewayWith(t, gatewayOptions{site: "jwt_session shop {\n whoami /whoami json user\n" + directive + "\n}\nreverse_proxy LEGACY"})
}

func newTestGatewayWith(t *testing.T, options gatewayOptions) *testGateway {
	t.Helper()
	legacy := newLegacyApp(t)
	g := &testGateway{T: t, legacy: legacy, clock: newTestClock(), dir: t.TempDir()}
	g.load(options)
	return g
}

// in returns the same gateway for a subtest, so that what fails there is the subtest.
func (g *testGateway) in(t *testing.T) *testGateway {
	shared := *g
	shared.T = t
	return &shared
}

// load provisions a configuration and serves it.
func (g *testGateway) load(options gatewayOptions) {
	g.Helper()
	config := g.adapt(options)
	ctx, err := caddy.ProvisionContext(config)
	if err != nil {
		g.Fatalf("provisioning: %v", err)
	}
	loaded, err := app.Of(ctx)
	if err != nil {
		g.Fatal(err)
	}
	g.app, g.ctx = loaded, ctx
	g.app.SetClock(g.clock.Now)
	g.Cleanup(func() { // of this one, whatever is loaded later
		if err := loaded.Cleanup(); err != nil {
			g.Errorf("cleaning up: %v", err)
		}
	})
	if err := g.app.Start(); err != nil {
		g.Fatalf("starting: %v", err)
	}
	httpApp, err := ctx.App("http")
	if err != nil {
		g.Fatal(err)
	}
	var handler http.Handler
	for _, server := range httpApp.(*caddyhttp.App).Servers {
		handler = server
	}
	g.server = httptest.NewUnstartedServer(handler)
	if options.tls {
		g.server.EnableHTTP2 = true
		g.server.StartTLS()
	} else {
		g.server.Start()
	}
	g.Cleanup(g.server.Close)
	g.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	g.url = g.server.URL
}

func (g *testGateway) adapt(options gatewayOptions) *caddy.Config {
	g.Helper()
	text := fmt.Sprintf(`{
		admin off
		auto_https off
		storage file_system %q
		log {
			output file %q
			level DEBUG
			exclude http.handlers.reverse_proxy
		}
		jwt_session {
			store badger %q
			%s
		}
		%s
	}
	http:// {
		%s
	}`, cmp.Or(g.storage, filepath.Join(g.dir, "storage")), filepath.Join(g.dir, "caddy.log"), filepath.Join(g.dir, "store"),
		options.global, options.servers,
		strings.ReplaceAll(options.site, "LEGACY", g.legacy.address()))
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(patiently(text)), nil)
	if err != nil {
		g.Fatalf("adapting: %v\n%s", err, text)
	}
	for _, warning := range warnings {
		if !strings.Contains(warning.Message, "not formatted") {
			g.Errorf("adapting: %v", warning)
		}
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapted, config); err != nil {
		g.Fatal(err)
	}
	return config
}

// log returns what was logged so far.
func (g *testGateway) log() string {
	text, err := os.ReadFile(filepath.Join(g.dir, "caddy.log"))
	if err != nil && !os.IsNotExist(err) {
		g.Fatal(err)
	}
	return string(text)
}

// browser keeps cookies as they are told, and nothing else.
type browser struct {
	*testing.T

	url     string
	host    string // the name that it knows the gateway by; empty: its address
	client  *http.Client
	cookies map[string]string
	headers http.Header
}

func (g *testGateway) browser() *browser {
	return &browser{T: g.T, url: g.url, client: g.server.Client(), cookies: make(map[string]string), headers: make(http.Header)}
}

// reply is a response with its body, and what the legacy application received, if it did.
type reply struct {
	*http.Response

	body     string
	received *received
}

// do sends a request. Header lines are "Name: value".
func (b *browser) do(method, path string, lines ...string) reply {
	b.Helper()
	return b.send(method, path, nil, lines...)
}

// post sends a form.
func (b *browser) post(path string, form url.Values, lines ...string) reply {
	b.Helper()
	return b.send(http.MethodPost, path, strings.NewReader(form.Encode()),
		append(lines, "Content-Type: application/x-www-form-urlencoded")...)
}

func (b *browser) send(method, path string, body io.Reader, lines ...string) reply {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, b.url+path, body)
	if err != nil {
		b.Fatal(err)
	}
	request.Host = b.host
	maps.Copy(request.Header, b.headers)
	for _, line := range lines {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			continue
		}
		request.Header[name] = append(request.Header[name], value)
	}
	if line := b.cookieLine(); line != "" && request.Header["Cookie"] == nil {
		request.Header["Cookie"] = []string{line}
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	return b.take(response)
}

func (b *browser) get(path string, lines ...string) reply {
	b.Helper()
	return b.do(http.MethodGet, path, lines...)
}

func (b *browser) cookieLine() string {
	var pairs []string
	usual := []string{"session", tokenName, carrier.HostPrefix + tokenName}
	for _, name := range usual {
		if value, ok := b.cookies[name]; ok {
			pairs = append(pairs, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		if !slices.Contains(usual, name) {
			pairs = append(pairs, name+"="+b.cookies[name])
		}
	}
	return strings.Join(pairs, "; ")
}

// tokenName is the token cookie of the realm shop on plain connections.
const tokenName = "jwt_shop"

func (b *browser) take(response *http.Response) reply {
	b.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
	result := reply{Response: response, body: string(body)}
	if response.Header.Get("X-Legacy") != "" {
		result.received = new(received)
		if err := json.Unmarshal([]byte(response.Header.Get("X-Legacy")), result.received); err != nil {
			b.Fatal(err)
		}
	}
	return result
}

// tokenSet says what the response did to the token cookie: "set", "cleared" or "".
func (r reply) tokenSet() string {
	result := ""
	for _, cookie := range r.Cookies() {
		if strings.HasSuffix(cookie.Name, tokenName) {
			if result != "" {
				return "more than once"
			}
			result = "set"
			if cookie.MaxAge < 0 {
				result = "cleared"
			}
		}
	}
	return result
}

// received is what the legacy application got.
type received struct {
	Method  string
	Path    string
	Header  http.Header
	Trailer http.Header
}

// user returns the identity that the application received: the header's one value, or "".
func (r *received) user(t *testing.T) string {
	t.Helper()
	if r == nil {
		t.Fatal("the request did not reach the application")
	}
	values := r.Header[http.CanonicalHeaderKey(identity.DefaultIdentityHeader)]
	if len(values) > 1 {
		t.Fatalf("the identity header came %d times", len(values))
	}
	return strings.Join(values, "")
}

// legacyApp is an application with sessions of its own that knows nothing of tokens. It reports what it received in the
// header X-Legacy of each answer.
type legacyApp struct {
	*httptest.Server

	mutex    sync.Mutex
	sessions map[string]string
	asked    int
	answer   func(w http.ResponseWriter, r *http.Request) bool // overrides, before all else
	whoami   func(w http.ResponseWriter, r *http.Request) bool // overrides the whoami page
}

func newLegacyApp(t *testing.T) *legacyApp {
	t.Helper()
	legacy := &legacyApp{sessions: make(map[string]string)}
	legacy.Server = httptest.NewServer(legacy)
	t.Cleanup(legacy.Close)
	return legacy
}

func (l *legacyApp) address() string { return strings.TrimPrefix(l.URL, "http://") }

// signIn opens a session and returns its id.
func (l *legacyApp) signIn(user string) string {
	random := make([]byte, 24)
	_, _ = rand.Read(random)
	id := base64.RawURLEncoding.EncodeToString(random)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sessions[id] = user
	return id
}

// set changes whose session it is; "" is nobody's.
func (l *legacyApp) set(id, user string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sessions[id] = user
}

func (l *legacyApp) questions() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.asked
}

// respond sets a function that may answer instead of the application.
func (l *legacyApp) respond(answer func(w http.ResponseWriter, r *http.Request) bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.answer = answer
}

func (l *legacyApp) respondWhoami(answer func(w http.ResponseWriter, r *http.Request) bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.whoami = answer
}

func (l *legacyApp) user(r *http.Request) string {
	cookie, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.sessions[cookie.Value]
}

func (l *legacyApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/whoami" {
		l.serveWhoami(w, r)
		return
	}
	var body bytes.Buffer
	_, _ = io.Copy(&body, r.Body)
	report, _ := json.Marshal(received{Method: r.Method, Path: r.URL.Path, Header: r.Header, Trailer: r.Trailer})
	w.Header().Set("X-Legacy", string(report))
	l.mutex.Lock()
	answer := l.answer
	l.mutex.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/login":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: l.signIn(r.URL.Query().Get("user")), Path: "/", HttpOnly: true})
	case "/logout":
		if cookie, err := r.Cookie("session"); err == nil {
			l.set(cookie.Value, "")
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
	case "/quiet-logout":
		if cookie, err := r.Cookie("session"); err == nil {
			l.set(cookie.Value, "")
		}
	}
	_, _ = fmt.Fprintf(w, "hello %s\n%s", l.user(r), body.String())
}

func (l *legacyApp) serveWhoami(w http.ResponseWriter, r *http.Request) {
	l.mutex.Lock()
	l.asked++
	answer := l.whoami
	l.mutex.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if user := l.user(r); user != "" {
		_, _ = fmt.Fprintf(w, `{"user": %q, "role": "customer"}`, user)
		return
	}
	_, _ = io.WriteString(w, `{"user": null}`)
}

// keyOf returns the key of a session of the realm shop.
func keyOf(g *testGateway, session string) sessions.Key {
	return sessions.Key{Realm: "shop", Hash: sessions.HashOf(session)}
}
