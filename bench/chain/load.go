package chain

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile" // the adapter
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // as in every Caddy

	_ "github.com/caddy-jwt-session/caddy-jwt-session" // what is measured
	_ "github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/bench/floor"
)

// load starts Caddy and returns its server.
func load(spec Spec) (http.Handler, error) {
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return nil, err
	}
	text := spec.caddyfile()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		return nil, fmt.Errorf("loading this Caddyfile: %w\n%s", err, text)
	}
	module, err := caddy.ActiveContext().App("http")
	if err != nil {
		return nil, err
	}
	for _, server := range module.(*caddyhttp.App).Servers {
		return server, nil
	}
	return nil, errors.New("there is no server in Caddy")
}
