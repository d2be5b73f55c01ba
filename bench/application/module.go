package application

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Module{})
	caddy.RegisterModule(Nothing{})
	httpcaddyfile.RegisterHandlerDirective("bench_nothing", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return Nothing{}, nil
	})
	httpcaddyfile.RegisterHandlerDirective("bench_application", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		module := new(Module)
		return module, module.UnmarshalCaddyfile(h.Dispenser)
	})
}

// Module is the application inside of Caddy, where no network is to be measured.
type Module struct {
	// Rolls makes it change the session id with every answer.
	Rolls bool `json:"rolls,omitempty"`

	handler *Handler
}

// CaddyModule returns the Caddy module information.
func (Module) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_application", New: func() caddy.Module { return new(Module) }}
}

// UnmarshalCaddyfile reads `bench_application [rolls]`.
func (m *Module) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	m.Rolls = d.NextArg()
	return nil
}

// Provision sets the application up.
func (m *Module) Provision(caddy.Context) error {
	m.handler = New(m.Rolls)
	return nil
}

func (m *Module) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	m.handler.ServeHTTP(w, r)
	return nil
}

// Nothing is a handler that does nothing. It stands where the gateway stands in other chains, since any handler there costs
// Caddy some closures.
type Nothing struct{}

// CaddyModule returns the Caddy module information.
func (Nothing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_nothing", New: func() caddy.Module { return new(Nothing) }}
}

func (Nothing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}
