package floor

import (
	"errors"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
)

func init() {
	caddy.RegisterModule(Floor{})
	httpcaddyfile.RegisterHandlerDirective("bench_floor", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		module := new(Floor)
		return module, module.UnmarshalCaddyfile(h.Dispenser)
	})
}

// Floor is the handler.
type Floor struct {
	// Dir is the directory of its sessions.
	Dir string `json:"dir"`
	// Users is how many users have a session.
	Users int `json:"users"`
	// Revoked is how many revocations are in force.
	Revoked int `json:"revoked,omitempty"`
	// Remembered is how many tokens are remembered.
	Remembered int `json:"remembered"`
	// Mints says whether a session without a token gets one.
	Mints bool `json:"mints,omitempty"`

	tokens     tokens
	sessions   sessions
	revoked    revocations
	remembered *lru.Cache[string, *claims]
	counted    [viaNone + 1]prometheus.Counter
}

// CaddyModule returns the Caddy module information.
func (Floor) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_floor", New: func() caddy.Module { return new(Floor) }}
}

// UnmarshalCaddyfile reads `bench_floor <users> <revoked> <remembered> <dir> [mints]`.
func (f *Floor) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	arguments := d.RemainingArgs()
	if len(arguments) < 4 {
		return d.ArgErr()
	}
	f.Dir, f.Mints = arguments[3], len(arguments) > 4
	for i, number := range []*int{&f.Users, &f.Revoked, &f.Remembered} {
		var err error
		if *number, err = strconv.Atoi(arguments[i]); err != nil {
			return d.Err(err.Error())
		}
	}
	return nil
}

// Provision opens the sessions.
func (f *Floor) Provision(caddy.Context) error {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bench_floor_total", Help: "Requests by who spoke for the user."}, []string{"via"})
	for via := range f.counted {
		f.counted[via] = counted.WithLabelValues(viaNames[via])
	}
	remembered, lruErr := lru.New[string, *claims](f.Remembered)
	tokens, tokensErr := newTokens()
	opened, openErr := openSessions(f.Dir, f.Users)
	f.remembered, f.tokens, f.sessions, f.revoked = remembered, tokens, opened, newRevocations(f.Revoked)
	return errors.Join(lruErr, tokensErr, openErr)
}

// Cleanup closes the sessions.
func (f *Floor) Cleanup() error { return f.sessions.close() }
