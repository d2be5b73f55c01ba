package app

import (
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// review warns at the start of what is allowed, but seldom meant. The last argument reports whether other services can verify
// tokens.
func review(names *Names, logger *zap.Logger, publishesKeys bool) {
	reviewTokenCookies(names, logger)
	reviewSources(names, logger)
	reviewDifferences(names, logger)
	reviewRequires(names, logger)
	reviewHeaders(names, logger)
	if !publishesKeys {
		reviewForwarding(names, logger)
	}
}

// reviewDifferences warns of handlers of one realm that differ in an option that they should have in common.
func reviewDifferences(names *Names, logger *zap.Logger) {
	for i, site := range names.sites {
		for _, other := range names.sites[:i] {
			if what := other.Difference(site); what != "" {
				logger.Warn("handlers of one realm differ, so that they don't know one another's sessions or tokens",
					zap.String("realm", site.Realm.String()), zap.String("option", what))
				break
			}
		}
	}
}

// reviewSources names each realm that the admin API alone brings sessions to.
func reviewSources(names *Names, logger *zap.Logger) {
	said := make(map[string]bool)
	for _, site := range names.sites {
		name := site.Realm.String()
		if said[name] || names.opensSessions(site) {
			continue
		}
		said[name] = true
		logger.Info("realm without whoami: only sessions added through the admin API are known", zap.String("realm", name))
	}
}

// opensSessions reports whether the site's realm gets sessions by itself: from the application, on this route or another
// one, or from a sign-in.
func (n *Names) opensSessions(site *Site) bool {
	return slices.ContainsFunc(n.sites, func(other *Site) bool {
		return other.Realm.String() == site.Realm.String() && (other.Whoami != "" || other.NamesUsers)
	}) || slices.ContainsFunc(n.signIns, func(one SignInNames) bool { return site.Realm.Matches(one.Realm) })
}

// reviewForwarding warns of a secret that would be shared with services: a service that can verify with it can also mint.
func reviewForwarding(names *Names, logger *zap.Logger) {
	for _, site := range names.sites {
		if site.ForwardsToken {
			logger.Warn("forward_token with HS256 alone: a service that can verify such a token has the gateway's own secret, "+
				"and could sign in as anybody; use a key of another algorithm", zap.String("realm", site.Realm.String()))
		}
	}
}

// reviewRequires warns of an attribute that is required and that nobody reads. A typing error there keeps everybody out.
func reviewRequires(names *Names, logger *zap.Logger) {
	for _, attribute := range names.required {
		if !names.IsLearned(attribute, "") {
			logger.Warn("jwt_session_require names an attribute that no whoami, no issuer and no jwt_session_callback reads: only "+
				"sessions added through the admin API can have it", zap.String("attribute", attribute))
		}
	}
}

// reviewHeaders warns of an attribute that an identity header is for and that nobody reads. The header then never comes for the
// sessions that the realm gets by itself.
func reviewHeaders(names *Names, logger *zap.Logger) {
	said := make(map[[2]string]bool)
	for _, site := range names.sites {
		if !names.opensSessions(site) && len(site.Providers) == 0 {
			continue // all sessions are added with their attributes
		}
		for _, header := range site.Identity.Headers {
			what := [2]string{site.Realm.String(), header.Attribute}
			if header.Attribute == "" || said[what] || names.tells(site, header.Attribute) {
				continue
			}
			said[what] = true
			logger.Warn("identity_header is for an attribute that no whoami, no issuer and no jwt_session_callback of the realm reads, so "+
				"only sessions added through the admin API can have it; read it in whoami with attribute <name> json <path>",
				zap.String("realm", what[0]), zap.String("identity_header", header.Name), zap.String("attribute", what[1]))
		}
	}
}

// tells reports whether the application, a provider or a sign-in tells the attribute to some handler of the site's realm.
func (n *Names) tells(site *Site, attribute string) bool {
	return slices.ContainsFunc(n.sites, func(other *Site) bool {
		return other.Realm.String() == site.Realm.String() && slices.Contains(other.Learns, attribute)
	}) || slices.ContainsFunc(n.signIns, func(one SignInNames) bool {
		return site.Realm.Matches(one.Realm) // it reads the claims of all attributes that a route of the realm needs
	})
}

// reviewTokenCookies warns of two realms that have one name for the cookies of their tokens. On one site each would find the
// other's token there, and leave it alone. On two sites that share no cookies it does no harm.
func reviewTokenCookies(names *Names, logger *zap.Logger) {
	for i, site := range names.sites {
		for _, other := range names.sites[:i] {
			if site.Realm.String() != other.Realm.String() && site.sharesTokenCookie(other) {
				logger.Warn("two realms have one token_cookie; if they are on one site, only one of them gets tokens",
					zap.String("realm", site.Realm.String()), zap.String("other_realm", other.Realm.String()))
				return
			}
		}
	}
}

// sharesTokenCookie reports whether tokens of both sites can be in one cookie.
func (s *Site) sharesTokenCookie(other *Site) bool {
	if s.Token.InSessionCookie != nil || other.Token.InSessionCookie != nil {
		return s.CombinedCookie() == other.CombinedCookie()
	}
	own, others := s.Realm.Example(), other.Realm.Example()
	for _, name := range []string{s.Token.Cookie.PlainName(own), s.Token.Cookie.SecureName(own)} {
		if name == other.Token.Cookie.PlainName(others) || name == other.Token.Cookie.SecureName(others) {
			return true
		}
	}
	return false
}

// Difference returns an option that two sites of one realm should have in common and do not. It returns nothing for sites of
// two realms. A site in stateless mode asks nobody, and its tokens have a lifetime of their own.
func (s *Site) Difference(other *Site) string {
	stateless, otherStateless := s.Mode == validator.Stateless, other.Mode == validator.Stateless
	switch {
	case s.Realm.String() != other.Realm.String():
		return ""
	case !slices.Equal(s.Session.Cookies.Names(), other.Session.Cookies.Names()):
		return "session_cookie"
	case !s.Session.ID.isSame(other.Session.ID):
		return "session_cookie (min_length and pattern)"
	case s.Session.IdleTimeout != other.Session.IdleTimeout:
		return "session_idle_timeout"
	case s.Session.MaxAge != other.Session.MaxAge:
		return "session_max_age"
	case stateless == otherStateless && s.Token.Lifetime != other.Token.Lifetime:
		return "token_lifetime"
	case s.Token.Encrypt != other.Token.Encrypt:
		return "token_encrypt"
	case s.Mode != validator.Stateful && other.Mode != validator.Stateful && !s.Token.Cookie.IsSame(other.Token.Cookie):
		return "token_cookie"
	case !stateless && !otherStateless && s.Whoami != other.Whoami:
		return "whoami"
	default:
		return ""
	}
}
