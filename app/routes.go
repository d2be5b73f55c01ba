package app

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app/routing"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
)

// readRoutes reads the routes of the configuration, the first time that it can. It happens while they are provisioned, so that
// `caddy validate` says it too.
func readRoutes(a *App, ctx caddy.Context) {
	if a.names.expected != nil {
		return
	}
	servers := routing.Read(ctx)
	if servers == nil {
		return
	}
	a.names.expect(servers.Realms())
	a.names.closed = servers.AreClosed()
	for _, handler := range servers.Unprepared() {
		a.logger.Warn("there is no jwt_session before this handler in its route, so it answers every request with 500; write "+
			"jwt_session <realm> before it, or move it behind the one that is there", zap.String("handler", handler))
	}
	for _, name := range servers.Unstripped() {
		a.logger.Warn("jwt_session has a matcher, and requests that it does not match reach a service with identity headers that "+
			"clients may have made up; leave the matcher out and open these paths with unauthenticated <matcher> pass, or write "+
			"jwt_session_strip", zap.String("realm", name))
	}
}

// expect notes the realms of all handlers of the configuration, also of those that are still to come.
func (n *Names) expect(realms []string) {
	n.expected = []realm.Pattern{}
	for _, text := range realms {
		if parsed, err := realm.Parse(text); err == nil { // its own handler says the error
			n.expected = append(n.expected, parsed)
		}
	}
}

// IsClosed reports whether it is known that every page of the configuration is behind a `jwt_session` handler.
func (n *Names) IsClosed() bool { return n.closed }

// Lacks reports whether it is known that no handler of the configuration is of the realm. It can be asked while handlers are
// still to come.
func (n *Names) Lacks(name string) bool {
	if n.expected == nil || n.SiteOf(name) != nil {
		return false
	}
	for _, one := range n.expected {
		if one.Matches(name) {
			return false
		}
	}
	return true
}
