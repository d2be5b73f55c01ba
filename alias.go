package jwtsession

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
)

// hideAliases removes from the Cookie lines what the application could take for one of these session cookies without being
// it, and makes the lines one.
func (h *Handler) hideAliases(r *http.Request, names alias.Names) {
	found := journey.HideAliases(r, names)
	if found.Kind == alias.Nothing {
		return
	}
	h.warnAs("alias "+found.Kind.String(), "a request brought a cookie that the application could take for a session cookie, "+
		"or that could hide one; it is not sent upstream; if the application sets it, give one of them another name",
		zap.String("found", found.Kind.String()), zap.String("session_cookie", found.Name))
}

// cookieNamesIn returns the names of the session cookies that count for the handler on the way of a request: a later handler
// of a realm that names none has those of the one that decided. The default would be a cookie of somebody else.
func (h *Handler) cookieNamesIn(visits *visits) alias.Names {
	if h.demands.cookies {
		return h.cookieNames
	}
	for v := visits.latest; v != nil; v = v.previous {
		if v.Handler.Realm == h.Realm {
			return v.cookieNames
		}
	}
	return h.cookieNames
}
