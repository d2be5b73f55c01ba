package fresh

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterDirective("jwt_session_fresh", Parse) }

// Parse reads the directive. Syntax:
//
//	jwt_session_fresh [<matcher>] <duration>
//
// The handler holds the matcher itself, so that it meets every request of its route: Caddy would let those pass that it
// does not match by the letter.
func Parse(helper httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	helper.Next() // the directive's own name
	fresh := new(Fresh)
	matcher, err := helper.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	if matcher != nil { // nil: there is none, or * for all requests
		fresh.MatcherSetsRaw = caddyhttp.RawMatcherSets{matcher}
	}
	helper.Next() // once more, since the matcher was looked for
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.Checked(parser.Duration(&fresh.MaxAge), fresh.Validate); err != nil {
		return nil, err
	}
	if err := parser.NoBlock("jwt_session_fresh"); err != nil {
		return nil, err
	}
	var all caddy.ModuleMap
	if matcher != nil && helper.IsNamedRoute() { // where no directive has a matcher, Caddy keeps the first alone
		all = caddy.ModuleMap{"path": helper.JSON(caddyhttp.MatchPath{"*"})}
	}
	return helper.NewRoute(all, fresh), nil
}
