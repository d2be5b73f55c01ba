package jwtsession

import (
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

const issuerOptions = "audience, jwks_url, from, user_claim, attribute, refresh_min, stale_max, leeway"

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
	err := p.Block("issuer", issuerOptions, func(name string) error {
		switch name {
		case "audience":
			return p.Texts(&issuer.Audiences)
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
