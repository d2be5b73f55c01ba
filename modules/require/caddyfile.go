package require

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterDirective("jwt_session_require", Parse) }

// Parse reads the directive. Syntax:
//
//	jwt_session_require [<matcher>] <attribute> <value...>
//
// The handler holds the matcher itself, so that it meets every request of its route: Caddy would let those pass that it
// does not match by the letter.
func Parse(helper httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
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
