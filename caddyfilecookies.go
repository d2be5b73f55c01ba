package jwtsession

const (
	sessionIDOptions   = "min_length, pattern"
	tokenCookieOptions = "domain, path, same_site, secure"
	combinedOptions    = "path, domain, same_site, max_age"
)

func (p handlerParser) sessionID(id *SessionID, name string) error {
	var read error
	switch name {
	case "min_length":
		read = p.number(&id.MinLength)
	case "pattern":
		read = p.text(&id.Pattern)
	default:
		return errUnknownOption
	}
	return p.checked(read, func() error { _, err := id.rules(); return err })
}

func (p handlerParser) tokenCookie() error {
	cookie := new(TokenCookie)
	p.handler.TokenCookie = cookie
	if p.NextArg() {
		if cookie.Name = p.Val(); cookie.Name == "" {
			return p.Err("token_cookie: the name is empty")
		}
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
