package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

// containers is what the test runs of compose.yaml. .ci/manifests checks the rest of it.
type containers struct {
	Services map[string]struct {
		Command     []string
		HealthCheck struct{ Test []string } `yaml:"healthcheck"`
	}
}

// rig runs what compose.yaml says without containers: with paths of this machine, and ports that are free.
type rig struct {
	t     *testing.T
	paths *strings.Replacer
}

// start starts a command and ends it with the test.
func (r rig) start(environment []string, name string, arguments ...string) *exec.Cmd {
	r.t.Helper()
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = r.t.Output(), r.t.Output()
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// isHealthy runs a health check.
func (r rig) isHealthy(test []string) bool {
	r.t.Helper()
	var command *exec.Cmd
	switch test[0] {
	case "CMD":
		arguments := make([]string, len(test))
		for i, argument := range test {
			arguments[i] = r.paths.Replace(argument)
		}
		command = exec.Command(arguments[1], arguments[2:]...)
	case "CMD-SHELL":
		command = exec.Command("sh", "-c", r.paths.Replace(strings.ReplaceAll(test[1], "$$", "$")))
	default:
		r.t.Fatalf("the health check is %q", test)
	}
	return command.Run() == nil
}

// ask returns the status of a response, 0 if there is none.
func ask(address, path string) int {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// The commands, health checks and configurations for containers, run by the programs of this machine.
func testContainers(t *testing.T, all *cluster) {
	for _, name := range []string{"wget", "openssl"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_APPS") != "" {
				t.Fatal(err)
			}
			t.Skipf("the test needs %s", name)
		}
	}
	dir := t.TempDir()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var described containers
	if err := yaml.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	// The secrets are made by the commands that the file begins with.
	for _, name := range []string{"users.acl", "valkey.conf"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeSecrets := regexp.MustCompile(`(?ms)^#   (mkdir .*?chmod [^\n]*)`).FindSubmatch(text)
	if makeSecrets == nil {
		t.Fatal("compose.yaml does not say how to make the secrets")
	}
	command := exec.Command("sh", "-ec", strings.ReplaceAll(string(makeSecrets[1]), "\n#   ", "\n"))
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("making the secrets: %v\n%s", err, output)
	}
	visit, probes, admin, store, app := gatewaytest.FreeAddress(t), gatewaytest.FreeAddress(t), gatewaytest.FreeAddress(t),
		gatewaytest.FreeAddress(t), gatewaytest.FreeAddress(t)
	_, storePort, err := net.SplitHostPort(store)
	if err != nil {
		t.Fatal(err)
	}
	cli := filepath.Join(filepath.Dir(all.server.program), strings.Replace(all.server.name(), "-server", "-cli", 1))
	r := rig{t, strings.NewReplacer(
		"/run/secrets", filepath.Join(dir, "secrets"), "/etc/valkey", dir, "valkey-server", all.server.program,
		"valkey-cli", cli+" -p "+storePort, "127.0.0.1:9180", probes, "127.0.0.1:8081", app, "localhost:2019", admin,
	)}

	// The shop.
	binary := filepath.Join(dir, "shop")
	if output, err := exec.Command("go", "build", "-o", binary, "./app").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	r.start(nil, binary, app)
	until(t, "the shop is healthy", func() bool { return r.isHealthy(described.Services["shop"].HealthCheck.Test) })

	// The server. "/data" and the network are the container's.
	var arguments []string
	for _, argument := range described.Services["valkey"].Command {
		if argument = r.paths.Replace(argument); argument == "/data" {
			argument = dir
		}
		arguments = append(arguments, argument)
	}
	serverTest := described.Services["valkey"].HealthCheck.Test
	if r.isHealthy(serverTest) {
		t.Error("a server that does not run is healthy")
	}
	r.start(nil, arguments[0], append(arguments[1:], "--bind", "127.0.0.1", "--port", storePort)...)
	until(t, "the server is healthy", func() bool { return r.isHealthy(serverTest) })

	// A gateway.
	caddyfile, err := os.ReadFile("gateway.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	local := r.paths.Replace(string(caddyfile))
	for from, to := range map[string]string{"http://:8080 {": "http://" + visit + " {", "http://:9180 {": "http://" + probes + " {"} {
		if !strings.Contains(local, from) {
			t.Fatalf("gateway.Caddyfile lacks %s", from)
		}
		local = strings.Replace(local, from, to, 1)
	}
	config := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(config, []byte(local), 0o600); err != nil {
		t.Fatal(err)
	}
	caddy := all.members[0].config.Binary
	environment := []string{"STORE_ADDRESS=" + store, "APP_ADDRESS=" + app, "HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	runCaddy := func(arguments ...string) (string, error) {
		command := exec.CommandContext(context.WithoutCancel(t.Context()), caddy, arguments...)
		command.Env = append(os.Environ(), environment...)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	if output, err := runCaddy("validate", "--config", config, "--adapter", "caddyfile"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	gatewayTest := described.Services["gateway-1"].HealthCheck.Test
	if r.isHealthy(gatewayTest) {
		t.Error("a gateway that does not run is healthy")
	}
	process := r.start(environment, caddy, "run", "--config", config, "--adapter", "caddyfile")
	until(t, "the gateway is healthy", func() bool { return r.isHealthy(gatewayTest) })
	if got := []int{ask(probes, "/ready"), ask(probes, "/metrics"), ask(visit, "/"), ask(visit, "/account")}; got[0] != 200 || got[1] != 200 ||
		got[2] != 200 || got[3] != 401 { // nobody is signed in
		t.Errorf("ready, metrics, shop, account: %v", got)
	}
	for _, arguments := range [][]string{{"status"}, {"revoke", "--user", "alice"}} {
		arguments = append(append([]string{"jwt-session"}, arguments...), "--address", admin)
		if output, err := runCaddy(arguments...); err != nil {
			t.Errorf("%v: %v\n%s", arguments, err, output)
		}
	}
	// The end: first it says that it goes, then it goes.
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "no more readiness", func() bool { return ask(probes, "/ready") == http.StatusServiceUnavailable })
	if got := ask(probes, "/live"); got != http.StatusOK {
		t.Errorf("while it goes /live answers %d", got)
	}
	if got := ask(visit, "/"); got != http.StatusOK {
		t.Errorf("while it goes the shop answers %d", got)
	}
}
