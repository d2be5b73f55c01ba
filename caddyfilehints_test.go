package jwtsession_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

// blockOf returns a Caddyfile with lines in the block of a scope, and the number of the first of these lines.
func blockOf(t *testing.T, scope option.Scope, lines string) (text string, line int) {
	t.Helper()
	name := scope.Name
	if scope.Global {
		name = "global " + name
	}
	before, known := map[string]string{
		"global jwt_session":      "{\njwt_session {\n",
		"global store redis":      "{\njwt_session {\nstore redis redis://localhost {\n",
		"jwt_session":             "http:// {\njwt_session shop {\n",
		"session_cookie":          "http:// {\njwt_session shop {\nsession_cookie id {\n",
		"token_cookie":            "http:// {\njwt_session shop {\ntoken_cookie {\n",
		"token_in_session_cookie": "http:// {\njwt_session shop {\ntoken_in_session_cookie {\n",
		"whoami":                  "http:// {\njwt_session shop {\nwhoami /me json user {\n",
		"issuer":                  "http:// {\njwt_session shop {\nissuer https://id.example {\naudience api\n",
		"jwt_session_callback":    "http:// {\njwt_session_callback shop {\n",
		"jwt_session_signout":     "http:// {\njwt_session_signout shop {\n",
		"poll":                    "http:// {\njwt_session_signout shop {\nissuer https://id.example\nclient_id a\npoll https://id.example/poll {\n",
		"jwt_session_state":       "http:// {\njwt_session_state cart {\n",
	}[name]
	if !known {
		t.Fatalf("the scope %s is new: say where it stands", name)
	}
	before = strings.Replace(before, "audience api\n", "", strings.Count(lines, "audience "))
	after := strings.Repeat("}\n", strings.Count(before, "{\n"))
	if scope.Global {
		after += "http:// {\n}\n"
	}
	return before + lines + "\n" + after, strings.Count(before, "\n") + 1
}

func adaptError(text string) string {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err == nil {
		return ""
	}
	return err.Error()
}

// takesNone, takesTwo and takesMany are the options that may stand without an argument, with any two, and with any number.
var (
	takesNone = strings.Fields("token_encrypt accept_bearer keep_streams csrf token_cookie token_in_session_cookie rolling " +
		"forward_token forward_cookies")
	takesTwo  = strings.Fields("attribute identity_header authorization_parameter")
	takesMany = strings.Fields("csrf nobody cookies audience scope prompt acr_values session_cookie")
)

// Every option says its name and its line where it has too few arguments or too many.
func TestCaddyfileErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, scope := range option.Scopes() {
		for _, name := range strings.Split(scope.Options, ", ") {
			for _, arguments := range []string{"", ` ""`, " a b c d e f g", " /a /b /c /d /e", " json a b c d", " 5 5"} {
				text, line := blockOf(t, scope, name+arguments)
				got := adaptError(text)
				switch {
				case got == "" && arguments == "" && slices.Contains(takesNone, name):
				case got == "" && (slices.Contains(takesMany, name) || arguments == " 5 5" && slices.Contains(takesTwo, name)):
				case name == "partitioned" && arguments == "": // it needs secure always, which may come behind it: the block's line counts
					checkNames(t, got, name, line-1, text)
				case strings.Contains(got, "': "+scope.Name+" shop: "): // the block as a whole lacks another option
				case got == "":
					t.Errorf("%s: %s%s is accepted", scope.Name, name, arguments)
				default:
					tried++
					checkNames(t, got, name, line, text)
				}
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d errors were looked at", tried)
	}
}

// checkNames fails the test if an error does not name the option and the line.
func checkNames(t *testing.T, got, name string, line int, text string) {
	t.Helper()
	_, said, _ := strings.Cut(got, "': ") // behind what Caddy says of the directive
	if !regexp.MustCompile(`(^|[^a-z_])`+name+`([^a-z_]|$)`).MatchString(said) ||
		!regexp.MustCompile(fmt.Sprintf(`, at Caddyfile:%d\b`, line)).MatchString(got) {
		t.Errorf("%s\ngot the error %s\nwant one that names %s and the line %d", text, got, name, line)
	}
}

// A misspelled option brings the one that was meant.
func TestCaddyfileErrorsDidYouMean(t *testing.T) {
	t.Parallel()
	for _, scope := range option.Scopes() {
		for _, name := range strings.Split(scope.Options, ", ") {
			if len(name) < 4 {
				continue // too short to tell
			}
			for _, typed := range []string{name + "x", strings.ToUpper(name), name[1:2] + name[:1] + name[2:]} {
				text, line := blockOf(t, scope, typed+" a")
				got := adaptError(text)
				if !strings.Contains(got, "; did you mean "+name+"?") {
					t.Errorf("%s: %s: got the error %s, want one that asks for %s", scope.Name, typed, got, name)
				}
				checkNames(t, got, typed, line, text)
			}
		}
	}
}

// An option in another block than its own brings the block that it belongs to. Where that is the one around, a brace is
// missing.
func TestCaddyfileErrorsSayWhereAnOptionBelongs(t *testing.T) {
	t.Parallel()
	for _, scope := range option.Scopes() {
		for _, other := range option.Scopes() {
			for _, name := range strings.Split(other.Options, ", ") {
				if slices.Contains(strings.Split(scope.Options, ", "), name) {
					continue
				}
				text, line := blockOf(t, scope, name+" a")
				got := adaptError(text)
				isAround := other.Global == scope.Global && scope.Around == other.Name
				switch {
				case isAround && !strings.Contains(got, "is a } missing before it?"):
					t.Errorf("%s: %s: got the error %s, want one that asks for a brace", scope.Name, name, got)
				case !strings.Contains(got, name+" belongs inside ") && !strings.Contains(got, "did you mean") &&
					!strings.Contains(got, name+" is a directive"):
					t.Errorf("%s: %s: got the error %s, want one that says where it belongs", scope.Name, name, got)
				}
				checkNames(t, got, name, line, text)
			}
		}
	}
}

func TestCaddyfileErrorsHelp(t *testing.T) {
	t.Parallel()
	const site = "http:// {\njwt_session shop {\n"
	for _, test := range []struct{ text, want string }{
		{site + "timeout 2s\n}\n}", "; timeout belongs inside whoami { }, at Caddyfile:3"},
		{site + "timeuot 2s\n}\n}", "; did you mean timeout? It belongs inside whoami { }, at Caddyfile:3"},
		{site + "audience api\n}\n}", "; audience belongs inside issuer { }, at Caddyfile:3"},
		{site + "max_age 1h\n}\n}", "; max_age belongs inside token_in_session_cookie { }, at Caddyfile:3"},
		{site + "path /\n}\n}", "; path belongs inside token_cookie { } or token_in_session_cookie { }, at Caddyfile:3"},
		{site + "rotate_every 1h\n}\n}", "; rotate_every belongs inside the global option jwt_session { }, at Caddyfile:3"},
		{site + "start /a\n}\n}", "; start belongs inside jwt_session_callback { }, at Caddyfile:3"},
		{site + "token_cookie {\nmax_age 1h\n}\n}\n}", "; max_age belongs inside token_in_session_cookie { }, at Caddyfile:4"},
		{site + "whoami /me json user{\ntimeout 2s\n}\n}\n}", "; timeout belongs inside whoami { }, at Caddyfile:4"},
		// A brace is missing: of an option, of the directive, and in another file's way.
		{site + "whoami /me json user {\ntimeout 2s\ntoken_lifetime 1m\n}\n}\n}", "; token_lifetime belongs inside jwt_session { }: is a } missing before it?, at Caddyfile:5"},
		{site + "whoami /me json user {\ntimeout 2s\ntoken_lifetime 1m\n}\n}", "is a } missing before it?, at Caddyfile:5"},
		{site + "mode mixed\nreverse_proxy localhost\n}\n", "; reverse_proxy is a directive: is a } missing before it?, at Caddyfile:4"},
		{site + "mode mixed\nheader X-A b\n}\n}\n", "; header is a directive: is a } missing before it?, at Caddyfile:4"},
		{site + "mode mixed\njwt_session_require role a\n}\n", "; jwt_session_require is a directive: is a } missing before it?, at Caddyfile:4"},
		{site + "mode mixed\n@api path /api\n}\n", "is a } missing before it?, at Caddyfile:4"},
		{site + "mode mixed\nother.example {\nrespond ok\n}\n}\n", "is a } missing before it?, at Caddyfile:4"},
		{site + "mode mixed\nhttp://:8080 {\nrespond ok\n}\n}\n", "is a } missing before it?, at Caddyfile:4"},
		{"{\njwt_session {\nstore redis redis://localhost {\ntimeout 1s\ntoken_cache 1\n}\n}\nhttp:// {\n}", "; token_cache belongs inside the global option jwt_session { }: is a } missing before it?, at Caddyfile:5"},
		// A brace in the wrong place.
		{site + "mode mixed }\n}", "mode: a } stands on a line of its own, at Caddyfile:3"},
		{site + "whoami /me json user {\ntimeout 2s }\n}\n}", "timeout: a } stands on a line of its own, at Caddyfile:4"},
		{site + "session_cookie a }\n}", "session_cookie: a } stands on a line of its own"},
		{site + "mode mixed {\n}\n}\n}", `mode: unknown option "{"; mode takes no block, at Caddyfile:3`},
		{site + "keep_streams {\nx\n}\n}\n}", `keep_streams: unknown option "{"; keep_streams takes no block, at Caddyfile:3`},
		{site + "session_cookie \"}\"\n}\n}", `"}" is no cookie name`},
		// A value that is not known.
		{site + "mode statefull\n}\n}", "; did you mean stateful?"},
		{site + "token_cookie {\nsame_site Lax\n}\n}\n}", "; did you mean lax?"},
		{site + "preflight pas\n}\n}", "; did you mean pass?"},
		{site + "unauthenticated deni\n}\n}", "; did you mean deny?"},
		{site + "whoami /me jsno user\n}\n}", `got "jsno user"; did you mean json?`},
		{"{\njwt_session {\nstore bagder\n}\n}\nhttp:// {\n}", "; did you mean badger?"},
		{"{\njwt_session {\nalgorithm es256\n}\n}\nhttp:// {\n}", "; did you mean ES256?"},
		{"http:// {\njwt_session_callback shop {\nresponse form-post\n}\n}", "; did you mean form_post?"},
		// What the issue shows.
		{site + "whoami /me json user {\nmax_per_client 5 5\n}\n}\n}", `whoami: max_per_client: unexpected argument "5", at Caddyfile:4`},
		{site + "whoami /me\n}\n}", `whoami: want json <path>, header <name> or regex <expression> behind "/me", at Caddyfile:3`},
	} {
		if got := adaptError(test.text); !strings.Contains(got, test.want) {
			t.Errorf("%s\ngot the error %q\nwant one with %q", test.text, got, test.want)
		}
	}
	if got := adaptError(site + "unauthenticated redirect\n}\n}"); strings.Contains(got, "did you mean") {
		t.Errorf("an action that is known is asked for: %s", got)
	}
}

// What may be a part of a secret is in no error.
func TestCaddyfileErrorsRepeatNoSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"{\njwt_session {\nkey secret a topsecret\n}\n}\nhttp:// {\n}",
		"{\njwt_session {\nkey topsecret\n}\n}\nhttp:// {\n}",
		"{\njwt_session {\nstore redis redis://localhost {\npassword a topsecret\n}\n}\n}\nhttp:// {\n}",
		"{\njwt_session {\nstore redis redis://localhost topsecret\n}\n}\nhttp:// {\n}",
		"http:// {\njwt_session_callback shop {\nclient_secret a topsecret\n}\n}",
		"http:// {\n" + signOutWith("push_authorization Bearer topsecret") + "\n}",
		"http:// {\n" + signOutWith("poll https://id.example/poll {\nauthorization Bearer topsecret\n}") + "\n}",
	} {
		if got := adaptError(text); got == "" || strings.Contains(got, "topsecret") {
			t.Errorf("%s\ngot the error %q, want one without the secret", text, got)
		}
	}
}
