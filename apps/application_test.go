package apps

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

// notInstalled is the exit code by which start.sh says that the application is not installed.
const notInstalled = 77

// rigs runs the tests, and stops the applications that they shared.
type rigs struct{ *testing.M }

func (r rigs) Run() int {
	dir, err := os.MkdirTemp("", "apps-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared.dir = dir
	if err := os.Setenv("PACKAGES_DIR", filepath.Join(dir, "packages")); err != nil { // for the scripts
		panic(err)
	}
	code := r.M.Run()
	for _, one := range shared.started {
		if err := one.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// shared are the applications that several tests visit, by their names.
var shared struct {
	dir     string
	mutex   sync.Mutex
	started map[string]*rig
}

// rig is one application.
type rig struct {
	name, address, dir string

	start   sync.Once
	missing string // what start.sh says is not installed
	err     error
}

// application returns the address of an application that runs until the tests are over. Whoever visits it has a browser of
// his own, and other tests visit it meanwhile.
func application(t *testing.T, name string) string {
	t.Helper()
	shared.mutex.Lock()
	one := shared.started[name]
	if one == nil {
		one = &rig{name: name, address: gatewaytest.FreeAddress(t), dir: filepath.Join(shared.dir, name)}
		if shared.started == nil {
			shared.started = make(map[string]*rig)
		}
		shared.started[name] = one
	}
	shared.mutex.Unlock()
	return one.running(t)
}

// startApplication starts an application of the test's own, with more variables, and returns its address.
func startApplication(t *testing.T, name string, variables ...string) string {
	t.Helper()
	one := &rig{name: name, address: gatewaytest.FreeAddress(t), dir: t.TempDir()}
	t.Cleanup(func() {
		if err := one.stop(); err != nil {
			t.Error(err)
		}
	})
	return one.running(t, variables...)
}

// running starts the application where it does not run yet. Nothing is installed unless REQUIRE_APPS is 1.
func (r *rig) running(t *testing.T, variables ...string) string {
	t.Helper()
	required := os.Getenv("REQUIRE_APPS") == "1"
	if !required {
		variables = append(variables, "INSTALL=0")
	}
	for _, program := range []string{"bash", "python3"} {
		if _, err := exec.LookPath(program); err != nil && !required {
			t.Skip("the rigs need " + program)
		}
	}
	r.start.Do(func() {
		output, err := r.script("start.sh", variables...)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notInstalled {
			r.missing = string(output)
		} else if err != nil {
			r.err = fmt.Errorf("starting %s: %w\n%s", r.name, err, output)
		}
	})
	if r.missing != "" {
		t.Skipf("%s(or run as root with REQUIRE_APPS=1)", r.missing)
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.address
}

func (r *rig) stop() error {
	if output, err := r.script("stop.sh"); err != nil {
		return fmt.Errorf("stopping %s: %w\n%s", r.name, err, output)
	}
	return nil
}

// script runs one of the application's scripts.
func (r *rig) script(script string, variables ...string) ([]byte, error) {
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return nil, err
	}
	command := exec.Command(filepath.Join(".", r.name, script), port)
	command.Env = append(append(os.Environ(), "RUN_DIR="+r.dir), variables...)
	return command.CombinedOutput()
}
