package jwtsession

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// clearPlaceholders removes what an earlier handler, or an earlier run of this one, left of another identity.
func (j *journey) clearPlaceholders(repl *caddy.Replacer) {
	identity.Clear(repl, j.placeholders)
	j.placeholders = nil
}

// setPlaceholders makes the identity known to the rest of the route and to the access log.
func (j *journey) setPlaceholders(repl *caddy.Replacer, who identity.Principal) {
	who.SetPlaceholders(repl)
	j.placeholders = who.Placeholders
}
