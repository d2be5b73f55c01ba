package jwtsession

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// modulesOf returns the handlers of one type in a configuration, in the order of its routes.
func modulesOf[T any](t testing.TB, ctx caddy.Context) []T {
	t.Helper()
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	for _, server := range app.(*caddyhttp.App).Servers {
		found = appendModules(found, server.Routes)
	}
	return found
}

func appendModules[T any](found []T, routes caddyhttp.RouteList) []T {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			if wanted, ok := handler.(T); ok {
				found = append(found, wanted)
			}
			if nested, ok := handler.(*caddyhttp.Subroute); ok {
				found = appendModules(found, nested.Routes)
			}
		}
	}
	return found
}
