package routing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The names of handlers that matter here.
const (
	jwtSession = "jwt_session"
	strip      = "jwt_session_strip"
)

// Servers are the routes of all servers of a configuration.
type Servers []server

type server struct {
	routes, errors []route
	named          map[string]route
}

// route is one route as it is configured.
type route struct {
	group    string
	terminal bool
	match    match
	handlers []handler
}

// handler is one handler of a route.
type handler struct {
	name string
	// of is the realm, attribute, cookie or named route that it is about.
	of string
	// routes are the ones inside a subroute, and inside are the handlers of ours that stand anywhere in another handler.
	routes []route
	inside []handler
}

// match is which requests a route is for.
type match struct {
	// always reports whether it is for all requests of a host, and byHost whether it is for some hosts alone.
	always, byHost bool
	// paths are the patterns of its paths, if it has no other conditions.
	paths []string
	// text is the same for routes that are for the same requests.
	text string
}

// Read reads the routes of the http app that the context's module stands in. It returns nothing if it stands in no http app.
func Read(ctx caddy.Context) Servers {
	modules := ctx.Modules()
	at := slices.IndexFunc(modules, func(module caddy.Module) bool { _, ok := module.(*caddyhttp.App); return ok })
	if at < 0 {
		return nil
	}
	return readApp(modules[at].(*caddyhttp.App))
}

func readApp(app *caddyhttp.App) Servers {
	var servers Servers
	for _, one := range app.Servers {
		read := server{routes: readRoutes(one.Routes), named: make(map[string]route)}
		if one.Errors != nil {
			read.errors = readRoutes(one.Errors.Routes)
		}
		for name, named := range one.NamedRoutes {
			if named != nil {
				read.named[name] = readRoute(*named)
			}
		}
		servers = append(servers, read)
	}
	return servers
}

func readRoutes(from []caddyhttp.Route) []route {
	var routes []route
	for _, one := range from {
		routes = append(routes, readRoute(one))
	}
	return routes
}

func readRoute(from caddyhttp.Route) route {
	read := route{group: from.Group, terminal: from.Terminal, match: readMatch(from)}
	for _, raw := range from.HandlersRaw {
		read.handlers = append(read.handlers, readHandler(raw))
	}
	if len(from.HandlersRaw) == 0 {
		for _, loaded := range from.Handlers {
			read.handlers = append(read.handlers, readLoaded(loaded))
		}
	}
	return read
}

// readLoaded reads a handler that Caddy has loaded before the first one of ours. So it has none of ours inside.
func readLoaded(loaded caddyhttp.MiddlewareHandler) handler {
	var read handler
	if module, ok := loaded.(caddy.Module); ok {
		read.name = module.CaddyModule().ID.Name()
	}
	switch loaded := loaded.(type) {
	case *caddyhttp.Subroute:
		read.routes = readRoutes(loaded.Routes)
	case *caddyhttp.Invoke:
		read.of = loaded.Name
	}
	return read
}

// readHandler reads the configuration of one handler. One that can't be read is one of which nothing is known; Caddy refuses it.
func readHandler(raw json.RawMessage) handler {
	var config struct {
		Handler   string            `json:"handler"`
		Realm     string            `json:"realm"`
		Attribute string            `json:"attribute"`
		Cookie    string            `json:"cookie"`
		Name      string            `json:"name"`
		Routes    []caddyhttp.Route `json:"routes"`
	}
	_ = json.Unmarshal(raw, &config) // what other handlers have of these names may be of another kind
	read := handler{name: config.Handler, of: config.Realm + config.Attribute + config.Cookie}
	switch config.Handler {
	case "subroute":
		read.routes = readRoutes(config.Routes)
	case "invoke":
		read.of = config.Name
	case jwtSession: // its routes are for its own questions
	default:
		var values map[string]any
		_ = json.Unmarshal(raw, &values)
		for _, inner := range values {
			read.inside = append(read.inside, ours(inner)...)
		}
	}
	return read
}

func isOurs(name string) bool { return name == jwtSession || strings.HasPrefix(name, jwtSession+"_") }

// ours returns the handlers of ours that stand anywhere in a value.
func ours(value any) []handler {
	var found []handler
	switch value := value.(type) {
	case map[string]any:
		if name, _ := value["handler"].(string); isOurs(name) {
			of, _ := value["realm"].(string)
			found = append(found, handler{name: name, of: of})
		}
		for _, inner := range value {
			found = append(found, ours(inner)...)
		}
	case []any:
		for _, inner := range value {
			found = append(found, ours(inner)...)
		}
	}
	return found
}

// readMatch reads which requests a route is for, from its matchers or, once Caddy has loaded them, from what they were loaded to.
func readMatch(from caddyhttp.Route) match {
	sets := make([]map[string]json.RawMessage, 0, len(from.MatcherSetsRaw)+len(from.MatcherSets))
	for _, raw := range from.MatcherSetsRaw {
		sets = append(sets, raw)
	}
	for _, loaded := range from.MatcherSets {
		set := make(map[string]json.RawMessage)
		for _, matcher := range loaded {
			text, err := json.Marshal(matcher)
			if err != nil {
				text = fmt.Appendf(nil, "%q", err.Error())
			}
			name := fmt.Sprintf("%T", matcher)
			if module, ok := matcher.(caddy.Module); ok {
				name = strings.TrimPrefix(string(module.CaddyModule().ID), "http.matchers.")
			}
			set[name] = text
		}
		sets = append(sets, set)
	}
	return matchOf(sets)
}

// matchOf returns which requests the sets are for. One of them must match, and in it each matcher.
func matchOf(sets []map[string]json.RawMessage) match {
	found := match{always: len(sets) == 0}
	var texts []string
	for _, set := range sets {
		var paths []string
		rest := 0
		for name, raw := range set {
			switch name {
			case "host":
				found.byHost = true
			case "path":
				if json.Unmarshal(raw, &paths) != nil {
					rest++
				}
			default:
				rest++
			}
			var compact bytes.Buffer
			_ = json.Compact(&compact, raw)
			texts = append(texts, name+" "+compact.String())
		}
		_, hasPath := set["path"]
		switch {
		case rest == 0 && !hasPath, rest == 0 && slices.ContainsFunc(paths, func(path string) bool { return path == "*" || path == "/*" }):
			found.always = true
		case rest == 0 && len(sets) == 1:
			found.paths = paths
		}
	}
	slices.Sort(texts)
	found.text = strings.Join(texts, "\n")
	return found
}
