package jwtsession

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// names is what the modules of one configuration say of themselves, and refuses what can't stand together. Each new one is
// compared with those that are there, so that whichever comes later sees both. It is complete once the configuration is
// provisioned, and never changes after that. The zero value is empty.
type names struct {
	sites    []*Site
	signIns  []signInNames
	states   []stateNames
	required []string // attributes
	combines bool     // some site has its token in the session cookie

	longestToken, longestIdle time.Duration // a token's lifetime, and how long a session may be unused
}

// signInNames is what a callback says of itself.
type signInNames struct {
	realm                            string
	idTokenCookie, accessTokenCookie string // empty: none
	formPostPath                     string // where the provider lets the browser send a form; empty: nowhere
}

// stateNames is what a client-side state says of itself.
type stateNames struct {
	cookie, requestHeader string
	maxAge                time.Duration
}

// addSite adds a site.
func (n *names) addSite(site *Site) error {
	for _, other := range n.sites {
		if err := realm.CheckApart(site.Realm, other.Realm, ""); err != nil {
			return err
		}
		if other.Realm.String() == site.Realm.String() && !other.TokenInSessionCookie.IsSame(site.TokenInSessionCookie) {
			return errors.New("token_in_session_cookie: every handler of the realm must have it, with the same options, or none: " +
				"they see the same cookie")
		}
	}
	n.sites = append(n.sites, site)
	n.combines = n.combines || site.TokenInSessionCookie != nil
	n.longestToken, n.longestIdle = max(n.longestToken, site.TokenLifetime), max(n.longestIdle, site.IdleTimeout)
	for _, other := range n.sites {
		if of := cookieConflict(site, other); of != nil {
			return fmt.Errorf("session_cookie %s can be the token_cookie of realm %s; give that another name",
				site.cookiesText(), of.Realm)
		}
	}
	return n.check()
}

// addSignIn adds a callback.
func (n *names) addSignIn(added signInNames) error {
	n.signIns = append(n.signIns, added)
	return n.check()
}

// addState adds a state.
func (n *names) addState(added stateNames) error {
	n.states = append(n.states, added)
	return n.check()
}

// check compares modules of different kinds.
func (n *names) check() error {
	for _, site := range n.sites {
		for _, state := range n.states {
			if err := state.check(site); err != nil {
				return err
			}
		}
		for _, one := range n.signIns {
			if site.Realm.Matches(one.realm) {
				if err := one.check(site); err != nil {
					return fmt.Errorf("jwt_session_callback %s: %w", one.realm, err)
				}
			}
		}
		for _, name := range site.AskedWith {
			if what := n.tokenCookieLike(name); what != "" {
				return fmt.Errorf("jwt_session %s: %w", site.Realm, errAskedWithToken(name, what))
			}
		}
	}
	return nil
}

func (s stateNames) check(site *Site) error {
	switch {
	case site.SessionCookies.Match(s.cookie):
		return fmt.Errorf("jwt_session_state %s: that is a session_cookie of realm %s; choose another name", s.cookie, site.Realm)
	case site.IsTokenCookie(s.cookie):
		return fmt.Errorf("jwt_session_state %s: that is the token_cookie of realm %s; choose another name", s.cookie, site.Realm)
	case site.Identity.Owns(s.requestHeader):
		return fmt.Errorf("jwt_session_state %s: request_header %s: that is an identity_header of realm %s; choose another name",
			s.cookie, s.requestHeader, site.Realm)
	}
	return nil
}

func (s signInNames) check(site *Site) error {
	name, one := site.SessionCookies.Single()
	if !one {
		return fmt.Errorf("session_cookie %s: a sign-in opens a session in exactly one cookie, which is no pattern", site.cookiesText())
	}
	if err := checkOwnIDs(site); err != nil {
		return err
	}
	for option, cookie := range map[string]string{"id_token_cookie": s.idTokenCookie, "access_token_cookie": s.accessTokenCookie} {
		if cookie != "" && (cookie == name || site.IsTokenCookie(cookie)) {
			return fmt.Errorf("%s %s: that is the session cookie or our own token's", option, cookie)
		}
	}
	return nil
}

// cookieConflict returns that of two sites whose token cookie can be a session cookie of the other one: it would be kept
// from the application that set it.
func cookieConflict(one, other *Site) *Site {
	for _, pair := range [][2]*Site{{one, other}, {other, one}} {
		cookie, example := pair[1].TokenCookie, pair[1].Realm.Example()
		if pair[0].SessionCookies.Match(cookie.PlainName(example)) || pair[0].SessionCookies.Match(cookie.SecureName(example)) ||
			slices.ContainsFunc(pair[0].SessionCookies.Names(), pair[1].IsTokenCookie) {
			return pair[1]
		}
	}
	return nil
}

// tokenCookieLike says which cookie with a token can have the name, and is empty where none can.
func (n *names) tokenCookieLike(name string) string {
	for _, site := range n.sites {
		if site.IsTokenCookie(name) || slices.ContainsFunc(site.tokenCookieNames(), func(token string) bool {
			return canBeOneCookie(name, token)
		}) {
			return "the token_cookie of realm " + site.Realm.String()
		}
		for _, one := range site.Providers {
			if one.From.Cookie != "" && canBeOneCookie(name, one.From.Cookie) {
				return fmt.Sprintf("the cookie with tokens of the issuer %s", safeURL(one.URL))
			}
		}
	}
	for _, one := range n.signIns {
		for _, cookie := range []string{one.idTokenCookie, one.accessTokenCookie} {
			if cookie != "" && canBeOneCookie(name, cookie) {
				return "a token's cookie of jwt_session_callback " + one.realm
			}
		}
	}
	return ""
}

// tokenCookieNames returns the names that the token's cookie can have, as patterns where the realm is made for each request.
func (s *Site) tokenCookieNames() []string {
	name := s.Realm.String()
	if s.Realm.Dynamic() {
		fixed, _, _ := strings.Cut(name, "{")
		name = strings.ToLower(fixed) + "*"
	}
	return []string{s.TokenCookie.PlainName(name), s.TokenCookie.SecureName(name)}
}

func (s *Site) cookiesText() string { return strings.Join(s.SessionCookies.Names(), " ") }

// siteOf returns the first site of the realm, or nil.
func (n *names) siteOf(name string) *Site {
	for _, site := range n.sites {
		if site.Realm.Matches(name) {
			return site
		}
	}
	return nil
}

// attributesOf returns the attributes that some route of the realm needs.
func (n *names) attributesOf(name string) []string {
	var needed []string
	for _, site := range n.sites {
		if site.Realm.Matches(name) {
			needed = append(needed, site.Needs...)
		}
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// otherSpelling returns a hint for who wrote a realm as hosts may be written, and nothing where that is no realm either.
func (n *names) otherSpelling(name string) string {
	for _, site := range n.sites {
		if spelled, ok := site.Realm.Spelled(name); ok && spelled != name {
			return "; write it as " + spelled
		}
	}
	return ""
}

// holdsToken reports whether a cookie is one of ours, of whatever realm.
func (n *names) holdsToken(name, value string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool { return site.HoldsToken(name, value) })
}

// isCombined reports whether a cookie of this name may carry a token of some realm beside a session id.
func (n *names) isCombined(name string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool { return site.CombinedCookie() == name })
}

// sessionCookies returns the names of all session cookies of the configuration.
func (n *names) sessionCookies() alias.Names {
	var all []string
	for _, site := range n.sites {
		all = append(all, site.SessionCookies.Names()...)
	}
	return alias.NewNames(all...)
}

// takesTokensFrom reports whether a header of this name can bring an access token of an identity provider.
func (n *names) takesTokensFrom(header string) bool {
	return slices.ContainsFunc(n.sites, func(site *Site) bool {
		return slices.ContainsFunc(site.Providers, func(one SiteProvider) bool {
			return one.From.Header != "" && identity.Fold(one.From.Header) == identity.Fold(header)
		})
	})
}

// isSignInCookie reports whether a callback of the realm keeps access tokens in the cookie. Such a token is a part of the
// session that was opened with it, and counts with a session of the same user alone.
func (n *names) isSignInCookie(realm, name string) bool {
	return name != "" && slices.ContainsFunc(n.signIns, func(one signInNames) bool {
		return one.realm == realm && one.accessTokenCookie == name
	})
}

// longestVerified returns how long anything that was signed counts: a key that signs no more verifies for as long.
func (n *names) longestVerified() time.Duration {
	longest := n.longestToken
	for _, state := range n.states {
		longest = max(longest, state.maxAge)
	}
	return longest
}

// canBeOneCookie reports whether two names can be those of the same cookie. A name that ends in * stands for all that begin
// so.
func canBeOneCookie(one, other string) bool {
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

func errAskedWithToken(name, what string) error {
	return fmt.Errorf("whoami: cookies %s: that can be %s; the application is asked about the session alone, so leave it out "+
		"or write the name that you mean", name, what)
}

// safeURL returns the text of a URL for an error, unless it may hold a password.
func safeURL(text string) string {
	if strings.Contains(text, "@") {
		return "(a URL with a user name)"
	}
	return fmt.Sprintf("%q", text)
}
