package jwtsession

import (
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// splitCookies gives the request's combined cookies the form that the application knows, and returns the tokens.
func (a *App) splitCookies(r *http.Request) validator.Cookies {
	if !a.names.combines || len(r.Header["Cookie"]) == 0 {
		return nil
	}
	plain, tokens := validator.SplitCookies(r.Header["Cookie"], a.names.isCombined)
	r.Header["Cookie"] = plain
	return tokens
}
