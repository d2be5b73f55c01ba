package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// registered makes the wrapper known to Caddy in a process that needs it, and in no other.
var registered = sync.OnceFunc(func() { caddy.RegisterModule(new(wrapper)) })

// wrapper stands in the place of a `jwt_session` handler, which it provisions.
type wrapper struct {
	Of    json.RawMessage `json:"of"`
	Realm string          `json:"realm"`

	inner caddyhttp.MiddlewareHandler
	rule  rule
}

// asking is what the wrapped handler can do.
type asking interface {
	Trial() (question.Trial, bool)
}

// rule is how the configuration says where the user is.
type rule struct {
	Whoami struct {
		User struct{ JSON, Header, Regex string }
	}
}

// String writes the rule as a Caddyfile has it.
func (r rule) String() string {
	switch user := r.Whoami.User; {
	case user.JSON != "":
		return "json " + Quote(user.JSON)
	case user.Header != "":
		return "header " + Quote(user.Header)
	default:
		return "regex " + Quote(user.Regex)
	}
}

// CaddyModule returns the Caddy module information.
func (*wrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers." + wrapperName, New: func() caddy.Module { return new(wrapper) }}
}

// Provision loads the handler.
func (h *wrapper) Provision(ctx caddy.Context) error {
	if err := json.Unmarshal(h.Of, &h.rule); err != nil {
		return err
	}
	module, err := ctx.LoadModuleByID("http.handlers.jwt_session", h.Of)
	if err != nil {
		return err
	}
	handler, ok := module.(caddyhttp.MiddlewareHandler)
	if !ok {
		return fmt.Errorf("the module %T is no handler", module)
	}
	h.inner = handler
	return nil
}

// visit is the request that a probe sends through a route.
type visit struct {
	realm   string
	reached bool
	do      func(r *http.Request, next caddyhttp.Handler, trial question.Trial, rule rule)
}

type visitKey struct{}

// ServeHTTP asks for the sake of the visit. A question goes through the handler as it does in the gateway.
func (h *wrapper) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if whoami.IsSubrequest(r.Context()) {
		return h.inner.ServeHTTP(w, r, next)
	}
	of, isVisit := r.Context().Value(visitKey{}).(*visit)
	handler, able := h.inner.(asking)
	if !isVisit || !able || of.realm != h.Realm || of.reached {
		return next.ServeHTTP(w, r)
	}
	trial, asks := handler.Trial()
	if !asks {
		return next.ServeHTTP(w, r)
	}
	of.reached = true
	of.do(r, next, trial, h.rule)
	return nil
}

func withVisit(ctx context.Context, of *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, of)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*wrapper)(nil)
	_ caddyhttp.MiddlewareHandler = (*wrapper)(nil)
)
