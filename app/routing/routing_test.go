package routing

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// read reads servers from JSON, as they are before Caddy loads anything.
func read(t *testing.T, servers string) Servers {
	t.Helper()
	app := new(caddyhttp.App)
	if err := json.Unmarshal(fmt.Appendf(nil, `{"servers": %s}`, servers), app); err != nil {
		t.Fatalf("%s: %v", servers, err)
	}
	return readApp(app)
}

func TestAreClosed(t *testing.T) {
	t.Parallel()
	const (
		session = `{"handler": "jwt_session", "realm": "shop"}`
		proxy   = `{"handler": "reverse_proxy"}`
		guarded = `{"handle": [` + session + `, ` + proxy + `]}`
		open    = `{"handle": [` + proxy + `]}`
	)
	site := func(host, route string) string {
		return `{"match": [{"host": ["` + host + `"]}], "terminal": true, "handle": [{"handler": "subroute", "routes": [` + route + `]}]}`
	}
	for routes, want := range map[string]bool{
		guarded:                      true,
		open:                         false,
		"":                           false,
		`{"handle": []}, ` + guarded: true,
		`{"handle": [{"handler": "encode"}, {"handler": "headers"}]}, ` + guarded: true,
		`{"handle": [{"handler": "jwt_session_callback"}]}, ` + guarded:           false,
		`{"handle": [{"handler": "static_response"}]}, ` + guarded:                false,
		open + ", " + guarded: false,
		guarded + ", " + open: true,
		`{"match": [{"path": ["/a*"]}], "handle": [` + session + `]}`:        false,
		`{"match": [{"path": ["/*"]}], "handle": [` + session + `]}`:         true,
		`{"group": "g", "handle": [` + session + `]}`:                        false,
		`{"handle": [{"handler": "subroute", "routes": [` + guarded + `]}]}`: true,
		`{"handle": [{"handler": "subroute", "routes": [` + open + `]}]}`:    false,
		site("a.example", guarded):                                           true,
		site("a.example", guarded) + ", " + site("b.example", open):          false,
		site("b.example", open) + ", " + site("a.example", guarded):          false,
		site("a.example", guarded) + ", " + site("b.example", guarded):       true,
		site("a.example", guarded) + ", " + open:                             false,
	} {
		if got := read(t, `{"one": {"routes": [`+routes+`]}}`).AreClosed(); got != want {
			t.Errorf("%s: closed %t, want %t", routes, got, want)
		}
	}
	for servers, want := range map[string]bool{
		`{}`: false,
		`{"one": {"routes": [` + guarded + `]}, "two": {}}`:                            true,
		`{"one": {"routes": [` + guarded + `]}, "two": {"routes": [` + open + `]}}`:    false,
		`{"one": {"routes": [` + guarded + `], "errors": {"routes": [` + open + `]}}}`: false,
		`{"one": {"routes": [` + guarded + `]}, "two": {"routes": [` + guarded + `]}}`: true,
	} {
		if got := read(t, servers).AreClosed(); got != want {
			t.Errorf("%s: closed %t, want %t", servers, got, want)
		}
	}
}

func TestRealms(t *testing.T) {
	t.Parallel()
	servers := read(t, `{
		"one": {
			"routes": [
				{"handle": [{"handler": "jwt_session", "realm": "a"}, {"handler": "unknown", "deep": [{"er": {"handler": "jwt_session", "realm": "b"}}]}]},
				{"handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "jwt_session", "realm": "c"}]}]}]},
				{"handle": [{"handler": "reverse_proxy", "handle_response": [{"routes": [{"handle": [{"handler": "jwt_session", "realm": "d"}]}]}]}]}
			],
			"errors": {"routes": [{"handle": [{"handler": "jwt_session", "realm": "e"}]}]},
			"named_routes": {"x": {"handle": [{"handler": "jwt_session", "realm": "f"}]}}
		},
		"two": {"routes": [{"handle": [{"handler": "jwt_session", "realm": "a"}, {"handler": "jwt_session_callback", "realm": "z"}]}]}
	}`)
	if got, want := servers.Realms(), []string{"a", "b", "c", "d", "e", "f"}; !slices.Equal(got, want) {
		t.Errorf("realms %q, want %q", got, want)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/app/*", "/app/*", true},
		{"/app/*", "/app/api/*", true},
		{"/app*", "/app", true},
		{"/APP/*", "/app/x", true},
		{"/app/*", "/app", false},
		{"/app/*", "/app*", false},
		{"/app/*", "/api/*", false},
		{"/app", "/app", true},
		{"/app", "/app*", false},
		{"*.php", "/index.php", true},
		{"/a/*/b", "/x", true},
		{"/{path}/*", "/x", true}, // it can't be told
	} {
		if got := covers(test.pattern, test.path); got != test.want {
			t.Errorf("%s and %s: %t, want %t", test.pattern, test.path, got, test.want)
		}
	}
}

// Whatever a handler's configuration is, reading it returns, and so does every question about it.
func FuzzReadHandler(f *testing.F) {
	for _, seed := range []string{
		`{"handler": "jwt_session", "realm": "a"}`, `{"Handler": "jwt_session_require", "attribute": "role"}`,
		`{"handler": "jwt_session_fresh", "handler": 5}`, `{"handler": "subroute", "routes": [{"match": [{"path": 5}], "handle": [{}]}]}`,
		`{"handler": "invoke", "name": "x"}`, `{"handler": "reverse_proxy", "a": [{"handler": "jwt_session"}]}`, `[]`, `null`, `"`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		one := route{handlers: []handler{readHandler(json.RawMessage(text))}}
		servers := Servers{{routes: []route{one, one}, errors: []route{one}, named: map[string]route{"x": one}}}
		servers.Realms()
		servers.Unprepared()
		servers.Unstripped()
		servers.AreClosed()
	})
}
