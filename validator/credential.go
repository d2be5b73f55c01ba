package validator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Presence says whether a credential came with a request. The zero value is one that came but can't be used.
type Presence uint8

const (
	// Unusable: something came, but not one clear credential.
	Unusable Presence = iota
	// Absent: nothing came.
	Absent
	// Present: exactly one credential came.
	Present
)

// TokenCredential is the token that came with a request, not verified yet.
type TokenCredential struct {
	Presence Presence

	text string
}

// ReadToken reads the token from the cookie of the given name. Two cookies with different values are unusable, the same
// value twice is one token, and an empty value is none.
func ReadToken(cookies Cookies, name string) TokenCredential {
	text, presence := only(cookies, func(candidate string) bool { return candidate == name })
	return TokenCredential{Presence: presence, text: text.Value}
}

// SessionCredential is the session id that came with a request.
type SessionCredential struct {
	Presence Presence
	// Reason says why the credential is unusable: [SessionIncomplete] or [SessionAmbiguous].
	Reason Reason
	// Hash is the SHA-256 of the session id, where one is present.
	Hash sessions.Hash

	id string
}

// SessionCookies are the names of the cookies that carry a session together. The zero value matches nothing.
type SessionCookies struct {
	names []string
}

// NewSessionCookies checks the names. One that ends in * stands for exactly one cookie whose name begins so.
func NewSessionCookies(names ...string) (SessionCookies, error) {
	if len(names) == 0 {
		return SessionCookies{}, fmt.Errorf("reading session cookies: no name given")
	}
	for i, name := range names {
		literal := strings.TrimSuffix(name, "*")
		if literal == "" || !isCookieName(literal) {
			return SessionCookies{}, fmt.Errorf(
				"reading session cookies: %q is no cookie name (RFC 6265 section 4.1.1), nor one followed by *", name)
		}
		for _, other := range names[:i] {
			if nameMatches(other, literal) || nameMatches(name, strings.TrimSuffix(other, "*")) {
				return SessionCookies{}, fmt.Errorf("reading session cookies: %q and %q can be the same cookie", other, name)
			}
		}
	}
	return SessionCookies{names: slices.Clone(names)}, nil
}

// Names returns the configured names, patterns as they were given.
func (c SessionCookies) Names() []string { return slices.Clone(c.names) }

// Match says whether a cookie of this name belongs to the set.
func (c SessionCookies) Match(name string) bool {
	return slices.ContainsFunc(c.names, func(pattern string) bool { return nameMatches(pattern, name) })
}

// Read reads the session id from a request's cookies: the value where the set has one cookie, else the cookies as
// name=value lines in the configured order. Values are taken as they stand. An empty value counts as no cookie.
func (c SessionCookies) Read(cookies Cookies) SessionCredential {
	found := make([]Cookie, 0, 4)
	for _, pattern := range c.names {
		cookie, presence := only(cookies, func(name string) bool { return nameMatches(pattern, name) })
		switch presence {
		case Present:
			found = append(found, cookie)
		case Absent:
		default:
			return SessionCredential{Presence: Unusable, Reason: SessionAmbiguous}
		}
	}
	switch len(found) {
	case 0:
		return SessionCredential{Presence: Absent}
	case len(c.names):
		id := joinSessionID(found)
		return SessionCredential{Presence: Present, Hash: sessions.HashOf(id), id: id}
	default:
		return SessionCredential{Presence: Unusable, Reason: SessionIncomplete}
	}
}

// HashOf returns the hash of the session that has these cookie values, by name: what [SessionCookies.Read] finds when a
// request brings them.
func (c SessionCookies) HashOf(values map[string]string) (sessions.Hash, error) {
	cookies := make(Cookies, 0, len(values))
	for name, value := range values {
		if !c.Match(name) {
			return sessions.Hash{}, fmt.Errorf("reading session cookies: there is none of that name; the session has %s",
				strings.Join(c.names, ", "))
		}
		if value != strings.Trim(value, " \t") || strings.ContainsAny(value, ";\r\n") {
			return sessions.Hash{}, fmt.Errorf("reading session cookies: a value holds what no cookie can hold")
		}
		cookies = append(cookies, Cookie{Name: name, Value: value})
	}
	session := c.Read(cookies)
	if session.Presence != Present {
		return sessions.Hash{}, fmt.Errorf("reading session cookies: want exactly one value for each of %s",
			strings.Join(c.names, ", "))
	}
	return session.Hash, nil
}

func joinSessionID(cookies []Cookie) string {
	if len(cookies) == 1 {
		return cookies[0].Value
	}
	lines := make([]string, len(cookies))
	for i, cookie := range cookies {
		lines[i] = cookie.Name + "=" + cookie.Value
	}
	return strings.Join(lines, "\n")
}

// only returns the one cookie whose name matches. Two with the same name and value are one; two that differ in either
// are unusable, since the application may choose another than we would.
func only(cookies Cookies, match func(name string) bool) (Cookie, Presence) {
	var result Cookie
	for _, cookie := range cookies {
		if !match(cookie.Name) {
			continue
		}
		if result.Name != "" && result != cookie {
			return Cookie{}, Unusable
		}
		result = cookie
	}
	if result.Value == "" {
		return Cookie{}, Absent
	}
	return result, Present
}

func nameMatches(pattern, name string) bool {
	if prefix, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// isCookieName says whether the text is a token as RFC 9110 section 5.6.2 has it, which is what names a cookie.
func isCookieName(text string) bool {
	for i := range len(text) {
		char := text[i]
		if char <= ' ' || char >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, char) >= 0 {
			return false
		}
	}
	return text != ""
}
