package jwtsession

// The handlers of the module that stand in packages of their own. Each registers itself and its directive.
import (
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/fresh"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/jwks"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/require"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/signout"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/state"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/statuspage"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/modules/strip"
)
