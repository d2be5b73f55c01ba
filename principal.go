package jwtsession

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// principal is the user that a request was found to be from. The zero value is nobody.
type principal struct {
	user       string
	attributes sessions.Attributes
	via        string
}

// What spoke for the user: the values of {http.jwt_session.via}.
const (
	viaToken   = "token"
	viaSession = "session"
	viaNone    = "none"
)

func principalOfToken(claims *validator.Claims) principal {
	return principal{user: claims.Subject(), attributes: claims.Attributes(), via: viaToken}
}

func principalOfSession(session sessions.Session) principal {
	return principal{user: session.User, attributes: session.Attributes, via: viaSession}
}

// viaValue returns via as the value of a placeholder: a constant is one already, other than the text of a field.
func (p principal) viaValue() any {
	switch p.via {
	case viaToken:
		return viaToken
	case viaSession:
		return viaSession
	default:
		return p.via
	}
}

// The placeholders.
const (
	placeholderUser   = "http.auth.user."
	placeholderID     = placeholderUser + "id"
	placeholderRealm  = "http.jwt_session.realm"
	placeholderVia    = "http.jwt_session.via"
	placeholderReason = "http.jwt_session.reason"
)

// clearPlaceholders removes what an earlier handler, or an earlier run of this one, left of another identity.
func (h *Handler) clearPlaceholders(repl *caddy.Replacer) {
	repl.Delete(placeholderID)
	for _, name := range h.needs {
		repl.Delete(placeholderUser + name)
	}
	repl.Delete(placeholderRealm)
	repl.Set(placeholderVia, viaNone)
	repl.Delete(placeholderReason)
}

// setPlaceholders makes the identity known to the rest of the route and to the access log.
func (h *Handler) setPlaceholders(repl *caddy.Replacer, who principal) {
	repl.Set(placeholderID, who.user)
	repl.Set(placeholderVia, who.viaValue())
	for name, attribute := range who.attributes {
		if value, ok := headerValue(attribute); ok && name != "id" {
			repl.Set(placeholderUser+name, value)
		}
	}
}

// neededAttributes returns the names of the attributes that this route hands on or asks for.
func (h *Handler) neededAttributes() []string {
	var names []string
	for _, header := range h.identity.headers {
		if header.Attribute != "" {
			names = append(names, header.Attribute)
		}
	}
	if h.Whoami != nil {
		names = slices.AppendSeq(names, maps.Keys(h.Whoami.Attributes))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
