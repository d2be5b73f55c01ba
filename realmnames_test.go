package jwtsession_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// Whoever is revoked in the realm of a host writes the host in another way, and would be somebody of another realm, in
// which nothing is revoked.
func TestAttackSpellingsOfTheHost(t *testing.T) {
	for _, test := range []struct {
		realm string // of the configuration
		host  string
		name  string // of the realm that every spelling makes
		alias []string
	}{
		{"shop-{host}", "a.example", "shop-a.example", []string{
			"a.example.", "A.Example", "A.EXAMPLE.", "a.example:80", "a.example.:80", "a.example:", "a.example:443", "a.example:x",
		}},
		{"shop-{hostport}", "a.example", "shop-a.example", []string{"a.example.", "A.Example", "a.example.:80", "a.example:", "a.example:8443"}},
		{"shop-{labels.1}", "a.example", "shop-a", []string{"a.example.", "A.Example", "a.example.:80", "a.example:80"}},
		{"{labels.1}_{labels.0}", "a-b.example", "a-b_example", []string{"a-b.example.", "A-B.Example.:80"}},
		{"shop-{http.vars.copied}", "a.example", "shop-a.example", []string{"a.example.", "A.Example:80"}},
		{"shop-{http.request.header.X-Forwarded-Host}", "a.example", "shop-a.example", []string{"a.example.", "A.Example:80"}},
		{"{http.vars.fixed}-{host}", "a.example", "acme-a.example", []string{"a.example.", "A.Example:80"}},
		{"shop-{host}", "xn--caf-dma.example", "shop-xn--caf-dma.example", []string{"XN--CAF-DMA.example.", "xn--Caf-dma.Example:80"}},
		{"shop-{host}", "[::1]", "shop---1", []string{
			"[::1]:80", "[0:0:0:0:0:0:0:1]", "[::0001]", "[0::1]:443", "[::1]:", "[::1%25eth0]", "[::0.0.0.1]",
		}},
		{"shop-{hostport}", "[2001:db8::a]", "shop-2001-db8--a", []string{"[2001:DB8::A]:80", "[2001:db8:0:0::a]", "[2001:db8::a%25en0]:80"}},
		{"shop-{host}", "10.1.2.3", "shop-10.1.2.3", []string{"10.1.2.3.", "10.1.2.3:80", "[::ffff:10.1.2.3]", "[::ffff:a01:203]:80"}},
	} {
		g := harness.NewWith(t, harness.Options{Site: `
			vars {
				copied {hostport}
				fixed Acme.
			}
			jwt_session ` + test.realm + ` {
				whoami /whoami json user
			}
			request_header X-Realm {http.jwt_session.realm}
			reverse_proxy LEGACY`})
		cookie := "Cookie: session=" + g.Legacy.SignIn("alice")
		other := "Cookie: session=" + g.Legacy.SignIn("bob")
		g.MustAdmin("revocations", map[string]any{"realm": test.name, "user": "alice"})
		for _, host := range append(test.alias, test.host) {
			lines := []string{"Host: " + host, "X-Forwarded-Host: " + host}
			if got := g.RawGet(append(lines, cookie)...).StatusCode; got != http.StatusUnauthorized {
				t.Errorf("%s, Host: %s: status %d for a user who is revoked in %s", test.realm, host, got, test.name)
			}
			response := g.RawGet(append(lines, other)...)
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s, Host: %s: status %d", test.realm, host, response.StatusCode)
			} else if got := harness.ReceivedFrom(t, response).Header.Get("X-Realm"); got != test.name {
				t.Errorf("%s, Host: %s: the realm is %q, want %q", test.realm, host, got, test.name)
			}
		}
	}
}

// A host that is no host, or that reads as another one, would be somebody's realm.
func TestAttackHostsThatMakeNoRealm(t *testing.T) {
	t.Parallel()
	for realm, hosts := range map[string][]string{
		"shop-{host}": {
			"a..example", "a.example..", ".a.example", ".", "a%2eexample", "a_b!", "127.1", "0177.0.0.1", "--1", "2001-db8--a",
			"[::1", "[::g]", "[127.0.0.1]", "xn--a.example", "xn--abc-.example", "",
		},
		"{labels.2}-{labels.1}": {"a-b.c.example", "a-b.c.example.", "c.example"}, // a.b-c.example is another host
	} {
		g := harness.NewWith(t, harness.Options{Site: "jwt_session " + realm + " {\nwhoami /whoami json user\n}\nreverse_proxy LEGACY"})
		cookie := "Cookie: session=" + g.Legacy.SignIn("alice")
		for _, host := range hosts {
			if got := g.RawGet("Host: "+host, cookie).StatusCode; got != http.StatusBadRequest {
				t.Errorf("%s, Host: %s: status %d, want 400", realm, host, got)
			}
		}
		if realm != "shop-{host}" {
			if got := g.RawGet("Host: a.b-c.example", cookie).StatusCode; got != http.StatusOK {
				t.Errorf("%s: status %d", realm, got)
			}
		}
		if g.Legacy.Questions() > 1 {
			t.Errorf("%s: the application was asked about a session of no realm", realm)
		}
		if text := g.Logged(); strings.Contains(text, "a%2eexample\":") {
			t.Error("the log holds the value")
		}
	}
}

// An operator who writes a realm as its host may be written would revoke somebody in a realm that no request has.
func TestOperatorIsToldHowARealmIsWritten(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: "jwt_session shop-{host} {\nwhoami /whoami json user\n}\nreverse_proxy LEGACY"})
	for written, name := range map[string]string{
		"shop-A.example": "shop-a.example", "Shop-a.example.": "shop-a.example", "shop-a.example:443": "shop-a.example",
		"shop-café.example": "shop-xn--caf-dma.example", "shop-[::1]": "shop---1", "shop-0::1": "shop---1",
	} {
		for _, call := range []struct{ path, body string }{
			{"revocations", `"user": "alice"`},
			{"sessions/list", `"limit": 1`},
			{"sessions", `"id": "0123456789abcdef", "user": "alice"`},
			{"sessions/end", `"session": "0123456789abcdef"`},
		} {
			status, answer := g.Admin(http.MethodPost, call.path, `{"realm": "`+written+`", `+call.body+`}`)
			if text, _ := answer["error"].(string); status != http.StatusNotFound || !strings.Contains(text, "write it as "+name) {
				t.Errorf("%s with the realm %s: status %d, %q", call.path, written, status, text)
			}
		}
	}
	if status, answer := g.Admin(http.MethodPost, "revocations", `{"realm": "blog", "user": "alice"}`); status != http.StatusNotFound ||
		strings.Contains(answer["error"].(string), "write it as") {
		t.Errorf("a realm that is not there: status %d, %v", status, answer)
	}
}

// Whoever registers as "admin" at the one site would be the "admin" of the other, where a realm can take its name.
func TestRealmsThatMeetAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sites string // from line 2 on
		want  []string
	}{
		{"http://shop.example {\njwt_session shop\n}\nhttp:// {\njwt_session {host}\n}", []string{"Caddyfile:3", "Caddyfile:6", "{http.request.host}", "shop"}},
		{"http:// {\njwt_session {host}\n}\nhttp://shop.example {\njwt_session shop\n}", []string{"Caddyfile:3", "Caddyfile:6"}},
		{"http:// {\njwt_session shop-admin\njwt_session shop-{host}\n}", []string{"Caddyfile:3", "Caddyfile:4", "shop-admin"}},
		{"http:// {\nroute /a* {\njwt_session {host}\n}\nhandle /b* {\nroute {\njwt_session shop-{host}\n}\n}\n}", []string{"Caddyfile:4", "Caddyfile:8"}},
		{"http:// {\njwt_session {host}-x\njwt_session y-{labels.1}\n}", []string{"Caddyfile:3", "Caddyfile:4"}},
		{"http:// {\njwt_session Shop-{host}\njwt_session shop-{host}\n}", []string{"Caddyfile:3", "Caddyfile:4", "write both alike"}},
		{"http:// {\njwt_session {host}\njwt_session {hostport}\n}", []string{"Caddyfile:3", "Caddyfile:4"}},
		{"(app) {\njwt_session {args[0]}\n}\nhttp:// {\nimport app {host}\nimport app shop\n}", []string{"Caddyfile:3", "shop"}},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("# the first line\n"+test.sites), map[string]any{"filename": "Caddyfile"})
		if err == nil {
			t.Errorf("%s: adapted", test.sites)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q: %v", test.sites, want, err)
			}
		}
	}
}

// What stands apart loads: the one of the docs, fixed realms beside it, one realm on several routes.
func TestRealmsThatAreApartLoad(t *testing.T) {
	t.Parallel()
	for _, site := range []string{
		"jwt_session shop-{host}",
		"jwt_session shop-{host}\njwt_session shop",
		"jwt_session shop-{host}\njwt_session blog-{host}\njwt_session blog",
		"route /a* {\njwt_session {host}\n}\nroute /b* {\njwt_session {host} {\nmode stateless\n}\n}",
		"jwt_session {labels.1}_{labels.0}\njwt_session shop-admin",
	} {
		g := harness.NewWith(t, harness.Options{Site: site})
		if len(g.App.Names().Sites()) == 0 {
			t.Errorf("%s: no handler", site)
		}
	}
}

// Named routes and JSON have no lines in common with the rest: there the configuration is refused when it is loaded.
func TestRealmsThatMeetAreRefusedInJSON(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"{http.request.host}", "shop"}, {"shop", "{http.request.host}"}, {"a-{http.request.host}", "{http.request.hostport}"}} {
		routes := make([]string, 2)
		for i, realm := range pair {
			routes[i] = `{"handle": [{"handler": "jwt_session", "realm": "` + realm + `"}]}`
		}
		config := new(caddy.Config)
		text := `{"admin": {"disabled": true}, "storage": {"module": "file_system", "root": "` + t.TempDir() + `"},
			"apps": {"jwt_session": {"store": {"engine": "badger", "dir": "` + t.TempDir() + `"}},
			"http": {"servers": {"s": {"routes": [` + strings.Join(routes, ",") + `]}}}}}`
		if err := caddy.StrictUnmarshalJSON([]byte(text), config); err != nil {
			t.Fatal(err)
		}
		err := harness.Validate(config)
		if err == nil || !strings.Contains(err.Error(), pair[0]) || !strings.Contains(err.Error(), pair[1]) ||
			!strings.Contains(err.Error(), "can take the name of the realm") {
			t.Errorf("%q: got %v", pair, err)
		}
	}
}
