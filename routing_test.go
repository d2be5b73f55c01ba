package jwtsession_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

const (
	unprepared = "there is no jwt_session before this handler in its route"
	unstripped = "reach a service with identity headers that clients may have made up"
)

// validateSites validates sites as `caddy validate` does, and returns what it warned of: the message in short, and what it is
// about.
func validateSites(t *testing.T, sites string) (warned []string, err error) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "caddy.log")
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
		admin off
		auto_https off
		storage file_system %q
		log {
			output file %q
			format json
		}
		jwt_session {
			store badger %q
		}
	}
	%s`, filepath.Join(dir, "storage"), log, filepath.Join(dir, "store"), sites), nil)
	if err != nil {
		t.Fatalf("%s: %v", sites, err)
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapted, config); err != nil {
		t.Fatal(err)
	}
	err = harness.Validate(config)
	text, readErr := os.ReadFile(log)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Msg, Handler, Realm string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		for _, known := range []string{unprepared, unstripped} {
			if entry.Level == "warn" && strings.Contains(entry.Msg, known) {
				warned = append(warned, known+": "+entry.Handler+entry.Realm)
			}
		}
	}
	return warned, err
}

// inSites returns a site for all hosts with directives, and such for some hosts, whose routes Caddy nests, before and behind
// another one.
func inSites(directives string) []string {
	const other = "\n}\nhttp://%s.example {\nreverse_proxy localhost:3\n}"
	return []string{
		"http:// {\n" + directives + "\n}",
		"http://shop.example {\n" + directives + fmt.Sprintf(other, "longer.name.which.is.first"),
		"http://shop.example {\n" + directives + fmt.Sprintf(other, "a"),
		"http://shop.example, http://a.example:81 {\n" + directives + fmt.Sprintf(other, "b"),
	}
}

const stateOf = "jwt_session_state cart {\nrequest_header X-Cart\nresponse_header X-Cart\n}"

func TestValidateWarnsOfHandlersWithoutSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ directives, want string }{
		{"jwt_session_require role admin\nrespond ok", "jwt_session_require role"},
		{"jwt_session_fresh 10m\nrespond ok", "jwt_session_fresh"},
		{stateOf + "\nrespond ok", "jwt_session_state cart"},
		{"route {\njwt_session_require role admin\njwt_session shop\n}\nrespond ok", "jwt_session_require role"},
		{"route /a* {\n" + stateOf + "\njwt_session shop\n}\nrespond ok", "jwt_session_state cart"},
		{"handle /a* {\njwt_session shop\n}\nhandle {\njwt_session_require role admin\n}", "jwt_session_require role"},
		{"handle {\nhandle /a {\njwt_session shop\nrespond a\n}\nhandle /b {\njwt_session_fresh 1m\nrespond b\n}\n}", "jwt_session_fresh"},
		{"respond ok\nhandle_errors {\njwt_session_require role admin\n}", "jwt_session_require role"},

		{"jwt_session shop\njwt_session_require role admin\njwt_session_fresh 10m\n" + stateOf + "\nrespond ok", ""},
		{"jwt_session_require role admin\njwt_session shop\nrespond ok", ""}, // Caddy orders them
		{"jwt_session /a* shop\njwt_session_require /a* role admin\nrespond ok", ""},
		{"jwt_session shop\nhandle /admin/* {\njwt_session_require role admin\n}\nhandle {\nrespond ok\n}", ""},
		{"handle /a* {\njwt_session shop\njwt_session_require role admin\n}\nhandle {\nrespond ok\n}", ""},
		{"route {\njwt_session shop\nroute {\njwt_session_require role admin\n}\n}", ""},
		{"jwt_session shop\nrespond ok\nhandle_errors {\njwt_session_require role admin\n}", ""},
		{"jwt_session shop\nreverse_proxy localhost:1 {\nhandle_response {\njwt_session_require role admin\n}\n}", ""},
		{"jwt_session shop {\nwhoami /me json user {\nroute {\njwt_session_strip\nreverse_proxy localhost:1\n}\n}\n}\nrespond ok", ""},
		{"jwt_session_status /status\nrespond ok", ""},
	} {
		for _, sites := range inSites(test.directives) {
			var want []string
			if test.want != "" {
				want = []string{unprepared + ": " + test.want}
			}
			warned, err := validateSites(t, sites)
			if err != nil || !slices.Equal(warned, want) {
				t.Errorf("%s\nwarned of %q, %v; want %q", sites, warned, err, want)
			}
		}
	}
	// A handler of another site is not before it, and a route that is called by name has what is before the call.
	for sites, want := range map[string][]string{
		"http://a.example {\njwt_session shop\nrespond a\n}\nhttp://b.example {\njwt_session_require role admin\nrespond b\n}": {
			unprepared + ": jwt_session_require role",
		},
		"&(admin) {\njwt_session_require role admin\n}\nhttp:// {\njwt_session shop\ninvoke admin\n}":                 nil,
		"&(admin) {\njwt_session_require role admin\n}\nhttp:// {\nroute {\ninvoke admin\njwt_session shop\n}\n}":     {unprepared + ": jwt_session_require role"},
		"&(admin) {\njwt_session_require role admin\n}\nhttp:// {\nroute {\ninvoke admin\n}\n}":                       {unprepared + ": jwt_session_require role"},
		"&(admin) {\njwt_session_require role admin\n}\nhttp:// {\ninvoke /admin/* admin\nrespond ok\n}":              {unprepared + ": jwt_session_require role"},
		"&(open) {\njwt_session shop\n}\nhttp:// {\nroute {\ninvoke open\njwt_session_require role admin\n}\n}":       nil,
		"&(round) {\ninvoke round\njwt_session_fresh 1m\n}\nhttp:// {\nroute {\ninvoke round\njwt_session shop\n}\n}": {unprepared + ": jwt_session_fresh"},
	} {
		warned, err := validateSites(t, sites)
		if err != nil || !slices.Equal(warned, want) {
			t.Errorf("%s\nwarned of %q, %v; want %q", sites, warned, err, want)
		}
	}
}

func TestValidateWarnsOfMatcherOnSession(t *testing.T) {
	t.Parallel()
	const static = "@pages not path /static/*\n"
	for _, test := range []struct {
		directives string
		warns      bool
	}{
		{"jwt_session /app/* shop\nreverse_proxy localhost:1", true},
		{static + "jwt_session @pages shop\nreverse_proxy localhost:1", true},
		{"@post method POST\njwt_session @post shop\nreverse_proxy localhost:1", true},
		{"jwt_session /app/* shop\nphp_fastcgi localhost:1", true},
		{"jwt_session /app/* shop\nhandle /app/* {\nreverse_proxy localhost:1\n}\nhandle {\nreverse_proxy localhost:2\n}", true},
		{"jwt_session /app/* shop\nreverse_proxy /api/* localhost:1", true},
		{"jwt_session /app/* shop\nreverse_proxy /app* localhost:1", true},
		{"jwt_session /a/* shop\njwt_session /b/* shop\nreverse_proxy localhost:1", true},
		{"route {\njwt_session /app/* shop\nreverse_proxy localhost:1\n}", true},
		{"jwt_session /app/* shop\njwt_session_strip /api/*\nreverse_proxy localhost:1", true},

		{"jwt_session shop\nreverse_proxy localhost:1", false},
		{"jwt_session * shop\nreverse_proxy localhost:1", false},
		{"jwt_session /* shop\nreverse_proxy localhost:1", false},
		{"@shop host shop.example\njwt_session @shop shop\nreverse_proxy @shop localhost:1", false},
		{"jwt_session /app/* shop\nreverse_proxy /app/* localhost:1", false},
		{"jwt_session /app/* shop\nreverse_proxy /app/api/* localhost:1", false},
		{"jwt_session /app* shop\nreverse_proxy /app/* localhost:1", false},
		{static + "jwt_session @pages shop\nreverse_proxy @pages localhost:1\nfile_server", false},
		{static + "jwt_session @pages shop\nfile_server", false},
		{"jwt_session /app/* shop\nhandle /app/* {\nreverse_proxy localhost:1\n}\nhandle {\nfile_server\n}", false},
		{"jwt_session_strip\njwt_session /app/* shop\nreverse_proxy localhost:1", false},
		{"jwt_session /app/* shop\njwt_session shop\nreverse_proxy localhost:1", false},
		{"handle /app/* {\njwt_session shop\nreverse_proxy localhost:1\n}\nhandle {\nreverse_proxy localhost:2\n}", false},
		{"route /app/* {\njwt_session shop\nreverse_proxy localhost:1\n}\nreverse_proxy localhost:2", false},
		{static + "@static path /static/*\njwt_session @pages shop\njwt_session @static shop\nreverse_proxy localhost:1", false},
		{"jwt_session /app/* shop\nrespond ok", false},
		{"route {\nfile_server /static/*\n" + static + "jwt_session @pages shop\nreverse_proxy localhost:1\n}", false},
	} {
		for _, sites := range inSites(test.directives) {
			var want []string
			if test.warns {
				want = []string{unstripped + ": shop"}
			}
			warned, err := validateSites(t, sites)
			if err != nil || !slices.Equal(warned, want) {
				t.Errorf("%s\nwarned of %q, %v; want %q", sites, warned, err, want)
			}
		}
	}
}

// What `run` refuses at its start, `validate` refuses as well.
func TestValidateFindsWhatRunRefuses(t *testing.T) {
	t.Parallel()
	const callback = "jwt_session_callback %s {\nissuer https://id.example\nclient_id a\nclient_secret b\n}\n"
	const signOut = "jwt_session_signout %s {\nissuer https://id.example\nclient_id a\n%s}\n"
	for _, test := range []struct{ sites, want string }{
		{"http:// {\njwt_session shop\n" + fmt.Sprintf(callback, "blog") + "}", "jwt_session_callback blog: there is no jwt_session handler of the realm blog"},
		{"http:// {\njwt_session shop\n" + fmt.Sprintf(signOut, "blog", "") + "}", "jwt_session_signout blog: there is no jwt_session handler of the realm blog"},
		{"http:// {\nrespond ok\n" + fmt.Sprintf(callback, "blog") + "}", "there is no jwt_session handler of the realm blog"},
		{"http:// {\njwt_session shop-{host}\n" + fmt.Sprintf(callback, "shop") + "}", "there is no jwt_session handler of the realm shop"},
		{"http:// {\njwt_session shop\n" + fmt.Sprintf(signOut, "shop", "poll https://id.example/poll\n") + fmt.Sprintf(signOut, "shop", "poll https://id.example/poll\n") + "}", "another jwt_session_signout polls it"},

		{"http:// {\njwt_session shop\n" + fmt.Sprintf(callback, "shop") + fmt.Sprintf(signOut, "shop", "") + "}", ""},
		{"http:// {\nroute {\n" + fmt.Sprintf(callback, "shop") + fmt.Sprintf(signOut, "shop", "") + "handle {\njwt_session shop\n}\n}\n}", ""},
		{"http://a.example {\n" + fmt.Sprintf(callback, "shop") + "}\nhttp://b.example:1 {\njwt_session shop\n}", ""},
		{"http:// {\n" + fmt.Sprintf(callback, "shop-a") + "jwt_session shop-{host}\n}", ""},
		{"http:// {\n" + fmt.Sprintf(callback, "shop") + "reverse_proxy localhost:1 {\nhandle_response {\njwt_session shop\n}\n}\n}", ""},
		{"&(shop) {\njwt_session shop\n}\nhttp:// {\n" + fmt.Sprintf(callback, "shop") + "invoke shop\n}", ""},
	} {
		_, err := validateSites(t, test.sites)
		if test.want == "" && err != nil {
			t.Errorf("%s\ngot %v", test.sites, err)
		} else if test.want != "" {
			checkInvalid(t, err, test.sites, test.want)
		}
	}
}
