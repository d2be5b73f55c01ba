package state

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterHandlerDirective("jwt_session_state", Parse) }

const Options = "request_header, response_header, max_age"

var scope = option.Declare(option.Scope{Name: "jwt_session_state", Options: Options})

// Parse reads the directive. Syntax:
//
//	jwt_session_state [<matcher>] <cookie> {
//		request_header  <name>
//		response_header <name>
//		max_age         <duration>
//	}
func Parse(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	state := new(State)
	helper.Next() // the directive's own name
	if !helper.Args(&state.Cookie) {
		return nil, helper.Err("want the name of a cookie: jwt_session_state [<matcher>] <cookie>")
	}
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.End(); err != nil {
		return nil, err
	}
	return state, parser.Block(scope, func(name string) error {
		switch name {
		case "request_header":
			return parser.Text(&state.RequestHeader)
		case "response_header":
			return parser.Text(&state.ResponseHeader)
		case "max_age":
			return parser.Duration(&state.MaxAge)
		}
		return option.ErrUnknown
	})
}
