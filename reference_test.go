package jwtsession_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/command"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/signout"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/state"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore"
)

// The reference says what the code has, and nothing else: options, directives, members of JSON, requests, commands, flags, metrics,
// reasons and placeholders.

// firstCells returns the texts in code of the first column of a table, row by row, without its head.
func firstCells(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := regexp.MustCompile(`[^\\]\|`).Split(line[1:], 2)
		var codes []string
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[0]+" ", -1) {
			codes = append(codes, code[1])
		}
		rows = append(rows, codes)
	}
	return rows[min(1, len(rows)):]
}

// firstWords returns the first word of each text in code of the first column of a table, sorted, each once.
func firstWords(text string) []string {
	var words []string
	for _, row := range firstCells(text) {
		for _, code := range row {
			word, _, _ := strings.Cut(code, " ")
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// compareNames fails where a page and the code differ.
func compareNames(t *testing.T, where string, documented, known []string) {
	t.Helper()
	for _, name := range documented {
		if !slices.Contains(known, name) {
			t.Errorf("%s explains %s, which the code does not have", where, name)
		}
	}
	for _, name := range known {
		if !slices.Contains(documented, name) {
			t.Errorf("%s does not explain %s", where, name)
		}
	}
}

func TestFirstCells(t *testing.T) {
	t.Parallel()
	got := firstCells("| option | default |\n|---|---|\n| `a x\\|y`, `b` | `c` |\n| the URL | d |\n\ntext\n")
	if want := [][]string{{`a x\|y`, "b"}, nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReferenceHasEveryOption(t *testing.T) {
	t.Parallel()
	const options, directives = "docs/reference/options.md", "docs/reference/directives.md"
	for _, block := range []struct{ page, heading, names string }{
		{options, "## Global options", app.GlobalOptions},
		{options, "## jwt_session", jwtsession.HandlerOptions},
		{options, "### session_cookie", jwtsession.SessionIDOptions},
		{options, "### whoami", jwtsession.WhoamiOptions},
		{options, "### token_cookie", jwtsession.TokenCookieOptions},
		{options, "### token_in_session_cookie", jwtsession.CombinedOptions},
		{options, "### issuer", jwtsession.IssuerOptions},
		{directives, "## jwt_session_state", state.Options},
		{directives, "## jwt_session_callback", callback.Options},
		{directives, "## jwt_session_signout", signout.Options},
		{directives, "### poll", signout.PollOptions},
		{"docs/several-gateways.md", "## The Caddyfile", redisstore.Options},
	} {
		compareNames(t, block.page+", "+block.heading, firstWords(sectionOf(t, block.page, block.heading)), strings.Split(block.names, ", "))
	}
	syntax, err := fencesOf(sectionOf(t, options, "## Global options"))
	if err != nil || len(syntax) != 1 {
		t.Fatalf("the syntax of the global options: %d blocks, %v", len(syntax), err)
	}
	var written []string
	for _, option := range regexp.MustCompile(`(?m)^\t\t(\w+) `).FindAllStringSubmatch(syntax[0].text, -1) {
		written = append(written, option[1])
	}
	compareNames(t, "the syntax of the global options", written, strings.Split(app.GlobalOptions, ", "))
}

// Every directive has a section and a line in the list. Their order is the one that Caddy sorts them in.
func TestReferenceHasEveryDirective(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/directives.md"
	var known []string
	for _, id := range caddy.Modules() {
		if name, found := strings.CutPrefix(id, "http.handlers."); found && strings.HasPrefix(name, "jwt_session") {
			known = append(known, name)
		}
	}
	text := readPage(t, page)
	list, _, _ := strings.Cut(text, "\n## ")
	compareNames(t, page+", the list", firstWords(list), known)
	sections := []string{"jwt_session"} // which has a page of its own
	for _, heading := range regexp.MustCompile(`(?m)^## (jwt_session\w*)$`).FindAllStringSubmatch(text, -1) {
		sections = append(sections, heading[1])
	}
	compareNames(t, page+", the sections", sections, known)

	var order []string
	for _, name := range regexp.MustCompile("`(jwt_session\\w*)`").FindAllStringSubmatch(sectionOf(t, page, "## Order"), -1) {
		order = append(order, name[1])
	}
	written := slices.Clone(order)
	slices.Reverse(written)
	var lines []string
	for _, name := range written {
		lines = append(lines, map[string]string{
			"jwt_session": "jwt_session shop", "jwt_session_require": "jwt_session_require role staff",
			"jwt_session_fresh":    "jwt_session_fresh 5m",
			"jwt_session_state":    "jwt_session_state cart {\nrequest_header X-Cart\nresponse_header X-Cart\n}",
			"jwt_session_callback": "jwt_session_callback shop {\nissuer http://127.0.0.1:1\nclient_id shop\n}",
			"jwt_session_signout":  "jwt_session_signout /out shop {\nissuer http://127.0.0.1:1\nclient_id shop\n}",
			"jwt_session_jwks":     "jwt_session_jwks", "jwt_session_strip": "jwt_session_strip", "jwt_session_status": "jwt_session_status",
		}[name])
	}
	sorted := slices.DeleteFunc(handlerNames(t, strings.Join(lines, "\n")), func(name string) bool {
		return !strings.HasPrefix(name, "jwt_session")
	})
	compareNames(t, page+", the order", order, known)
	if !slices.Equal(order, sorted) {
		t.Errorf("%s has the order\n%q, Caddy has\n%q", page, order, sorted)
	}
}

// The reference of JSON has a section for each object, with its members.
func TestReferenceHasEveryMemberOfJSON(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/json.md"
	found := make(map[string][]string) // the members of each object, in order, by what they are, joined
	for _, module := range caddy.Modules() {
		if module == "jwt_session" || strings.HasPrefix(module, "jwt_session.stores.") || strings.HasPrefix(module, "http.handlers.jwt_session") {
			info, err := caddy.GetModule(module)
			if err != nil {
				t.Fatal(err)
			}
			collectMembers(reflect.TypeOf(info.New()), found)
		}
	}
	documented := make(map[string]string) // the heading, by the members
	for _, section := range strings.Split(readPage(t, page), "\n## ")[1:] {
		heading, table, _ := strings.Cut(section, "\n")
		var members []string
		for _, row := range firstCells(table) {
			members = append(members, row...)
		}
		documented[strings.Join(members, " ")] = heading
	}
	for members, heading := range documented {
		if found[members] == nil {
			t.Errorf("%s, %s: no object has the members %s", page, heading, members)
		}
	}
	for members, types := range found {
		if documented[members] == "" {
			t.Errorf("%s lacks an object with the members %s: %s", page, members, types)
		}
	}
	blocks, err := fencesOf(readPage(t, page))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("%s has no example, %v", page, err)
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON([]byte(blocks[0].text), config); err != nil {
		t.Error(err)
	} else if err := harness.Validate(config); err != nil {
		t.Error(err)
	}
}

// collectMembers finds the members of a type of this module and of the types below it.
func collectMembers(of reflect.Type, found map[string][]string) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collectMembers(of.Elem(), found)
		return
	case reflect.Struct:
	default:
		return
	}
	if !strings.HasPrefix(of.PkgPath(), modulePath) {
		return
	}
	var members []string
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "" || name == "-" {
			continue
		}
		members = append(members, name)
		collectMembers(field.Type, found)
	}
	if key := strings.Join(members, " "); key != "" && !slices.Contains(found[key], of.String()) {
		found[key] = append(found[key], of.String())
	}
}

// The table of reasons holds each reason that there is once, and no other.
func TestReferenceHasEveryReason(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/reasons.md"
	text := readPage(t, page)
	table, _, _ := strings.Cut(text, "\n## ")
	var explained []string
	for _, row := range firstCells(table) {
		explained = append(explained, row...)
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
		t.Errorf("%s explains\n%q, there are\n%q", page, explained, known)
	}
	signIn := firstWords(sectionOf(t, page, "## Reasons of a sign-in"))
	compareNames(t, page+", sign-in", signIn, reasonsIn(t, "modules/callback/failure.go"))
}

// reasonsIn returns the constants of a type Reason, or reason, in a file.
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
		if ident, ok := kind.(*ast.Ident); !ok || !strings.EqualFold(ident.Name, "reason") {
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

// A placeholder is one in the code if a text of the code names it whole. Those of attributes have no name of their own.
func TestReferenceHasEveryPlaceholder(t *testing.T) {
	t.Parallel()
	known := []string{"{http.auth.user.id}", "{http.auth.user.<attribute>}"}
	whole := regexp.MustCompile(`^"\{?(http\.jwt_session\.[a-z_.]*[a-z_])\}?"$`)
	for _, source := range productFiles(t) {
		if strings.HasPrefix(source.pkg, "bench") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source.name, source.text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if found := whole.FindStringSubmatch(literal.Value); found != nil {
					known = append(known, "{"+found[1]+"}")
				}
			}
			return true
		})
	}
	const page = "docs/reference/placeholders.md"
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\{[^`]+\\})` \\|").FindAllStringSubmatch(readPage(t, page), -1) {
		explained = append(explained, row[1])
	}
	compareNames(t, page, explained, known)
}

// metricNames collects the names of the metrics that are registered, those included that have no value yet.
type metricNames struct {
	prometheus.Registerer

	names []string
}

func (m *metricNames) Register(collector prometheus.Collector) error {
	descriptions := make(chan *prometheus.Desc, 16)
	collector.Describe(descriptions)
	close(descriptions)
	for description := range descriptions {
		m.names = append(m.names, regexp.MustCompile(`fqName: "caddy_jwt_session_(\w+)"`).FindStringSubmatch(description.String())[1])
	}
	return nil
}

func TestReferenceHasEveryMetric(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/metrics.md"
	var known metricNames
	if err := telemetry.Register(&known, app.RunningStock); err != nil {
		t.Fatal(err)
	}
	compareNames(t, page, firstWords(sectionOf(t, page, "## Metrics")), known.names)
}

func TestReferenceHasEveryRequest(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/admin-api.md"
	var explained []string
	for _, row := range firstCells(readPage(t, page)) {
		for _, code := range row {
			if _, route, found := strings.Cut(code, "/jwt_session/"); found {
				explained = append(explained, route)
			}
		}
	}
	compareNames(t, page, explained, slices.Collect(maps.Keys(admin.Routes)))
}

// Every command is in the table, with the flags that it has of its own, and each flag that the page names is one of a command.
func TestReferenceHasEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	const page = "docs/reference/command-line.md"
	text := readPage(t, page)
	table, _, _ := strings.Cut(text, "\n## ")
	var commands, flags []string
	root := new(cobra.Command)
	command.Command().CobraFunc(root)
	var visit func(parent *cobra.Command, path string)
	visit = func(parent *cobra.Command, path string) {
		for _, below := range parent.Commands() {
			if below.HasSubCommands() {
				visit(below, path+below.Name()+" ")
				continue
			}
			commands = append(commands, path+below.Name())
			below.Flags().VisitAll(func(flag *pflag.Flag) { flags = append(flags, "--"+flag.Name) })
		}
	}
	visit(root, "")
	var explained []string
	for _, row := range firstCells(table) {
		for _, code := range row {
			if strings.HasPrefix(code, "--") {
				continue // the other half of a command
			}
			if name := regexp.MustCompile(`^[a-z]+( [a-z]+)?`).FindString(code); slices.Contains(commands, name) {
				explained = append(explained, name)
			} else {
				name, _, _ = strings.Cut(code, " ")
				explained = append(explained, name)
			}
		}
	}
	compareNames(t, page, explained, commands)
	compareNames(t, page+", flags", regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(text, -1), append(flags, "--help"))
}
