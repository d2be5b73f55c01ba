package jwtsession_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/caddy-jwt-session/caddy-jwt-session"

// Import paths of what only some packages may use, or a prefix of them.
const (
	caddyPath  = "github.com/caddyserver/caddy/v2"
	josePath   = "github.com/go-jose/go-jose/v4"
	jwxPath    = "github.com/lestrrat-go/jwx"
	zapPath    = "go.uber.org/zap"
	badgerPath = "github.com/dgraph-io/badger"
	redisPath  = "github.com/redis"
)

// goPackage is what go list says of one package.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	Imports    []string
}

// packages are all packages that this module compiles, tests left out, by import path.
type packages map[string]goPackage

// listPackages returns a list of the test's own, which it may change.
func listPackages(t *testing.T) packages {
	t.Helper()
	listed, err := listedPackages()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	return maps.Clone(listed)
}

// listedPackages asks the go command, once for all tests.
var listedPackages = sync.OnceValues(func() (packages, error) {
	output, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,Imports", "./...").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%w\n%s", err, exit.Stderr)
	} else if err != nil {
		return nil, err
	}
	listed := packages{}
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var read goPackage
		if err := decoder.Decode(&read); errors.Is(err, io.EOF) {
			return listed, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the list: %w", err)
		}
		listed[read.ImportPath] = read
	}
})

// below reports whether an import path is that prefix or lies below it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// needs returns all that a package imports, directly or by others.
func (p packages) needs(path string) map[string]bool {
	found := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		for _, imported := range p[path].Imports {
			if !found[imported] {
				found[imported] = true
				visit(imported)
			}
		}
	}
	visit(path)
	return found
}

// The trusted core and what it builds on must not come to depend on the server or on a database, not even by others.
func TestLayoutCoreIsFreeOfServerAndDatabases(t *testing.T) {
	t.Parallel()
	listed := listPackages(t)
	for _, name := range []string{
		"validator", "sessions", "blacklist", "ledger", "registry", "keyring", "internal/alias", "internal/realm",
		"internal/remember",
	} {
		path := modulePath + "/" + name
		if _, there := listed[path]; !there {
			t.Errorf("there is no package %s", name)
		}
		for needed := range listed.needs(path) {
			for _, forbidden := range []string{caddyPath, zapPath, badgerPath, redisPath} {
				if below(needed, forbidden) {
					t.Errorf("package %s depends on %s", name, needed)
				}
			}
		}
	}
}

// layout says which packages of the module each package may import. It has all of them: the root at the top, then the
// app, one request's way, the core, and the leaves.
var layout = map[string][]string{
	"": {
		"app", "internal/alias", "internal/command", "internal/option", "internal/pathmatch", "internal/realm", "issuer",
		"modules/admin", "modules/callback", "modules/fresh", "modules/jwks", "modules/require", "modules/signout",
		"modules/state", "modules/statuspage", "modules/strip", "request/access", "request/carrier", "request/exchange",
		"request/forward", "request/identity", "request/policy", "request/question", "request/refusal",
		"request/settlement", "sessions/whoami", "validator",
	},

	"modules/admin": {
		"app", "app/status", "blacklist", "internal/telemetry", "keyring", "ledger", "request/refusal", "sessions",
		"validator",
	},
	"modules/callback": {
		"app", "internal/cookie", "internal/option", "internal/realm", "internal/remember", "internal/secret",
		"internal/telemetry", "issuer", "ledger", "request/carrier", "request/identity", "request/journey",
		"request/refusal", "sessions", "storage", "validator",
	},
	"modules/fresh": {
		"app", "internal/option", "internal/pathmatch", "request/journey", "request/refusal", "sessions/whoami", "validator",
	},
	"modules/jwks": {"app", "internal/option", "internal/telemetry", "request/refusal"},
	"modules/require": {
		"app", "internal/option", "internal/pathmatch", "request/identity", "request/journey", "sessions/whoami",
		"validator",
	},
	"modules/signout": {
		"app", "internal/eventpoll", "internal/option", "internal/realm", "internal/remember", "internal/telemetry",
		"issuer", "ledger", "request/identity", "request/journey", "request/refusal", "sessions", "storage", "validator",
	},
	"modules/state": {
		"app", "internal/caching", "internal/cookie", "internal/option", "internal/response", "internal/telemetry",
		"request/carrier", "request/identity", "request/journey", "sessions/whoami", "validator",
	},
	"modules/statuspage": {"app", "app/status", "internal/option", "internal/telemetry", "request/identity", "request/refusal"},
	"modules/strip":      {"app", "internal/alias", "internal/option", "request/identity", "request/journey"},

	"request/access": {"app", "issuer", "request/arrival", "request/identity", "request/policy", "sessions", "validator"},
	"request/arrival": {
		"internal/cookie", "internal/pathmatch", "internal/telemetry", "request/carrier", "request/journey",
		"request/policy", "sessions", "validator",
	},
	"request/carrier":   {"internal/cookie", "internal/option", "validator"},
	"request/diagnosis": {"sessions", "sessions/whoami"},
	"request/exchange": {
		"app", "internal/alias", "internal/pathmatch", "internal/realm", "internal/response", "internal/telemetry",
		"request/access", "request/arrival", "request/carrier", "request/diagnosis", "request/forward", "request/identity",
		"request/journey", "request/outcome", "request/policy", "request/refusal", "request/settlement", "request/stream",
		"sessions", "sessions/whoami", "validator",
	},
	"request/forward":  {"app", "internal/remember", "request/identity", "sessions", "validator"},
	"request/grant":    {"sessions"},
	"request/identity": {"internal/realm", "sessions", "validator"},
	"request/journey":  {"app", "internal/alias", "internal/cookie", "request/identity", "validator"},
	"request/outcome": {
		"app", "internal/cookie", "internal/telemetry", "ledger", "request/access", "request/arrival", "request/carrier",
		"request/grant", "request/identity", "request/journey", "request/policy", "request/question", "sessions",
		"validator",
	},
	"request/policy": {"app", "internal/telemetry", "ledger", "request/diagnosis", "sessions", "sessions/whoami", "validator"},
	"request/question": {
		"app", "internal/cookie", "internal/telemetry", "ledger", "request/arrival", "request/diagnosis",
		"request/journey", "request/policy", "sessions", "sessions/whoami", "validator",
	},
	"request/refusal": {"internal/pathmatch", "internal/urlpath", "validator"},
	"request/settlement": {
		"internal/caching", "internal/cookie", "internal/response", "internal/telemetry", "ledger", "request/arrival",
		"request/carrier", "request/grant", "request/identity", "request/journey", "request/outcome", "request/policy",
		"request/question", "request/refusal", "sessions", "sessions/whoami", "validator",
	},
	"request/stream": {"internal/response", "ledger"},

	"app": {
		"app/routing", "internal/alias", "internal/option", "internal/realm", "internal/secret", "internal/telemetry",
		"issuer", "keyring", "ledger", "registry", "request/carrier", "request/identity", "sessions/badgerstore",
		"sessions/redisstore", "storage", "validator",
	},
	"app/routing": {},
	"app/status":  {"app", "internal/telemetry", "keyring", "ledger", "request/identity", "storage", "validator"},

	"blacklist":            {},
	"issuer":               {"validator"},
	"keyring":              {"validator"},
	"ledger":               {"blacklist", "internal/cookie", "internal/remember", "sessions", "storage"},
	"registry":             {},
	"sessions":             {},
	"sessions/badgerstore": {"blacklist", "sessions", "storage", "storage/backup", "storage/record"},
	"sessions/redisstore": {
		"blacklist", "internal/option", "sessions", "sessions/badgerstore", "storage", "storage/backup", "storage/record",
	},
	"sessions/redisstore/redistest": {"internal/gateway/gatewaytest"},
	"sessions/whoami":               {"internal/caching", "sessions"},
	"storage":                       {"blacklist", "sessions", "storage/backup"},
	"storage/backup":                {"blacklist", "sessions", "storage/record"},
	"validator":                     {"internal/remember", "sessions"},

	"internal/alias":   {},
	"internal/caching": {},
	"internal/command": {
		"internal/probe", "internal/survey", "internal/version", "ledger", "sessions", "sessions/badgerstore", "storage",
		"storage/backup", "validator",
	},
	"internal/cookie":    {"internal/remember"},
	"internal/eventpoll": {},
	"internal/gateway":   {},
	"internal/option":    {"internal/spelling"},
	"internal/pathmatch": {"internal/urlpath"},
	"internal/probe":     {"internal/caching", "internal/cookie", "request/question", "sessions/whoami", "validator"},
	"internal/realm":     {},
	"internal/remember":  {},
	"internal/response":  {},
	"internal/scratch":   {},
	"internal/secret":    {},
	"internal/spelling":  {},
	"internal/survey":    {"internal/cookie", "internal/probe", "sessions/whoami", "validator"},
	"internal/telemetry": {"blacklist", "sessions", "sessions/whoami", "validator"},
	"internal/urlpath":   {},

	"apps":                    {},
	"apps/cluster":            {},
	"apps/cookies":            {},
	"blacklist/blacklisttest": {"blacklist"},
	"example": {
		"example/counter", "example/launch", "example/page", "example/points", "example/provider", "example/shop",
		"internal/gateway",
	},
	"example/cluster":              {"example/launch", "example/page", "example/shop", "internal/gateway"},
	"example/cluster/app":          {"example/page", "example/shop"},
	"example/counter":              {"example/page", "example/shop"},
	"example/gateway":              {""},
	"example/launch":               {"internal/gateway"},
	"example/launch/browsertest":   {},
	"example/page":                 {},
	"example/points":               {"example/page"},
	"example/provider":             {},
	"example/shop":                 {"example/page"},
	"internal/gateway/gatewaytest": {},
	"internal/harness": {
		"app", "app/status", "internal/telemetry", "internal/testclock", "modules/admin", "request/carrier",
		"request/identity", "sessions", "validator",
	},
	"internal/testclock":    {},
	"internal/testkey":      {},
	"internal/version":      {},
	"sessions/sessionstest": {"sessions"},
	"storage/record":        {"blacklist", "sessions"},
	"bench":                 {"bench/breakeven", "bench/chain", "bench/paths", "bench/process", "bench/report", "bench/scale", "bench/server"},
	"bench/application":     {},
	"bench/breakeven": {
		"bench/application", "bench/process", "bench/report", "bench/seed", "ledger", "sessions", "sessions/redisstore",
	},
	"bench/chain":   {"", "bench/application", "bench/floor", "bench/process", "bench/seed"},
	"bench/floor":   {"bench/application", "bench/seed"},
	"bench/paths":   {"bench/chain", "bench/process", "bench/report"},
	"bench/process": {},
	"bench/report":  {},
	"bench/scale": {
		"bench/application", "bench/chain", "bench/paths", "bench/process", "bench/report", "bench/seed", "bench/server",
		"blacklist", "ledger", "sessions", "sessions/badgerstore",
	},
	"bench/seed":   {"blacklist", "sessions", "sessions/badgerstore"},
	"bench/server": {"bench/application", "bench/chain", "bench/process", "bench/report"},
}

// Every package imports what the layout says, and no more. A package that the layout lacks is an error, and so is a line of
// it that nothing needs.
func TestLayoutOfEveryPackage(t *testing.T) {
	t.Parallel()
	listed := listPackages(t)
	for _, fault := range faultsOf(listed, layout) {
		t.Error(fault)
	}
	// The test itself finds what it is for.
	delete(listed, modulePath+"/registry")
	listed[modulePath+"/internal/new"] = goPackage{ImportPath: modulePath + "/internal/new"}
	sessions := listed[modulePath+"/sessions"]
	sessions.Imports = append(slices.Clone(sessions.Imports), modulePath+"/ledger")
	listed[modulePath+"/sessions"] = sessions
	want := []string{
		"package internal/new is not in the layout", "package registry of the layout does not exist",
		"package sessions imports ledger, which the layout forbids",
	}
	if got := faultsOf(listed, layout); !slices.Equal(got, want) {
		t.Errorf("of three faults it found %q", got)
	}
}

// faultsOf returns what the packages do against a layout, sorted.
func faultsOf(listed packages, layout map[string][]string) []string {
	var faults []string
	for path, one := range listed {
		name, own := strings.CutPrefix(path+"/", modulePath+"/")
		if !own {
			continue
		}
		name = strings.TrimSuffix(name, "/")
		allowed, known := layout[name]
		if !known {
			faults = append(faults, fmt.Sprintf("package %s is not in the layout", name))
			continue
		}
		for _, imported := range one.Imports {
			relative, own := strings.CutPrefix(imported+"/", modulePath+"/")
			if relative = strings.TrimSuffix(relative, "/"); own && !slices.Contains(allowed, relative) {
				faults = append(faults, fmt.Sprintf("package %s imports %s, which the layout forbids", name, relative))
			}
		}
		for _, needless := range allowed {
			if !slices.Contains(one.Imports, strings.TrimSuffix(modulePath+"/"+needless, "/")) {
				faults = append(faults, fmt.Sprintf("package %s does not import %s, which the layout allows", name, needless))
			}
		}
	}
	for name := range layout {
		if _, there := listed[strings.TrimSuffix(modulePath+"/"+name, "/")]; !there {
			faults = append(faults, fmt.Sprintf("package %s of the layout does not exist", name))
		}
	}
	slices.Sort(faults)
	return faults
}

// maxRootFiles is how many product files the root may have.
const maxRootFiles = 12

// No product file, no struct and no type of any package is larger than the budget allows.
func TestLayoutKeepsItsBudget(t *testing.T) {
	t.Parallel()
	files := productFiles(t)
	faults, err := budgetFaults(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
	rootFiles := 0
	for _, file := range files {
		if file.pkg == "" {
			rootFiles++
		}
	}
	if rootFiles > maxRootFiles {
		t.Errorf("the root has %d files, %d are allowed", rootFiles, maxRootFiles)
	}
}

// A change of jwx's major version must touch one package.
func TestLayoutOneImporterOfJWX(t *testing.T) {
	t.Parallel()
	for path, listed := range listPackages(t) {
		if !below(path, modulePath) || path == modulePath+"/validator" {
			continue
		}
		for _, imported := range listed.Imports {
			if below(imported, jwxPath) {
				t.Errorf("%s imports %s, which validator alone may", path, imported)
			}
		}
	}
}

// An engine can be used without Caddy: only the file that makes it a module of Caddy's imports that.
func TestLayoutEnginesImportCaddyInOneFile(t *testing.T) {
	t.Parallel()
	engines := 0
	for path, listed := range listPackages(t) {
		if !below(path, modulePath+"/sessions") || !strings.HasSuffix(path, "store") {
			continue
		}
		engines++
		for _, name := range listed.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(listed.Dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if below(imported, caddyPath) && name != "module.go" {
					t.Errorf("%s/%s imports %s, which module.go alone may", path, name, imported)
				}
			}
		}
	}
	if engines == 0 {
		t.Error("there is no engine below sessions")
	}
}

// The example says at once that the first build takes minutes: it must not need that build itself. Its provider, which
// signs tokens, and its service that verifies them need a library for that, another one than the gateway's, to show that
// they are the standard's. That one needs nothing beyond the standard library and compiles in seconds.
func TestLayoutTheExampleCompilesAtOnce(t *testing.T) {
	t.Parallel()
	listed := listPackages(t)
	for needed := range listed.needs(modulePath + "/example") {
		if needed != "C" && !listed[needed].Standard && !below(needed, modulePath) && !below(needed, josePath) {
			t.Errorf("the example depends on %s", needed)
		}
	}
	mayNeedJOSE := []string{modulePath + "/example/points", modulePath + "/example/provider"}
	for path, needing := range listed {
		for _, imported := range needing.Imports {
			if below(imported, josePath) && below(path, modulePath+"/example") && !slices.Contains(mayNeedJOSE, path) {
				t.Errorf("%s imports %s, which only %q may", path, imported, mayNeedJOSE)
			}
		}
	}
}
