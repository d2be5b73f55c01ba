package jwtsession

import (
	"errors"
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// validateCombined checks that all handlers of the realm agree about token_in_session_cookie.
func (h *Handler) validateCombined() error {
	for _, other := range h.app.handlers {
		if other != h && other.Realm == h.Realm && !other.TokenInSessionCookie.IsSame(h.TokenInSessionCookie) {
			return errors.New("token_in_session_cookie: every handler of the realm must have it, with the same options, or none: " +
				"they see the same cookie")
		}
	}
	return nil
}

// isCombined says whether a cookie of this name may carry a token of some realm beside a session id.
func (a *App) isCombined(name string) bool {
	for _, handler := range a.handlers {
		if handler.TokenInSessionCookie != nil && handler.SessionCookies[0] == name {
			return true
		}
	}
	return false
}

// splitCookies gives the request's combined cookies the form that the application knows, and returns the tokens.
func (a *App) splitCookies(r *http.Request) validator.Cookies {
	if !a.combines || len(r.Header["Cookie"]) == 0 {
		return nil
	}
	plain, tokens := validator.SplitCookies(r.Header["Cookie"], a.isCombined)
	r.Header["Cookie"] = plain
	return tokens
}
