package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
)

// childVariable makes this test program Caddy itself: a child of the test.
const childVariable = "GATEWAY_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(scratch.Run(m))
}

const goodCaddyfile = `{
	admin {$ADMIN_ADDRESS}
	persist_config off
}
http://:{$GATEWAY_PORT} {
	bind {$GATEWAY_HOST}
	respond "app at {$APP_ADDRESS}, home {env.HOME}, data {env.XDG_DATA_HOME}, config {env.XDG_CONFIG_HOME}"
}
`

func start(t *testing.T, caddyfile string) (Config, *Process) {
	t.Helper()
	t.Setenv(childVariable, "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Binary: program, Caddyfile: filepath.Join(t.TempDir(), "Caddyfile"), Dir: filepath.Join(t.TempDir(), "state"),
		Listen: gatewaytest.FreeAddress(t), Admin: gatewaytest.FreeAddress(t), App: "127.0.0.1:1",
	}
	if err := os.WriteFile(config.Caddyfile, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	return config, process
}

func TestRunsInItsOwnDirectory(t *testing.T) {
	config, process := start(t, goodCaddyfile)
	if err := process.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get("http://" + config.Listen + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	below := func(name string) string { return filepath.Join(config.Dir, name) }
	want := "app at 127.0.0.1:1, home " + below("home") + ", data " + below("data") + ", config " + below("config")
	if string(body) != want {
		t.Errorf("the gateway answers\n%s\nwant\n%s", body, want)
	}
	if err := process.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := process.Stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
	<-process.Exited()
	if err := process.Err(); err != nil {
		t.Errorf("how it ended: %v", err)
	}
}

func TestReadyTellsWhyTheGatewayWentDown(t *testing.T) {
	_, process := start(t, "http://:1 {\n\tno_such_directive\n}\n")
	err := process.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no_such_directive") {
		t.Errorf("got %v, want an error that names the directive", err)
	}
}

func TestReadyEndsWithItsContext(t *testing.T) {
	_, process := start(t, goodCaddyfile)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := process.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestErrTellsOfAKilledGateway(t *testing.T) {
	_, process := start(t, goodCaddyfile)
	for range 2 {
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	<-process.Exited()
	if err := process.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v, want an error that says it was killed", err)
	}
}

func TestStartRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, config := range map[string]Config{
		"an address without a port": {Binary: os.Args[0], Dir: dir, Listen: "127.0.0.1"},
		"a program that is missing": {Binary: filepath.Join(dir, "missing"), Dir: dir, Listen: "127.0.0.1:0"},
		"a file as its directory":   {Binary: os.Args[0], Dir: os.Args[0], Listen: "127.0.0.1:0"},
	} {
		if _, err := Start(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBuildTellsItsFailure(t *testing.T) {
	var output strings.Builder
	err := Build(t.Context(), filepath.Join(t.TempDir(), "gateway"), &output, "-no-such-flag")
	if err == nil || !strings.Contains(output.String(), "no-such-flag") {
		t.Errorf("got %v and output %q", err, output.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Build(ctx, filepath.Join(t.TempDir(), "gateway"), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestFreeAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if address, err := FreeAddress(listener.Addr().String()); err == nil {
		t.Errorf("an address in use is called free: %s", address)
	}
	if address, err := FreeAddress("127.0.0.1:0"); err != nil || strings.HasSuffix(address, ":0") {
		t.Errorf("the port of %s was not replaced: %v", address, err)
	}
}
