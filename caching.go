package jwtsession

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mayCarryCookie says whether our cookie may ride on a response of the application. A response that a shared cache may
// store would hand one user's token to the next (RFC 9111 section 7.3); an answer in part or a 304 changes what is
// stored already; and an error is no place to be signed in.
func mayCarryCookie(status int, header http.Header, now time.Time) bool {
	switch {
	case status < 200, status >= 400, status == http.StatusPartialContent, status == http.StatusNotModified:
		return false
	}
	return !sharedCacheMayStore(header, now)
}

// sharedCacheMayStore says whether the application told shared caches that they may store the response, or for how long
// it is fresh without keeping it private.
func sharedCacheMayStore(header http.Header, now time.Time) bool {
	for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control"} {
		if directives := parseCacheControl(header.Values(name)); len(directives) > 0 && !directives.keepsOut() {
			return true
		}
	}
	directives := parseCacheControl(header.Values("Cache-Control"))
	switch {
	case directives.keepsOut():
		return false
	case directives.has("public"), directives.has("s-maxage"), directives.has("immutable"):
		return true
	case directives.has("max-age"):
		return !directives.isZero("max-age")
	}
	return expiresLater(header, now)
}

// expiresLater says whether Expires is in the future. A date that can't be read means that the response is stale
// already (RFC 9111 section 5.3).
func expiresLater(header http.Header, now time.Time) bool {
	text := header.Get("Expires")
	if text == "" {
		return false
	}
	expires, err := http.ParseTime(text)
	if err != nil {
		return false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return expires.After(now)
}

// keepPrivate adds what keeps a response with our cookie out of shared caches, and tells those that look no further than
// the URL that it depends on the cookie.
func keepPrivate(header http.Header) {
	if !parseCacheControl(header.Values("Cache-Control")).keepsOut() {
		header.Add("Cache-Control", "private")
	}
	for _, line := range header.Values("Vary") {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return
			}
		}
	}
	header.Add("Vary", "Cookie")
}

// cacheControl are the directives of Cache-Control lines, in lower case, each with its values in the order given.
type cacheControl map[string][]string

// parseCacheControl reads directives (RFC 9111 section 5.2).
func parseCacheControl(lines []string) cacheControl {
	if len(lines) == 0 {
		return nil
	}
	directives := make(cacheControl)
	for _, line := range lines {
		for directive := range splitOutsideQuotes(line) {
			name, value, _ := strings.Cut(directive, "=")
			if name = strings.ToLower(textproto.TrimString(name)); name != "" {
				directives[name] = append(directives[name], strings.Trim(value, " \t\""))
			}
		}
	}
	return directives
}

// splitOutsideQuotes splits at the commas that are not inside of a quoted string.
func splitOutsideQuotes(line string) func(func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := range len(line) {
			switch {
			case line[i] == '"' && (i == 0 || line[i-1] != '\\'):
				quoted = !quoted
			case line[i] == ',' && !quoted:
				if !yield(line[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(line[start:])
	}
}

func (c cacheControl) has(name string) bool { return len(c[name]) > 0 }

// keepsOut says whether shared caches must not store the response. private with field names keeps only these out.
func (c cacheControl) keepsOut() bool {
	return c.has("no-store") || slices.Contains(c["private"], "")
}

// isZero says whether every value of the directive is the number 0.
func (c cacheControl) isZero(name string) bool {
	for _, value := range c[name] {
		if seconds, err := strconv.Atoi(value); err != nil || seconds != 0 {
			return false
		}
	}
	return true
}
