package jwtsession

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	// Each goes right before basic_auth, so behind the ones that went there earlier.
	httpcaddyfile.RegisterHandlerDirective("jwt_session_jwks", parseJWKS)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_jwks", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session_status", parseStatusPage)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_status", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session_callback", parseCallback)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_callback", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session_strip", parseStrip)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_strip", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session", parseHandler)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session_require", parseRequire)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_require", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("jwt_session_state", parseState)
	httpcaddyfile.RegisterDirectiveOrder("jwt_session_state", httpcaddyfile.Before, "basic_auth")
}

// parseJWKS reads the directive. Syntax:
//
//	jwt_session_jwks [<matcher>]
func parseJWKS(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	parser := options{helper.Dispenser}
	if err := parser.end(); err != nil {
		return nil, err
	}
	return new(JWKS), parser.block("jwt_session_jwks", noOptions, func(string) error { return errUnknownOption })
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
	return new(StatusPage), parser.block("jwt_session_status", noOptions, func(string) error { return errUnknownOption })
}

// parseStrip reads the directive. Syntax:
//
//	jwt_session_strip [<matcher>] [<header...>]
func parseStrip(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	strip := &Strip{Headers: helper.RemainingArgs()}
	return strip, options{helper.Dispenser}.block("jwt_session_strip", noOptions, func(string) error { return errUnknownOption })
}

// parseRequire reads the directive. Syntax:
//
//	jwt_session_require [<matcher>] <attribute> <value...>
func parseRequire(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	helper.Next() // the directive's own name
	require := new(Require)
	if !helper.Args(&require.Attribute) {
		return nil, helper.Err("want jwt_session_require [<matcher>] <attribute> <value...>")
	}
	if require.Values = helper.RemainingArgs(); len(require.Values) == 0 {
		return nil, helper.Errf("jwt_session_require %s: want at least one value", require.Attribute)
	}
	return require, options{helper.Dispenser}.block("jwt_session_require", noOptions, func(string) error { return errUnknownOption })
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

// parseHandler reads the directive. Syntax:
//
//	jwt_session [<matcher>] <realm> {
//		mode                 mixed [<percent>%]|stateful|stateless|shadow
//		session_cookie       <name...>
//		session_idle_timeout <duration>
//		session_max_age      <duration>
//		restore_session      on|off
//		whoami <uri> json <path>|header <name>|regex <expression> {
//			nobody         <value...>
//			pattern        <regex>
//			attribute      <name> json <path>|header <name>|regex <expression>
//			timeout        <duration>
//			negative_ttl   <duration>
//			max_concurrent <number>
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
//			audience    <audience...>
//			jwks_url    <url>
//			from        header|cookie <name>
//			user_claim  <claim>
//			attribute   <name> <claim>
//			refresh_min <duration>
//			stale_max   <duration>
//			leeway      <duration>
//		}
//		identity_header off|<name> [<attribute>]
//		unauthenticated [<matcher>] deny|pass|redirect <url>
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
	if _, err := parseRealm(handler.Realm); err != nil {
		return nil, helper.WrapErr(err)
	}
	parser := handlerParser{options: options{helper.Dispenser}, helper: helper, handler: handler}
	return handler, parser.block("jwt_session", handlerOptions, parser.consistentOption,
		"forget_on", "issuer", "identity_header", "unauthenticated")
}

// The options that there are, for errors.
const (
	handlerOptions = "mode, session_cookie, session_idle_timeout, session_max_age, whoami, response_user, forget_on, token_cookie, " +
		"token_in_session_cookie, token_lifetime, renew_before, token_issuer, token_encrypt, accept_bearer, forward_token, issuer, " +
		"identity_header, unauthenticated, restore_session, csrf, keep_streams"
	whoamiOptions      = "nobody, pattern, attribute, timeout, negative_ttl, max_concurrent, max_body, rolling, route"
	stateOptions       = "request_header, response_header, max_age"
	issuerOptions      = "audience, jwks_url, from, user_claim, attribute, refresh_min, stale_max, leeway"
	tokenCookieOptions = "domain, path, same_site, secure"
	combinedOptions    = "path, domain, same_site, max_age"
)

// handlerParser reads the options of one directive.
type handlerParser struct {
	options

	helper  httpcaddyfile.Helper
	handler *Handler
}

// consistentOption reads an option, and refuses it on its own line where it contradicts those before it.
func (p handlerParser) consistentOption(name string) error {
	if err := p.option(name); err != nil {
		return err
	}
	if err := p.handler.contradiction(); err != nil {
		return p.WrapErr(err)
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
		return p.duration(&handler.SessionIdleTimeout)
	case "session_max_age":
		return p.duration(&handler.SessionMaxAge)
	case "whoami":
		return p.whoami()
	case "restore_session":
		return p.onOff(&handler.RestoreSession)
	case "response_user":
		return p.text(&handler.ResponseUser)
	case "forget_on":
		return p.forgetOn()
	case "token_cookie":
		return p.tokenCookie()
	case "token_in_session_cookie":
		return p.tokenInSessionCookie()
	case "token_lifetime":
		return p.duration(&handler.TokenLifetime)
	case "renew_before":
		return p.duration(&handler.RenewBefore)
	case "token_issuer":
		return p.text(&handler.TokenIssuer)
	case "token_encrypt":
		handler.TokenEncrypt = true
		return p.end()
	case "accept_bearer":
		handler.AcceptBearer = true
		return p.end()
	case "forward_token":
		return p.forwardToken()
	case "issuer":
		return p.issuer()
	case "identity_header":
		return p.identityHeader()
	case "unauthenticated":
		return p.unauthenticated()
	case "csrf":
		handler.CSRF = &CrossSite{TrustedOrigins: p.RemainingArgs()}
		return nil
	case "keep_streams":
		handler.KeepStreams = true
		return p.end()
	}
	return errUnknownOption
}

func (p handlerParser) mode() error {
	if !p.Args(&p.handler.Mode) {
		return p.Err("want mode mixed [<percent>%] | stateful | stateless | shadow")
	}
	if _, err := parseMode(p.handler.Mode); err != nil {
		return p.WrapErr(err)
	}
	if p.handler.Mode == modeMixed && p.NextArg() {
		number, isPercent := strings.CutSuffix(p.Val(), "%")
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !isPercent || !(percent > 0 && percent <= 100) {
			return p.Errf("mode mixed %s: want a share above 0%%, 100%% at most; without tokens it is mode stateful", p.Val())
		}
		p.handler.MixedPercent = percent
	}
	return p.end()
}

func (p handlerParser) sessionCookie() error {
	if err := p.texts(&p.handler.SessionCookies); err != nil {
		return err
	}
	if _, err := validator.NewSessionCookies(p.handler.SessionCookies...); err != nil {
		return p.Errf("session_cookie: %w", err)
	}
	return nil
}

func (p handlerParser) whoami() error {
	whoami := &Whoami{}
	p.handler.Whoami = whoami
	if !p.Args(&whoami.URI) {
		return p.Err("want whoami <uri> json <path> | header <name> | regex <expression>")
	}
	if err := p.extraction(&whoami.User); err != nil {
		return err
	}
	return p.block("whoami", whoamiOptions, func(name string) error {
		switch name {
		case "nobody":
			return p.texts(&whoami.Nobody)
		case "pattern":
			return p.text(&whoami.Pattern)
		case "attribute":
			return p.attribute(whoami)
		case "timeout":
			return p.duration(&whoami.Timeout)
		case "negative_ttl":
			return p.duration(&whoami.NegativeTTL)
		case "max_concurrent":
			return p.number(&whoami.MaxConcurrent)
		case "max_body":
			return p.size(&whoami.MaxBody)
		case "rolling":
			whoami.Rolling = true
			return p.end()
		case "route":
			return p.whoamiRoute(&whoami.Routes)
		}
		return errUnknownOption
	}, "attribute")
}

func (p handlerParser) attribute(whoami *Whoami) error {
	var name string
	if !p.Args(&name) {
		return p.Err("want attribute <name> json <path> | header <name> | regex <expression>")
	}
	if _, twice := whoami.Attributes[name]; twice {
		return p.Errf("the attribute %s is read twice", name)
	}
	var from Extraction
	if err := p.extraction(&from); err != nil {
		return err
	}
	if whoami.Attributes == nil {
		whoami.Attributes = make(map[string]Extraction)
	}
	whoami.Attributes[name] = from
	return nil
}

// extraction reads the rest of the line: where a value is in the answer.
func (p handlerParser) extraction(from *Extraction) error {
	arguments := p.RemainingArgs()
	if len(arguments) == 2 {
		switch arguments[0] {
		case "json":
			from.JSON = arguments[1]
			return nil
		case "header":
			from.Header = arguments[1]
			return nil
		case "regex":
			from.Regex = arguments[1]
			return nil
		}
	}
	return p.Errf("want json <path>, header <name> or regex <expression>, got %q", strings.Join(arguments, " "))
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
	return p.end()
}

func (p handlerParser) tokenCookie() error {
	cookie := new(TokenCookie)
	p.handler.TokenCookie = cookie
	if p.NextArg() {
		cookie.Name = p.Val()
		if err := p.end(); err != nil {
			return err
		}
	}
	return p.block("token_cookie", tokenCookieOptions, func(name string) error {
		switch name {
		case "domain":
			return p.text(&cookie.Domain)
		case "path":
			return p.text(&cookie.Path)
		case "same_site":
			return p.oneOf(&cookie.SameSite, sameSites...)
		case "secure":
			return p.oneOf(&cookie.Secure, "auto", "always", "never")
		}
		return errUnknownOption
	})
}

func (p handlerParser) issuer() error {
	issuer := new(Issuer)
	p.handler.Issuers = append(p.handler.Issuers, issuer)
	if !p.Args(&issuer.URL) {
		return p.Err("want issuer <url>")
	}
	if err := p.end(); err != nil {
		return err
	}
	return p.block("issuer", issuerOptions, func(name string) error {
		switch name {
		case "audience":
			return p.texts(&issuer.Audiences)
		case "jwks_url":
			return p.text(&issuer.KeysURL)
		case "from":
			return p.tokenPlace(issuer)
		case "user_claim":
			return p.text(&issuer.UserClaim)
		case "attribute":
			return p.claim(issuer)
		case "refresh_min":
			return p.duration(&issuer.RefreshMin)
		case "stale_max":
			return p.duration(&issuer.StaleMax)
		case "leeway":
			return p.duration(&issuer.Leeway)
		}
		return errUnknownOption
	}, "attribute")
}

func (p handlerParser) tokenPlace(issuer *Issuer) error {
	arguments := p.RemainingArgs()
	if len(arguments) == 2 {
		switch arguments[0] {
		case "header":
			issuer.From = &TokenPlace{Header: arguments[1]}
			return nil
		case "cookie":
			issuer.From = &TokenPlace{Cookie: arguments[1]}
			return nil
		}
	}
	return p.Errf("want from header <name> or from cookie <name>, got %q; without it, Authorization: Bearer", strings.Join(arguments, " "))
}

func (p handlerParser) claim(issuer *Issuer) error {
	arguments := p.RemainingArgs()
	if len(arguments) != 2 || arguments[1] == "" {
		return p.Err("want attribute <name> <claim>")
	}
	if _, twice := issuer.Attributes[arguments[0]]; twice {
		return p.Errf("the attribute %s is read twice", arguments[0])
	}
	if issuer.Attributes == nil {
		issuer.Attributes = make(map[string]string)
	}
	issuer.Attributes[arguments[0]] = arguments[1]
	return nil
}

func (p handlerParser) forwardToken() error {
	p.handler.ForwardToken = new(ForwardToken)
	if p.NextArg() {
		if p.handler.ForwardToken.Audience = p.Val(); p.Val() == "" {
			return p.Err("forward_token: the audience is empty")
		}
	}
	return p.end()
}

func (p handlerParser) tokenInSessionCookie() error {
	cookie := new(TokenInSessionCookie)
	p.handler.TokenInSessionCookie = cookie
	if err := p.end(); err != nil {
		return err
	}
	return p.block("token_in_session_cookie", combinedOptions, func(name string) error {
		switch name {
		case "path":
			return p.text(&cookie.Path)
		case "domain":
			return p.text(&cookie.Domain)
		case "same_site":
			return p.oneOf(&cookie.SameSite, sameSites...)
		case "max_age":
			return p.duration(&cookie.MaxAge)
		}
		return errUnknownOption
	})
}

func (p handlerParser) identityHeader() error {
	arguments := p.RemainingArgs()
	if p.handler.Identity == nil {
		p.handler.Identity = new(Identity)
	}
	identity := p.handler.Identity
	switch {
	case len(arguments) == 1 && arguments[0] == "off":
		if identity.Off {
			return p.Err("identity_header off stands twice")
		}
		identity.Off = true
	case len(arguments) == 1:
		identity.Headers = append(identity.Headers, IdentityHeader{Name: arguments[0]})
	case len(arguments) == 2 && arguments[0] != "off" && arguments[1] != "":
		identity.Headers = append(identity.Headers, IdentityHeader{Name: arguments[0], Attribute: arguments[1]})
	default:
		return p.Err("want identity_header off | <name> [<attribute>]")
	}
	return nil
}

func (p handlerParser) unauthenticated() error {
	rule := new(UnauthenticatedRule)
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
	if rule.Action == actionRedirect {
		p.Args(&rule.URL)
	}
	if err := rule.validate(); err != nil {
		return p.Errf("unauthenticated: %w", err)
	}
	p.handler.Unauthenticated = append(p.handler.Unauthenticated, rule)
	return p.end()
}
