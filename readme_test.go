package jwtsession_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/command"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/signout"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/state"
)

// Every Caddyfile in the README is one that Caddy accepts, and every option is explained there.
func TestReadmeCaddyfiles(t *testing.T) {
	t.Setenv("OIDC_SECRET", "secret")
	t.Setenv("OPS_PASSWORD_HASH", "$2a$14$9nUV5OhC.Gyqyh/9ND2MKuVY/aPJ2FzxUT4eJ1Uo5QXzCXJzdV3rS")
	t.Setenv("JWT_SESSION_SECRET", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```\\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 8 {
		t.Fatalf("found %d Caddyfiles", len(blocks))
	}
	for _, block := range blocks {
		config := block[1]
		switch {
		case strings.Contains(config, "[<"): // a syntax, not a Caddyfile
			continue
		case strings.HasPrefix(config, "{"):
			config += "http:// {\n respond ok\n}\n"
		case !strings.HasPrefix(config, "example.com"):
			config = "http:// {\n" + config + "\n}\n"
		}
		if err := validateText(t, config); err != nil {
			t.Errorf("%v\n%s", err, config)
		}
	}
}

func TestReadmeExplainsEveryOption(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{
		jwtsession.HandlerOptions, jwtsession.WhoamiOptions, jwtsession.TokenCookieOptions, jwtsession.CombinedOptions, state.Options, app.GlobalOptions, jwtsession.IssuerOptions, callback.Options,
		signout.Options, signout.PollOptions,
	} {
		for name := range strings.SplitSeq(names, ", ") {
			if !strings.Contains(string(text), "`"+name) {
				t.Errorf("the README does not explain %s", name)
			}
		}
	}
}

// The table of reasons holds each reason that there is once, and no other.
func TestReadmeExplainsEveryReason(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| reason | means |")
	table, _, _ = strings.Cut(table, "\n\n")
	var explained []string
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 1 {
			for _, found := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(cells[1], -1) {
				explained = append(explained, found[1])
			}
		}
	}
	var known []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, "validator/reason.go") {
		if !strings.HasSuffix(name, "_test.go") {
			known = append(known, reasonsIn(t, name)...)
		}
	}
	for _, reason := range reasonsIn(t, "sessions/whoami/reason.go") {
		switch reason {
		case "no_match", "nobody_value", "redirected", "refused", "not_found": // which mean nobody, and refuse by session_unknown
			known = append(known, reason)
		default:
			known = append(known, "whoami_"+reason)
		}
	}
	slices.Sort(explained)
	slices.Sort(known)
	if !slices.Equal(explained, known) {
		t.Errorf("the README explains\n%q, there are\n%q", explained, known)
	}
}

// reasonsIn returns the constants of a type Reason in a file.
func reasonsIn(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind := spec.Type
		if selector, qualified := kind.(*ast.SelectorExpr); qualified {
			kind = selector.Sel
		}
		if ident, ok := kind.(*ast.Ident); !ok || ident.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, value)
		return true
	})
	return reasons
}

// What can be asked for and what is counted stands in the README: every route, command and metric.
func TestReadmeNamesRoutesCommandsAndMetrics(t *testing.T) {
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for route := range admin.Routes {
		if !strings.Contains(text, "/jwt_session/"+route+"`") {
			t.Errorf("the README lacks the route %s", route)
		}
	}
	visitOnce(t)
	for name := range gathered(t) {
		if !strings.Contains(text, "\n| `"+strings.TrimPrefix(name, "caddy_jwt_session_")+"` |") {
			t.Errorf("the README lacks the metric %s", name)
		}
	}
	root := new(cobra.Command)
	command.Command().CobraFunc(root)
	var check func(parent *cobra.Command, path string)
	check = func(parent *cobra.Command, path string) {
		for _, below := range parent.Commands() {
			if below.HasSubCommands() {
				check(below, path+below.Name()+" ")
			} else if !strings.Contains(text, "`"+path+below.Name()) {
				t.Errorf("the README lacks the command %s%s", path, below.Name())
			}
		}
	}
	check(root, "")
}
