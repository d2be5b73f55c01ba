package jwtsession

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

const (
	sessionIDOptions   = "min_length, pattern"
	tokenCookieOptions = "domain, path, same_site, secure, partitioned"
	combinedOptions    = "path, domain, same_site, max_age"
)

var (
	sessionIDScope   = inHandler("session_cookie", sessionIDOptions)
	tokenCookieScope = inHandler("token_cookie", tokenCookieOptions)
	combinedScope    = inHandler("token_in_session_cookie", combinedOptions)
	whoamiScope      = inHandler("whoami", whoamiOptions)
	issuerScope      = inHandler("issuer", issuerOptions)
)

func (p handlerParser) sessionID(id *app.SessionID, name string) error {
	var read error
	switch name {
	case "min_length":
		read = p.Number(&id.MinLength)
	case "pattern":
		read = p.Text(&id.Pattern)
	default:
		return option.ErrUnknown
	}
	return p.Checked(read, func() error { _, err := id.Rules(); return err })
}

func (p handlerParser) tokenCookie() error {
	cookie := new(carrier.TokenCookie)
	p.handler.TokenCookie = cookie
	if p.NextArg() {
		if cookie.Name = p.Val(); cookie.Name == "" {
			return p.Err("token_cookie: the name is empty")
		}
		if err := p.End(); err != nil {
			return err
		}
	}
	return p.Block(tokenCookieScope, func(name string) error {
		switch name {
		case "domain":
			return p.Text(&cookie.Domain)
		case "path":
			return p.Text(&cookie.Path)
		case "same_site":
			return p.OneOf(&cookie.SameSite, carrier.SameSites...)
		case "secure":
			return p.OneOf(&cookie.Secure, "auto", "always", "never")
		case "partitioned":
			cookie.Partitioned = true
			return p.End()
		}
		return option.ErrUnknown
	})
}

func (p handlerParser) tokenInSessionCookie() error {
	cookie := new(carrier.TokenInSessionCookie)
	p.handler.TokenInSessionCookie = cookie
	if err := p.End(); err != nil {
		return err
	}
	return p.Block(combinedScope, func(name string) error {
		switch name {
		case "path":
			return p.Text(&cookie.Path)
		case "domain":
			return p.Text(&cookie.Domain)
		case "same_site":
			return p.OneOf(&cookie.SameSite, carrier.SameSites...)
		case "max_age":
			return p.Duration(&cookie.MaxAge)
		}
		return option.ErrUnknown
	})
}

const whoamiOptions = "nobody, pattern, attribute, cookies, timeout, negative_ttl, max_concurrent, max_per_client, " +
	"max_body, rolling, route"

func (p handlerParser) whoami() error {
	whoami := &Whoami{}
	p.handler.Whoami = whoami
	if !p.Args(&whoami.URI) {
		return p.Err("want whoami <uri> json <path> | header <name> | regex <expression>")
	}
	if err := p.Checked(p.extraction(&whoami.User), whoami.checkPage); err != nil {
		return err
	}
	return p.Block(whoamiScope, func(name string) error {
		switch name {
		case "nobody":
			return p.Texts(&whoami.Nobody)
		case "pattern":
			return p.Checked(p.Text(&whoami.Pattern), whoami.checkPattern)
		case "attribute":
			return p.attribute(whoami)
		case "cookies":
			return p.Checked(p.Texts(&whoami.Cookies), whoami.checkCookies)
		case "timeout":
			return p.Duration(&whoami.Timeout)
		case "negative_ttl":
			return p.Duration(&whoami.NegativeTTL)
		case "max_concurrent":
			return p.Number(&whoami.MaxConcurrent)
		case "max_per_client":
			return p.Number(&whoami.MaxPerClient)
		case "max_body":
			return p.Size(&whoami.MaxBody)
		case "rolling":
			whoami.Rolling = true
			return p.End()
		case "route":
			return p.whoamiRoute(&whoami.Routes)
		}
		return option.ErrUnknown
	}, "attribute")
}

func (p handlerParser) attribute(whoami *Whoami) error {
	var name string
	if !p.Args(&name) {
		return p.Err("want attribute <name> json <path> | header <name> | regex <expression> [list <separator>]")
	}
	if _, twice := whoami.Attributes[name]; twice {
		return p.Errf("the attribute %s is read twice", name)
	}
	var from Extraction
	if err := p.attributeExtraction(&from); err != nil {
		return err
	}
	if whoami.Attributes == nil {
		whoami.Attributes = make(map[string]Extraction)
	}
	whoami.Attributes[name] = from
	return p.Checked(nil, func() error { return checkAttribute(name, from) })
}

// extraction reads the rest of the line: where a value is in the answer.
func (p handlerParser) extraction(from *Extraction) error {
	return p.place(p.RemainingArgs(), from)
}

// attributeExtraction reads the rest of the line: where an attribute is in the answer, and what separates its elements.
func (p handlerParser) attributeExtraction(from *Extraction) error {
	arguments := p.RemainingArgs()
	if len(arguments) != 4 || arguments[2] != "list" {
		return p.place(arguments, from)
	}
	if from.List = arguments[3]; from.List == "" {
		return p.Err("list: the separator is empty; want what stands between the elements, such as list ,")
	}
	return p.place(arguments[:2], from)
}

func (p handlerParser) place(arguments []string, from *Extraction) error {
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
	const wanted = "want json <path>, header <name> or regex <expression>"
	if len(arguments) == 0 {
		return p.Errf("%s behind %q", wanted, p.Val())
	}
	return p.Errf("%s, got %q%s", wanted, strings.Join(arguments, " "), option.DidYouMean(arguments[0], "json", "header", "regex"))
}

// whoamiRoute reads a block of directives, in the order in which they stand.
func (p handlerParser) whoamiRoute(routes *caddyhttp.RouteList) error {
	segment := p.NextSegment()
	if len(segment) < 3 || segment[1].Text != "{" {
		return p.Err("want route { <directives...> }")
	}
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(p.helper.WithDispenser(caddyfile.NewDispenser(inBlock(segment))))
	if err != nil {
		return err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok || len(subroute.Routes) == 0 {
		return p.Err("route: want at least one directive")
	}
	*routes = subroute.Routes
	return nil
}

// inBlock returns the tokens of a directive inside of a block of its own. Caddy sorts the directives of the block that it
// is given, and so leaves alone the order of those inside of the directive route.
func inBlock(segment caddyfile.Segment) caddyfile.Segment {
	first, last := segment[0], segment[len(segment)-1]
	opening, brace, closing := first, first, last
	opening.Line, brace.Line, closing.Line = first.Line-1, first.Line-1, last.Line+1
	brace.Text, closing.Text = "{", "}"
	block := append(caddyfile.Segment{opening, brace}, segment...)
	return append(block, closing)
}

const issuerOptions = "audience, jwks_url, from, user_claim, audience_claim, client_claim, attribute, " +
	"refresh_min, stale_max, leeway"

func (p handlerParser) issuer() error {
	issuer := new(Issuer)
	p.handler.Issuers = append(p.handler.Issuers, issuer)
	if !p.Args(&issuer.URL) {
		return p.Err("want issuer <url>")
	}
	if err := p.End(); err != nil {
		return err
	}
	place := p.Here()
	err := p.Block(issuerScope, func(name string) error {
		switch name {
		case "audience":
			return p.Words(&issuer.Audiences)
		case "audience_claim":
			return p.Text(&issuer.AudienceClaim)
		case "client_claim":
			return p.Text(&issuer.ClientClaim)
		case "jwks_url":
			return p.Text(&issuer.KeysURL)
		case "from":
			return p.tokenPlace(issuer)
		case "user_claim":
			return p.Text(&issuer.UserClaim)
		case "attribute":
			return p.claim(issuer)
		case "refresh_min":
			return p.Duration(&issuer.RefreshMin)
		case "stale_max":
			return p.Duration(&issuer.StaleMax)
		case "leeway":
			return p.Duration(&issuer.Leeway)
		}
		return option.ErrUnknown
	}, "attribute")
	return option.Parser{Dispenser: place}.Checked(err, issuer.check)
}

func (p handlerParser) tokenPlace(issuer *Issuer) error {
	arguments := p.RemainingArgs()
	if len(arguments) == 2 {
		switch arguments[0] {
		case "header":
			issuer.From = &app.TokenPlace{Header: arguments[1]}
			return nil
		case "cookie":
			issuer.From = &app.TokenPlace{Cookie: arguments[1]}
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

// realmInCaddyfile is a realm and the line that it was read from first.
type realmInCaddyfile struct {
	realm realm.Pattern
	line  string
}

// realmsOfCaddyfile is where the state of the adapter holds the realms that were read so far.
const realmsOfCaddyfile = "jwt_session.realms"

// checkRealmOfCaddyfile reads the realm of a directive, and compares it with those before it in the Caddyfile. The caller
// adds the line of this one.
func checkRealmOfCaddyfile(helper httpcaddyfile.Helper, text string) error {
	parsed, err := realm.Parse(text)
	if err != nil {
		return err
	}
	earlier, _ := helper.State[realmsOfCaddyfile].([]realmInCaddyfile)
	for _, other := range earlier {
		if other.realm.String() == text {
			return nil
		}
		if err := realm.CheckApart(parsed, other.realm, other.line); err != nil {
			return err
		}
	}
	if helper.State != nil {
		line := fmt.Sprintf("%s:%d", helper.File(), helper.Line())
		helper.State[realmsOfCaddyfile] = append(earlier, realmInCaddyfile{parsed, line})
	}
	return nil
}
