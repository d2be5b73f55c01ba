package journey

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// SetLines gives a request the lines of one header. Without lines it removes the header.
func SetLines(header http.Header, name string, lines []string) {
	if len(lines) == 0 {
		delete(header, name)
		return
	}
	header[name] = lines
}

// HideTokens removes the token cookies of every realm from the request.
func HideTokens(names *app.Names, r *http.Request) {
	SetLines(r.Header, "Cookie", validator.DropPairs(r.Header["Cookie"], names.HoldsToken))
}

// HideAliases removes from the Cookie lines what an application could take for one of these session cookies without being
// it, and makes the lines one. It returns what it found.
func HideAliases(r *http.Request, names alias.Names) alias.Finding {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return alias.Finding{}
	}
	kept, found := names.Clean(lines)
	SetLines(r.Header, "Cookie", kept)
	return found
}

// CleanPath removes path parameters that are named like a session cookie from all that the request says of its path. That
// includes what it was asked for first, which php_fastcgi sends and which error routes go back to.
func CleanPath(r *http.Request, names alias.Names) {
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
	if target.RawPath == "" && strings.IndexByte(target.Path, ';') < 0 && strings.IndexByte(target.Path, '%') < 0 {
		return // nor does one appear when the path is escaped
	}
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
