// Command gateway is Caddy with its standard modules, the handler jwt_session and the store for sessions on disk: what
// xcaddy would build. It takes Caddy's own commands and flags.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-jwt-session/caddy-jwt-session"
)

func main() {
	caddycmd.Main()
}
