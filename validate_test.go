package jwtsession_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// validateSite provisions and validates a site, and fails the test if that left anything on the disk.
func validateSite(t *testing.T, global, site string) error {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	text := fmt.Sprintf(`{
		admin off
		auto_https off
		storage file_system %q
		log {
			output discard
		}
		jwt_session {
			store badger %q
			%s
		}
	}
	http:// {
		%s
	}`, filepath.Join(dir, "storage"), filepath.Join(dir, "store"), global, site)
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return err
	}
	result := validateJSON(t, adapted)
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			t.Errorf("validating made %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func checkInvalid(t *testing.T, err error, what, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: accepted", what)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%s: got the error %v, want one with %s", what, err, want)
	}
}

// goodSecret makes a key in the form of the configuration.
func goodSecret(seed byte) string {
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = seed + byte(i)*7
	}
	return base64.StdEncoding.EncodeToString(secret)
}

func TestValidateAccepts(t *testing.T) {
	t.Setenv("JWT_SESSION_TEST_SECRET", goodSecret(9))
	for _, global := range []string{
		"", "key secret " + goodSecret(1), "key secret {env.JWT_SESSION_TEST_SECRET}",
		"key secret " + goodSecret(1) + "\nkey secret " + goodSecret(2),
		"key secret " + strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(goodSecret(3)), "="),
		"token_cache off",
	} {
		if err := validateSite(t, global, "jwt_session shop"); err != nil {
			t.Errorf("%s: %v", global, err)
		}
	}
	for _, directive := range []string{
		"jwt_session S-h_0p", handlerWith("mode stateful"), handlerWith("session_cookie a b* C"),
		handlerWith("token_lifetime 90s\nrenew_before 89s"), handlerWith("session_idle_timeout 1h\nsession_max_age 1h"),
		handlerWith("session_max_age 10m"), handlerWith("session_max_age 10m\nmode stateless"),
		handlerWith("token_cookie __Host-token {\nsecure always\nsame_site none\n}"),
		handlerWith("token_in_session_cookie {\nsame_site none\n}"), handlerWith("session_cookie __Host-id\ntoken_in_session_cookie"),
		handlerWith("mode stateful\ntoken_in_session_cookie"), handlerWith("keep_streams"),
		"jwt_session shop {\ntoken_in_session_cookie\n}\njwt_session shop {\nmode stateless\ntoken_in_session_cookie {\npath /\nsame_site lax\n}\n}\njwt_session blog",
		handlerWith("identity_header off"), handlerWith("identity_header X-User\nidentity_header X-Role role"),
		handlerWith("unauthenticated /a pass\nunauthenticated * deny"), handlerWith("unauthenticated /a pass"),
		handlerWith("forget_on /logout\nforget_on /login"),
		whoamiWith("pattern [0-9]+|admin\nnobody 0\nattribute role header X-Role"),
		handlerWith(`whoami /me regex "user=(\w+)"`),
		"jwt_session shop\njwt_session blog {\nunauthenticated pass\n}",
	} {
		if err := validateSite(t, "", directive); err != nil {
			t.Errorf("%s: %v", directive, err)
		}
	}
}

// A value is none, or contradicts another: the error names the realm, the option and the value.
func TestValidateErrors(t *testing.T) {
	for _, test := range []struct{ directive, want string }{
		{`jwt_session ""`, `the realm "" must be`},
		{`jwt_session "sh op"`, `the realm "sh op" must be letters`},
		{"jwt_session shop.example", `the realm "shop.example" must be`},
		{"jwt_session /a /b", `the realm "/b" must be`},
		{"jwt_session läden", "must be letters"},
		{handlerWith("mode both"), `mode: "both" is not known; want mixed`},
		{handlerWith("mode Mixed"), `mode: "Mixed" is not known`},

		{handlerWith(`session_cookie "a b"`), `session_cookie: reading session cookies: "a b" is no cookie name`},
		{handlerWith("session_cookie *"), `"*" is no cookie name`},
		{handlerWith("session_cookie a a"), `"a" and "a" can be the same cookie`},
		{handlerWith("session_cookie ab a*"), `"ab" and "a*" can be the same cookie`},
		{handlerWith("session_cookie a* ab*"), `"a*" and "ab*" can be the same cookie`},
		{handlerWith("session_cookie jwt_shop"), "can be the token_cookie of realm shop"},
		{handlerWith("session_cookie __Host-jwt_shop"), "can be the token_cookie of realm shop"},
		{handlerWith("session_cookie jwt*"), "can be the token_cookie of realm shop"},
		{handlerWith("session_cookie id\ntoken_cookie id"), "can be the token_cookie of realm shop"},

		{handlerWith("session_idle_timeout 2h\nsession_max_age 1h"), "session_idle_timeout 2h0m0s must not be more than"},
		{handlerWith("token_lifetime 1500ms"), "token_lifetime 1.5s: tokens count in whole seconds"},
		{handlerWith("token_lifetime 1m\nrenew_before 1m"), "renew_before 1m0s must be less than token_lifetime 1m0s"},
		{handlerWith("renew_before 2m"), "renew_before 2m0s must be less than token_lifetime 1m0s"},

		{handlerWith("token_cookie {\nsame_site none\n}"), "token_cookie: same_site none"},
		{handlerWith("token_cookie __Host-x {\nsecure always\npath /app\n}"), `token_cookie: the name "__Host-x"`},
		{handlerWith("token_cookie __Host-x {\nsecure always\ndomain shop.example\n}"), `the name "__Host-x"`},
		{handlerWith("token_cookie __Secure-x"), "secure always"},
		{handlerWith("token_cookie a=b"), `token_cookie: checking the cookie "a=b"`},
		{handlerWith("token_cookie {\nsecure yes\n}"), `secure: "yes" is not known`},
		{handlerWith("token_cookie {\nsame_site Lax\n}"), `same_site: "Lax" is not known`},
		{handlerWith("token_cookie {\npath app\n}"), `the path "app" must begin with /`},
		{handlerWith("token_cookie {\nsame_site none\nsecure never\n}"), "browsers take such a cookie only with `secure always`"},
		{handlerWith("token_cookie __HOST-x {\nsecure never\n}"), `the name "__HOST-x"`},
		{handlerWith("token_cookie __Http-x"), `the name "__Http-x"`},
		{handlerWith("token_cookie __Host-Http-x {\nsecure always\npath /a\n}"), `the name "__Host-Http-x"`},
		{handlerWith(`token_cookie "a b"`), `token_cookie: checking the cookie "a b"`},
		{handlerWith("token_cookie a;b"), `token_cookie: checking the cookie "a;b"`},
		{handlerWith("token_cookie läden"), `token_cookie: checking the cookie "läden"`},
		{handlerWith(`token_cookie {
domain "a b"
}`), "token_cookie: checking the cookie"},
		{handlerWith("token_cookie {\ndomain {host}\n}"), "token_cookie: "},
		{handlerWith("token_cookie {\npath /a;b\n}"), "token_cookie: checking the cookie"},
		{"jwt_session shop-{host} {\nsession_cookie jwt_shop-a.example\n}", "can be the token_cookie of realm shop-"},
		{"jwt_session shop {\ntoken_cookie token\n}\njwt_session blog {\nsession_cookie token\n}", "can be the token_cookie of realm shop"},
		{"jwt_session shop {\nsession_cookie token\n}\njwt_session blog {\ntoken_cookie token\n}", "can be the token_cookie of realm blog"},

		{handlerWith("token_in_session_cookie\ntoken_cookie"), "token_in_session_cookie and token_cookie contradict"},
		{handlerWith("token_in_session_cookie\ntoken_cookie token"), "token_in_session_cookie and token_cookie contradict"},
		{handlerWith("token_in_session_cookie\nsession_cookie a b"), "a token goes into one cookie, and session_cookie a b are several"},
		{handlerWith("token_in_session_cookie\nsession_cookie a*"), "session_cookie a* is a pattern"},
		{handlerWith("token_in_session_cookie\nrestore_session on"), "there is nothing to restore; leave restore_session out"},
		{handlerWith("token_in_session_cookie {\nmax_age 1500ms\n}"), "token_in_session_cookie: max_age 1.5s: want whole seconds"},
		{handlerWith("token_in_session_cookie {\npath app\n}"), `token_in_session_cookie: the path "app" must begin with /`},
		{handlerWith("token_in_session_cookie {\nsame_site Lax\n}"), `same_site: "Lax" is not known`},
		{handlerWith("token_in_session_cookie {\ndomain {host}\n}"), "token_in_session_cookie: "},
		{handlerWith("session_cookie __Host-id\ntoken_in_session_cookie {\npath /app\n}"), `token_in_session_cookie: the name "__Host-id"`},
		{handlerWith("session_cookie __Host-id\ntoken_in_session_cookie {\ndomain shop.example\n}"), `the name "__Host-id"`},
		{"jwt_session shop {\ntoken_in_session_cookie\n}\njwt_session shop", "every handler of the realm must have it"},
		{"jwt_session shop\njwt_session shop {\ntoken_in_session_cookie\n}", "every handler of the realm must have it"},
		{
			"jwt_session shop {\ntoken_in_session_cookie\n}\njwt_session shop {\ntoken_in_session_cookie {\npath /app\n}\n}",
			"every handler of the realm must have it, with the same options",
		},

		{handlerWith("identity_header Host"), "identity_header Host: this header has a meaning of its own"},
		{handlerWith("identity_header Cookie role"), "identity_header Cookie"},
		{handlerWith("identity_header content_type"), "identity_header content_type"},
		{handlerWith("identity_header X-User\nidentity_header x_user role"), "identity_header x_user: named twice"},
		{handlerWith(`identity_header "X User"`), `identity_header "X User": not a header name`},
		{handlerWith("identity_header off\nidentity_header X-User"), "off and X-User contradict each other"},
		{handlerWith("identity_header X-Expires exp"), "identity_header X-Expires: attribute exp"},
		{whoamiWith("attribute sub json sub"), "whoami: attribute sub: the name has a meaning of its own"},
		{whoamiWith("attribute id json id"), "whoami: attribute id"},
		{whoamiWith("attribute a.b json b"), `whoami: attribute "a.b"`},
		{whoamiWith("attribute role regex role"), "whoami: attribute role: parsing regex"},

		{handlerWith("whoami whoami json user"), `whoami: parsing whoami URI "whoami": invalid URI for request; want a path of this site`},
		{handlerWith("whoami https://shop.example/me json user"), "want a path of this site"},
		{handlerWith("whoami /me#top json user"), "a fragment is not sent"},
		{handlerWith("whoami /me?u={http.request.uri} json user"), `whoami: parsing whoami URI "/me?u={http.request.uri}"`},
		{handlerWith(`whoami /me regex "user"`), "no group; put parentheses around the value"},
		{handlerWith(`whoami /me regex "(user"`), "whoami: parsing regex"},
		{handlerWith(`whoami /me header "X User"`), "not a header name"},
		{handlerWith(`whoami /me json a..b`), "whoami:"},
		{whoamiWith(`pattern "[a-z"`), "whoami: parsing pattern"},
		{whoamiWith(`pattern "a)|(b"`), "whoami: parsing pattern"},

		{handlerWith("unauthenticated allow"), `unauthenticated: "allow" is not known; want deny, pass or redirect <url>`},
		{handlerWith("unauthenticated redirect"), "unauthenticated: redirect: which URL to?"},
		{handlerWith("unauthenticated redirect login"), "unauthenticated: redirect login: want"},
		{handlerWith("unauthenticated redirect javascript:x"), "unauthenticated: redirect javascript:x: want"},
		{handlerWith("unauthenticated pass\nunauthenticated /a deny"), "unauthenticated pass: a rule without a matcher"},
		{handlerWith("unauthenticated *  pass\nunauthenticated deny"), "must be the last"},
		{handlerWith("unauthenticated deny\nunauthenticated deny"), "must be the last"},
		{handlerWith("mode stateful\nrestore_session on"), "restore_session on: in mode stateful"},
	} {
		checkInvalid(t, validateSite(t, "", test.directive), test.directive, test.want)
	}
}

// A key is too weak or can't be read: the error names which one, and never prints it.
// Keys are kept for as long as a token that they signed may live: very many of them would fill the storage.
func TestValidateTooManyKeys(t *testing.T) {
	const site = "jwt_session shop {\ntoken_lifetime 12h\nsession_idle_timeout 12h\n}"
	err := validateSite(t, "rotate_every 40s\nkey_delay 10s", site)
	checkInvalid(t, err, "12h of tokens, a key each 40s", "token_lifetime 12h0m0s: with rotate_every 40s")
	if err := validateSite(t, "rotate_every 1m\nkey_delay 10s", site); err != nil {
		t.Errorf("a key each minute: %v", err)
	}
}

func TestValidateIssuerErrors(t *testing.T) {
	const good = "issuer https://id.example {\naudience api\n}"
	for _, test := range []struct{ options, want string }{
		{"issuer https://id.example", "audience: say whom the tokens are for"},
		{"issuer http://id.example {\naudience api\n}", "want https, or http on loopback"},
		{"issuer https://id.example?x=y {\naudience api\n}", "no query"},
		{"issuer https://id.example {\naudience api\njwks_url http://keys.example\n}", "jwks_url"},
		{"issuer https://id.example {\naudience api\nattribute sub x\n}", "attribute sub"},
		{"issuer https://id.example {\naudience api\nleeway 1h\n}", "leeway 5m0s at most"},
		{"issuer https://id.example {\naudience api\nfrom header Authorization\n}", "leave the line out"},
		{"issuer https://id.example {\naudience api\nfrom header Cookie\n}", "a meaning of its own"},
		{"issuer https://id.example {\naudience api\nfrom header ourapp_user_id\n}", "a header of the identity"},
		{"issuer https://id.example {\naudience api\nfrom cookie a;b\n}", "not a cookie name"},
		{"issuer https://id.example {\naudience api\nfrom cookie session\n}", "a cookie of the session"},
		{"issuer https://id.example {\naudience api\nfrom cookie jwt_shop\n}", "our own token"},
		{good + "\nissuer https://other.example {\naudience api\n}", "is a place of other tokens already"},
		{good + "\naccept_bearer", "is a place of other tokens already"},
		{"issuer https://bob:secret@id.example {\naudience api\n}", "no user name or password"},
	} {
		err := validateSite(t, "", "jwt_session shop {\n"+test.options+"\n}")
		checkInvalid(t, err, test.options, test.want)
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}

func TestValidateCallbackErrors(t *testing.T) {
	t.Setenv("JWT_SESSION_TEST_BLANK", " ")
	const required = "issuer https://id.example\nclient_id shop\nclient_secret topsecret\n"
	for _, test := range []struct{ options, session, want string }{
		{"client_id shop\nclient_secret x", "", "issuer"},
		{"issuer http://id.example\nclient_id shop\nclient_secret topsecret", "", "want https, or http on loopback"},
		{"issuer https://id.example\nclient_secret topsecret", "", "client_id: want"},
		{"issuer https://id.example\nclient_id shop\nclient_secret {env.JWT_SESSION_TEST_BLANK}", "", "client_secret: it is empty"},
		{required + "client_key file /nonexistent", "", "client_key: the provider knows this gateway by a client_secret or by a key"},
		{"issuer https://id.example\nclient_id shop\nclient_key file /nonexistent", "", "client_key: open /nonexistent"},
		{required + "prompt none login", "", "prompt none: it asks the provider to ask nothing"},
		{required + "max_age 1500ms", "", "max_age 1.5s: want whole seconds"},
		{required + "max_age -1s", "", "max_age -1s: want whole seconds"},
		{required + "authorization_parameter state x", "", "authorization_parameter state: the sign-in sets it itself"},
		{required + "authorization_parameter prompt login", "", "authorization_parameter prompt: the sign-in sets it itself"},
		{required + "attribute sub name", "", "attribute sub: the name has a meaning of its own"},
		{required + "attribute a.b name", "", "attribute \"a.b\": want letters"},
		{required + "sign_out /auth/login", "", "sign_out /auth/login: that is the path of another step"},
		{required + "sign_out auth", "", "sign_out \"auth\": want a path"},
		{required + "sign_out /out?a", "", "sign_out \"/out?a\": want a path"},
		{required + "sign_out /out\nsigned_out //evil.example", "", "signed_out \"//evil.example\": want a path"},
		{required + "sign_out /out\nsigned_out /out", "", "are the same path /out"},
		{required + "signed_out /bye", "", "say that path too"},
		{required + "forward_cookies", "", "there is neither an id_token_cookie nor an access_token_cookie"},
		{"issuer https://id.example\nclient_id shop\nclient_secret {env.JWT_SESSION_TEST_UNSET}", "", "client_secret: a placeholder"},
		{required + "response form_post", "", "client_secret: with response form_post"},
		{required + "response fragment", "", "want one of code, form_post"},
		{required + "scope profile", "", "it must have openid"},
		{required + "start auth", "", "start \"auth\": want a path"},
		{required + "finish //evil.example/", "", "finish \"//evil.example/\": want a path"},
		{required + "redirect https://evil.example/", "", "redirect \"https://evil.example/\""},
		{required + "start /auth/callback", "", "the same path"},
		{required + "access_token_cookie a", "", "audience"},
		{required + "audience api\naccess_token_cookie a\nid_token_cookie a", "", "another cookie of the sign-in"},
		{required + "id_token_cookie __Host-jwt_session_state", "", "another cookie of the sign-in"},
		{required + "id_token_cookie session", "", "that is the session cookie or our own token's"},
		{required + "id_token_cookie jwt_shop", "", "that is the session cookie or our own token's"},
		{required + "id_token_cookie a;b", "", "not a cookie name"},
		{required, "session_cookie a b", "exactly one cookie"},
		{required, "session_cookie a*", "exactly one cookie"},
		{required, "session_cookie a**", "exactly one cookie"},
		{required, "session_cookie a {\nmin_length 100\n}", "the session ids that a sign-in makes, 43 characters"},
		{required, "session_cookie a {\npattern [0-9A-F]+\n}", "are none by its min_length or pattern"},
		{required, "session_cookie a {\npattern [0-9A-Za-z_]+\n}", "are none by its min_length or pattern"},
	} {
		site := "jwt_session_callback shop {\n" + test.options + "\n}\njwt_session shop {\n" + test.session + "\n}"
		err := validateSite(t, "", site)
		checkInvalid(t, err, test.options, test.want)
		if err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
	for _, session := range []string{"", " {\nsession_cookie a {\nmin_length 43\npattern [0-9A-Za-z_-]{43}\n}\n}"} {
		good := "jwt_session shop" + session + "\njwt_session_callback shop {\n" + required + "}"
		if err := validateSite(t, "", good); err != nil {
			t.Errorf("a good configuration: %v", err)
		}
	}
}

func TestValidateKeyErrors(t *testing.T) {
	t.Setenv("JWT_SESSION_TEST_SECRET", "not base64, but secret")
	t.Setenv("JWT_SESSION_TEST_EMPTY", "")
	short := base64.StdEncoding.EncodeToString([]byte("only 31 bytes of random, secret"))
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 64))
	repeated := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("secret!", 10)))
	for _, test := range []struct{ global, want string }{
		{"key secret " + short, "key 1: secret: loading key: weak key: the secret has 31 bytes, want at least 32 random ones"},
		{"key secret " + zeros, "key 1: secret: loading key: weak key: the secret repeats a few bytes"},
		{"key secret " + repeated, "key 1: secret: loading key: weak key"},
		{"key secret " + goodSecret(1) + "\nkey secret " + short, "key 2: secret: loading key: weak key"},
		{"key secret " + goodSecret(1) + "\nkey secret " + goodSecret(1), `key 2: secret: the key id "ZeTAt2YOwis" occurs twice: key 1 has it too`},
		{`key secret ""`, "key 1: secret: want at least 32 random bytes in base64"},
		{"key secret ä" + goodSecret(1), "key 1: secret: not base64"},
		{"key secret {env.JWT_SESSION_TEST_SECRET}", "key 1: secret: not base64"},
		{"key secret {env.JWT_SESSION_TEST_EMPTY}", "key 1: secret: a placeholder in it is unknown or empty"},
		{"key secret {secret.unknown}", "key 1: secret: a placeholder in it is unknown or empty"},
		{"key secret {file./nonexistent/secret}", "key 1: secret:"},
	} {
		err := validateSite(t, test.global, "jwt_session shop")
		checkInvalid(t, err, test.global, test.want)
		if err == nil {
			continue
		}
		for _, secret := range []string{short, zeros, repeated, goodSecret(1), "not base64, but secret", "only 31 bytes", "secret!"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error prints the key: %v", test.global, err)
			}
		}
	}
}

// What no Caddyfile can say, but JSON can.
func TestValidateJSONErrors(t *testing.T) {
	t.Parallel()
	const start = `{"admin": {"disabled": true}, "logging": {"logs": {"default": {"writer": {"output": "discard"}}}}, "apps": {`
	handler := func(options string) string {
		return start + `"http": {"servers": {"x": {"routes": [{"handle": [{"handler": "jwt_session", ` + options + `}]}]}}}}}`
	}
	for _, test := range []struct{ text, want string }{
		{start + `"jwt_session": {"token_cache": -1}}}`, "token_cache -1: want a number of tokens, or off"},
		{start + `"jwt_session": {"store": {"engine": "redis"}}}}`, "loading store"},
		{start + `"jwt_session": {"keys": [{}]}}}`, "key 1: secret: want at least 32 random bytes"},
		{start + `"jwt_session": {"nonsense": 1}}}`, "nonsense"},
		{handler(`"realm": "shop", "token_lifetime": "-1m"`), "must be more than 0"},
		{handler(`"realm": "shop", "session_idle_timeout": -1`), "session_idle_timeout must be more than 0"},
		{handler(`"realm": "shop", "renew_before": -1`), "renew_before must be more than 0"},
		{handler(`"realm": "shop", "nonsense": true`), "nonsense"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {}}`), "whoami: want exactly one of"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {"json": "a", "header": "B"}}`), "want exactly one of"},
		{handler(`"realm": "shop", "whoami": {"user": {"json": "a"}}`), "whoami: parsing whoami URI"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {"json": "a"}, "timeout": -1}`), "must be more than 0"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {"json": "a"}, "max_body": 2000000000}`), "max_body 1 GiB at most"},
		{handler(`"realm": "shop", "unauthenticated": [{"action": "pass", "url": "/login"}]`), "pass takes no URL"},
		{handler(`"realm": "shop", "unauthenticated": [{}]`), `"" is not known`},
		{handler(`"realm": "shop", "unauthenticated": [{"action": "redirect", "url": "/a\r\nb"}]`), "line break"},
		{handler(`"realm": "shop", "unauthenticated": [{"action": "deny", "match": [{"nonsense": 1}]}]`), "unauthenticated:"},
		{handler(`"realm": "shop", "forget_on": [{"nonsense": 1}]`), "forget_on:"},
		{handler(`"realm": "shop", "token_cookie": {"path": "/{env.X}"}`), "token_cookie: domain and path are fixed"},
		{handler(`"realm": "shop", "mode": "both"`), `jwt_session shop: mode: "both" is not known; want mixed`},
		{handler(`"realm": "shop", "mode": "shadow", "restore_session": true`), "in mode shadow the session decides"},
		{handler(`"realm": "shop", "response_user": "Set-Cookie", "unauthenticated": [{"action": "pass"}]`), "response_user Set-Cookie: this"},
		{handler(`"realm": "shop", "identity": {"headers": [{"name": "Cookie"}]}`), "identity_header Cookie: this"},
		{handler(`"realm": "shop", "identity": {"headers": [{"name": "X-Role", "attribute": "sub"}]}`), "attribute sub"},
		{handler(`"realm": "shop", "csrf": {"trusted_origins": ["x"]}`), "csrf: "},
		{handler(`"realm": "shop", "issuers": [{"url": "https://id.example"}]`), "audience: say whom"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {"json": "a"}, "pattern": "("}`), "whoami: parsing pattern"},
		{handler(`"realm": "shop", "whoami": {"uri": "/me", "user": {"json": "a"}, "attributes": {"sub": {"json": "a"}}}`), "attribute sub"},
		{handler(`"realm": "shop", "token_cookie": {"name": "__Host-a"}`), "only with `secure always`"},
		{handler(`"realm": "shop", "session_cookies": ["a", "b"], "token_in_session_cookie": {}`), "session_cookie a b are several"},
		{handler(`"realm": "shop", "token_cookie": {"secure": "on"}`), `token_cookie: secure: "on" is not known`},
		{handler(`"realm": "shop", "token_in_session_cookie": {"same_site": "Lax"}`), `token_in_session_cookie: same_site: "Lax" is not known`},
		{handler(`"realm": "shop", "token_in_session_cookie": {}, "token_cookie": {}`), "token_in_session_cookie and token_cookie contradict"},
		{handler(`"realm": "shop", "identity": {"off": true, "headers": [{"name": "X-User"}]}`), "off and X-User contradict"},
		{handler(`"realm": "shop", "unauthenticated": [{"action": "pass"}, {"action": "deny"}]`), "must be the last"},
		{handler(`"mode": "mixed"`), `the realm "" must be`},
	} {
		config := new(caddy.Config)
		err := caddy.StrictUnmarshalJSON([]byte(test.text), config)
		if err == nil {
			err = harness.Validate(config)
		}
		checkInvalid(t, err, test.text, test.want)
	}
}
