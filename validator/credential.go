package validator

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Presence tells whether a credential came with a request. The zero value is [Unusable].
type Presence uint8

const (
	// Unusable means that something came, but not one clear credential.
	Unusable Presence = iota
	// Absent means that nothing came.
	Absent
	// Present means that exactly one credential came.
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

// TokenCredential is the token that came with a request, before it is verified. No text form of it shows the token.
type TokenCredential struct {
	// Presence tells whether a token came.
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

// ReadToken reads the token from the cookie of the given name. Two cookies with different values are unusable. The same
// value twice is one token. An empty value is no token.
func ReadToken(cookies Cookies, name string) TokenCredential {
	cookie, presence := only(cookies, func(candidate string) bool { return candidate == name })
	if presence != Present {
		return TokenCredential{Presence: presence}
	}
	return TokenCredential{Presence: Present, text: &cookie.Value}
}

// TokenOf returns the credential of one token. An empty text is no token.
func TokenOf(text string) TokenCredential {
	if text == "" {
		return TokenCredential{Presence: Absent}
	}
	return TokenCredential{Presence: Present, text: &text}
}

// TokenOfHeader returns the token that is the whole value of a header with these lines. Lines that differ are unusable,
// since another reader may choose another line.
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

// TokenOfBearer returns the token in the Authorization lines of a request, by the scheme Bearer (RFC 6750 section 2.1). A
// line of another scheme holds no token. Lines that differ, also by their scheme, are unusable if one of them is a Bearer.
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
	// Presence tells whether a session id came.
	Presence Presence
	// Reason is why the credential is unusable: [SessionIncomplete], [SessionAmbiguous], [SessionTooShort] or
	// [SessionMalformed].
	Reason Reason
	// Hash is the SHA-256 of the session id if one is present.
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

// String returns the presence and the reason, if there is one.
func (c SessionCredential) String() string {
	if c.Reason != "" {
		return "session " + c.Presence.word() + ": " + string(c.Reason)
	}
	return "session " + c.Presence.word()
}

// Format writes the text that String returns, whatever the verb.
func (c SessionCredential) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(c.String())) }

// LogValue returns the text that String returns.
func (c SessionCredential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// SessionCookies holds the names of the cookies that carry a session together. The zero value matches nothing.
type SessionCookies struct {
	names []string
	rules SessionRules
}

// NewSessionCookies returns the session cookies of these names. A name that ends in * stands for exactly one cookie whose
// name begins so. A name that ends in ** stands for all such cookies, at least one. NewSessionCookies returns an error for a
// name that is no cookie name, and for two names that can be the same cookie. The rules for the values are the zero
// [SessionRules].
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

// WithRules returns the same cookies with the given rules for their values.
func (c SessionCookies) WithRules(rules SessionRules) SessionCookies {
	c.rules = rules
	return c
}

// Check returns why the values are no session id. It returns an empty reason if they are one.
func (c SessionCookies) Check(values ...string) Reason { return c.rules.Check(values...) }

// Names returns the configured names, with patterns as they were given.
func (c SessionCookies) Names() []string { return slices.Clone(c.names) }

// Single returns the name of the one cookie that carries a session, and false if there are several names or a pattern.
func (c SessionCookies) Single() (string, bool) {
	if len(c.names) != 1 || strings.HasSuffix(c.names[0], "*") {
		return "", false
	}
	return c.names[0], true
}

// Match reports whether a cookie of this name belongs to the set.
func (c SessionCookies) Match(name string) bool {
	return slices.ContainsFunc(c.names, func(pattern string) bool { return nameMatches(pattern, name) })
}

// Read reads the session id from the cookies of a request. If the set has one cookie, the id is its value. Otherwise the id
// is the cookies as name=value lines, in the configured order. A set with a ** name is always written as lines, even if one
// cookie came, since the names are not known otherwise. The cookies of such a name are in the order of their names. Values
// are not decoded. An empty value counts as no cookie. Values that the rules refuse are no session id.
func (c SessionCookies) Read(cookies Cookies) SessionCredential { return c.ReadBeside(cookies, nil) }

// ReadBeside is like [SessionCookies.Read] and returns the same. It is cheaper beside a token that is bound to the session id
// that came: the hash of that is known. The claims may be nil.
func (c SessionCookies) ReadBeside(cookies Cookies, token *Claims) SessionCredential {
	found, missing := make([]*Cookie, 0, 4), false
	for _, pattern := range c.names {
		if isChunked(pattern) {
			chunks, isClear := appendChunks(found, cookies, pattern)
			if !isClear {
				return SessionCredential{Presence: Unusable, Reason: SessionAmbiguous}
			}
			missing = missing || len(chunks) == len(found)
			found = chunks
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
	return SessionCredential{Presence: Present, Hash: token.hashOf(*id), id: id}
}

// maxCandidates is how many candidates one request has at most.
const maxCandidates = 32

// Candidates returns the hashes of the sessions that ambiguous cookies can stand for. [SessionCookies.Read] does not choose
// among them, but the application may choose any. There are at most a few dozen of them, however many cookies came.
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

// alternatives returns, for each cookie of a session, the cookies that it can be.
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

// HashOf returns the hash of the session that has these cookie values, by name. It is the hash that [SessionCookies.Read]
// returns for a request with these cookies. HashOf returns an error if that is not exactly one session. No error repeats a
// value.
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

// isScanned reports whether [ScanCookies] can return the text as a name or a value.
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

// only returns the one cookie whose name matches, and nil if it is not present. Two cookies with the same name and value are
// one. Two cookies that differ in either are unusable, since the application may choose another one than we would.
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

// isCookieName reports whether the text can name a cookie: whether it is a token as defined in RFC 9110 section 5.6.2.
func isCookieName(text string) bool {
	for i := range len(text) {
		char := text[i]
		if char <= ' ' || char >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, char) >= 0 {
			return false
		}
	}
	return text != ""
}
