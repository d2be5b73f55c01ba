package jwtsession

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const stateOptions = "request_header, response_header, max_age"

// parseJWKS reads the directive. Syntax:
//
//	jwt_session_jwks [<matcher>]
func parseJWKS(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	parser := options{helper.Dispenser}
	if err := parser.end(); err != nil {
		return nil, err
	}
	return new(JWKS), parser.noBlock("jwt_session_jwks")
}

// parseStatusPage reads the directive. Syntax:
//
//	jwt_session_status [<matcher>]
func parseStatusPage(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	parser := options{helper.Dispenser}
	if err := parser.end(); err != nil {
		return nil, err
	}
	return new(StatusPage), parser.noBlock("jwt_session_status")
}

// parseStrip reads the directive. Syntax:
//
//	jwt_session_strip [<matcher>] [<header...>]
func parseStrip(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	strip := &Strip{Headers: helper.RemainingArgs()}
	parser := options{helper.Dispenser}
	if err := parser.checked(nil, strip.prepare); err != nil {
		return nil, err
	}
	return strip, parser.noBlock("jwt_session_strip")
}

// parseRequire reads the directive. Syntax:
//
//	jwt_session_require [<matcher>] <attribute> <value...>
//
// The handler holds the matcher itself, so that it meets every request of its route: Caddy would let those pass that it
// does not match by the letter.
func parseRequire(helper httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	helper.Next() // the directive's own name
	require := new(Require)
	matcher, err := helper.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	if matcher != nil { // nil: there is none, or * for all requests
		require.MatcherSetsRaw = caddyhttp.RawMatcherSets{matcher}
	}
	helper.Next() // once more, since the matcher was looked for
	if !helper.Args(&require.Attribute) {
		return nil, helper.Err("want jwt_session_require [<matcher>] <attribute> <value...>")
	}
	if require.Values = helper.RemainingArgs(); len(require.Values) == 0 {
		return nil, helper.Errf("jwt_session_require %s: want at least one value", require.Attribute)
	}
	parser := options{helper.Dispenser}
	if err := parser.checked(nil, require.Validate); err != nil {
		return nil, err
	}
	if err := parser.noBlock("jwt_session_require"); err != nil {
		return nil, err
	}
	var all caddy.ModuleMap
	if matcher != nil && helper.IsNamedRoute() { // where no directive has a matcher, Caddy keeps the first alone
		all = caddy.ModuleMap{"path": helper.JSON(caddyhttp.MatchPath{"*"})}
	}
	return helper.NewRoute(all, require), nil
}

// parseState reads the directive. Syntax:
//
//	jwt_session_state [<matcher>] <cookie> {
//		request_header  <name>
//		response_header <name>
//		max_age         <duration>
//	}
func parseState(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	state := new(State)
	helper.Next() // the directive's own name
	if !helper.Args(&state.Cookie) {
		return nil, helper.Err("want the name of a cookie: jwt_session_state [<matcher>] <cookie>")
	}
	parser := options{helper.Dispenser}
	if err := parser.end(); err != nil {
		return nil, err
	}
	return state, parser.block("jwt_session_state", stateOptions, func(name string) error {
		switch name {
		case "request_header":
			return parser.text(&state.RequestHeader)
		case "response_header":
			return parser.text(&state.ResponseHeader)
		case "max_age":
			return parser.duration(&state.MaxAge)
		}
		return errUnknownOption
	})
}
