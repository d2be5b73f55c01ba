package jwtsession

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// prepareRoutes loads the route that questions go through where it is not the rest of the handler's own.
func (w *Whoami) prepareRoutes(ctx caddy.Context, source *whoamiSource) error {
	if w.Routes == nil {
		return nil
	}
	if err := w.Routes.Provision(ctx); err != nil {
		return fmt.Errorf("route: %w", err)
	}
	// What no handler answers is no answer of the application.
	source.route = w.Routes.Compile(caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	return nil
}

// through returns what the question goes through: the whoami page's own route, or the rest of the visitor's.
func (s *whoamiSource) through(next caddyhttp.Handler) caddyhttp.Handler {
	if s.route != nil {
		return s.route
	}
	return next
}

// whoamiRoute reads a block of directives, in the order in which they stand.
func (p handlerParser) whoamiRoute(routes *caddyhttp.RouteList) error {
	segment := p.NextSegment()
	if len(segment) < 3 || segment[1].Text != "{" {
		return p.Err("want route { <directives...> }")
	}
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(p.helper.WithDispenser(caddyfile.NewDispenser(inBlock(segment))))
	if err != nil {
		return err
	}
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok || len(subroute.Routes) == 0 {
		return p.Err("route: want at least one directive")
	}
	*routes = subroute.Routes
	return nil
}

// inBlock returns the tokens of a directive inside of a block of its own. Caddy sorts the directives of the block that it
// is given, and so leaves alone the order of those inside of the directive route.
func inBlock(segment caddyfile.Segment) caddyfile.Segment {
	first, last := segment[0], segment[len(segment)-1]
	opening, brace, closing := first, first, last
	opening.Line, brace.Line, closing.Line = first.Line-1, first.Line-1, last.Line+1
	brace.Text, closing.Text = "{", "}"
	block := append(caddyfile.Segment{opening, brace}, segment...)
	return append(block, closing)
}
