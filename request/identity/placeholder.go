package identity

import "github.com/caddyserver/caddy/v2"

// The placeholders that requests get. An attribute has the one of its name behind placeholderUser.
const (
	placeholderUser   = "http.auth.user."
	placeholderID     = placeholderUser + "id"
	PlaceholderRealm  = "http.jwt_session.realm"
	placeholderVia    = "http.jwt_session.via"
	PlaceholderReason = "http.jwt_session.reason"
)

// Placeholder is one that was set for an attribute of a user.
type Placeholder struct {
	name  string
	value any
}

// Clear removes what an earlier handler, or an earlier run of the same one, left of another identity.
func Clear(repl *caddy.Replacer, left []Placeholder) {
	repl.Delete(placeholderID)
	for _, placeholder := range left {
		repl.Delete(placeholder.name)
	}
	repl.Delete(PlaceholderRealm)
	repl.Set(placeholderVia, ViaNone)
	repl.Delete(PlaceholderReason)
}

// SetPlaceholders makes the identity known to the rest of the route and to the access log.
func (p Principal) SetPlaceholders(repl *caddy.Replacer) {
	repl.Set(placeholderID, p.id)
	for _, placeholder := range p.Placeholders {
		repl.Set(placeholder.name, placeholder.value)
	}
	repl.Set(placeholderVia, p.viaValue())
}

// viaValue returns via as the value of a placeholder: a constant is one already, other than the text of a field.
func (p Principal) viaValue() any {
	switch p.Via {
	case ViaToken:
		return ViaToken
	case ViaSession:
		return ViaSession
	case ViaIssuer:
		return ViaIssuer
	default:
		return p.Via
	}
}
