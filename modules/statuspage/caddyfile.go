package statuspage

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterHandlerDirective("jwt_session_status", parseStatusPage) }

// parseStatusPage reads the directive. Syntax:
//
//	jwt_session_status [<matcher>]
func parseStatusPage(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.End(); err != nil {
		return nil, err
	}
	return new(StatusPage), parser.NoBlock("jwt_session_status")
}
