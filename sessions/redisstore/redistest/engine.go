package redistest

import (
	"os"
	"os/exec"
	"testing"
)

// Engine is a server program.
type Engine struct {
	// Name is the name of the program and of its Debian package.
	Name string
	// Path is where the program is.
	Path string
}

// names are the engines that the gateway works with.
var names = []string{"redis-server", "valkey-server"}

// Engines returns the engines of this machine. It skips the test if there is none.
func Engines(t testing.TB) []Engine {
	t.Helper()
	var found []Engine
	for _, name := range names {
		path, err := exec.LookPath(name)
		switch {
		case err == nil:
			found = append(found, Engine{name, path})
		case os.Getenv("REQUIRE_APPS") != "":
			t.Errorf("the tests need %s: install the package of that name", name)
		default:
			t.Logf("left out, as it is not installed: %s", name)
		}
	}
	if len(found) == 0 {
		t.Skipf("the test needs one of %v: install one (or set REQUIRE_APPS=1 to fail instead)", names)
	}
	return found
}

// Each runs a part of the test with every engine of this machine.
func Each(t *testing.T, run func(t *testing.T, engine Engine)) {
	t.Helper()
	for _, engine := range Engines(t) {
		t.Run(engine.Name, func(t *testing.T) { run(t, engine) })
	}
}
