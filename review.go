package jwtsession

import (
	"encoding/json"
	"slices"

	"go.uber.org/zap"
)

// reviewHandlers says at start what is allowed, but seldom meant.
func (a *App) reviewHandlers() {
	first := make(map[string]*Handler)
	for _, handler := range a.handlers {
		if handler.Whoami == nil {
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
	case !sameJSON(h.Whoami, other.Whoami):
		return "whoami"
	default:
		return ""
	}
}

func sameJSON(a, b any) bool {
	first, errFirst := json.Marshal(a)
	second, errSecond := json.Marshal(b)
	return errFirst == nil && errSecond == nil && string(first) == string(second)
}
