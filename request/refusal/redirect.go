package refusal

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/idna"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/urlpath"
)

// checkRedirect checks what does not depend on the request. A path that does not begin with / leads from one page to the
// next, so that there is none that could pass always.
func checkRedirect(location string) error {
	if location == "" {
		return errors.New("redirect: which URL to?")
	}
	if strings.ContainsAny(location, "\r\n") {
		return errors.New("redirect: the URL holds a line break")
	}
	if strings.ContainsAny(location, mask+pathMask) {
		return errors.New("redirect: the URL holds a zero byte or another control character")
	}
	base, _, _ := strings.Cut(location, "?")
	if !slices.ContainsFunc([]string{"/", "{", "http://", "https://"}, func(prefix string) bool {
		return strings.HasPrefix(strings.ToLower(base), prefix)
	}) {
		return fmt.Errorf("redirect %s: want an http or https URL, or a path that begins with /", location)
	}
	if _, err := url.Parse(base); err != nil && !strings.Contains(base, "{") {
		return fmt.Errorf("redirect %s: not a URL", location)
	}
	if splitTarget(location).canBeAnywhere() {
		return fmt.Errorf("redirect %s: the path depends on the request and could be its own, which passes always; "+
			"write a fixed path, such as /login, and put what depends on the request behind the ?", location)
	}
	return nil
}

// redirectTarget is the template of a redirect without its query, taken apart before placeholders are filled in.
type redirectTarget struct {
	origin string // scheme and host; empty: the path is on the host that the request is for
	path   string
}

// A placeholder may have slashes and question marks in its name, so that a template is split between placeholders only.
var placeholderPattern = regexp.MustCompile(`\{[^{}]*\}`)

// splitTarget takes a template apart.
func splitTarget(template string) redirectTarget {
	names := placeholderPattern.FindAllString(template, -1)
	masked := placeholderPattern.ReplaceAllStringFunc(template, func(name string) string {
		if strings.HasSuffix(name, "uri.prefixed_query}") {
			return "?" + mask // it is empty, or begins with the question mark
		}
		switch name {
		case "{http.request.uri}", "{http.request.uri.path}", "{http.request.orig_uri}", "{http.request.orig_uri.path}":
			return pathMask
		}
		return mask
	})
	if end := strings.IndexAny(masked, "?#"); end >= 0 {
		masked = masked[:end]
	}
	begin := 0
	if scheme, _, hasScheme := strings.Cut(masked, "://"); hasScheme {
		begin = len(scheme) + len("://")
	} else if strings.HasPrefix(masked, "//") {
		begin = len("//")
	}
	split := begin
	if begin > 0 {
		if slash := strings.IndexAny(masked[begin:], "/"+pathMask); slash >= 0 {
			split += slash
		} else {
			split = len(masked)
		}
	}
	count := strings.Count(masked[:split], mask) // none begins with a slash
	return redirectTarget{
		origin: unmask(masked[:split], names[:count]),
		path:   unmask(masked[split:], names[count:]),
	}
}

// mask stands for a placeholder. No URL may hold it.
const mask = "\x00"

// pathMask stands for one that begins with a slash.
const pathMask = "\x01"

func unmask(masked string, names []string) string {
	for _, name := range names {
		if at := strings.IndexAny(masked, mask+pathMask); at >= 0 {
			masked = masked[:at] + name + masked[at+1:]
		}
	}
	return masked
}

// canBeAnywhere reports whether the target could be the very request that is sent to it: its path depends on the request,
// and its host is that of the request or depends on it too.
func (t redirectTarget) canBeAnywhere() bool {
	if t.origin == "" || isFixed(t.origin) {
		return t.origin == "" && !isFixed(t.path)
	}
	return !isFixed(t.path) || slices.ContainsFunc(placeholderPattern.FindAllString(t.origin, -1), func(name string) bool {
		return t.path == "" && !isHost(name) || strings.HasPrefix(name, "{http.request.uri") || strings.HasPrefix(name, "{http.request.orig_uri")
	})
}

// isHost reports whether the placeholder can be nothing but a part of scheme and host.
func isHost(placeholder string) bool {
	return isFixed(placeholder) || strings.HasPrefix(placeholder, "{http.request.host.labels.") || slices.Contains([]string{
		"{http.request.host}", "{http.request.hostport}", "{http.request.port}", "{http.request.scheme}",
		"{http.request.tls.server_name}", "{http.request.local.host}", "{http.request.local.port}",
	}, placeholder)
}

// isFixed reports whether no request has a say in what the template becomes.
func isFixed(template string) bool {
	return !slices.ContainsFunc(placeholderPattern.FindAllString(template, -1), func(name string) bool {
		return !slices.ContainsFunc([]string{"{env.", "{file.", "{system."}, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
	})
}

// own returns the address whose path passes always, or nothing where the path is not fixed. A placeholder of the host is
// nothing but a host: it can't bring a path along.
func (t redirectTarget) own(repl *caddy.Replacer) string {
	asItIs := func(_, value string) string { return value }
	if !isFixed(t.path) {
		return ""
	}
	if t.origin == "" {
		return expand(t.path, repl, asItIs)
	}
	origin := expand(t.origin, repl, asItIs)
	if _, host, _ := strings.Cut(origin, "//"); strings.ContainsAny(host, `/\?#@`) {
		return ""
	}
	return origin + cmp.Or(expand(t.path, repl, asItIs), "/")
}

// isAt reports whether the browser asks for the path of the address on this host: a sign-in page must be reachable. What
// counts is the path as it came, since handlers before this one may have rewritten it, and every reading of it.
func isAt(r *http.Request, address string) bool {
	target, err := url.Parse(address)
	if err != nil || address == "" || target.Host != "" && !isSameHost(target, r.Host) {
		return false
	}
	if target.Path == "" {
		target.Path = "/"
	}
	came := r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		came = original.URL
	}
	if came.Path != target.Path {
		return false
	}
	others, known := urlpath.Readings(came)
	return known && len(others) == 0 || came.EscapedPath() == target.EscapedPath() // it is spelled as we spell it
}

// isSameHost reports whether the host of the target is that of the request. A request whose host has no port came to a
// usual one; which one is not known behind another proxy.
func isSameHost(target *url.URL, requested string) bool {
	host, port := splitHost(requested)
	wantHost, wantPort := splitHost(target.Host)
	if host == "" || host != wantHost {
		return false
	}
	usual := []string{"80", "443"}
	switch strings.ToLower(target.Scheme) {
	case "http":
		usual = usual[:1]
	case "https":
		usual = usual[1:]
	}
	return port == wantPort || (port == "" || slices.Contains(usual, port)) && (wantPort == "" || slices.Contains(usual, wantPort))
}

// splitHost returns host and port as they compare: as browsers send the host, in lower case and without a final dot.
func splitHost(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]"), ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return host, port
}
