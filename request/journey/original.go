package journey

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
)

// Place returns what the places of cookies depend on: the host and the path of the request as the browser sent it.
func Place(r *http.Request) cookie.Request {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		r = &original
	}
	return cookie.Request{Host: r.Host, Path: r.URL.EscapedPath()}
}

// IsAt reports whether the request is for the path: as the browser sent it, or as handlers before this one rewrote it.
func IsAt(r *http.Request, path string) bool {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL.Path == path {
		return true
	}
	return r.URL.Path == path
}
