package jwtsession

import (
	"slices"

	"go.uber.org/zap"
)

// reviewHandlers says at start what is allowed, but seldom meant.
func (a *App) reviewHandlers() {
	first := make(map[string]*Handler)
	for _, handler := range a.handlers {
		if handler.Whoami == nil && handler.ResponseUser == "" {
			a.logger.Info("realm without whoami: only sessions added through the admin API are known",
				zap.String("realm", handler.Realm))
		}
		other, seen := first[handler.Realm]
		if !seen {
			first[handler.Realm] = handler
			continue
		}
		if what := other.difference(handler); what != "" {
			a.logger.Warn("handlers of one realm differ, so that they take one another's sessions for others",
				zap.String("realm", handler.Realm), zap.String("option", what))
		}
	}
	a.reviewRequires()
	a.reviewForwarding()
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
		if !slices.ContainsFunc(a.handlers, func(h *Handler) bool { return h.whoami.reads(require.Attribute) }) {
			a.logger.Warn("jwt_session_require names an attribute that no whoami reads: only sessions added through the "+
				"admin API can have it", zap.String("attribute", require.Attribute))
		}
	}
}

// difference names an option that handlers of one realm should have in common and these two don't.
func (h *Handler) difference(other *Handler) string {
	switch {
	case !slices.Equal(h.SessionCookies, other.SessionCookies):
		return "session_cookie"
	case h.SessionIdleTimeout != other.SessionIdleTimeout:
		return "session_idle_timeout"
	case h.SessionMaxAge != other.SessionMaxAge:
		return "session_max_age"
	case h.TokenLifetime != other.TokenLifetime:
		return "token_lifetime"
	case h.TokenEncrypt != other.TokenEncrypt:
		return "token_encrypt"
	case h.Whoami.configured() != other.Whoami.configured():
		return "whoami"
	default:
		return ""
	}
}
