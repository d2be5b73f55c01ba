package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// Names holds what the modules of one configuration say of themselves, and refuses what can't stand together. It compares each
// module that is added with those that are there, so that the later one of two sees both. Names is complete once the
// configuration is provisioned, and never changes after that. The zero value is empty.
type Names struct {
	sites    []*Site
	signIns  []SignInNames
	states   []StateNames
	required []string // attributes
	combines bool     // some site has its token in the session cookie

	// expected are the realms of all handlers that the routes have. It is nil if the routes are not known.
	expected []realm.Pattern
	closed   bool // every page is behind a jwt_session handler

	longestToken, longestIdle time.Duration // a token's lifetime, and how long a session may be unused
}

// SignInNames is what a callback says of itself.
type SignInNames struct {
	Realm                            string
	IDTokenCookie, AccessTokenCookie string // empty: none
	StartPath                        string // where a sign-in begins
	Forwards                         bool   // these cookies go on to the services behind
	FormPostPath                     string // where the provider lets the browser send a form; empty: nowhere

	// Learns names the attributes that the callback has options for. It also reads those of [Names.AttributesOf].
	Learns []string
}

// StateNames is what a client-side state says of itself.
type StateNames struct {
	Cookie, RequestHeader string
	MaxAge                time.Duration
}

// AddSite adds a site. It returns an error if the site can't stand beside what is there.
func (n *Names) AddSite(site *Site) error {
	for _, other := range n.sites {
		if err := realm.CheckApart(site.Realm, other.Realm, ""); err != nil {
			return err
		}
		if other.Realm.String() == site.Realm.String() && !other.Token.InSessionCookie.IsSame(site.Token.InSessionCookie) {
			return errors.New("token_in_session_cookie: every handler of the realm must have it, with the same options, or none: " +
				"they see the same cookie")
		}
	}
	n.sites = append(n.sites, site)
	n.combines = n.combines || site.Token.InSessionCookie != nil
	n.longestToken, n.longestIdle = max(n.longestToken, site.Token.Lifetime), max(n.longestIdle, site.Session.IdleTimeout)
	for _, other := range n.sites {
		if of := cookieConflict(site, other); of != nil {
			return fmt.Errorf("session_cookie %s can be the token_cookie of realm %s; give that another name",
				site.cookiesText(), of.Realm)
		}
	}
	return n.check()
}

// AddSignIn adds a callback. It returns an error if the callback can't stand beside what is there.
func (n *Names) AddSignIn(added SignInNames) error {
	n.signIns = append(n.signIns, added)
	return n.check()
}

// AddState adds a client-side state. It returns an error if the state can't stand beside what is there.
func (n *Names) AddState(added StateNames) error {
	n.states = append(n.states, added)
	return n.check()
}

// check compares modules of different kinds.
func (n *Names) check() error {
	for _, site := range n.sites {
		for _, state := range n.states {
			if err := state.check(site); err != nil {
				return err
			}
		}
		for _, one := range n.signIns {
			if site.Realm.Matches(one.Realm) {
				if err := one.check(site); err != nil {
					return fmt.Errorf("jwt_session_callback %s: %w", one.Realm, err)
				}
			}
		}
		for _, name := range site.AskedWith {
			if what := n.tokenCookieLike(name); what != "" {
				return fmt.Errorf("jwt_session %s: %w", site.Realm, ErrAskedWithToken(name, what))
			}
		}
	}
	return nil
}

func (s StateNames) check(site *Site) error {
	switch {
	case site.Session.Cookies.Match(s.Cookie):
		return fmt.Errorf("jwt_session_state %s: that is a session_cookie of realm %s; choose another name", s.Cookie, site.Realm)
	case site.IsTokenCookie(s.Cookie):
		return fmt.Errorf("jwt_session_state %s: that is the token_cookie of realm %s; choose another name", s.Cookie, site.Realm)
	case site.Identity.Owns(s.RequestHeader):
		return fmt.Errorf("jwt_session_state %s: request_header %s: that is an identity_header of realm %s; choose another name",
			s.Cookie, s.RequestHeader, site.Realm)
	}
	return nil
}

func (s SignInNames) check(site *Site) error {
	name, one := site.Session.Cookies.Single()
	if !one {
		return fmt.Errorf("session_cookie %s: a sign-in opens a session in exactly one cookie, which is no pattern", site.cookiesText())
	}
	if err := checkOwnIDs(site); err != nil {
		return err
	}
	for option, cookie := range map[string]string{"id_token_cookie": s.IDTokenCookie, "access_token_cookie": s.AccessTokenCookie} {
		if cookie != "" && (cookie == name || site.IsTokenCookie(cookie)) {
			return fmt.Errorf("%s %s: that is the session cookie or our own token's", option, cookie)
		}
	}
	return nil
}

// cookieConflict returns the one of two sites whose token cookie can be a session cookie of the other one, or nil. Such a
// session cookie would be kept from the application that set it.
func cookieConflict(one, other *Site) *Site {
	for _, pair := range [][2]*Site{{one, other}, {other, one}} {
		cookie, example := pair[1].Token.Cookie, pair[1].Realm.Example()
		if pair[0].Session.Cookies.Match(cookie.PlainName(example)) || pair[0].Session.Cookies.Match(cookie.SecureName(example)) ||
			slices.ContainsFunc(pair[0].Session.Cookies.Names(), pair[1].IsTokenCookie) {
			return pair[1]
		}
	}
	return nil
}

// tokenCookieLike returns words for the cookie with a token that can have the name, or nothing if none can.
func (n *Names) tokenCookieLike(name string) string {
	for _, site := range n.sites {
		if site.IsTokenCookie(name) || slices.ContainsFunc(site.tokenCookieNames(), func(token string) bool {
			return CanBeOneCookie(name, token)
		}) {
			return "the token_cookie of realm " + site.Realm.String()
		}
		for _, one := range site.Providers {
			if one.From.Cookie != "" && CanBeOneCookie(name, one.From.Cookie) {
				return fmt.Sprintf("the cookie with tokens of the issuer %s", option.SafeURL(one.URL))
			}
		}
	}
	for _, one := range n.signIns {
		for _, cookie := range []string{one.IDTokenCookie, one.AccessTokenCookie} {
			if cookie != "" && CanBeOneCookie(name, cookie) {
				return "a token's cookie of jwt_session_callback " + one.Realm
			}
		}
	}
	return ""
}

// tokenCookieNames returns the names that the token's cookie can have. They are patterns if the realm is made for each request.
func (s *Site) tokenCookieNames() []string {
	name := s.Realm.String()
	if s.Realm.Dynamic() {
		fixed, _, _ := strings.Cut(name, "{")
		name = strings.ToLower(fixed) + "*"
	}
	return []string{s.Token.Cookie.PlainName(name), s.Token.Cookie.SecureName(name)}
}

func (s *Site) cookiesText() string { return strings.Join(s.Session.Cookies.Names(), " ") }

// Sites returns all sites. The caller must not change them.
func (n *Names) Sites() []*Site { return n.sites }

// SignIns returns all callbacks. The caller must not change them.
func (n *Names) SignIns() []SignInNames { return n.signIns }

// StartOf returns the path where a sign-in to the realm begins, or nothing if it has no callback.
func (n *Names) StartOf(name string) string {
	for _, one := range n.signIns {
		if one.Realm == name {
			return one.StartPath
		}
	}
	return ""
}

// Require adds an attribute that some route requires.
func (n *Names) Require(attribute string) { n.required = append(n.required, attribute) }

// Combines reports whether some site has its token in the session cookie.
func (n *Names) Combines() bool { return n.combines }

// LongestToken returns the longest lifetime of a token.
func (n *Names) LongestToken() time.Duration { return n.longestToken }

// SiteOf returns the first site of the realm, or nil.
func (n *Names) SiteOf(name string) *Site {
	for _, site := range n.sites {
		if site.Realm.Matches(name) {
			return site
		}
	}
	return nil
}

// AttributesOf returns the attributes that some route of the realm needs.
func (n *Names) AttributesOf(name string) []string {
	var needed []string
	for _, site := range n.sites {
		if site.Realm.Matches(name) {
			needed = append(needed, site.Needs...)
		}
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// IsLearned reports whether the application, a provider or a sign-in tells the attribute to some handler of the realm. An empty
// realm stands for all of them.
func (n *Names) IsLearned(attribute, name string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool {
		return (name == "" || site.Realm.Matches(name)) && slices.Contains(site.Learns, attribute)
	}) || slices.ContainsFunc(n.signIns, func(one SignInNames) bool {
		return (name == "" || one.Realm == name) &&
			(slices.Contains(one.Learns, attribute) || slices.Contains(n.AttributesOf(one.Realm), attribute))
	})
}

// OtherSpelling returns a hint on a realm that is spelled as hosts may be spelled. It returns nothing if no realm is meant.
func (n *Names) OtherSpelling(name string) string {
	patterns := slices.Clone(n.expected)
	for _, site := range n.sites {
		patterns = append(patterns, site.Realm)
	}
	for _, pattern := range patterns {
		if spelled, ok := pattern.Spelled(name); ok && spelled != name {
			return "; write it as " + spelled
		}
	}
	return ""
}

// HoldsToken reports whether a cookie is one of ours, of whatever realm, that the services behind must not see: a token, or what
// a callback keeps of a sign-in.
func (n *Names) HoldsToken(name, value string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool { return site.HoldsToken(name, value) }) ||
		slices.ContainsFunc(n.signIns, func(one SignInNames) bool { return one.holds(name) })
}

// holds reports whether a cookie is the callback's own.
func (s SignInNames) holds(name string) bool {
	return strings.HasPrefix(name, carrier.SignInPrefix) ||
		!s.Forwards && name != "" && (name == s.IDTokenCookie || name == s.AccessTokenCookie)
}

// IsCombined reports whether a cookie of this name may carry a token of some realm beside a session id.
func (n *Names) IsCombined(name string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool { return site.CombinedCookie() == name })
}

// SessionCookies returns the names of all session cookies of the configuration.
func (n *Names) SessionCookies() alias.Names {
	var all []string
	for _, site := range n.sites {
		all = append(all, site.Session.Cookies.Names()...)
	}
	return alias.NewNames(all...)
}

// IsSessionCookie reports whether a cookie of this name can be a session cookie of some site.
func (n *Names) IsSessionCookie(name string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool { return site.Session.Cookies.Match(name) })
}

// TakesTokensFrom reports whether a header of this name can bring an access token of an identity provider.
func (n *Names) TakesTokensFrom(header string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool {
		return slices.ContainsFunc(site.Providers, func(one SiteProvider) bool {
			return one.From.Header != "" && identity.Fold(one.From.Header) == identity.Fold(header)
		})
	})
}

// IsSignInCookie reports whether a callback of the realm keeps access tokens in the cookie. Such a token is a part of the
// session that was opened with it, and counts with a session of the same user alone.
func (n *Names) IsSignInCookie(realm, name string) bool {
	return name != "" && slices.ContainsFunc(n.signIns, func(one SignInNames) bool {
		return one.Realm == realm && one.AccessTokenCookie == name
	})
}

// longestVerified returns how long anything that was signed counts: a key that signs no more verifies for as long.
func (n *Names) longestVerified() time.Duration {
	longest := n.longestToken
	for _, state := range n.states {
		longest = max(longest, state.MaxAge)
	}
	return longest
}

// CanBeOneCookie reports whether two names can be the names of one cookie. A name that ends in * stands for all names that
// begin so.
func CanBeOneCookie(one, other string) bool {
	prefix, isPattern := cutStars(one)
	otherPrefix, otherIsPattern := cutStars(other)
	switch {
	case isPattern && otherIsPattern:
		return strings.HasPrefix(prefix, otherPrefix) || strings.HasPrefix(otherPrefix, prefix)
	case isPattern:
		return strings.HasPrefix(other, prefix)
	case otherIsPattern:
		return strings.HasPrefix(one, otherPrefix)
	default:
		return one == other
	}
}

func cutStars(name string) (prefix string, isPattern bool) {
	prefix = strings.TrimRight(name, "*")
	return prefix, prefix != name
}

// ErrAskedWithToken returns the error for a cookie that the application is asked with and that can hold a token.
func ErrAskedWithToken(name, what string) error {
	return fmt.Errorf("whoami: cookies %s: that can be %s; the application is asked about the session alone, so leave it out "+
		"or write the name that you mean", name, what)
}
