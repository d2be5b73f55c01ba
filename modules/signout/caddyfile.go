package signout

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterDirective("jwt_session_signout", parseDirective) }

// Options are the options of the directive, and PollOptions those of its option poll.
const (
	Options     = "issuer, jwks_url, client_id, audience, map, path, push_authorization, poll, leeway"
	PollOptions = "authorization, interval"
)

var (
	scope     = option.Declare(option.Scope{Name: "jwt_session_signout", Options: Options})
	pollScope = option.Declare(option.Scope{Name: "poll", Options: PollOptions, Around: "jwt_session_signout"})
)

// parseDirective reads the directive with its matcher. Without a matcher it is about one path, since the requests for all other
// paths are the application's.
func parseDirective(helper httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	helper.Next() // the directive's own name
	matchers, err := helper.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	signOut, err := parseSignOut(helper)
	if err != nil {
		return nil, err
	}
	if matchers == nil {
		option.SetDefault(&signOut.Path, defaultPath)
	}
	return helper.NewRoute(matchers, signOut), nil
}

// parseSignOut reads the directive. Syntax:
//
//	jwt_session_signout [<matcher>] <realm> {
//		issuer             <url>
//		jwks_url           <url>
//		client_id          <id>
//		audience           <audience...>
//		map                <claim> to user|attribute <name>
//		path               <path>
//		push_authorization <value>
//		poll <url> {
//			authorization <value>
//			interval      <duration>
//		}
//		leeway             <duration>
//	}
func parseSignOut(helper httpcaddyfile.Helper) (*SignOut, error) {
	signOut := new(SignOut)
	helper.Next() // the directive's own name
	if !helper.Args(&signOut.Realm) {
		return nil, helper.Err("want the name of a realm: jwt_session_signout [<matcher>] <realm>")
	}
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.End(); err != nil {
		return nil, err
	}
	place := parser.Here()
	texts := map[string]*string{
		"issuer": &signOut.Issuer, "jwks_url": &signOut.KeysURL, "client_id": &signOut.ClientID, "path": &signOut.Path,
	}
	err := parser.Block(scope, func(name string) error {
		if into, ok := texts[name]; ok {
			return parser.Text(into)
		}
		switch name {
		case "push_authorization":
			return parser.Secret(&signOut.PushAuthorization)
		case "audience":
			return parser.Words(&signOut.Audiences)
		case "leeway":
			return parser.Duration(&signOut.Leeway)
		case "map":
			return parser.Checked(parseMapping(parser, signOut), signOut.checkMaps)
		case "poll":
			return parser.Checked(parsePoll(parser, signOut), signOut.checkPolls)
		}
		return option.ErrUnknown
	}, "map", "poll")
	if err != nil {
		return nil, err
	}
	if err := signOut.check(); err != nil {
		return nil, place.WrapErr(signOut.named(err))
	}
	return signOut, nil
}

// parseMapping reads <claim> to user|attribute <name>.
func parseMapping(parser option.Parser, into *SignOut) error {
	const wanted = "map: want <claim> to user, or <claim> to attribute <name>"
	words := parser.RemainingArgs()
	if len(words) < 3 || words[1] != "to" {
		return parser.Err(wanted)
	}
	mapping := Mapping{Claim: words[0]}
	switch {
	case words[2] == "user" && len(words) == 3:
	case words[2] == "attribute" && len(words) == 4 && words[3] != "":
		mapping.Attribute = words[3]
	default:
		return parser.Err(wanted)
	}
	into.Maps = append(into.Maps, mapping)
	return nil
}

func parsePoll(parser option.Parser, into *SignOut) error {
	var poll Poll
	if err := parser.Value(&poll.URL, "the address of a stream: poll <url>"); err != nil {
		return err
	}
	err := parser.Block(pollScope, func(name string) error {
		switch name {
		case "authorization":
			return parser.Secret(&poll.Authorization)
		case "interval":
			return parser.Duration(&poll.Interval)
		}
		return option.ErrUnknown
	})
	into.Polls = append(into.Polls, poll)
	return err
}
