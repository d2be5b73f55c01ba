package jwtsession_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

func listPackages(t *testing.T) packages {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,Imports", "./...")
	output, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("listing packages: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	listed := packages{}
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var read goPackage
		if err := decoder.Decode(&read); errors.Is(err, io.EOF) {
			return listed
		} else if err != nil {
			t.Fatalf("reading the list of packages: %v", err)
		}
		listed[read.ImportPath] = read
	}
}

// below says whether an import path is that prefix or lies below it.
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
	listed := listPackages(t)
	for _, name := range []string{"validator", "sessions", "blacklist", "storage", "ledger", "registry", "keyring", "internal/realm", "internal/alias"} {
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

// The packages on which others build don't know them.
func TestLayoutArrowsPointDown(t *testing.T) {
	listed := listPackages(t)
	for name, mayNeed := range map[string][]string{
		"sessions":  {},
		"blacklist": {},
		"registry":  {},
		"validator": {"sessions", "blacklist"},
		"storage":   {"sessions", "blacklist"},
		"ledger":    {"sessions", "blacklist", "storage", "internal/cookie"},

		"sessions/badgerstore": {"sessions", "blacklist", "storage"},

		"internal/caching": {},
		"internal/cookie":  {},
		"keyring":          {"validator", "sessions", "blacklist"},
		"example/page":     {},
		"example/provider": {},
		"example/shop":     {"example/page"},
		"example/counter":  {"example/page", "example/shop"},
		"example/points":   {"example/page"},
		"internal/gateway": {},
		"internal/realm":   {},
		"example": {
			"example/page", "example/provider", "example/shop", "example/counter", "example/points", "internal/gateway",
		},
	} {
		for needed := range listed.needs(modulePath + "/" + name) {
			relative, own := strings.CutPrefix(needed, modulePath+"/")
			if needed == modulePath || own && !slices.Contains(mayNeed, relative) {
				t.Errorf("package %s depends on %s", name, needed)
			}
		}
	}
}

// A change of jwx's major version must touch one package.
func TestLayoutOneImporterOfJWX(t *testing.T) {
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
