package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Site is one `jwt_session` handler of a configuration.
type Site struct {
	Realm string
	// AsksApplication reports whether it has a whoami page.
	AsksApplication bool

	server, host, path string // where requests reach it, as far as the configuration says that plainly
}

// wrapperName is the name that the handler has in the configuration that is provisioned here.
const wrapperName = "probe_of_jwt_session"

// prepare returns the configuration with each `jwt_session` handler wrapped, and without what it does beside requests: its logs,
// its admin endpoint, and its storage, for which there is an empty directory.
func prepare(config []byte, storage string) (*caddy.Config, []Site, error) {
	var read map[string]any
	if err := json.Unmarshal(config, &read); err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	apps, _ := read["apps"].(map[string]any)
	http, _ := apps["http"].(map[string]any)
	servers, _ := http["servers"].(map[string]any)
	var found finder
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		server, _ := servers[name].(map[string]any)
		delete(server, "logs")
		found.routes(server["routes"], Site{server: name})
		named, _ := server["named_routes"].(map[string]any)
		for _, route := range slices.Sorted(maps.Keys(named)) {
			found.routes([]any{named[route]}, Site{server: name})
		}
	}
	read["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	read["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]any{"output": "discard"}}}}
	read["storage"] = map[string]any{"module": "file_system", "root": storage}
	text, err := json.Marshal(read)
	if err != nil {
		return nil, nil, err
	}
	prepared := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, prepared); err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return prepared, found.sites, nil
}

// finder wraps handlers and notes where they are.
type finder struct{ sites []Site }

// routes goes through a list of routes.
func (f *finder) routes(list any, at Site) {
	routes, _ := list.([]any)
	for _, one := range routes {
		route, _ := one.(map[string]any)
		below := at.narrowed(route["match"])
		handlers, _ := route["handle"].([]any)
		for i, one := range handlers {
			handler, _ := one.(map[string]any)
			if handler["handler"] != "jwt_session" {
				f.routes(handler["routes"], below)
				continue
			}
			site := below
			site.Realm, _ = handler["realm"].(string)
			site.AsksApplication = handler["whoami"] != nil
			f.sites = append(f.sites, site)
			handlers[i] = map[string]any{"handler": wrapperName, "of": withoutName(handler), "realm": site.Realm}
		}
	}
}

func withoutName(handler map[string]any) map[string]any {
	plain := maps.Clone(handler)
	delete(plain, "handler")
	return plain
}

// narrowed returns where requests are that also match the first of the sets.
func (s Site) narrowed(match any) Site {
	sets, _ := match.([]any)
	if len(sets) == 0 {
		return s
	}
	set, _ := sets[0].(map[string]any)
	if host := firstPlain(set["host"]); host != "" {
		s.host = strings.Replace(host, "*", "www", 1)
	}
	if path := firstPlain(set["path"]); strings.HasPrefix(path, "/") {
		s.path = strings.TrimSuffix(path, "*")
	}
	return s
}

// firstPlain returns the first text of a list, if it has no placeholder.
func firstPlain(list any) string {
	texts, _ := list.([]any)
	if len(texts) == 0 {
		return ""
	}
	text, _ := texts[0].(string)
	if strings.Contains(text, "{") {
		return ""
	}
	return text
}
