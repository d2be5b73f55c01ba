package app

import (
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Site holds what a `jwt_session` handler says of itself to the rest of its configuration. It never changes.
type Site struct {
	Realm realm.Pattern
	Mode  validator.Mode
	// ModeName is the mode as it is configured.
	ModeName string

	Session SiteSession
	Token   SiteToken
	// ForwardsToken reports whether the site has forward_token.
	ForwardsToken bool

	Identity identity.Headers
	// Needs names the attributes that the route needs, and Learns the attributes that the application or a provider tells.
	Needs, Learns []string

	// Whoami says how the application is asked, for comparison. It is empty if the application is not asked.
	Whoami string
	// AskedWith names the cookies that the question carries besides the session cookies.
	AskedWith []string
	// NamesUsers reports whether responses of the application name users.
	NamesUsers bool

	// Providers are the identity providers whose access tokens count on the route, and where these come.
	Providers []SiteProvider
}

// SiteSession is how a site finds sessions and how long they last.
type SiteSession struct {
	Cookies validator.SessionCookies
	// ID says which values of the session cookies are session ids. Nil stands for the defaults.
	ID *SessionID

	// IdleTimeout and MaxAge are how long a session may be unused, and how long it lasts at most.
	IdleTimeout, MaxAge time.Duration
}

// SiteToken is how long a token of a site counts and how it travels.
type SiteToken struct {
	Lifetime        time.Duration
	Cookie          *carrier.TokenCookie
	InSessionCookie *carrier.TokenInSessionCookie // nil: the token has a cookie of its own
	Encrypt         bool
}

// SiteProvider is an identity provider and the place that its access tokens come in.
type SiteProvider struct {
	URL  string
	From TokenPlace
}

// IsTokenCookie reports whether a cookie of this name can be the token cookie of some request to the site.
func (s *Site) IsTokenCookie(name string) bool {
	if s.Token.Cookie.Name != "" {
		return name == s.Token.Cookie.Name
	}
	of, ours := strings.CutPrefix(strings.TrimPrefix(name, carrier.HostPrefix), "jwt_")
	return ours && s.Realm.Matches(of)
}

// SurmisesTokens reports whether only the value of a cookie can tell that it is a token of the site, since its name is made
// for each request.
func (s *Site) SurmisesTokens() bool { return s.Token.Cookie.Name == "" && s.Realm.Dynamic() }

// HoldsToken reports whether a cookie can be the token cookie of some request to the site.
func (s *Site) HoldsToken(name, value string) bool {
	return s.IsTokenCookie(name) && (!s.SurmisesTokens() || validator.HasTokenForm(value))
}

// CombinedCookie returns the session cookie that carries the token beside the session id, or nothing.
func (s *Site) CombinedCookie() string {
	if s.Token.InSessionCookie == nil {
		return ""
	}
	return s.Session.Cookies.Names()[0]
}
