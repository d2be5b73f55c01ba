package jwtsession

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

const (
	sessionIDOptions   = "min_length, pattern"
	tokenCookieOptions = "domain, path, same_site, secure"
	combinedOptions    = "path, domain, same_site, max_age"
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
	return p.Block("token_cookie", tokenCookieOptions, func(name string) error {
		switch name {
		case "domain":
			return p.Text(&cookie.Domain)
		case "path":
			return p.Text(&cookie.Path)
		case "same_site":
			return p.OneOf(&cookie.SameSite, carrier.SameSites...)
		case "secure":
			return p.OneOf(&cookie.Secure, "auto", "always", "never")
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
	return p.Block("token_in_session_cookie", combinedOptions, func(name string) error {
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
