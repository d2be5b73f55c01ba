package jwtsession

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// isAskedWith reports whether the question about a session carries the cookie: one of the session, or one that the option
// cookies names.
func (h *Handler) isAskedWith(name string) bool {
	return h.sessionCookies.Match(name) ||
		slices.ContainsFunc(h.Whoami.Cookies, func(pattern string) bool { return app.CanBeOneCookie(pattern, name) })
}

// checkCookies looks at the names in the option cookies by themselves.
func (w *Whoami) checkCookies() error {
	for i, name := range w.Cookies {
		if name == "*" {
			return fmt.Errorf("whoami: cookies *: the question would carry every cookie, and an application that signs a user in " +
				"by one of them would name him for whatever session came beside it; name the cookies that the answer needs")
		}
		if _, err := validator.NewSessionCookies(name); err != nil || strings.HasSuffix(name, "**") {
			return fmt.Errorf("whoami: cookies %q: want a cookie's name, or the beginning of one followed by *", name)
		}
		for _, earlier := range w.Cookies[:i] {
			if app.CanBeOneCookie(earlier, name) {
				return fmt.Errorf("whoami: cookies: %s and %s can be the same cookie; name it once", earlier, name)
			}
		}
	}
	return nil
}

// askedCookiesContradict looks for a cookie that the question must not carry, among those that were written so far.
func (h *Handler) askedCookiesContradict() error {
	if h.Whoami == nil {
		return nil
	}
	for _, name := range h.Whoami.Cookies {
		for _, session := range h.SessionCookies {
			if app.CanBeOneCookie(name, session) {
				return fmt.Errorf("whoami: cookies %s: that is the session_cookie %s, which the question carries anyway; leave it out",
					name, session)
			}
		}
		if h.TokenCookie != nil && h.TokenCookie.Name != "" && app.CanBeOneCookie(name, h.TokenCookie.Name) {
			return app.ErrAskedWithToken(name, "the token_cookie of realm "+h.Realm)
		}
		for _, one := range h.Issuers {
			if one.From != nil && one.From.Cookie != "" && app.CanBeOneCookie(name, one.From.Cookie) {
				return app.ErrAskedWithToken(name, fmt.Sprintf("the cookie with tokens of the issuer %s", option.SafeURL(one.URL)))
			}
		}
	}
	return nil
}
