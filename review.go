package jwtsession

import (
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// reviewHandlers says at start what is allowed, but seldom meant.
func (a *App) reviewHandlers() {
	a.reviewTokenCookies()
	a.reviewSources()
	for i, handler := range a.handlers {
		for _, other := range a.handlers[:i] {
			if what := other.difference(handler); what != "" {
				a.logger.Warn("handlers of one realm differ, so that they don't know one another's sessions or tokens",
					zap.String("realm", handler.Realm), zap.String("option", what))
				break
			}
		}
	}
	a.reviewRequires()
	a.reviewForwarding()
}

// reviewSources names each realm that the admin API alone brings sessions to.
func (a *App) reviewSources() {
	said := make(map[string]bool)
	for _, handler := range a.handlers {
		if said[handler.Realm] || a.opensSessions(handler) {
			continue
		}
		said[handler.Realm] = true
		a.logger.Info("realm without whoami: only sessions added through the admin API are known",
			zap.String("realm", handler.Realm))
	}
}

// opensSessions says whether the handler's realm gets sessions by itself: from the application, on this route or
// another one, or from a sign-in.
func (a *App) opensSessions(handler *Handler) bool {
	return slices.ContainsFunc(a.handlers, func(other *Handler) bool {
		return other.Realm == handler.Realm && (other.Whoami != nil || other.ResponseUser != "")
	}) || slices.ContainsFunc(a.callbacks, func(callback *Callback) bool { return handler.realm.Matches(callback.Realm) })
}

// reviewForwarding warns of a secret that would be shared with services: who can verify with it can also mint.
func (a *App) reviewForwarding() {
	if a.publishesKeys() {
		return
	}
	for _, handler := range a.handlers {
		if handler.ForwardToken != nil {
			a.logger.Warn("forward_token with HS256 alone: a service that can verify such a token has the gateway's own secret, "+
				"and could sign in as anybody; use a key of another algorithm", zap.String("realm", handler.Realm))
		}
	}
}

// reviewRequires names attributes that are required and that nobody reads: a slip of the pen there keeps everybody out.
func (a *App) reviewRequires() {
	for _, require := range a.requires {
		if !slices.ContainsFunc(a.handlers, func(h *Handler) bool { return h.learns(require.Attribute) }) {
			a.logger.Warn("jwt_session_require names an attribute that no whoami and no issuer reads: only sessions added through the "+
				"admin API can have it", zap.String("attribute", require.Attribute))
		}
	}
}

// learns says whether the application or an identity provider tells this attribute.
func (h *Handler) learns(attribute string) bool {
	return h.whoami.reads(attribute) || slices.ContainsFunc(h.Issuers, func(one *Issuer) bool {
		_, tells := one.Attributes[attribute]
		return tells
	})
}

// reviewTokenCookies says where two realms have one name for their tokens' cookies. On one site each would find the
// other's token there, and leave it alone; on two that share no cookies it does no harm.
func (a *App) reviewTokenCookies() {
	for i, handler := range a.handlers {
		for _, other := range a.handlers[:i] {
			if handler.Realm != other.Realm && handler.sharesTokenCookie(other) {
				a.logger.Warn("two realms have one token_cookie; if they are on one site, only one of them gets tokens",
					zap.String("realm", handler.Realm), zap.String("other_realm", other.Realm))
				return
			}
		}
	}
}

// sharesTokenCookie says whether tokens of both handlers can be in one cookie.
func (h *Handler) sharesTokenCookie(other *Handler) bool {
	if h.TokenInSessionCookie != nil || other.TokenInSessionCookie != nil {
		return h.TokenInSessionCookie != nil && other.TokenInSessionCookie != nil && h.SessionCookies[0] == other.SessionCookies[0]
	}
	own, others := h.realm.Example(), other.realm.Example()
	for _, name := range []string{h.TokenCookie.PlainName(own), h.TokenCookie.SecureName(own)} {
		if name == other.TokenCookie.PlainName(others) || name == other.TokenCookie.SecureName(others) {
			return true
		}
	}
	return false
}

// difference names an option that these two should have in common, as handlers of one realm, and don't. One in stateless
// mode asks nobody, and its tokens have a lifetime of their own.
func (h *Handler) difference(other *Handler) string {
	stateless, otherStateless := h.mode == validator.Stateless, other.mode == validator.Stateless
	switch {
	case h.Realm != other.Realm:
		return ""
	case !slices.Equal(h.SessionCookies, other.SessionCookies):
		return "session_cookie"
	case !h.SessionID.isSame(other.SessionID):
		return "session_cookie (min_length and pattern)"
	case h.SessionIdleTimeout != other.SessionIdleTimeout:
		return "session_idle_timeout"
	case h.SessionMaxAge != other.SessionMaxAge:
		return "session_max_age"
	case stateless == otherStateless && h.TokenLifetime != other.TokenLifetime:
		return "token_lifetime"
	case h.TokenEncrypt != other.TokenEncrypt:
		return "token_encrypt"
	case h.mode != validator.Stateful && other.mode != validator.Stateful && *h.TokenCookie != *other.TokenCookie:
		return "token_cookie"
	case !stateless && !otherStateless && h.Whoami.configured() != other.Whoami.configured():
		return "whoami"
	default:
		return ""
	}
}
