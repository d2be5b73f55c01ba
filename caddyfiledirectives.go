package jwtsession

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("jwt_session_callback", parseCallback)
	httpcaddyfile.RegisterHandlerDirective("jwt_session_strip", parseStrip)
	httpcaddyfile.RegisterHandlerDirective("jwt_session_state", parseState)
	httpcaddyfile.RegisterDirective("jwt_session_require", parseRequire)
}

const stateOptions = "request_header, response_header, max_age"

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
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.Checked(nil, require.Validate); err != nil {
		return nil, err
	}
	if err := parser.NoBlock("jwt_session_require"); err != nil {
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
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.End(); err != nil {
		return nil, err
	}
	return state, parser.Block("jwt_session_state", stateOptions, func(name string) error {
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
