package jwtsession

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/command"
)

func init() {
	caddycmd.RegisterCommand(command.Command())
}
