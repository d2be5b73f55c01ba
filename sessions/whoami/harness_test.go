package whoami

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func init() {
	caddy.RegisterModule(probe{})
	httpcaddyfile.RegisterHandlerDirective("whoami_probe", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		var module probe
		if !h.Args(&module.Name) {
			return nil, h.ArgErr()
		}
		return module, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("whoami_probe", httpcaddyfile.Before, "basic_auth")
}

// probe is a handler that does what a test wants with the request and the rest of the route.
type probe struct {
	Name string `json:"name,omitempty"`
}

func (probe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.whoami_probe", New: func() caddy.Module { return new(probe) }}
}

// probes holds what each test does, by name: modules are made by Caddy.
var probes sync.Map

func (p probe) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	do, _ := probes.Load(p.Name)
	return do.(func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error)(w, r, next)
}

// onRequest says what the probe of the given name does.
func onRequest(t *testing.T, name string, do func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error) {
	t.Helper()
	probes.Store(name, do)
	t.Cleanup(func() { probes.Delete(name) })
}

// asking lets the probe "ask" question with the template before each request goes on, and returns where the answers go.
func asking(t *testing.T, template *Template) <-chan Answer {
	t.Helper()
	answers := make(chan Answer, 16)
	onRequest(t, "ask", func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		if IsSubrequest(r.Context()) {
			return next.ServeHTTP(w, r)
		}
		exchange, err := template.Prepare(r, r.Header["Cookie"], next)
		if err != nil {
			return err
		}
		answer := exchange.Send(nil)
		exchange.Release()
		answers <- answer
		return next.ServeHTTP(w, r)
	})
	return answers
}

func newTemplate(t *testing.T, uri string) *Template {
	t.Helper()
	template, err := NewTemplate(uri, 20*time.Second, DefaultMaxBody, nil)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// gateway is a running Caddy with one site.
type gateway struct {
	url    string
	client *http.Client
}

// startGateway runs Caddy with the given routes, written as in the block of a site.
func startGateway(t *testing.T, routes string) gateway {
	t.Helper()
	const placeholderPort = ":65533"
	config := `{
		admin off
		auto_https off
		persist_config off
		storage file_system ` + t.TempDir() + `
		log default {
			output discard
		}
		servers {
			client_ip_headers X-Edge-Client
			trusted_proxies static 127.0.0.1/32
		}
	}
	http://` + placeholderPort + ` {
	` + routes + `
	}`
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	adapted = bytes.Replace(adapted, []byte(`"`+placeholderPort+`"`), []byte(`"127.0.0.1:0"`), 1)
	if err := caddy.Load(adapted, true); err != nil {
		t.Fatal(err)
	}
	transport := new(http.Transport)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	address := app.(*caddyhttp.App).Servers["srv0"].Listeners()[0].Addr()
	return gateway{url: "http://" + address.String(), client: &http.Client{Transport: transport}}
}

// do sends a request and returns the response with its whole body.
func (g gateway) do(t *testing.T, method, path, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, lines := range header {
		request.Header[name] = lines
	}
	response, err := g.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// startUpstream runs an application and returns its address.
func startUpstream(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func wantFailure(t *testing.T, answer Answer, reason Reason) {
	t.Helper()
	if answer.Failure != reason || answer.Status != 0 || answer.Header != nil || answer.Body != nil {
		t.Errorf("answer %+v, want only the failure %q", answer, reason)
	}
}
