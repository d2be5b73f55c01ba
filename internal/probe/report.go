package probe

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Report is what a probe found.
type Report struct {
	Realm string `json:"realm"`
	// Page is the address that the visitor's request was for, URI is the whoami page as the handlers behind see it, and Rule is
	// where the user is, as the Caddyfile has it.
	Page string `json:"page"`
	URI  string `json:"uri"`
	Rule string `json:"rule"`
	// SessionCookies are the names that the configuration gives, Cookies those that were sent, and NotSent the others that were given.
	SessionCookies []string `json:"session_cookies"`
	Cookies        []Cookie `json:"cookies,omitempty"`
	NotSent        []Cookie `json:"cookies_not_sent,omitempty"`
	// NoSession is why the gateway takes no session from the cookies. It is empty if it does.
	NoSession string `json:"no_session,omitempty"`

	Without *Finding `json:"without_cookie"`
	With    *Finding `json:"with_cookie,omitempty"`
	SignOut *SignOut `json:"sign_out,omitempty"`
	Verdict Verdict  `json:"verdict"`

	timeout time.Duration
}

// Cookie is a cookie without its value.
type Cookie struct {
	Name    string `json:"name"`
	Length  int    `json:"length"`
	Removed bool   `json:"removed,omitempty"` // a line of Set-Cookie takes it from the browser
}

// Header is a line of a header.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The outcomes of a question.
const (
	User         = "user"
	Nobody       = "nobody"
	CouldNotTell = "could_not_tell"
)

// Finding is what became of one question.
type Finding struct {
	Status       int      `json:"status,omitempty"` // 0: there is no answer
	Headers      []Header `json:"headers,omitempty"`
	Sets         []Cookie `json:"sets_cookies,omitempty"`
	MayBeCached  bool     `json:"may_be_cached"` // a shared cache may give it to others
	Milliseconds float64  `json:"milliseconds"`
	// Outcome is what the answer means: user, nobody or could_not_tell. Reason is why, as the metrics and the log name it.
	Outcome string        `json:"outcome,omitempty"`
	Reason  whoami.Reason `json:"reason,omitempty"`
	User    string        `json:"user,omitempty"`
	// Attributes holds the attributes that the configuration reads, and whether the answer has them.
	Attributes map[string]bool `json:"attributes,omitempty"`
	// IsJSON reports whether the answer is JSON, and Paths are the places in it that hold a value.
	IsJSON bool     `json:"is_json"`
	Paths  []string `json:"paths,omitempty"`
	// Error is what a handler of the route said.
	Error string `json:"error,omitempty"`

	location string   // where a permanent redirect leads to, as the Caddyfile would have it
	changes  []string // session cookies that an answer with a user changes
	ids      []string // the paths that hold a text or a number
	body     string
	isHTML   bool
}

// SignOut is what a sign-out did.
type SignOut struct {
	Method  string   `json:"method"`
	URI     string   `json:"uri"`
	Answer  *Finding `json:"answer"`
	Changes []string `json:"changes_cookies,omitempty"` // of the session
	Shows   bool     `json:"shows_in_a_cookie"`
	Named   bool     `json:"named_by_forget_on"`
	Replay  *Finding `json:"replay,omitempty"` // of the old cookie, afterwards
}

// shownHeaders are the ones that matter. Set-Cookie and Location are shown without what may be secret.
var shownHeaders = []string{"Content-Type", "Cache-Control", "Expires", "Age", "Vary", "Location"}

// maxShown is the longest text of an answer that is shown.
const maxShown = 300

// secrets are the values of the cookies that were sent, as they are and as they are decoded, the longest ones first: one may be
// the beginning of another one.
type secrets []string

// add adds a value.
func (s *secrets) add(value string) {
	*s = append(*s, value)
	if decoded, err := url.QueryUnescape(value); err == nil && decoded != "" {
		*s = append(*s, decoded)
	}
	slices.SortStableFunc(*s, func(a, b string) int { return len(b) - len(a) })
}

// hide replaces each secret in a text.
func (s secrets) hide(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "[the cookie]")
	}
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return text
}

// describe returns the finding for one question. maxBody bounds the decoded answer.
func (s secrets) describe(tried question.Tried, maxBody int) *Finding {
	answer := tried.Answer
	found := &Finding{
		Status: answer.Status, Milliseconds: float64(tried.Took.Microseconds()) / 1000, Sets: setCookies(answer),
		MayBeCached: answer.Failure == "" && (len(answer.Header["Age"]) > 0 || caching.MayReuse(answer.Header, answer.Received)),
		body:        string(answer.Body),
	}
	for _, name := range shownHeaders {
		for _, line := range answer.Header[name] {
			if name == "Location" {
				line = withoutQuery(line)
			}
			found.Headers = append(found.Headers, Header{Name: name, Value: s.hide(line)})
		}
	}
	mediaType, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	found.isHTML = strings.Contains(strings.ToLower(mediaType), "html")
	paths, isJSON := whoami.Paths(answer, maxBody)
	found.IsJSON = isJSON
	for _, path := range paths {
		name := s.hide(path.Name)
		found.Paths = append(found.Paths, name)
		if (path.Kind == "text" || path.Kind == "number") && name == path.Name && name != "" {
			found.ids = append(found.ids, name)
		}
	}
	if tried.Err != nil {
		found.Error = s.hide(cause(tried.Err).Error())
	}
	s.explain(found, tried.Outcome)
	return found
}

// cause returns the error inside of one of Caddy's, which also names lines of code.
func cause(err error) error {
	if handler, ok := errors.AsType[caddyhttp.HandlerError](err); ok && handler.Err != nil {
		return cause(handler.Err)
	}
	return err
}

// explain writes the outcome into the finding.
func (s secrets) explain(found *Finding, outcome whoami.Outcome) {
	switch outcome := outcome.(type) {
	case whoami.Identified:
		found.Outcome, found.User = User, s.hide(outcome.User)
		for name, attribute := range outcome.Attributes {
			if found.Attributes == nil {
				found.Attributes = make(map[string]bool)
			}
			found.Attributes[name] = attribute.Present()
		}
	case whoami.Nobody:
		found.Outcome, found.Reason = Nobody, outcome.Reason
	case whoami.CouldNotTell:
		found.Outcome, found.Reason, found.location, found.changes = CouldNotTell, outcome.Reason, s.hide(outcome.Location), outcome.Cookies
	}
}

// setCookies returns the cookies that an answer sets, one for each line.
func setCookies(answer whoami.Answer) []Cookie {
	var set []Cookie
	for _, text := range answer.Header["Set-Cookie"] {
		line := cookie.ReadLine(text)
		set = append(set, Cookie{Name: line.Name, Length: len(line.Value), Removed: line.Removes(answer.Received)})
	}
	return set
}

// withoutQuery returns an address without its query and the parameters of its path, which may hold a session id.
func withoutQuery(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "(no address)"
	}
	segments := strings.Split(parsed.EscapedPath(), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	shown := strings.Join(segments, "/")
	if parsed.Host != "" {
		shown = parsed.Scheme + "://" + parsed.Host + shown
	}
	if parsed.RawQuery != "" {
		shown += "?…"
	}
	return shown
}

// header returns a line of the header that is shown.
func (f *Finding) header(name string) string {
	at := slices.IndexFunc(f.Headers, func(line Header) bool { return line.Name == name })
	if at < 0 {
		return ""
	}
	return f.Headers[at].Value
}
