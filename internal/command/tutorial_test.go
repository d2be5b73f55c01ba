package command_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// The tutorial, from its Caddyfile on: a shell runs what stands there, in front of the same shop, and prints what stands there.
func TestTutorial(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the tutorial needs %s", program)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(caddyfile|sh|text)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	first := 0 // the block of the Caddyfile
	for first < len(blocks) && blocks[first][1] != "caddyfile" {
		first++
	}
	const before, starts = 2, 1 // to build the gateway and to start the shop, and to start the gateway: done here
	if first != before || len(blocks) < first+starts+10 || !strings.Contains(blocks[first+starts][2], "caddy run") {
		t.Fatalf("the tutorial has other blocks than this test: %d, the Caddyfile is number %d", len(blocks), first+1)
	}
	legacy := httptest.NewServer(shop.New(time.Now, new(page.Trail)))
	t.Cleanup(legacy.Close)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := gateway.Config{
		Binary: program, Caddyfile: filepath.Join(dir, "Caddyfile"), Dir: filepath.Join(dir, "state"),
		Listen: freeAddress(t), Admin: freeAddress(t), App: strings.TrimPrefix(legacy.URL, "http://"),
	}
	here := strings.NewReplacer("localhost:8080", config.Listen, "localhost:8081", config.App,
		"./caddy jwt-session probe", `"$CADDY" jwt-session probe`,
		"./caddy jwt-session status", `"$CADDY" jwt-session status --address "$ADMIN_ADDRESS"`)
	writeFile(t, config.Caddyfile, []byte("{\nadmin "+config.Admin+"\npersist_config off\n}\n"+here.Replace(blocks[first][2])))
	t.Setenv(childVariable, "1")
	process, err := gateway.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := process.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}

	const end = "== the end of a block =="
	var script strings.Builder
	var want []string // what each command prints; "" where the tutorial does not say
	for _, block := range blocks[first+starts+1:] {
		if block[1] == "text" {
			want[len(want)-1] = block[2]
			continue
		}
		script.WriteString(here.Replace(block[2]) + "echo; echo '" + end + "'\n")
		want = append(want, "")
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	shell.Dir = dir
	shell.Env = append(os.Environ(), "CADDY="+program, "ADMIN_ADDRESS="+config.Admin)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	printed := strings.Split(strings.ReplaceAll(string(output), "\r", ""), end+"\n")
	if len(printed) != len(want)+1 {
		t.Fatalf("%d commands printed something, want %d:\n%s", len(printed)-1, len(want), output)
	}
	for i, text := range want {
		if text != "" && !strings.EqualFold(strings.TrimSpace(printed[i]), strings.TrimSpace(text)) {
			t.Errorf("command %d printed %q, the tutorial says %q", i+1, printed[i], text)
		}
	}
	if status := printed[len(want)-1]; !strings.Contains(status, "Requests") || !strings.Contains(status, "token") {
		t.Errorf("the status is %q", status)
	}
}
