package jwtsession

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
)

// hideAliases removes from the Cookie lines what the application could take for one of these session cookies without being
// it, and makes the lines one.
func (h *Handler) hideAliases(r *http.Request, names alias.Names) {
	found := hideAliases(r, names)
	if found.Kind == alias.Nothing {
		return
	}
	h.warnAs("alias "+found.Kind.String(), "a request brought a cookie that the application could take for a session cookie, "+
		"or that could hide one; it is not sent upstream; if the application sets it, give one of them another name",
		zap.String("found", found.Kind.String()), zap.String("session_cookie", found.Name))
}

// cookieNamesIn returns the names of the session cookies that count for the handler on the way of a request: a later handler
// of a realm that names none has those of the one that decided. The default would be a cookie of somebody else.
func (h *Handler) cookieNamesIn(journey *journey) alias.Names {
	if h.demands.cookies {
		return h.cookieNames
	}
	for v := journey.latest; v != nil; v = v.previous {
		if v.Handler.Realm == h.Realm {
			return v.cookieNames
		}
	}
	return h.cookieNames
}

func hideAliases(r *http.Request, names alias.Names) alias.Finding {
	lines := r.Header["Cookie"]
	kept, found := names.Clean(lines)
	switch {
	case len(lines) == 0:
	case len(kept) == 0:
		delete(r.Header, "Cookie")
	default:
		r.Header["Cookie"] = kept
	}
	return found
}

// cleanPath removes path parameters that are named like a session cookie from all that the request says of its path: what
// it was asked for first is what php_fastcgi sends, and what error routes go back to.
func cleanPath(r *http.Request, names alias.Names) {
	cleanURL(r.URL, names)
	r.RequestURI = cleanURI(r.RequestURI, names)
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		return
	}
	if original.URL != nil {
		cleanURL(original.URL, names) // the request is a copy, its URL is not
	}
	if uri := cleanURI(original.RequestURI, names); uri != original.RequestURI {
		original.RequestURI = uri
		// Placeholders and error routes hold on to this very request.
		*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
	}
}

func cleanURL(target *url.URL, names alias.Names) {
	escaped := target.EscapedPath()
	cleaned := names.CleanPath(escaped)
	if len(cleaned) == len(escaped) {
		return
	}
	path, err := url.PathUnescape(cleaned)
	if err != nil {
		path = cleaned // not from a URL that was parsed
	}
	target.Path, target.RawPath = path, cleaned
	if (&url.URL{Path: path}).EscapedPath() == cleaned {
		target.RawPath = ""
	}
}

func cleanURI(uri string, names alias.Names) string {
	path, query, hasQuery := strings.Cut(uri, "?")
	cleaned := names.CleanPath(path)
	switch {
	case len(cleaned) == len(path):
		return uri
	case hasQuery:
		return cleaned + "?" + query
	default:
		return cleaned
	}
}
