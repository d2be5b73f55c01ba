package jwtsession_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/require"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/signout"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/state"
)

var updateGolden = flag.Bool("update", false, "write what Caddyfiles adapt to into testdata/caddyfile")

// Each file holds a Caddyfile, a line of dashes, and the JSON that it adapts to.
func TestCaddyfileGolden(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/caddyfile/*.caddyfiletest")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".caddyfiletest"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(text), "----------\n")
			if !found {
				t.Fatal("there is no line of dashes")
			}
			got := adaptClean(t, input)
			if *updateGolden {
				if err := os.WriteFile(name, []byte(input+"----------\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("adapts to\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// adaptClean adapts a Caddyfile that is formatted as `caddy fmt` does and has no other warning either.
func adaptClean(t *testing.T, input string) string {
	t.Helper()
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), nil)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("adapting: %v, warnings %v", err, warnings)
	}
	if err := caddy.StrictUnmarshalJSON(adapted, new(caddy.Config)); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return indented.String() + "\n"
}

// The Caddyfiles of the example and of the real applications are right, with their own values and with those that the
// programs set which run them.
func TestCaddyfilesOfTheRepository(t *testing.T) {
	applications, err := filepath.Glob("apps/*/Caddyfile")
	if err != nil || len(applications) == 0 {
		t.Fatalf("there are no applications: %v", err)
	}
	common := map[string]string{
		"ADMIN_ADDRESS": "127.0.0.1:1", "GATEWAY_HOST": "127.0.0.2", "GATEWAY_PORT": "1234", "APP_ADDRESS": "127.0.0.1:2345",
	}
	services := maps.Clone(common)
	maps.Copy(services, map[string]string{
		"PROVIDER_ADDRESS": "localhost:3456", "COUNTER_ADDRESS": "127.0.0.1:4567", "POINTS_ADDRESS": "127.0.0.1:5678",
	})
	for _, name := range append(applications, "example/Caddyfile") {
		own := common
		if name == "example/Caddyfile" {
			own = services
		}
		for _, set := range []map[string]string{nil, own} {
			t.Run(name, func(t *testing.T) {
				for variable, value := range set {
					t.Setenv(variable, value)
				}
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				adapted := adaptClean(t, string(text))
				for variable, value := range set {
					if !strings.Contains(adapted, value) {
						t.Errorf("%s is not used", variable)
					}
				}
				if err := validateJSON(t, []byte(adapted)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// validateJSON provisions and validates a configuration, as `caddy validate` does.
func validateJSON(t *testing.T, adapted []byte) error {
	t.Helper()
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapted, config); err != nil {
		t.Fatal(err)
	}
	if config.Logging == nil {
		config.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
		}}
	}
	return harness.Validate(config)
}

// Every option is in one of those files, and in the list that errors name.
func TestCaddyfileGoldenHasEveryOption(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/caddyfile/*.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	words := make(map[string]bool)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), "----------\n")
		for _, word := range strings.Fields(input) {
			words[word] = true
		}
	}
	for list, with := range map[string]func(option string) string{
		jwtsession.HandlerOptions: handlerWith, jwtsession.WhoamiOptions: whoamiWith,
		callback.Options: callbackWith, jwtsession.IssuerOptions: issuerWith,
		state.Options:                 func(option string) string { return "jwt_session_state cart {\n" + option + "\n}" },
		jwtsession.TokenCookieOptions: func(option string) string { return handlerWith("token_cookie {\n" + option + "\n}") },
		jwtsession.CombinedOptions:    func(option string) string { return handlerWith("token_in_session_cookie {\n" + option + "\n}") },
		signout.Options:               signOutWith,
		signout.PollOptions:           func(option string) string { return signOutWith("poll https://id.example {\n" + option + "\n}") },
	} {
		for _, option := range strings.Split(list, ", ") {
			if !words[option] {
				t.Errorf("there is no golden file with %s", option)
			}
			_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http:// {\n"+with(option)+"\n}"), nil)
			if err != nil && strings.Contains(err.Error(), "unknown option") {
				t.Errorf("%s is listed, and yet unknown", option)
			}
		}
	}
}

// An option's name or its form is wrong: the error names the line, what is wrong, and what is allowed.
func TestCaddyfileErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ directive, want string }{
		{"jwt_session", "want the name of a realm"},
		{"jwt_session /path", "want the name of a realm"},
		{"jwt_session shop blog", `want one realm, got also "blog"`},
		{handlerWith("nonsense"), `unknown option "nonsense"; want one of mode, session_cookie,`},
		{handlerWith("mode"), "want mode mixed [<percent>%]"},
		{handlerWith("mode stateful 10%"), `unexpected argument "10%"`},
		{handlerWith("mode mixed 10"), "mode mixed 10: want a share from 0% to 100%"},
		{handlerWith("mode mixed -1%"), "want a share from 0% to 100%"},
		{handlerWith("mode mixed 100.1%"), "want a share from 0% to 100%"},
		{handlerWith("mode mixed NaN%"), "want a share from 0% to 100%"},
		{handlerWith("mode stateful 0%"), `unexpected argument "0%"`},
		{handlerWith("mode mixed 10% 20%"), `unexpected argument "20%"`},
		{handlerWith("mode mixed {\nx\n}"), `unknown option "{"`},
		{handlerWith("mode mixed\nmode mixed"), "mode is given twice"},
		{handlerWith("session_cookie"), "session_cookie: want at least one value"},
		{handlerWith("session_cookie a\nsession_cookie b"), "session_cookie is given twice"},
		{handlerWith("session_idle_timeout"), "session_idle_timeout: want a duration above 0, such as"},
		{handlerWith("session_idle_timeout 30"), "session_idle_timeout 30: want a duration above 0, such as"},
		{handlerWith("session_idle_timeout 0s"), "want a duration above 0"},
		{handlerWith("session_max_age -1h"), "session_max_age -1h: want a duration above 0"},
		{handlerWith("session_max_age 1h 2h"), `unexpected argument "2h"`},
		{handlerWith("token_lifetime soon"), "token_lifetime soon: want a duration"},
		{handlerWith("renew_before {env.X}"), "renew_before {env.X}: want a duration"},
		{handlerWith("token_issuer"), "token_issuer: want a value"},
		{handlerWith("token_issuer a\ntoken_issuer a"), "token_issuer is given twice"},
		{handlerWith("token_encrypt on"), "unexpected argument \"on\""},
		{handlerWith("token_encrypt\ntoken_encrypt"), "token_encrypt is given twice"},

		{handlerWith("whoami"), "want whoami <uri> json <path>"},
		{handlerWith("whoami /whoami"), "want json <path>, header <name> or regex <expression>"},
		{handlerWith("whoami /whoami json"), `got "json"`},
		{handlerWith("whoami /whoami xpath //user"), `got "xpath //user"`},
		{handlerWith("whoami /whoami json user id"), `got "json user id"`},
		{handlerWith("whoami /a json u\nwhoami /b json u"), "whoami is given twice"},
		{whoamiWith("rotating"), `whoami: unknown option "rotating"; want one of nobody, pattern,`},
		{whoamiWith("route"), "want route { <directives...> }"},
		{whoamiWith("route /x {\nrespond ok\n}"), "want route { <directives...> }"},
		{whoamiWith("route {\n}"), "want route { <directives...> }"},
		{whoamiWith("route {\nnonsense\n}"), "nonsense"},
		{whoamiWith("route {\nrespond ok\n}\nroute {\nrespond ok\n}"), "route is given twice"},
		{whoamiWith("route {\ntls internal\n}"), "tls"},
		{whoamiWith("rolling yes"), `unexpected argument "yes"`},
		{whoamiWith("rolling\nrolling"), "rolling is given twice"},
		{handlerWith("response_user"), "response_user: want a value"},
		{handlerWith("response_user X-User X-Other"), `unexpected argument "X-Other"`},
		{handlerWith("response_user X-User\nresponse_user X-User"), "response_user is given twice"},
		{whoamiWith("nobody"), "nobody: want at least one value"},
		{whoamiWith("pattern"), "pattern: want a value"},
		{whoamiWith("pattern a b"), `unexpected argument "b"`},
		{whoamiWith("timeout 2"), "timeout 2: want a duration"},
		{whoamiWith("timeout 2s\ntimeout 2s"), "timeout is given twice"},
		{whoamiWith("negative_ttl 0"), "negative_ttl 0: want a duration"},
		{whoamiWith("max_concurrent 0"), "max_concurrent 0: want a number above 0"},
		{whoamiWith("max_concurrent many"), "max_concurrent many: want a number"},
		{whoamiWith("max_concurrent"), "max_concurrent: want a number above 0"},
		{whoamiWith("max_body 0"), "max_body 0: want a size up to 1GiB"},
		{whoamiWith("max_body 2GiB"), "max_body 2GiB: want a size up to 1GiB"},
		{whoamiWith("max_body -1"), "max_body -1: want a size"},
		{whoamiWith("max_body"), "max_body: want a size up to 1GiB"},
		{whoamiWith("attribute"), "want attribute <name>"},
		{whoamiWith("attribute role"), "want json <path>, header <name> or regex <expression>"},
		{whoamiWith("attribute role json role\nattribute role header Role"), "the attribute role is read twice"},

		{handlerWith("forget_on"), "want forget_on <matcher>"},
		{handlerWith("forget_on logout"), "want forget_on <matcher>"},
		{handlerWith("forget_on *"), "every request would end its session"},
		{handlerWith("forget_on /a /b"), `unexpected argument "/b"`},
		{handlerWith("forget_on @unknown"), "unrecognized matcher name"},
		{handlerWith("token_cookie a b"), `unexpected argument "b"`},
		{handlerWith("token_cookie {\nmax_age 1h\n}"), `token_cookie: unknown option "max_age"; want one of domain,`},
		{handlerWith("token_cookie {\npath / /\n}"), `unexpected argument "/"`},
		{handlerWith("token_cookie {\nsecure always\npartitioned yes\n}"), `unexpected argument "yes"`},
		{handlerWith("token_cookie {\ndomain\n}"), "domain: want a value"},
		{handlerWith("token_cookie {\nsecure auto\nsecure auto\n}"), "secure is given twice"},
		{handlerWith("token_cookie\ntoken_cookie"), "token_cookie is given twice"},
		{handlerWith("token_in_session_cookie session"), `unexpected argument "session"`},
		{handlerWith("token_in_session_cookie\ntoken_in_session_cookie"), "token_in_session_cookie is given twice"},
		{handlerWith("token_in_session_cookie {\nsecure always\n}"), `token_in_session_cookie: unknown option "secure"; want one of path, domain, same_site, max_age`},
		{handlerWith("token_in_session_cookie {\npath / /\n}"), `unexpected argument "/"`},
		{handlerWith("token_in_session_cookie {\npath /\npath /\n}"), "path is given twice"},
		{handlerWith("token_in_session_cookie {\nmax_age 0\n}"), "max_age 0: want a duration above 0"},
		{handlerWith("keep_streams on"), `unexpected argument "on"`},
		{handlerWith("keep_streams\nkeep_streams"), "keep_streams is given twice"},
		{handlerWith("identity_header"), "want identity_header off | <name> [<attribute>]"},
		{handlerWith("identity_header a b c"), "want identity_header off | <name> [<attribute>]"},
		{handlerWith("identity_header off\nidentity_header off"), "identity_header off is given twice"},
		{handlerWith("unauthenticated"), "want unauthenticated [<matcher>] deny | pass | redirect <url>"},
		{handlerWith("unauthenticated /a"), "want unauthenticated [<matcher>] deny | pass | redirect <url>"},
		{handlerWith("unauthenticated *"), "want unauthenticated [<matcher>] deny | pass | redirect <url>"},
		{handlerWith("unauthenticated @unknown pass"), "unrecognized matcher name"},
		{handlerWith("unauthenticated pass /a"), `unexpected argument "/a"`},
		{handlerWith("unauthenticated redirect /a /b"), `unexpected argument "/b"`},
		{handlerWith("token_cookie \"\""), "token_cookie: the name is empty"},
		{handlerWith("token_cookie {\nsame_site\n}"), "same_site: want one of lax, strict, none"},
		{handlerWith("restore_session"), "restore_session: want on or off"},
		{handlerWith("restore_session yes"), "restore_session yes"},
		{handlerWith("csrf\ncsrf"), "csrf is given twice"},

		// Values that are not known, and options that contradict each other.
		{"jwt_session sh$op", `the realm "sh$op" must be letters`},
		{"jwt_session a{}", `the realm "a{}" has a placeholder without a name`},
		{handlerWith("mode fast"), `mode: "fast" is not known; want mixed, stateful, stateless or shadow`},
		{handlerWith("session_cookie a a"), `session_cookie: reading session cookies: "a" and "a" can be the same cookie`},
		{handlerWith("token_cookie {\nsame_site Lax\n}"), `same_site: "Lax" is not known; want one of lax, strict, none`},
		{handlerWith("token_cookie {\nsecure on\n}"), `secure: "on" is not known; want one of auto, always, never`},
		{handlerWith("token_in_session_cookie {\nsame_site no\n}"), `same_site: "no" is not known; want one of lax, strict, none`},
		{handlerWith("unauthenticated allow"), `unauthenticated: "allow" is not known; want deny, pass or redirect <url>`},
		{handlerWith("unauthenticated redirect"), "redirect: which URL to?"},
		{handlerWith("unauthenticated redirect javascript:x"), "want an http or https URL, or a path that begins with /"},
		{handlerWith("unauthenticated pass\nunauthenticated /a deny"), "so it must be the last"},
		{handlerWith("unauthenticated pass\nunauthenticated deny"), "so it must be the last"},
		{handlerWith("token_cookie a\ntoken_in_session_cookie"), "token_in_session_cookie and token_cookie contradict"},
		{handlerWith("token_in_session_cookie\ntoken_cookie a"), "token_in_session_cookie and token_cookie contradict"},
		{handlerWith("token_in_session_cookie\nrestore_session on"), "there is nothing to restore"},
		{handlerWith("session_cookie a b\ntoken_in_session_cookie"), "session_cookie a b are several"},
		{handlerWith("token_in_session_cookie\nsession_cookie a*"), "session_cookie a* is a pattern"},
		{handlerWith("session_cookie __Host-a\ntoken_in_session_cookie {\npath /x\n}"), "only with the path / and without a domain"},
		{handlerWith("session_cookie a b*\ntoken_cookie bc"), "session_cookie a b* can be the token_cookie of realm shop"},
		{handlerWith("token_cookie __Host-a {\nsecure always\ndomain x.example\n}"), "only with the path / and without a domain"},
		{handlerWith("token_cookie __Secure-a"), "only with `secure always`"},
		{handlerWith("token_cookie {\nsame_site none\nsecure auto\n}"), "only with `secure always`"},
		{handlerWith("token_cookie {\npartitioned\n}"), "partitioned: browsers take such a cookie only with `secure always`"},
		{handlerWith("token_cookie {\npartitioned\nsecure never\n}"), "partitioned: browsers take such a cookie only with `secure always`"},
		{handlerWith("restore_session on\nmode stateful"), "in mode stateful the session decides"},
		{handlerWith("mode shadow\nrestore_session on"), "in mode shadow the session decides"},
		{handlerWith("identity_header off\nidentity_header X-User"), "off and X-User contradict"},
		{handlerWith("identity_header X-User\nidentity_header off"), "off and X-User contradict"},
		{handlerWith("identity_header X-User\nidentity_header x_user role"), "identity_header x_user: named twice"},
		{handlerWith("identity_header off role"), "want identity_header off | <name> [<attribute>]"},
		{handlerWith(`identity_header X-Role ""`), "want identity_header off | <name> [<attribute>]"},
		{handlerWith("renew_before 2m\ntoken_lifetime 1m"), "renew_before 2m0s must be less than token_lifetime 1m0s"},
		{handlerWith("session_max_age 1h\nsession_idle_timeout 2h"), "session_idle_timeout 2h0m0s must not be more"},
		{handlerWith("accept_bearer\nissuer https://id.example {\naudience a\n}"), "Authorization: Bearer is a place of other tokens already"},
		{handlerWith("issuer https://a.example {\naudience a\nfrom header X-T\n}\nissuer https://b.example {\naudience a\nfrom header x-t\n}"), "header X-T is a place of other tokens already"},
		{callbackWith("response form_post\nclient_secret a"), "there is no code to redeem"},
		{callbackWith("start /a\nfinish /a"), "start and finish are the same path /a"},
		{callbackWith("access_token_cookie a"), "say with audience"},
		{callbackWith("audience x\nid_token_cookie a\naccess_token_cookie a"), "that is the name of another cookie"},
		{callbackWith("client_secret"), "want client_secret <secret> [basic|post]"},
		{callbackWith(`client_secret ""`), "want client_secret <secret> [basic|post]"},
		{callbackWith("client_secret a jwt"), "want client_secret <secret> [basic|post]"},
		{callbackWith("client_secret a b c"), "put quotes around a secret with spaces"},
		{callbackWith("client_secret a Basic"), "want client_secret <secret> [basic|post]"},
		{callbackWith("response form_post\nclient_secret a post"), "there is no code to redeem"},
		{callbackWith("client_key /a"), "want client_key file <path> [issuer|token_endpoint]"},
		{callbackWith("client_key file"), "want client_key file <path> [issuer|token_endpoint]"},
		{callbackWith("client_key file /a nobody"), `client_key: audience "nobody": want issuer or token_endpoint`},
		{callbackWith("client_key file /a issuer b"), `unexpected argument "b"`},
		{callbackWith("client_key file /a\nclient_secret b"), "leave one of them out"},
		{callbackWith("client_key file /a\nresponse form_post"), "there is no code to redeem"},
		{callbackWith("attribute name"), "attribute: want an attribute and a claim"},
		{callbackWith("attribute a b c"), `unexpected argument "c"`},
		{callbackWith("attribute a b\nattribute a c"), "attribute a is given twice"},
		{callbackWith("attribute sub x"), "the name has a meaning of its own"},
		{callbackWith("authorization_parameter a"), "authorization_parameter: want a name and a value"},
		{callbackWith("authorization_parameter a b\nauthorization_parameter a c"), "authorization_parameter a is given twice"},
		{callbackWith("authorization_parameter redirect_uri b"), "the sign-in sets it itself"},
		{callbackWith("authorization_parameter request_uri b"), "the sign-in sets it itself"},
		{callbackWith("max_age soon"), "max_age soon: want a duration"},
		{callbackWith("max_age"), "max_age: want a value"},
		{callbackWith("prompt"), "prompt: want at least one value"},
		{callbackWith("prompt none login"), "it stands alone"},
		{callbackWith(`prompt "a b"`), "prompt: want values without spaces"},
		{callbackWith("acr_values"), "acr_values: want at least one value"},
		{callbackWith("forward_cookies on"), `unexpected argument "on"`},
		{callbackWith("forward_cookies"), "there is neither an id_token_cookie nor"},
		{callbackWith("sign_out /a\nstart /a"), "that is the path of another step"},
		{callbackWith("sign_out /a\nfinish /a"), "that is the path of another step"},
		{callbackWith("sign_out /a\nsign_out_parameter a"), "sign_out_parameter: want a name and a value"},
		{callbackWith("sign_out /a\nsign_out_parameter a b\nsign_out_parameter a c"), "sign_out_parameter a is given twice"},
		{callbackWith("sign_out /a\nsign_out_parameter state b"), "sign_out_parameter state: the sign-out sets it itself"},
		{callbackWith("sign_out /a\nsign_out_parameter id_token_hint b"), "the sign-out sets it itself"},
		{callbackWith("sign_out /a\nsign_out_parameter client_id b"), "the sign-out sets it itself"},
		{callbackWith("sign_out /a\nsign_out_parameter post_logout_redirect_uri b"), "the sign-out sets it itself"},
		{callbackWith("sign_out /a\nsign_out_parameter a {http.request.host}"), "want no other placeholder than {http.jwt_session.signed_out}"},
		{callbackWith("sign_out_parameter a b"), "so say with sign_out where that is"},
		{callbackWith("signed_out /a"), "say that path too"},
		{callbackWith("response query"), `response: "query" is not known; want one of code, form_post`},
		{handlerWith("response_user Set-Cookie"), "response_user Set-Cookie: this header has a meaning of its own"},
		{handlerWith("response_user content-type"), "response_user Content-Type: this header has"},
		{handlerWith("response_user \"X User\""), "not a header name"},
		{handlerWith("identity_header Cookie"), "identity_header Cookie: this header has a meaning of its own"},
		{handlerWith("identity_header X-Role sub"), "identity_header X-Role: attribute sub: the name has"},
		{handlerWith("csrf https://a.example/path"), "want a scheme and a host"},
		{handlerWith("whoami me json user"), "want a path of this site"},
		{handlerWith("whoami /me json a..b"), "put one dot between names"},
		{whoamiWith("pattern ("), "whoami: parsing pattern"},
		{whoamiWith("attribute sub json a"), "whoami: attribute sub: the name has a meaning of its own"},
		{whoamiWith("attribute a regex b"), "whoami: attribute a: parsing regex \"b\": no group"},
		{handlerWith("issuer http://id.example {\naudience a\n}"), "want https, or http on loopback"},
		{handlerWith("issuer https://id.example"), "audience: say whom"},
		{"jwt_session_require role a a", "the value a is given twice"},
		{"jwt_session_require sub a", "attribute sub: the name has"},
		{"jwt_session_strip X-A x_a", "jwt_session_strip x_a: the header is given twice"},
		{"jwt_session_strip Host", "jwt_session_strip Host: this header has a meaning of its own"},
		{"jwt_session_jwks {\nmax_age 1h\n}", `jwt_session_jwks: unknown option "max_age"; it takes none`},

		// What other versions may know is no option here: nothing is accepted and ignored.
		{handlerWith("accept_bearer on"), `unexpected argument "on"`},
		{handlerWith("accept_bearer\naccept_bearer"), "accept_bearer is given twice"},
		{handlerWith("forward_token a b"), `unexpected argument "b"`},
		{handlerWith(`forward_token ""`), "the audience is empty"},
		{handlerWith("forward_token\nforward_token a"), "forward_token is given twice"},
		{handlerWith("issuer"), "want issuer <url>"},
		{handlerWith("issuer https://id.example b"), `unexpected argument "b"`},
		{issuerWith("audience"), "audience: want at least one value"},
		{issuerWith("from query token"), `want from header <name> or from cookie <name>, got "query token"`},
		{issuerWith("from header"), "want from header <name>"},
		{issuerWith("attribute role"), "want attribute <name> <claim>"},
		{issuerWith("attribute role a\nattribute role b"), "the attribute role is read twice"},
		{issuerWith("leeway 0s"), "want a duration above 0"},
		{issuerWith("audience a\naudience_claim"), "audience_claim: want a value"},
		{issuerWith(`audience a
audience_claim ""`), "audience_claim: want a value"},
		{issuerWith("audience a\naudience_claim a b"), `unexpected argument "b"`},
		{issuerWith("audience a\naudience_claim a\naudience_claim b"), "audience_claim is given twice"},
		{issuerWith("audience a\naudience_claim aud"), "audience_claim: aud is read anyway"},
		{issuerWith("audience a\naudience_claim scope"), "audience_claim: the claim scope does not say whom a token is for"},
		{issuerWith("audience_claim resource"), "audience: say whom"},
		{issuerWith("audience a\nclient_claim"), "client_claim: want a value"},
		{issuerWith(`audience a
client_claim ""`), "client_claim: want a value"},
		{issuerWith("audience a\nclient_claim aud"), "client_claim: aud is read anyway"},
		{issuerWith("audience a\nclient_claim sub"), "client_claim: the claim sub does not say whom a token is for"},
		{issuerWith("audience a\naudience_claim a\nclient_claim b"), "audience_claim and client_claim exclude each other"},
		{issuerWith("client_claim client_id"), "audience: say whom"},
		{issuerWith("secret x"), `issuer: unknown option "secret"; want one of audience, jwks_url`},
		{"jwt_session_callback", "want the name of a realm"},
		{"jwt_session_callback shop blog", `unexpected argument "blog"`},
		{callbackWith("issuer a b"), `unexpected argument "b"`},
		{callbackWith("scope"), "scope: want at least one value"},
		{callbackWith("token x"), `jwt_session_callback: unknown option "token"; want one of issuer, client_id`},
		{callbackWith("start /a\nstart /b"), "start is given twice"},
		{"jwt_session_signout", "want the name of a realm"},
		{"jwt_session_signout /path", "want the name of a realm"},
		{"jwt_session_signout shop blog", `unexpected argument "blog"`},
		{"jwt_session_signout {host} {\nissuer https://id.example\nclient_id a\n}", "must be letters, digits, _ and -"},
		{"jwt_session_signout shop", "issuer: "},
		{"jwt_session_signout shop {\nissuer https://id.example\n}", "client_id: want the name that the provider knows this gateway by, or with audience"},
		{"jwt_session_signout shop {\nissuer http://id.example\nclient_id a\n}", "want https, or http on loopback"},
		{"jwt_session_signout shop {\nissuer https://id.example?a=b\nclient_id a\n}", "an issuer has no query"},
		{signOutWith("jwks_url http://id.example/keys"), "jwks_url: "},
		{signOutWith("token x"), `jwt_session_signout: unknown option "token"; want one of issuer, jwks_url`},
		{signOutWith("path /a\npath /b"), "path is given twice"},
		{signOutWith("path a"), `path "a": want a path on this site that begins with /`},
		{signOutWith("path /a?b"), `path "/a?b": want a path`},
		{signOutWith("map"), "map: want <claim> to user, or <claim> to attribute <name>"},
		{signOutWith("map sub"), "map: want <claim> to user"},
		{signOutWith("map sub user"), "map: want <claim> to user"},
		{signOutWith("map sub to"), "map: want <claim> to user"},
		{signOutWith("map sub to user ann"), "map: want <claim> to user"},
		{signOutWith("map sub to attribute"), "map: want <claim> to user"},
		{signOutWith(`map "" to user`), "map: want the name of a claim"},
		{signOutWith("map email to attribute sub"), "map email: attribute sub: the name has a meaning of its own"},
		{signOutWith("map sub to user\nmap sub to user"), "map sub is given twice with the same target"},
		{signOutWith("poll"), "poll: want the address of a stream"},
		{signOutWith("poll http://id.example/poll"), "poll: "},
		{signOutWith("poll https://id.example/poll\npoll https://id.example/poll"), "is given twice"},
		{signOutWith("poll https://id.example/poll {\nevery 1s\n}"), `poll: unknown option "every"; want one of authorization, interval`},
		{signOutWith("poll https://id.example/poll {\ninterval 0s\n}"), "want a duration above 0"},
		{signOutWith("leeway 1h"), "leeway must be more than 0, and 5m0s at most"},
		{signOutWith("audience"), "audience: want at least one value"},
	} {
		checkAdaptError(t, "http:// {\n"+test.directive+"\n}", test.want)
	}
}

// The line of a contradiction is that of the option which completes it, also where the option has a block.
func TestContradictionsNameTheOption(t *testing.T) {
	t.Parallel()
	for directive, line := range map[string]int{
		handlerWith("token_cookie __Host-a {\npath /a\nsecure always\n}\nkeep_streams"):       3,
		handlerWith("session_cookie a b\nkeep_streams\ntoken_in_session_cookie {\npath /\n}"): 5,
		callbackWith("start /a\nfinish /a"):                                                   2,
		signOutWith("path a"):                                                                 2,
		signOutWith("map sub to user\nmap sub to user"):                                       6,
	} {
		checkAdaptError(t, "http:// {\n"+directive+"\n}", fmt.Sprintf(", at Caddyfile:%d", line))
	}
}

func handlerWith(option string) string { return "jwt_session shop {\n" + option + "\n}" }

func issuerWith(option string) string {
	return handlerWith("issuer https://id.example {\n" + option + "\n}")
}

func callbackWith(option string) string { return "jwt_session_callback shop {\n" + option + "\n}" }

func signOutWith(option string) string {
	return "jwt_session_signout shop {\nissuer https://id.example\nclient_id a\n" + option + "\n}"
}

func whoamiWith(option string) string {
	return handlerWith("whoami /whoami json user {\n" + option + "\n}")
}

func TestGlobalOptionErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ options, want string }{
		{"jwt_session shop", `unexpected argument "shop"`},
		{"jwt_session {\nnonsense\n}", `jwt_session: unknown option "nonsense"; want one of store, algorithm, rotate_every, key_delay, key, token_cache`},
		{"jwt_session\njwt_session", "the global option jwt_session is given twice"},
		{"jwt_session {\nstore\n}", "want store badger [<dir>] or store redis <url>"},
		{"jwt_session {\nstore memcached localhost\n}", "store memcached: there is no such engine; want badger or redis"},
		{"jwt_session {\nstore badger a b\n}", `unexpected argument "b"`},
		{"jwt_session {\nstore badger a {\nsync\n}\n}", `unexpected option "sync"`},
		{"jwt_session {\nstore badger\nstore badger\n}", "store is given twice"},
		{"jwt_session {\nstore badger\nstore redis redis://localhost\n}", "store is given twice"},
		{"jwt_session {\nstore redis://:secret@localhost\n}", "the engine's name stands before the URL; want store redis <url>"},
		{"jwt_session {\nstore redis\n}", "want store redis <url>, such as redis://localhost:6379"},
		{"jwt_session {\nstore redis \"\"\n}", "want store redis <url>"},
		{"jwt_session {\nstore redis {\ntimeout 1s\n}\n}", "want store redis <url>"},
		{"jwt_session {\nstore redis localhost:6379\n}", "store redis: url: it is no URL of a server; want redis://<host>"},
		{"jwt_session {\nstore redis http://localhost\n}", "store redis: url: its scheme is none of these; want redis://<host>"},
		{"jwt_session {\nstore redis redis://localhost/x\n}", "store redis: url: its database is no number"},
		{"jwt_session {\nstore redis redis://localhost?skip_verify\n}", `its parameter "skip_verify" is not known; want addr, master_set`},
		{"jwt_session {\nstore redis redis://localhost password\n}", "unexpected argument behind the URL"},
		{"jwt_session {\nstore redis redis://localhost {\nsync\n}\n}", `unknown option "sync"; want one of max_stale, username, password, prefix`},
		{"jwt_session {\nstore redis redis://localhost {\nprefix a\nprefix b\n}\n}", "store redis: prefix is given twice"},
		{"jwt_session {\nstore redis redis://localhost {\nmax_stale 0\n}\n}", "max_stale 0: want a duration above 0"},
		{"jwt_session {\nstore redis redis://localhost {\nmax_stale -1s\n}\n}", "max_stale -1s: want a duration above 0"},
		{"jwt_session {\nstore redis redis://localhost {\nmax_stale\n}\n}", "max_stale: want a duration above 0"},
		{"jwt_session {\nstore redis redis://localhost {\nmax_stale 1m 2m\n}\n}", `unexpected argument "2m"`},
		{"jwt_session {\nstore redis redis://localhost {\ntimeout soon\n}\n}", "timeout soon: want a duration above 0"},
		{"jwt_session {\nstore redis redis://localhost {\nusername\n}\n}", "username: want a user name"},
		{"jwt_session {\nstore redis redis://localhost {\npassword\n}\n}", "password: want one password; put quotes around one with spaces"},
		{"jwt_session {\nstore redis redis://localhost {\npassword a b\n}\n}", "password: want one password; put quotes around one with spaces"},
		{"jwt_session {\nstore redis redis://localhost {\nprefix {a}\n}\n}", `prefix "{a}": want 1 to 64 letters, digits, and _ . : -`},
		{"jwt_session {\nstore redis redis://localhost {\ndir\n}\n}", "dir: want the name of a directory"},
		{"jwt_session {\nstore redis redis://localhost {\nreplicas 0\n}\n}", "replicas 0: want a number above 0"},
		{"jwt_session {\nstore redis redis://localhost {\ntls_ca a b\n}\n}", `unexpected argument "b"`},
		{"jwt_session {\nstore redis redis://localhost {\ntls_ca a\n}\n}", "tls_ca: the URL is one without TLS; want rediss://"},
		{"jwt_session {\nstore redis redis://a:b@localhost {\npassword c\n}\n}", "they stand in the URL already"},
		{"jwt_session {\nkey\n}", "want key secret <base64>"},
		{"jwt_session {\nkey secret\n}", "want key secret <base64>"},
		{"jwt_session {\nkey file\n}", "want key secret <base64> or key file <path>"},
		{"jwt_session {\nkey file \"\"\n}", "want key secret <base64> or key file <path>"},
		{"jwt_session {\nkey files key.pem\n}", "want key secret <base64> or key file <path>"},
		{"jwt_session {\nkey file a b\n}", `unexpected argument "b"`},
		{"jwt_session {\nkey secret a b\n}", `unexpected argument`},
		{"jwt_session {\ntoken_cache\n}", "token_cache: want a number of tokens above 0, or off"},
		{"jwt_session {\ntoken_cache 0\n}", "token_cache 0: want a number of tokens above 0, or off"},
		{"jwt_session {\ntoken_cache -1\n}", "token_cache -1: want a number"},
		{"jwt_session {\ntoken_cache lots\n}", "token_cache lots: want a number"},
		{"jwt_session {\ntoken_cache off\ntoken_cache off\n}", "token_cache is given twice"},
		{"jwt_session {\nalgorithm\n}", "algorithm: want HS256, ES256, EdDSA or RS256"},
		{"jwt_session {\nalgorithm es256\n}", `algorithm: the algorithm "es256" is not known here; want HS256, ES256, EdDSA or RS256`},
		{"jwt_session {\nalgorithm none\n}", `algorithm: the algorithm "none" is not known here`},
		{"jwt_session {\nalgorithm ES256\nalgorithm ES256\n}", "algorithm is given twice"},
		{"jwt_session {\nrotate_every soon\n}", "rotate_every soon: want a duration above 0"},
		{"jwt_session {\nkey_delay 0\n}", "key_delay 0: want a duration above 0"},
		{"jwt_session {\nkey file key.pem\nalgorithm ES256\n}", "algorithm, rotate_every and key_delay are for keys that the gateway makes itself"},
		{"jwt_session {\nkey file key.pem\nrotate_every 1h\n}", "they can't stand beside key"},
		{"jwt_session {\nkey_delay 1m\nkey secret x\n}", "they can't stand beside key"},
		{"jwt_session {\nkey_delay 1h\nrotate_every 1h\n}", "key_delay 1h0m0s must be less than rotate_every 1h0m0s"},
		{"jwt_session {\nrevoked_for 0\n}", "revoked_for 0: want a duration above 0"},
	} {
		checkAdaptError(t, "{\n"+test.options+"\n}\nhttp:// {\n}", test.want)
	}
}

var adaptErrorLine = regexp.MustCompile(`Caddyfile:\d+`)

func checkAdaptError(t *testing.T, text, want string) {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	switch {
	case err == nil:
		t.Errorf("%s\nwas adapted to %s", text, adapted)
	case !strings.Contains(err.Error(), want), !adaptErrorLine.MatchString(err.Error()):
		t.Errorf("%s\ngot the error %v\nwant one that names the line and has %s", text, err, want)
	}
}

// Whatever stands in the block, the parser returns, and what it accepts is a configuration that can be read again.
func FuzzCaddyfile(f *testing.F) {
	names, err := filepath.Glob("testdata/caddyfile/*.caddyfiletest")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), "----------\n")
		f.Add(input)
	}
	f.Add("jwt_session shop {\n unauthenticated")
	f.Add("jwt_session shop {\n whoami /w json u {\n attribute a")
	f.Add("jwt_session {\n store badger \"\"\n key secret {\n}")
	f.Fuzz(func(t *testing.T, text string) {
		// Tokens as the lexer makes them, but without imports, which would read files.
		helper := httpcaddyfile.Helper{Dispenser: caddyfile.NewTestDispenser(text)}
		if handler, err := jwtsession.ParseHandler(helper); err == nil {
			readBack(t, handler, new(jwtsession.Handler))
		}
		helper.Dispenser = caddyfile.NewTestDispenser(text)
		if parsed, err := require.Parse(helper); err == nil {
			readBack(t, parsed, new(require.Require))
		}
		helper.Dispenser = caddyfile.NewTestDispenser(text)
		if parsed, err := state.Parse(helper); err == nil {
			readBack(t, parsed, new(state.State))
		}
		global := new(app.App)
		if err := global.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil {
			readBack(t, global, new(app.App))
		}
	})
}

func readBack(t *testing.T, module, into any) {
	t.Helper()
	text, err := json.Marshal(module)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.StrictUnmarshalJSON(text, into); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}
