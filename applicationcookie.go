package jwtsession

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// endsSession says whether a response of the application changes or deletes a session cookie of the request: the session
// that the request came with is then over for us. A Set-Cookie that repeats the value is no event.
func endsSession(names validator.SessionCookies, sent validator.Cookies, header http.Header, now time.Time) bool {
	for _, line := range header["Set-Cookie"] {
		cookie := readSetCookie(line)
		if names.Match(cookie.name) && (cookie.deleted(now) || !sentSame(sent, cookie)) {
			return true
		}
	}
	return false
}

// cookiesAfter returns the session cookies that the browser has after the response, and whether the response gives any of
// them a new value. Where the cookies that came were kept from the application, only the new ones count.
func cookiesAfter(
	names validator.SessionCookies, sent validator.Cookies, header http.Header, hidden bool, now time.Time,
) (after validator.Cookies, changed bool) {
	set := make(map[string]setCookie)
	for _, line := range header["Set-Cookie"] {
		if cookie := readSetCookie(line); names.Match(cookie.name) {
			set[cookie.name] = cookie
			changed = changed || !cookie.deleted(now) && !sentSame(sent, cookie)
		}
	}
	for _, cookie := range sent {
		if _, replaced := set[cookie.Name]; !replaced && !hidden && names.Match(cookie.Name) {
			after = append(after, cookie)
		}
	}
	for _, cookie := range set {
		if !cookie.deleted(now) {
			after = append(after, validator.Cookie{Name: cookie.name, Value: cookie.value})
		}
	}
	return after, changed
}

// sentSame says whether every cookie of that name in the request has the same value already.
func sentSame(sent validator.Cookies, cookie setCookie) bool {
	found := false
	for _, other := range sent {
		if other.Name == cookie.name {
			found = true
			if other.Value != cookie.value {
				return false
			}
		}
	}
	return found
}

// setCookie is what counts here of a Set-Cookie line.
type setCookie struct {
	name, value     string
	maxAge, expires string
}

// readSetCookie reads a Set-Cookie line as browsers do (RFC 6265 section 5.2): leniently, the last attribute that can be
// read counts, and the value as it stands. net/http would drop lines whose value it finds invalid, which the browser
// takes.
func readSetCookie(line string) setCookie {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, _ := strings.Cut(pair, "=")
	cookie := setCookie{name: trim(name), value: trim(value)}
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		switch value = trim(value); strings.ToLower(trim(name)) {
		case "max-age":
			if isMaxAge(value) {
				cookie.maxAge = value
			}
		case "expires":
			if _, ok := parseCookieDate(value); ok {
				cookie.expires = value
			}
		}
	}
	return cookie
}

// deleted says whether the line takes the cookie from the browser. Max-Age counts before Expires.
func (c setCookie) deleted(now time.Time) bool {
	if c.maxAge != "" {
		return c.maxAge[0] == '-' || strings.Trim(c.maxAge, "0") == ""
	}
	if expires, ok := parseCookieDate(c.expires); ok {
		return !expires.After(now)
	}
	return false
}

// isMaxAge says whether the text is a number of seconds, of whatever length (RFC 6265 section 5.2.2).
func isMaxAge(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

func trim(text string) string { return strings.Trim(text, " \t") }
