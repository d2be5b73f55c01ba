package carrier

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	setcookie "github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
)

// withDefaults returns the cookie as Provision leaves it.
func (c TokenCookie) withDefaults() *TokenCookie {
	c.SetDefaults()
	return &c
}

func TestTokenCookieNames(t *testing.T) {
	for _, test := range []struct {
		cookie        TokenCookie
		plain, secure string
	}{
		{TokenCookie{}, "jwt_shop", "__Host-jwt_shop"},
		{TokenCookie{Path: "/"}, "jwt_shop", "__Host-jwt_shop"},
		{TokenCookie{Path: "/app"}, "jwt_shop", "jwt_shop"},
		{TokenCookie{Domain: "shop.example"}, "jwt_shop", "jwt_shop"},
		{TokenCookie{Name: "token"}, "token", "token"},
		{TokenCookie{Name: "__Host-token"}, "__Host-token", "__Host-token"},
	} {
		cookie := test.cookie.withDefaults()
		if got := cookie.PlainName("shop"); got != test.plain || cookie.NameFor("shop", false) != got {
			t.Errorf("%+v: plain name %s, want %s", test.cookie, got, test.plain)
		}
		if got := cookie.SecureName("shop"); got != test.secure || cookie.NameFor("shop", true) != got {
			t.Errorf("%+v: secure name %s, want %s", test.cookie, got, test.secure)
		}
	}
}

func TestTokenCookieIsSecure(t *testing.T) {
	for _, test := range []struct {
		name    string
		secure  string
		tls     bool
		trusted any // the variable trusted_proxy
		proto   []string
		want    bool
	}{
		{name: "plain", secure: "auto"},
		{name: "TLS", secure: "auto", tls: true, want: true},
		{name: "trusted proxy with TLS", secure: "auto", trusted: true, proto: []string{"https"}, want: true},
		{name: "trusted proxy, in capitals", secure: "auto", trusted: true, proto: []string{"HTTPS"}, want: true},
		{name: "trusted proxy without TLS", secure: "auto", trusted: true, proto: []string{"http"}},
		{name: "trusted proxy that says nothing", secure: "auto", trusted: true},
		{name: "trusted proxy behind a plain one", secure: "auto", trusted: true, proto: []string{"http, https"}},
		{name: "a client that claims it", secure: "auto", trusted: false, proto: []string{"https"}},
		{name: "a client, nothing known of proxies", secure: "auto", proto: []string{"https"}},
		{name: "TLS, and a client that denies it", secure: "auto", tls: true, proto: []string{"http"}, want: true},
		{name: "always", secure: "always", want: true},
		{name: "never", secure: "never", tls: true, trusted: true, proto: []string{"https"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			if test.tls {
				r.TLS = new(tls.ConnectionState)
			}
			vars := make(map[string]any)
			if test.trusted != nil {
				vars[caddyhttp.TrustedProxyVarKey] = test.trusted
			}
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
			r.Header["X-Forwarded-Proto"] = test.proto
			if got := (&TokenCookie{Secure: test.secure}).IsSecure(r); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTokenCookieLines(t *testing.T) {
	for _, test := range []struct {
		cookie     TokenCookie
		secure     bool
		set, clear string
	}{
		{
			TokenCookie{},
			false,
			"jwt_shop=a.b.c; Path=/; HttpOnly; SameSite=Lax",
			"jwt_shop=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
		},
		{
			TokenCookie{},
			true,
			"__Host-jwt_shop=a.b.c; Path=/; HttpOnly; Secure; SameSite=Lax",
			"__Host-jwt_shop=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		},
		{
			TokenCookie{Name: "token", Domain: "shop.example", Path: "/app", SameSite: "strict"},
			true,
			"token=a.b.c; Path=/app; Domain=shop.example; HttpOnly; Secure; SameSite=Strict",
			"token=; Path=/app; Domain=shop.example; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
		},
		{
			TokenCookie{Name: "__Secure-token", SameSite: "none", Secure: "always"},
			true,
			"__Secure-token=a.b.c; Path=/; HttpOnly; Secure; SameSite=None",
			"__Secure-token=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None",
		},
		{
			TokenCookie{SameSite: "none", Secure: "always", Partitioned: true},
			true,
			"__Host-jwt_shop=a.b.c; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
			"__Host-jwt_shop=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned",
		},
	} {
		cookie := test.cookie.withDefaults()
		if err := cookie.Validate("shop"); err != nil {
			t.Errorf("%+v: %v", test.cookie, err)
		}
		own := &Own{Cookie: cookie, Realm: "shop", Secure: test.secure}
		if got := own.Give(nil, "a.b.c", 0); got != test.set {
			t.Errorf("set: got  %s\nwant %s", got, test.set)
		}
		name, other := own.Name(), (&Own{Cookie: cookie, Realm: "other", Secure: test.secure}).Take(Held{})
		for _, prepared := range []string{"", "other", "shop"} { // it makes no difference
			if got := own.Take(Held{}); got != test.clear || own.Name() != name {
				t.Errorf("prepared for %q: clear: got  %s\nwant %s", prepared, got, test.clear)
			}
			if got := (&Own{Cookie: cookie, Realm: "other", Secure: test.secure}).Take(Held{}); got != other {
				t.Errorf("prepared for %q: clear in another realm: got  %s\nwant %s", prepared, got, other)
			}
			cookie.Prepare(prepared)
		}
		for _, line := range []string{test.set, test.clear} {
			if got := setcookie.ReadLine(" " + line).Name; got != cookie.NameFor("shop", test.secure) {
				t.Errorf("%s: read the name %q", line, got)
			}
		}
	}
}

func TestTokenCookieValidate(t *testing.T) {
	for _, test := range []struct {
		cookie TokenCookie
		want   string // in the error; empty: none
	}{
		{TokenCookie{}, ""},
		{TokenCookie{Domain: "shop.example", Path: "/app", SameSite: "strict", Secure: "never"}, ""},
		{TokenCookie{SameSite: "none", Secure: "always"}, ""},
		{TokenCookie{Name: "__Host-x", Secure: "always"}, ""},
		{TokenCookie{Name: "__Secure-x", Secure: "always", Domain: "shop.example", Path: "/app"}, ""},

		{TokenCookie{Name: "a b"}, `checking the cookie "a b"`},
		{TokenCookie{Name: "a;b"}, "checking the cookie"},
		{TokenCookie{Domain: "shop..example"}, "checking the cookie"},
		{TokenCookie{Domain: "shop.example:443"}, "checking the cookie"},
		{TokenCookie{Path: "/a;b"}, "checking the cookie"},
		{TokenCookie{Path: "app"}, `the path "app" must begin with /`},
		{TokenCookie{Path: "/{env.X}"}, "placeholders"},
		{TokenCookie{SameSite: "Lax"}, `same_site: "Lax" is not known; want lax, strict or none`},
		{TokenCookie{Secure: "on"}, `secure: "on" is not known; want auto, always or never`},
		{TokenCookie{SameSite: "none"}, "secure always"},
		{TokenCookie{SameSite: "none", Secure: "never"}, "secure always"},
		{TokenCookie{Name: "__Host-x"}, "secure always"},
		{TokenCookie{Name: "__Secure-x", Secure: "never"}, "secure always"},
		{TokenCookie{Name: "__HOST-x", Secure: "auto"}, "secure always"},
		{TokenCookie{Name: "__Http-x"}, "secure always"},
		{TokenCookie{Name: "__Host-Http-x"}, "secure always"},
		{TokenCookie{Name: "__Host-x", Secure: "always", Path: "/app"}, "with the path / and without a domain"},
		{TokenCookie{Name: "__host-x", Secure: "always", Domain: "shop.example"}, "with the path / and without a domain"},
	} {
		err := test.cookie.withDefaults().Validate("shop")
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.cookie, err, test.want)
		}
	}
}
