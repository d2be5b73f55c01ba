package routing

import (
	"maps"
	"slices"
	"strings"
)

// maxDepth is how deep routes that are called by name are followed. They may lead in a circle. What is deeper is not known.
const maxDepth = 5

// Realms returns the realms of all jwt_session handlers, sorted.
func (s Servers) Realms() []string {
	var realms []string
	s.each(func(one handler) {
		if one.name == jwtSession {
			realms = append(realms, one.of)
		}
	})
	slices.Sort(realms)
	return slices.Compact(realms)
}

// each calls the function with every handler, wherever it stands.
func (s Servers) each(do func(handler)) {
	for _, server := range s {
		server.each(do)
	}
}

func (s server) each(do func(handler)) {
	eachOf(s.routes, do)
	eachOf(s.errors, do)
	eachOf(slices.Collect(maps.Values(s.named)), do)
}

func eachOf(routes []route, do func(handler)) {
	for _, one := range routes {
		for _, handler := range one.handlers {
			do(handler)
			eachOf(handler.routes, do)
			for _, inner := range handler.inside {
				do(inner)
			}
		}
	}
}

// needing are the handlers that answer 500 if there is no jwt_session before them.
var needing = []string{"jwt_session_require", "jwt_session_fresh", "jwt_session_state"}

// Unprepared returns the handlers that no request reaches by a jwt_session handler, as the Caddyfile names them.
func (s Servers) Unprepared() []string {
	found := make(map[string]bool)
	for _, server := range s {
		hasHandler := false
		server.each(func(one handler) { hasHandler = hasHandler || one.name == jwtSession })
		walk := preparedWalk{server: server, found: found}
		walk.routes(server.routes, false, 0)
		walk.routes(server.errors, hasHandler, 0) // a request comes here from where it was decided
	}
	return slices.Sorted(maps.Keys(found))
}

// preparedWalk goes through routes as requests do.
type preparedWalk struct {
	server server
	found  map[string]bool
}

// routes goes through routes that a request may reach. Before reports whether a jwt_session may be before them. It reports
// whether one may be before what comes behind them.
func (w preparedWalk) routes(routes []route, before bool, depth int) bool {
	groups := make(map[string]bool) // what was before the first of a group, of which one route alone counts
	for _, one := range routes {
		entry := before
		if one.group != "" {
			if known, ok := groups[one.group]; ok {
				entry = known
			}
			groups[one.group] = entry
		}
		exit := w.handlers(one.handlers, entry, depth)
		if !one.terminal {
			before = before || exit
		}
	}
	return before
}

func (w preparedWalk) handlers(handlers []handler, before bool, depth int) bool {
	for _, one := range handlers {
		switch {
		case one.name == jwtSession:
			before = true
		case slices.Contains(needing, one.name) && !before:
			w.found[strings.TrimSpace(one.name+" "+one.of)] = true
		case one.name == "invoke" && depth >= maxDepth:
			before = true
		case one.name == "invoke":
			before = w.routes([]route{w.server.named[one.of]}, before, depth+1)
		}
		before = w.routes(one.routes, before, depth) || before
		before = before || slices.ContainsFunc(one.inside, func(inner handler) bool { return inner.name == jwtSession })
	}
	return before
}

// harmless are handlers that neither hand a request to a service nor answer it by what it says of its user.
var harmless = strings.Fields("acme_server authentication copy_response copy_response_headers encode error file_server headers " +
	"log_append map metrics push request_body rewrite static_response tracing vars")

func isService(one handler) bool {
	return !isOurs(one.name) && !slices.Contains(harmless, one.name) && one.name != "subroute" && one.name != "invoke"
}

// Unstripped returns the realms whose jwt_session handler has a matcher, while requests that it does not match reach a service
// with the identity headers that the client sent.
func (s Servers) Unstripped() []string {
	found := make(map[string]bool)
	for _, server := range s {
		strippedWalk{server: server, found: found}.routes(server.routes, nil, 0)
	}
	return slices.Sorted(maps.Keys(found))
}

// strippedWalk goes through routes as requests do that no jwt_session has seen.
type strippedWalk struct {
	server server
	found  map[string]bool
}

// conditional is a jwt_session that not every request meets.
type conditional struct {
	realm string
	match match
}

// routes goes through routes that requests reach unstripped. It reports whether they are stripped behind them, or answered.
func (w strippedWalk) routes(routes []route, pending []conditional, depth int) bool {
	pending = slices.Clone(pending)
	answers := false // some requests are answered before the routes that follow
	for _, one := range routes {
		stripped, serves := w.handlers(one, pending, answers, depth)
		if one.match.byHost && one.terminal {
			continue // a site, which the next one has nothing to do with
		}
		if stripped && one.match.always && one.group == "" {
			return true
		}
		for _, handler := range one.handlers {
			if handler.name == jwtSession && !one.match.always {
				pending = append(pending, conditional{realm: handler.of, match: one.match})
			}
			if handler.name == strip && !one.match.always {
				answers = true // which requests it is for is not compared
			}
		}
		if serves && one.match.always {
			return true // nothing comes behind it, as far as is known
		}
		answers = answers || serves || one.terminal
	}
	return false
}

// handlers goes through the handlers of a route. It reports whether requests of the route are stripped behind it, and whether
// they are answered.
func (w strippedWalk) handlers(of route, pending []conditional, answers bool, depth int) (stripped, serves bool) {
	for _, one := range of.handlers {
		switch {
		case one.name == jwtSession, one.name == strip:
			stripped = true
		case stripped:
			serves = serves || isService(one) || one.name == "file_server" || one.name == "static_response" || one.name == "error"
		case one.name == "subroute":
			stripped = w.routes(one.routes, within(of, pending, answers), depth)
			serves = true // as far as is known
		case one.name == "invoke" && depth >= maxDepth:
			stripped = true
		case one.name == "invoke":
			stripped = w.routes([]route{w.server.named[one.of]}, within(of, pending, answers), depth+1)
			serves = true
		case isService(one):
			for _, other := range within(of, pending, answers) {
				w.found[other.realm] = true
			}
			return stripped, true
		case one.name == "file_server", one.name == "static_response", one.name == "error":
			serves = true
		}
	}
	return stripped, serves
}

// within returns the pending handlers if some requests of the route surely met none of them. Answers reports whether some
// requests never come to the route.
func within(of route, pending []conditional, answers bool) []conditional {
	others := len(pending) > 1 || answers
	if slices.ContainsFunc(pending, func(one conditional) bool { return !misses(of.match, one.match, others) }) {
		return nil
	}
	return pending
}

// misses reports whether some request of a route is surely not one of the other match. Others reports whether more than these
// two decides that.
func misses(of, other match, others bool) bool {
	switch {
	case of.text == other.text && !of.always:
		return false
	case len(other.paths) > 0 && of.always:
		return true
	case len(other.paths) > 0 && len(of.paths) > 0:
		return slices.ContainsFunc(of.paths, func(path string) bool {
			return !slices.ContainsFunc(other.paths, func(pattern string) bool { return covers(pattern, path) })
		})
	default:
		return of.always && !others
	}
}

// covers reports whether all paths of one pattern may be paths of another one. It is sure where it says no.
func covers(pattern, path string) bool {
	prefix, isPrefix := strings.CutSuffix(strings.ToLower(pattern), "*")
	path = strings.ToLower(path)
	if strings.Contains(prefix, "*") || strings.ContainsAny(pattern, "{?[\\%") {
		return true // it can't be told
	}
	if isPrefix {
		return strings.HasPrefix(path, prefix)
	}
	return path == prefix
}

// preparing are handlers that answer no request and lead to no page.
var preparing = strings.Fields("encode headers log_append map push request_body rewrite tracing vars " + strip)

// AreClosed reports whether every page of the configuration is behind a jwt_session handler, and there are no pages for errors
// either.
func (s Servers) AreClosed() bool {
	closed := false
	for _, server := range s {
		if len(server.errors) > 0 || len(server.routes) > 0 && !isClosed(server.routes) {
			return false
		}
		closed = closed || len(server.routes) > 0
	}
	return closed
}

// isClosed reports whether all requests meet a jwt_session before anything else answers them.
func isClosed(routes []route) bool {
	closed := false
	for _, one := range routes {
		if !one.match.always || one.group != "" {
			return false
		}
		switch closes, opens := meets(one.handlers); {
		case opens:
			return false
		case one.match.byHost: // the next site must be closed as well
			closed = closed || closes
		case closes:
			return true
		}
	}
	return closed
}

// meets reports whether requests meet a jwt_session before anything else answers them, and whether anything else may.
func meets(handlers []handler) (closes, opens bool) {
	for _, one := range handlers {
		switch {
		case one.name == jwtSession, one.name == "subroute" && isClosed(one.routes):
			return true, false
		case !slices.Contains(preparing, one.name):
			return false, true
		}
	}
	return false, false
}
