package jwtsession

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	// Each of the first goes right before basic_auth, so behind the ones that went there earlier. The page for operators goes
	// behind all that asks who somebody is: a site that protects it with basic_auth would show it to everybody otherwise.
	for _, directive := range []struct {
		name     string
		position httpcaddyfile.Positional
		other    string
	}{
		{"jwt_session_jwks", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_callback", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_signout", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_strip", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_require", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_fresh", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_state", httpcaddyfile.Before, "basic_auth"},
		{"jwt_session_status", httpcaddyfile.After, "forward_auth"},
	} {
		httpcaddyfile.RegisterDirectiveOrder(directive.name, directive.position, directive.other)
	}
	httpcaddyfile.RegisterHandlerDirective("jwt_session", parseHandler)
}

// parseHandler reads the directive. Syntax:
//
//	jwt_session [<matcher>] <realm> {
//		mode                 mixed [<percent>%]|stateful|stateless|shadow
//		session_cookie       <name...> {
//			min_length <number>
//			pattern    <regex>
//		}
//		session_idle_timeout <duration>
//		session_max_age      <duration>
//		restore_session      on|off
//		whoami <uri> json <path>|header <name>|regex <expression> {
//			nobody         <value...>
//			pattern        <regex>
//			attribute      <name> json <path>|header <name>|regex <expression> [list <separator>]
//			cookies        <name...>
//			timeout        <duration>
//			negative_ttl   <duration>
//			max_concurrent <number>
//			max_per_client <number>
//			max_body       <size>
//			rolling
//			route {
//				<directives...>
//			}
//		}
//		response_user   <header>
//		forget_on       <matcher>
//		token_cookie    [<name>] {
//			domain    <domain>
//			path      <path>
//			same_site lax|strict|none
//			secure    auto|always|never
//			partitioned
//		}
//		token_in_session_cookie {
//			path      <path>
//			domain    <domain>
//			same_site lax|strict|none
//			max_age   <duration>
//		}
//		token_lifetime  <duration>
//		renew_before    <duration>
//		token_issuer    <issuer>
//		token_encrypt
//		accept_bearer
//		forward_token   [<audience>]
//		issuer          <url> {
//			audience       <audience...>
//			audience_claim <claim>
//			client_claim   <claim>
//			jwks_url       <url>
//			from           header|cookie <name>
//			user_claim     <claim>
//			attribute      <name> <claim>
//			refresh_min    <duration>
//			stale_max      <duration>
//			leeway         <duration>
//		}
//		identity_header off|<name> [<attribute>]
//		unauthenticated [<matcher>] deny|pass|redirect <url>
//		preflight       pass|deny
//		csrf            [<trusted_origin...>]
//		keep_streams
//	}
//
// attribute, forget_on, issuer, identity_header and unauthenticated may be repeated, everything else stands once.
func parseHandler(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	helper.Next() // the directive's own name
	if !helper.Args(&handler.Realm) {
		return nil, helper.Err("want the name of a realm: jwt_session [<matcher>] <realm>")
	}
	if helper.NextArg() {
		return nil, helper.Errf("want one realm, got also %q; a list of paths needs a named matcher", helper.Val())
	}
	if err := checkRealmOfCaddyfile(helper, handler.Realm); err != nil {
		return nil, helper.WrapErr(err)
	}
	parser := handlerParser{Parser: option.Parser{Dispenser: helper.Dispenser}, helper: helper, handler: handler}
	return handler, parser.Block(handlerScope, parser.consistentOption,
		"forget_on", "issuer", "identity_header", "unauthenticated")
}

// handlerOptions are the options that there are, for errors.
const handlerOptions = "mode, session_cookie, session_idle_timeout, session_max_age, whoami, response_user, forget_on, " +
	"token_cookie, token_in_session_cookie, token_lifetime, renew_before, token_issuer, token_encrypt, accept_bearer, " +
	"forward_token, issuer, identity_header, unauthenticated, restore_session, preflight, csrf, keep_streams"

var handlerScope = option.Declare(option.Scope{Name: "jwt_session", Options: handlerOptions})

// inHandler declares the block of one of the options.
func inHandler(name, options string) option.Scope {
	return option.Declare(option.Scope{Name: name, Options: options, Around: "jwt_session"})
}

// handlerParser reads the options of one directive.
type handlerParser struct {
	option.Parser

	helper  httpcaddyfile.Helper
	handler *Handler
}

// consistentOption reads an option, and refuses it on its own line where it contradicts those before it.
func (p handlerParser) consistentOption(name string) error {
	place := p.Here()
	if err := p.option(name); err != nil {
		return err
	}
	if err := p.handler.contradiction(); err != nil {
		return place.WrapErr(err)
	}
	return nil
}

func (p handlerParser) option(name string) error {
	handler := p.handler
	switch name {
	case "mode":
		return p.mode()
	case "session_cookie":
		return p.sessionCookie()
	case "session_idle_timeout":
		return p.Duration(&handler.SessionIdleTimeout)
	case "session_max_age":
		return p.Duration(&handler.SessionMaxAge)
	case "whoami":
		return p.whoami()
	case "restore_session":
		return p.OnOff(&handler.RestoreSession)
	case "response_user":
		return p.Checked(p.Text(&handler.ResponseUser), func() error {
			_, err := listenerOf(handler.ResponseUser, nil)
			return err
		})
	case "forget_on":
		return p.forgetOn()
	case "token_cookie":
		return p.tokenCookie()
	case "token_in_session_cookie":
		return p.tokenInSessionCookie()
	case "token_lifetime":
		return p.Duration(&handler.TokenLifetime)
	case "renew_before":
		return p.Duration(&handler.RenewBefore)
	case "token_issuer":
		return p.Text(&handler.TokenIssuer)
	case "token_encrypt":
		handler.TokenEncrypt = true
		return p.End()
	case "accept_bearer":
		handler.AcceptBearer = true
		return p.End()
	case "forward_token":
		return p.forwardToken()
	case "issuer":
		return p.issuer()
	case "identity_header":
		return p.identityHeader()
	case "unauthenticated":
		return p.unauthenticated()
	case "preflight":
		return p.OneOf(&handler.Preflight, preflightPass, preflightDeny)
	case "csrf":
		handler.CSRF = &refusal.CrossSite{TrustedOrigins: p.RemainingArgs()}
		return p.Checked(nil, handler.CSRF.Prepare)
	case "keep_streams":
		handler.KeepStreams = true
		return p.End()
	}
	return option.ErrUnknown
}

func (p handlerParser) mode() error {
	if !p.Args(&p.handler.Mode) {
		return p.Err("want mode mixed [<percent>%] | stateful | stateless | shadow")
	}
	if _, err := parseMode(p.handler.Mode); err != nil {
		return p.Errf("%w%s", err, option.DidYouMean(p.handler.Mode, modeMixed, modeStateful, modeStateless, modeShadow))
	}
	if p.handler.Mode == modeMixed && p.NextArg() {
		number, isPercent := strings.CutSuffix(p.Val(), "%")
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !isPercent || !(percent >= 0 && percent <= 100) {
			return p.Errf("mode mixed %s: want a share from 0%% to 100%%, such as 10%%", p.Val())
		}
		p.handler.MixedPercent = &percent
	}
	return p.End()
}

func (p handlerParser) sessionCookie() error {
	if err := p.Texts(&p.handler.SessionCookies); err != nil {
		return err
	}
	if _, err := validator.NewSessionCookies(p.handler.SessionCookies...); err != nil {
		return p.Errf("session_cookie: %w", err)
	}
	return p.Block(sessionIDScope, func(name string) error {
		if p.handler.SessionID == nil {
			p.handler.SessionID = new(app.SessionID)
		}
		return p.sessionID(p.handler.SessionID, name)
	})
}

func (p handlerParser) forgetOn() error {
	matcher, found, err := p.helper.MatcherToken()
	if err != nil {
		return p.WrapErr(err)
	}
	if !found {
		return p.Err("want forget_on <matcher>: a path that begins with /, or @name")
	}
	if matcher == nil {
		return p.Err("forget_on *: every request would end its session")
	}
	p.handler.ForgetOnRaw = append(p.handler.ForgetOnRaw, matcher)
	return p.End()
}

func (p handlerParser) forwardToken() error {
	p.handler.ForwardToken = new(ForwardToken)
	if p.NextArg() {
		if p.handler.ForwardToken.Audience = p.Val(); p.Val() == "" {
			return p.Err("forward_token: the audience is empty")
		}
	}
	return p.End()
}

func (p handlerParser) identityHeader() error {
	arguments := p.RemainingArgs()
	if p.handler.Identity == nil {
		p.handler.Identity = new(identity.Options)
	}
	options := p.handler.Identity
	switch {
	case len(arguments) == 1 && arguments[0] == "off":
		if options.Off {
			return p.Err("identity_header off is given twice")
		}
		options.Off = true
	case len(arguments) == 1:
		options.Headers = append(options.Headers, identity.Header{Name: arguments[0]})
	case len(arguments) == 2 && arguments[0] != "off" && arguments[1] != "":
		options.Headers = append(options.Headers, identity.Header{Name: arguments[0], Attribute: arguments[1]})
	default:
		return p.Err("want identity_header off | <name> [<attribute>]")
	}
	return p.Checked(nil, options.Check)
}

func (p handlerParser) unauthenticated() error {
	rule := new(refusal.Rule)
	matcher, found, err := p.helper.MatcherToken()
	if err != nil {
		return p.WrapErr(err)
	}
	if found {
		if matcher != nil { // nil is *, all requests
			rule.MatcherSetsRaw = caddyhttp.RawMatcherSets{matcher}
		}
		if !p.NextArg() {
			return p.Err("want unauthenticated [<matcher>] deny | pass | redirect <url>")
		}
	}
	rule.Action = p.Val()
	if rule.Action == "unauthenticated" { // the line ended before the action
		return p.Err("want unauthenticated [<matcher>] deny | pass | redirect <url>")
	}
	if rule.Action == refusal.Redirect {
		p.Args(&rule.URL)
	}
	if err := rule.Validate(); err != nil {
		return p.Errf("unauthenticated: %w%s", err, option.DidYouMean(rule.Action, refusal.Deny, refusal.Pass, refusal.Redirect))
	}
	p.handler.Unauthenticated = append(p.handler.Unauthenticated, rule)
	return p.End()
}
