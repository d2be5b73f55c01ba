package jwtsession_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// handlerNames are the handlers of an adapted Caddyfile in the order in which a request meets them.
func handlerNames(t *testing.T, site string) []string {
	t.Helper()
	adapted := string(adaptText(t, "{\nadmin off\n}\nhttp:// {\n"+site+"\n}"))
	var names []string
	for _, match := range regexp.MustCompile(`"handler":\s*"([a-z_]+)"`).FindAllStringSubmatch(adapted, -1) {
		names = append(names, match[1])
	}
	return names
}

// orderedPassword lets ops in with the password ops.
const orderedPassword = "basic_auth {\nops $2a$04$cE6ohfkJyShJ2gYsnTE5qucl8URHz3XcOc00TLZD2CC7zFekaNu4e\n}"

// The order of the directives is the same whatever order they are written in: at the site, and inside handle and handle_path.
func TestDirectiveOrder(t *testing.T) {
	t.Parallel()
	directives := []string{
		"jwt_session_status", "respond ok", "jwt_session_state cart {\nrequest_header X-Cart\nresponse_header X-Cart\n}",
		"jwt_session_require role staff", "jwt_session shop", "jwt_session_strip", orderedPassword,
		"jwt_session_signout shop {\nissuer http://127.0.0.1:1\nclient_id shop\n}",
		"jwt_session_callback shop {\nissuer http://127.0.0.1:1\nclient_id shop\nclient_secret secret\n}", "jwt_session_jwks",
	}
	want := []string{
		"jwt_session_jwks", "jwt_session_callback", "jwt_session_signout", "jwt_session_strip", "jwt_session",
		"jwt_session_require", "jwt_session_state",
		"authentication", "jwt_session_status", "static_response",
	}
	for _, block := range []string{"%", "handle /a/* {\n%\n}", "handle_path /a/* {\n%\n}", "handle_errors {\n%\n}", "handle {\nhandle {\n%\n}\n}"} {
		for _, backwards := range []bool{false, true} {
			written := slices.Clone(directives)
			if backwards {
				slices.Reverse(written)
			}
			names := slices.DeleteFunc(handlerNames(t, strings.Replace(block, "%", strings.Join(written, "\n"), 1)), func(name string) bool {
				return name == "subroute" || name == "rewrite"
			})
			if !slices.Equal(names, want) {
				t.Errorf("%q, backwards %t: got %q, want %q", block, backwards, names, want)
			}
		}
	}
	names := handlerNames(t, "jwt_session_status\nforward_auth localhost:9091 {\nuri /verify\n}")
	if at := slices.Index(names, "reverse_proxy"); at < 0 || at > slices.Index(names, "jwt_session_status") {
		t.Errorf("the page stands before forward_auth: %q", names)
	}
}

// Whoever knows the path sees the page for operators, though the site asks for a password there.
func TestStatusPageBehindEveryGuard(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]string{
		"handle":              "handle /gateway {\njwt_session_status\n" + orderedPassword + "\n}",
		"handle_path":         "handle_path /gateway {\njwt_session_status\n" + orderedPassword + "\n}",
		"the site":            "jwt_session_status /gateway\n" + orderedPassword,
		"route":               "route /gateway {\n" + orderedPassword + "\njwt_session_status\n}",
		"a guard by matcher":  "jwt_session_status /gateway\nbasic_auth /gateway" + strings.TrimPrefix(orderedPassword, "basic_auth"),
		"the site's sessions": "jwt_session_status /gateway\njwt_session shop",
		"a role":              "jwt_session_status /gateway\njwt_session shop {\nunauthenticated pass\n}\njwt_session_require role admin",
		"forward_auth":        "jwt_session_status /gateway\nforward_auth LEGACY {\nuri /verify\n}",
	} {
		g := harness.NewWith(t, harness.Options{Site: site + "\nrespond other"})
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/verify" && r.Header.Get("Authorization") == "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return r.URL.Path == "/verify"
		})
		if response := g.Browser().Get("/gateway"); response.StatusCode != http.StatusUnauthorized || strings.Contains(response.Text, "badger") {
			t.Errorf("%s: status %d without a password", name, response.StatusCode)
		}
		if name == "the site's sessions" || name == "a role" {
			continue
		}
		response := g.Browser().Get("/gateway", "Authorization: Basic b3BzOm9wcw==") // ops:ops
		if response.StatusCode != http.StatusOK || !strings.Contains(response.Text, "badger") {
			t.Errorf("%s: status %d with the password", name, response.StatusCode)
		}
	}
}

// The recipe in the docs shows the page for operators to nobody without a password.
func TestDocsStatusRecipe(t *testing.T) {
	t.Parallel()
	recipes := caddyfilesIn(t, sectionOf(t, "docs/how-to/monitoring.md", "## A page for operators"))
	if len(recipes) != 1 {
		t.Fatalf("found %d recipes", len(recipes))
	}
	site := strings.ReplaceAll(recipes[0], "{env.OPS_PASSWORD_HASH}", "$2a$04$cE6ohfkJyShJ2gYsnTE5qucl8URHz3XcOc00TLZD2CC7zFekaNu4e")
	for _, form := range []string{site, strings.Replace(site, "route", "handle", 1)} {
		g := harness.NewWith(t, harness.Options{Site: form})
		if response := g.Browser().Get("/gateway"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d without a password: %s", response.StatusCode, form)
		}
	}
}
