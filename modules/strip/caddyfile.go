package strip

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterHandlerDirective("jwt_session_strip", parseStrip) }

// parseStrip reads the directive. Syntax:
//
//	jwt_session_strip [<matcher>] [<header...>]
func parseStrip(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	strip := &Strip{Headers: helper.RemainingArgs()}
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.Checked(nil, strip.prepare); err != nil {
		return nil, err
	}
	return strip, parser.NoBlock("jwt_session_strip")
}
