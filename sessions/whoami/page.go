package whoami

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// DefaultMaxBody is the greatest number of bytes in a decoded answer, unless another one is configured.
const DefaultMaxBody = 1 << 20

// maxUserID is the longest user id in bytes, whatever pattern allows more.
const maxUserID = 256

// Page reads the page of an application that names the user. Every outcome of the zero value is [CouldNotTell]. A Page must
// not be changed while it is in use. [Page.Read] is safe for concurrent use.
type Page struct {
	// User finds the user id.
	User Extractor
	// Nobody holds the values of User that stand for nobody.
	Nobody []string
	// Pattern is the pattern of user ids.
	Pattern Pattern
	// Attributes finds the attributes, by name.
	Attributes map[string]Extractor
	// MaxBody is the greatest number of bytes in the decoded answer.
	MaxBody int
	// Rolling reports whether the application changes the session cookies with every answer. Otherwise, the outcome of an
	// answer that names a user and changes a session cookie is [CouldNotTell].
	Rolling bool
}

// Pattern is which user ids are possible. They always have 1 to 256 bytes of visible ASCII. The zero value demands nothing
// else.
type Pattern struct{ whole *regexp.Regexp }

// ParsePattern parses a regular expression in Go's syntax that the whole of a user id must match.
func ParsePattern(expression string) (Pattern, error) {
	// First as it is: wrapping must not give a sense to what has none, such as "a)|(b".
	if _, err := regexp.Compile(expression); err != nil {
		return Pattern{}, fmt.Errorf("parsing pattern: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:` + expression + `)\z`)
	if err != nil {
		return Pattern{}, fmt.Errorf("parsing pattern %q: %w", expression, err)
	}
	return Pattern{whole: whole}, nil
}

// Match reports whether the text can be a user id.
func (p Pattern) Match(user string) bool {
	return user != "" && len(user) <= maxUserID && isVisibleASCII(user) && (p.whole == nil || p.whole.MatchString(user))
}

func isVisibleASCII(text string) bool {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return true
}

// Read returns what an answer means. It depends on its arguments alone.
//
// The function changed is called with the Set-Cookie lines of an answer that names a user, unless the page is rolling. It
// returns the names of the session cookies that the lines change. It may be nil.
func (p *Page) Read(answer Answer, changed func(setCookies []string) []string) Outcome {
	if answer.Failure != "" {
		return CouldNotTell{Reason: answer.Failure}
	}
	if answer.Status == http.StatusMovedPermanently || answer.Status == http.StatusPermanentRedirect {
		return CouldNotTell{Reason: MovedPermanently, Location: answer.location()}
	}
	if reason := checkFreshness(answer); reason != "" {
		return CouldNotTell{Reason: reason}
	}
	switch answer.Status {
	case http.StatusOK:
		return p.readPage(answer, changed)
	case http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect:
		return Nobody{Reason: Redirected}
	case http.StatusUnauthorized, http.StatusForbidden:
		return Nobody{Reason: Refused}
	case http.StatusNotFound:
		return Nobody{Reason: NotFound}
	case 0:
		return CouldNotTell{Reason: NoHandler}
	default:
		return CouldNotTell{Reason: UnexpectedStatus}
	}
}

func (p *Page) readPage(answer Answer, changed func(setCookies []string) []string) Outcome {
	if p.User == nil {
		return CouldNotTell{Reason: NotConfigured}
	}
	if isTruncated(answer) {
		return CouldNotTell{Reason: Truncated}
	}
	body, reason := decodeBody(answer.Header, answer.Body, p.MaxBody)
	if reason != "" {
		return CouldNotTell{Reason: reason}
	}
	page := &document{header: answer.Header, body: body}
	user, reason := p.User.user(page)
	switch {
	case reason != "":
		return CouldNotTell{Reason: reason}
	case user == "":
		return Nobody{Reason: NoMatch}
	case slices.Contains(p.Nobody, user):
		return Nobody{Reason: NobodyValue}
	case !p.Pattern.Match(user):
		return CouldNotTell{Reason: BadUserID}
	}
	if setCookies := answer.Header["Set-Cookie"]; changed != nil && !p.Rolling && len(setCookies) > 0 {
		if names := changed(setCookies); len(names) > 0 {
			return CouldNotTell{Reason: ChangesSession, Cookies: names}
		}
	}
	return Identified{User: user, Attributes: p.readAttributes(page)}
}

func (p *Page) readAttributes(page *document) sessions.Attributes {
	if len(p.Attributes) == 0 {
		return nil
	}
	attributes := make(sessions.Attributes, len(p.Attributes))
	for name, extractor := range p.Attributes {
		attributes[name] = extractor.attribute(page)
	}
	return attributes
}

// isTruncated reports whether the body is not as long as announced (RFC 9110 section 8.6). A part of a page may lack the
// second match that makes it ambiguous.
func isTruncated(answer Answer) bool {
	for _, line := range answer.Header["Content-Length"] {
		if length, err := strconv.Atoi(line); err != nil || length != len(answer.Body) {
			return true
		}
	}
	return false
}
