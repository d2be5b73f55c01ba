package validator

import (
	"fmt"
	"log/slog"
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

// word returns unusable, absent or present.
func (p Presence) word() string {
	switch p {
	case Absent:
		return "absent"
	case Present:
		return "present"
	default:
		return "unusable"
	}
}

// TokenCredential is the token that came with a request, not verified yet. No text form of it shows the token.
type TokenCredential struct {
	Presence Presence

	// A pointer, which fmt does not follow where it meets the credential inside of another type.
	text *string
}

// raw returns the token as it came.
func (c TokenCredential) raw() string {
	if c.text == nil {
		return ""
	}
	return *c.text
}

// String returns the presence alone.
func (c TokenCredential) String() string { return "token " + c.Presence.word() }

// Format writes the presence alone, whatever the verb.
func (c TokenCredential) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(c.String())) }

// LogValue returns the presence alone.
func (c TokenCredential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ReadToken reads the token from the cookie of the given name. Two cookies with different values are unusable, the same
// value twice is one token, and an empty value is none.
func ReadToken(cookies Cookies, name string) TokenCredential {
	cookie, presence := only(cookies, func(candidate string) bool { return candidate == name })
	if presence != Present {
		return TokenCredential{Presence: presence}
	}
	return TokenCredential{Presence: Present, text: &cookie.Value}
}

// TokenOf returns the credential that is this one token. An empty text is none.
func TokenOf(text string) TokenCredential {
	if text == "" {
		return TokenCredential{Presence: Absent}
	}
	return TokenCredential{Presence: Present, text: &text}
}

// TokenOfHeader returns the token that is the whole value of a header with these lines. Lines that differ are unusable,
// since another reader may choose another one.
func TokenOfHeader(lines []string) TokenCredential {
	for i, line := range lines {
		if i > 0 && line != lines[0] {
			return TokenCredential{Presence: Unusable}
		}
	}
	if len(lines) == 0 {
		return TokenCredential{Presence: Absent}
	}
	return TokenOf(strings.Trim(lines[0], " \t"))
}

// TokenOfBearer returns the token that a request's Authorization lines bring by the scheme Bearer (RFC 6750 section 2.1).
// Another scheme alone brings none; beside a token it makes that unusable, as lines that differ do.
func TokenOfBearer(lines []string) TokenCredential {
	if !slices.ContainsFunc(lines, func(line string) bool { _, isBearer := CutBearer(line); return isBearer }) {
		return TokenCredential{Presence: Absent}
	}
	credential := TokenOfHeader(lines)
	if credential.Presence != Present {
		return credential
	}
	text, _ := CutBearer(credential.raw())
	return TokenOf(text)
}

// SessionCredential is the session id that came with a request. No text form of it shows the id.
type SessionCredential struct {
	Presence Presence
	// Reason says why the credential is unusable: [SessionIncomplete], [SessionAmbiguous], [SessionTooShort] or
	// [SessionMalformed].
	Reason Reason
	// Hash is the SHA-256 of the session id, where one is present.
	Hash sessions.Hash

	// A pointer, which fmt does not follow where it meets the credential inside of another type.
	id *string
}

// raw returns the session id.
func (c SessionCredential) raw() string {
	if c.id == nil {
		return ""
	}
	return *c.id
}

// String returns the presence, and the reason where there is one.
func (c SessionCredential) String() string {
	if c.Reason != "" {
		return "session " + c.Presence.word() + ": " + string(c.Reason)
	}
	return "session " + c.Presence.word()
}

// Format writes what String returns, whatever the verb.
func (c SessionCredential) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(c.String())) }

// LogValue returns what String returns.
func (c SessionCredential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// SessionCookies are the names of the cookies that carry a session together. The zero value matches nothing.
type SessionCookies struct {
	names []string
	rules SessionRules
}

// NewSessionCookies checks the names. One that ends in * stands for exactly one cookie whose name begins so, one that ends
// in ** for all of them, at least one. The values must be as the zero [SessionRules] want them.
func NewSessionCookies(names ...string) (SessionCookies, error) {
	if len(names) == 0 {
		return SessionCookies{}, fmt.Errorf("reading session cookies: no name given")
	}
	for i, name := range names {
		literal := literalOf(name)
		if !isCookieName(literal) || literal != name && strings.HasSuffix(literal, "*") {
			return SessionCookies{}, fmt.Errorf(
				"reading session cookies: %q is no cookie name (RFC 6265 section 4.1.1), nor one followed by * or **", name)
		}
		for _, other := range names[:i] {
			if nameMatches(other, literal) || nameMatches(name, literalOf(other)) {
				return SessionCookies{}, fmt.Errorf("reading session cookies: %q and %q can be the same cookie", other, name)
			}
		}
	}
	return SessionCookies{names: slices.Clone(names)}, nil
}

// WithRules returns the same cookies, whose values must be as the rules want them.
func (c SessionCookies) WithRules(rules SessionRules) SessionCookies {
	c.rules = rules
	return c
}

// Check returns why the values are no session id, and nothing where they are one.
func (c SessionCookies) Check(values ...string) Reason { return c.rules.Check(values...) }

// Names returns the configured names, patterns as they were given.
func (c SessionCookies) Names() []string { return slices.Clone(c.names) }

// Single returns the name of the one cookie that carries a session, and false where there are several, or a pattern.
func (c SessionCookies) Single() (string, bool) {
	if len(c.names) != 1 || strings.HasSuffix(c.names[0], "*") {
		return "", false
	}
	return c.names[0], true
}

// Match says whether a cookie of this name belongs to the set.
func (c SessionCookies) Match(name string) bool {
	return slices.ContainsFunc(c.names, func(pattern string) bool { return nameMatches(pattern, name) })
}

// Read reads the session id from a request's cookies: the value where the set has one cookie, else the cookies as
// name=value lines in the configured order. A set with a ** name is always written as lines, also where one cookie came,
// since the names are not known otherwise; the cookies of such a name are in the order of their names. Values are taken as
// they stand. An empty value counts as no cookie. Values that the rules refuse are no session id.
func (c SessionCookies) Read(cookies Cookies) SessionCredential {
	found, missing := make([]*Cookie, 0, 4), false
	for _, pattern := range c.names {
		if isChunked(pattern) {
			before := len(found)
			var isClear bool
			if found, isClear = appendChunks(found, cookies, pattern); !isClear {
				return SessionCredential{Presence: Unusable, Reason: SessionAmbiguous}
			}
			missing = missing || len(found) == before
			continue
		}
		cookie, presence := only(cookies, func(name string) bool { return nameMatches(pattern, name) })
		switch presence {
		case Present:
			found = append(found, cookie)
		case Absent:
			missing = true
		default:
			return SessionCredential{Presence: Unusable, Reason: SessionAmbiguous}
		}
	}
	switch {
	case len(found) == 0:
		return SessionCredential{Presence: Absent}
	case missing:
		return SessionCredential{Presence: Unusable, Reason: SessionIncomplete}
	}
	if reason := c.rules.check(found); reason != "" {
		return SessionCredential{Presence: Unusable, Reason: reason}
	}
	id := c.join(found)
	return SessionCredential{Presence: Present, Hash: sessions.HashOf(*id), id: id}
}

// maxCandidates is how many sessions one request's cookies are taken apart into.
const maxCandidates = 32

// Candidates returns the hashes of the sessions that the cookies could stand for where [SessionCookies.Read] does not choose
// among them: the application may choose any. They are no more than a few dozen, however many cookies came.
func (c SessionCookies) Candidates(cookies Cookies) []sessions.Hash {
	chosen := [][]*Cookie{nil}
	for _, alternatives := range c.alternatives(cookies) {
		var longer [][]*Cookie
		for _, cookie := range alternatives {
			for _, before := range chosen {
				if len(longer) < maxCandidates {
					longer = append(longer, append(slices.Clone(before), cookie))
				}
			}
		}
		chosen = longer
	}
	hashes := make([]sessions.Hash, 0, len(chosen))
	for _, one := range chosen {
		hashes = append(hashes, sessions.HashOf(*c.join(one)))
	}
	return hashes
}

// alternatives returns for each cookie that a session has those that it could be.
func (c SessionCookies) alternatives(cookies Cookies) [][]*Cookie {
	var all [][]*Cookie
	for _, pattern := range c.names {
		var matching []*Cookie
		for i := range cookies {
			if nameMatches(pattern, cookies[i].Name) && cookies[i].Value != "" {
				matching = append(matching, &cookies[i])
			}
		}
		if !isChunked(pattern) || len(matching) == 0 {
			all = append(all, matching)
			continue
		}
		slices.SortStableFunc(matching, func(a, b *Cookie) int { return strings.Compare(a.Name, b.Name) })
		for len(matching) > 0 {
			next := slices.IndexFunc(matching, func(cookie *Cookie) bool { return cookie.Name != matching[0].Name })
			if next < 0 {
				next = len(matching)
			}
			all, matching = append(all, matching[:next]), matching[next:]
		}
	}
	return all
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
		if !isScanned(name) || strings.Contains(name, "=") || !isScanned(value) {
			return sessions.Hash{}, fmt.Errorf("reading session cookies: a name or value holds what no cookie can hold")
		}
		cookies = append(cookies, Cookie{Name: name, Value: value})
	}
	session := c.Read(cookies)
	if session.Reason == SessionTooShort || session.Reason == SessionMalformed {
		return sessions.Hash{}, fmt.Errorf("reading session cookies: %s", c.rules.explain(session.Reason))
	}
	if session.Presence != Present {
		return sessions.Hash{}, fmt.Errorf("reading session cookies: want exactly one value for each of %s",
			strings.Join(c.names, ", "))
	}
	return session.Hash, nil
}

// isScanned says whether [ScanCookies] can have returned the text as a name or a value.
func isScanned(text string) bool {
	return text == strings.Trim(text, " \t") && !strings.ContainsAny(text, ";\r\n")
}

// joinsLines reports whether a session id is name=value lines, and not one value.
func (c SessionCookies) joinsLines() bool {
	return len(c.names) > 1 || len(c.names) == 1 && isChunked(c.names[0])
}

func (c SessionCookies) join(cookies []*Cookie) *string {
	if len(cookies) == 1 && !c.joinsLines() {
		return &cookies[0].Value
	}
	lines := make([]string, len(cookies))
	for i, cookie := range cookies {
		lines[i] = cookie.Name + "=" + cookie.Value
	}
	id := strings.Join(lines, "\n")
	return &id
}

// only returns the one cookie whose name matches, and nil where it is not present. Two with the same name and value are
// one; two that differ in either are unusable, since the application may choose another than we would.
func only(cookies Cookies, match func(name string) bool) (*Cookie, Presence) {
	var result *Cookie
	for i := range cookies {
		cookie := &cookies[i]
		if !match(cookie.Name) {
			continue
		}
		if result != nil && *result != *cookie {
			return nil, Unusable
		}
		result = cookie
	}
	if result == nil || result.Value == "" {
		return nil, Absent
	}
	return result, Present
}

func nameMatches(pattern, name string) bool {
	literal := literalOf(pattern)
	if len(literal) == len(pattern) {
		return pattern == name
	}
	return strings.HasPrefix(name, literal)
}

// literalOf returns a configured name without the stars that make it a pattern.
func literalOf(pattern string) string {
	if literal, isChunked := strings.CutSuffix(pattern, chunkMark); isChunked {
		return literal
	}
	return strings.TrimSuffix(pattern, "*")
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
