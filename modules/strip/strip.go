package strip

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
)

func init() {
	caddy.RegisterModule(new(Strip))
}

// Strip removes from the request what clients must not send in the gateway's name: the identity headers of all
// `jwt_session` handlers of the configuration, in every spelling that a server could take for them, the token cookies,
// and what an application could take for one of their session cookies without being it. Where one of these handlers has
// `forward_token`, it removes `Authorization` too, which services take for the gateway's word.
//
// It is for routes that requests reach without meeting a `jwt_session` handler, above all `handle_errors` routes that lead
// to a service. Such a route has the request that was refused: let it ask for a page of its own, with another URI and GET.
type Strip struct {
	// More headers to remove.
	Headers []string `json:"headers,omitempty"`

	app         *app.App
	identity    identity.Headers
	cookieNames func() alias.Names // of all handlers, which are known once the configuration is loaded
}

// CaddyModule returns the Caddy module information.
func (*Strip) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_strip",
		New: func() caddy.Module { return new(Strip) },
	}
}

// Provision prepares the list of headers.
func (s *Strip) Provision(ctx caddy.Context) error {
	var err error
	if s.app, err = app.Of(ctx); err != nil {
		return err
	}
	s.cookieNames = sync.OnceValue(s.app.Names().SessionCookies)
	return s.prepare()
}

func (s *Strip) prepare() error {
	configured := identity.Options{Headers: make([]identity.Header, len(s.Headers))}
	for i, name := range s.Headers {
		if err := identity.CheckHeader(name); err != nil {
			return fmt.Errorf("jwt_session_strip %w", err)
		}
		if slices.ContainsFunc(s.Headers[:i], func(other string) bool { return identity.Fold(other) == identity.Fold(name) }) {
			return fmt.Errorf("jwt_session_strip %s: the header is given twice", name)
		}
		configured.Headers[i].Name = name
	}
	var err error
	if s.identity, err = configured.Prepare(); err != nil {
		return fmt.Errorf("jwt_session_strip: %w", err)
	}
	return nil
}

// ServeHTTP strips the request and passes it on.
func (s *Strip) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	journey.Of(s.app.Names(), r) // a handler behind this one still reads what the client sent
	s.identity.Strip(r)
	for _, site := range s.app.Names().Sites() {
		site.Identity.Strip(r)
		if site.ForwardsToken {
			identity.Authorization.Strip(r)
		}
	}
	journey.HideTokens(s.app.Names(), r)
	journey.HideAliases(r, s.cookieNames())
	journey.CleanPath(r, s.cookieNames())
	return next.ServeHTTP(w, r)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Strip)(nil)
	_ caddyhttp.MiddlewareHandler = (*Strip)(nil)
)
