package harness

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Gateway is a Caddy server with the handler under test, its own store and clock, in front of a legacy application.
// It listens on a port of its own, and nothing outside the test's temporary folder is touched.
type Gateway struct {
	*testing.T

	App    *app.App
	Ctx    caddy.Context // of the configuration that was loaded last
	URL    string
	Server *httptest.Server
	Legacy *Legacy
	Clock  *testclock.Clock
	Dir    string

	Storage string // Caddy's storage, where it is not below dir

	encrypts bool // its tokens
}

// Options are what tests change of a gateway.
type Options struct {
	Global  string // inside the global option jwt_session
	Store   string // in the place of the usual one, which is on disk: what stands behind `store`
	Site    string // the whole site block; LEGACY stands for the application's address
	Servers string // further global options
	TLS     bool
}

// whoamiLine is where a Caddyfile names a page to ask.
var whoamiLine = regexp.MustCompile(`(?m)^(\s*whoami .*?)(\s*\{)?$`)

// New starts a gateway whose directive has the given options besides the usual ones.
func New(t *testing.T, directive string) *Gateway {
	t.Helper()
	return NewWith(t, Options{Site: "jwt_session shop {\n whoami /whoami json user\n" + directive + "\n}\nreverse_proxy LEGACY"})
}

// NewWith starts a gateway with a configuration of its own.
func NewWith(t *testing.T, options Options) *Gateway {
	t.Helper()
	legacy := NewLegacy(t)
	g := &Gateway{T: t, Legacy: legacy, Clock: testclock.New(), Dir: t.TempDir()}
	g.Load(options)
	return g
}

// loading is held while a configuration is loaded. Caddy loads one at a time, and some of its modules rely on that.
var loading sync.Mutex

// Provision provisions a configuration. Tests that run in parallel take turns.
func Provision(config *caddy.Config) (caddy.Context, error) {
	loading.Lock()
	defer loading.Unlock()
	return caddy.ProvisionContext(config)
}

// Validate loads a configuration without starting it. Tests that run in parallel take turns.
func Validate(config *caddy.Config) error {
	loading.Lock()
	defer loading.Unlock()
	return caddy.Validate(config)
}

// In returns the same gateway for a subtest, so that what fails there is the subtest.
func (g *Gateway) In(t *testing.T) *Gateway {
	shared := *g
	shared.T = t
	return &shared
}

// Load provisions a configuration and serves it.
func (g *Gateway) Load(options Options) {
	g.Helper()
	config := g.Adapt(options)
	g.encrypts = bytes.Contains(config.AppsRaw["http"], []byte(`"token_encrypt":true`))
	ctx, err := Provision(config)
	if err != nil {
		g.Fatalf("provisioning: %v", err)
	}
	loaded, err := app.Of(ctx)
	if err != nil {
		g.Fatal(err)
	}
	g.App, g.Ctx = loaded, ctx
	g.App.SetClock(g.Clock.Now)
	g.Cleanup(func() { // of this one, whatever is loaded later
		if err := loaded.Cleanup(); err != nil {
			g.Errorf("cleaning up: %v", err)
		}
	})
	if err := g.App.Start(); err != nil {
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
	g.Server = httptest.NewUnstartedServer(handler)
	if options.TLS {
		g.Server.EnableHTTP2 = true
		g.Server.StartTLS()
	} else {
		g.Server.Start()
	}
	g.Cleanup(g.Server.Close)
	g.Server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	g.URL = g.Server.URL
}

// Adapt returns the whole configuration.
func (g *Gateway) Adapt(options Options) *caddy.Config {
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
			store %s
			%s
		}
		%s
	}
	http:// {
		%s
	}`, cmp.Or(g.Storage, filepath.Join(g.Dir, "storage")), filepath.Join(g.Dir, "caddy.log"),
		cmp.Or(options.Store, fmt.Sprintf("badger %q", filepath.Join(g.Dir, "store"))), options.Global, options.Servers,
		strings.ReplaceAll(options.Site, "LEGACY", g.Legacy.Address()))
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(Patiently(text)), nil)
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

// Logged returns what was logged so far.
func (g *Gateway) Logged() string {
	text, err := os.ReadFile(filepath.Join(g.Dir, "caddy.log"))
	if err != nil && !os.IsNotExist(err) {
		g.Fatal(err)
	}
	return string(text)
}

// Browser returns a browser without cookies.
func (g *Gateway) Browser() *Browser {
	return &Browser{T: g.T, URL: g.URL, Client: g.Server.Client(), Cookies: make(map[string]string), Headers: make(http.Header)}
}

// KeyOf returns the key of a session of the realm shop.
func KeyOf(g *Gateway, session string) sessions.Key {
	return sessions.Key{Realm: "shop", Hash: sessions.HashOf(session)}
}

// Asked sends a GET with these header lines and returns what the application received, its Cookie lines in one.
func (g *Gateway) Asked(path string, lines ...string) (received *Received, cookies string) {
	g.Helper()
	//nolint:bodyclose // Raw has closed it
	received = ReceivedFrom(g.T, g.Raw(append([]string{"GET " + path + " HTTP/1.1", "Host: legacy", "Connection: close"}, lines...), ""))
	return received, strings.Join(received.Header["Cookie"], " | ")
}

// Raw sends a request byte by byte, as no client library would.
func (g *Gateway) Raw(head []string, body string) *http.Response {
	g.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		g.Fatal(err)
	}
	g.T.Cleanup(func() { _ = connection.Close() })
	if _, err := io.WriteString(connection, strings.Join(head, "\r\n")+"\r\n\r\n"+body); err != nil {
		g.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		g.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

// ReceivedFrom returns what the application says that it received.
func ReceivedFrom(t *testing.T, response *http.Response) *Received {
	t.Helper()
	report := new(Received)
	if err := json.Unmarshal([]byte(response.Header.Get("X-Legacy")), report); err != nil {
		t.Fatalf("status %d: the request did not reach the application: %v", response.StatusCode, err)
	}
	return report
}

// SignedIn returns a browser whose session the application knows as alice's.
func (g *Gateway) SignedIn() *Browser {
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	return b
}

// WithToken returns a browser with a session and a token, which was used once.
func (g *Gateway) WithToken() *Browser {
	g.Helper()
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	g.ExpectVia(b.Get("/page"), "session", "set")
	g.ExpectVia(b.Get("/page"), "token", "")
	return b
}

// Reload goes on with another configuration: a reload, or a restart.
func (g *Gateway) Reload(site string, restart bool) {
	g.Helper()
	before, server := g.App, g.Server
	if restart {
		server.Close()
		if err := before.Cleanup(); err != nil {
			g.Fatal(err)
		}
	}
	g.Load(Options{Site: site})
	if !restart {
		server.Close()
		if err := before.Cleanup(); err != nil {
			g.Fatal(err)
		}
	}
}

// ModulesOf returns the handlers of one type in a configuration, in the order of its routes.
func ModulesOf[T any](t testing.TB, ctx caddy.Context) []T {
	t.Helper()
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	for _, server := range app.(*caddyhttp.App).Servers {
		found = appendModules(found, server.Routes)
	}
	return found
}

func appendModules[T any](found []T, routes caddyhttp.RouteList) []T {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			if wanted, ok := handler.(T); ok {
				found = append(found, wanted)
			}
			if nested, ok := handler.(*caddyhttp.Subroute); ok {
				found = appendModules(found, nested.Routes)
			}
		}
	}
	return found
}

// Patiently lets every page of a Caddyfile have a minute for its answer. The usual two seconds are real ones, and what a
// machine makes of them that is busy is not tested here: package whoami tests the timeout, by a clock of its own.
func Patiently(caddyfile string) string {
	return whoamiLine.ReplaceAllStringFunc(caddyfile, func(line string) string {
		parts := whoamiLine.FindStringSubmatch(line)
		if parts[2] != "" {
			return line + "\n timeout 1m"
		}
		return line + " {\n timeout 1m\n}"
	})
}

// From sends one request of a new session from an address.
func (g *Gateway) From(address string, number int, lines ...string) Reply {
	b := g.Browser()
	b.Cookies["session"] = fmt.Sprintf("session-of-%s-%d", address, number)
	return b.Get("/page", append(lines, "X-Forwarded-For: "+address)...)
}

// RawGet asks for a page with these lines, the Host among them, as they are.
func (g *Gateway) RawGet(lines ...string) *http.Response {
	g.Helper()
	return g.Raw(append([]string{"GET /page HTTP/1.1", "Connection: close"}, lines...), "")
}
