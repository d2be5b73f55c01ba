package jwtsession

import (
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// splitCookies gives the request's combined cookies the form that the application knows, and returns the tokens.
func splitCookies(names *app.Names, r *http.Request) validator.Cookies {
	if !names.Combines() || len(r.Header["Cookie"]) == 0 {
		return nil
	}
	plain, tokens := validator.SplitCookies(r.Header["Cookie"], names.IsCombined)
	r.Header["Cookie"] = plain
	return tokens
}
