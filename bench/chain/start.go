package chain

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
)

// Start starts a chain and answers as soon as the first user's request was answered. It is a role.
func Start(talk *process.Talk) error {
	var spec Spec
	if _, err := talk.Next(&spec); err != nil {
		return err
	}
	server, err := load(spec)
	if err != nil {
		return err
	}
	var got reply
	if newClient(server).get(spec.cookies(jar{session: application.Session(0)}), &got); got.status != http.StatusOK {
		return fmt.Errorf("the first request after a start: status %d", got.status)
	}
	if err := talk.Say(true); err != nil {
		return err
	}
	if _, err := talk.Next(new(struct{})); err != nil { // the end
		return err
	}
	return caddy.Stop()
}
