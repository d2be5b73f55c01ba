package refusal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
)

// Rule says what to do with requests that have no signed-in user.
type Rule struct {
	// The requests that the rule is for. A path counts in every spelling that a server could take for it, with path
	// parameters, escapes, dot segments or doubled slashes: for `deny` and `redirect` if any reading of it matches, with a
	// final slash or without, for `pass` only if all readings do. Default: all.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// `deny` answers 401. `pass` lets the request go on without identity. `redirect` sends page navigations to the URL
	// and denies the rest.
	Action string `json:"action"`

	// Where `redirect` sends the browser. Placeholders work behind the `?`, where they are escaped, and for scheme and host.
	// The path must be fixed, or made of `{env.*}`, `{file.*}` and `{system.*}`, unless the host is a fixed one. A fixed path
	// passes always, if it is on this host.
	URL string `json:"url,omitempty"`

	matchers pathmatch.Sets
}

// The names of the actions.
const (
	Deny     = "deny"
	Pass     = "pass"
	Redirect = "redirect"
)

// Provision loads the matchers.
func (u *Rule) Provision(ctx caddy.Context) error {
	if len(u.MatcherSetsRaw) == 0 {
		return nil
	}
	sets, err := ctx.LoadModule(u, "MatcherSetsRaw")
	if err != nil {
		return err
	}
	u.matchers, err = pathmatch.New(sets)
	return err
}

// RetryAfter is what a client is told to wait, in seconds, where the store or the application did not answer.
const RetryAfter = "2"

// Contradiction returns an error where rules can't stand together: one without a matcher is for all requests, so that none
// may follow it.
func Contradiction(rules []*Rule) error {
	for i, rule := range rules {
		if len(rule.MatcherSetsRaw) == 0 && i < len(rules)-1 {
			return fmt.Errorf("unauthenticated %s: a rule without a matcher is for all requests, so it must be the last",
				rule.Action)
		}
	}
	return nil
}

// ValidateRules checks each rule by itself.
func ValidateRules(rules []*Rule) error {
	for _, rule := range rules {
		if err := rule.Validate(); err != nil {
			return fmt.Errorf("unauthenticated: %w", err)
		}
	}
	return nil
}

// Validate checks the finished rule.
func (u *Rule) Validate() error {
	switch u.Action {
	case Deny, Pass:
		if u.URL != "" {
			return fmt.Errorf("%s takes no URL", u.Action)
		}
		return nil
	case Redirect:
		return checkRedirect(u.URL)
	default:
		return fmt.Errorf("%q is not known; want %s, %s or %s <url>", u.Action, Deny, Pass, Redirect)
	}
}

// RuleFor returns the first rule that matches the request.
func RuleFor(rules []*Rule, r *http.Request) (*Rule, error) {
	for _, rule := range rules {
		matches, err := rule.matches(r)
		if err != nil {
			return nil, err
		}
		if matches {
			return rule, nil
		}
	}
	return denyAll, nil
}

// matches reports whether the rule is for the request. A server may read its path in another way than the matchers do: a rule
// that opens counts only if all readings match, every other rule if any does.
func (u *Rule) matches(r *http.Request) (bool, error) {
	if u.Action == Pass {
		return u.matchers.All(r)
	}
	return u.matchers.Any(r)
}

// denyAll is what counts where no rule does.
var denyAll = &Rule{Action: Deny}

// Answer is what the rule makes of one request. The zero value denies.
type Answer struct {
	Pass     bool
	Location string
}

// AnswerTo returns what becomes of this request.
func (u *Rule) AnswerTo(r *http.Request, repl *caddy.Replacer) Answer {
	switch u.Action {
	case Pass:
		return Answer{Pass: true}
	case Redirect:
		if isAt(r, splitTarget(u.URL).own(repl)) {
			return Answer{Pass: true}
		}
		if IsNavigation(r) {
			return Answer{Location: expandURL(u.URL, r, repl)}
		}
	}
	return Answer{}
}

// expandURL fills in the placeholders. Behind the question mark values are escaped, so that one can't add a parameter
// or leave its own; and a request URI never leads to another host, wherever it stands.
func expandURL(template string, r *http.Request, repl *caddy.Replacer) string {
	isLocal := IsLocalURI(r.RequestURI)
	base, query, hasQuery := strings.Cut(template, "?")
	base = expand(base, repl, func(name, value string) string { return localURI(name, value, isLocal) })
	if !hasQuery {
		return base
	}
	return base + "?" + expand(query, repl, func(name, value string) string {
		if plain, isEscaped := strings.CutSuffix(name, "_escaped"); isEscaped {
			if unescaped, err := url.QueryUnescape(value); err == nil {
				name, value = plain, unescaped
			}
		}
		return url.QueryEscape(localURI(name, value, isLocal))
	})
}

func expand(text string, repl *caddy.Replacer, replace func(name, value string) string) string {
	// The function returns no error, so neither does ReplaceFunc.
	expanded, _ := repl.ReplaceFunc(text, func(name string, value any) (any, error) {
		return replace(name, caddy.ToString(value)), nil
	})
	return strings.Map(func(char rune) rune {
		if char < ' ' || char == 0x7f {
			return -1
		}
		return char
	}, expanded)
}

// localURI returns the value of a placeholder. Where it is the request's URI and that, as the client sent it or as it is
// now, is none that a browser would take for a path on this host, it returns / instead.
func localURI(placeholder, value string, requestIsLocal bool) string {
	switch placeholder {
	case "http.request.uri", "http.request.uri.path", "http.request.uri.path.dir",
		"http.request.orig_uri", "http.request.orig_uri.path", "http.request.orig_uri.path.dir":
	default:
		return value
	}
	if !requestIsLocal || !IsLocalURI(value) {
		return "/"
	}
	return value
}

// OwnURI returns the request's URI as the client sent it, or / where a browser would not take that for a path on this host.
func OwnURI(r *http.Request) string {
	uri := r.RequestURI
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		uri = original.RequestURI
	}
	if !IsLocalURI(uri) {
		return "/"
	}
	return uri
}

// IsLocalURI reports whether a browser would take the URI for a path on this host: it reads backslashes as slashes.
func IsLocalURI(uri string) bool {
	return strings.HasPrefix(uri, "/") && !strings.HasPrefix(uri, "//") && !strings.HasPrefix(uri, `/\`) &&
		!strings.ContainsFunc(uri, func(char rune) bool { return char < ' ' || char == 0x7f })
}

// IsNavigation reports whether the request is a browser's for a page to show. Sec-Fetch-Mode tells where it is sent (Fetch
// Metadata section 2.2), else what the client accepts.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), "text/html")
}
