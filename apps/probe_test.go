package apps

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// `caddy jwt-session probe` asks real applications: what their Caddyfile says is right, and a mistake in it is named.
func TestProbeOfApplications(t *testing.T) {
	for _, app := range []judgedApplication{
		{name: "php-session", cookie: "PHPSESSID", login: []string{"/login.php"}, form: [2]string{"user", "password"}},
		{name: "express-session", cookie: "connect.sid", login: []string{"/login"}, form: [2]string{"user", "password"}},
		{name: "flask", cookie: "session", login: []string{"/login"}, form: [2]string{"user", "password"}},
	} {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			backend := application(t, app.name)
			caddyfile, err := os.ReadFile(filepath.Join(app.name, "Caddyfile"))
			if err != nil {
				t.Fatal(err)
			}
			text := string(caddyfile)
			probe := func(text string, code int, word string, arguments ...string) {
				t.Helper()
				session := app.signIn(t, backend, "alice")
				file := filepath.Join(t.TempDir(), "Caddyfile")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				got, output := runProbe(t, backend, session, append([]string{"--config", file}, arguments...)...)
				if got != code || !strings.Contains(output, word) || strings.Contains(output, session) {
					t.Errorf("exit code %d, want %d and %q\n%s", got, code, word, output)
				}
			}
			probe(text, 0, "nothing to change")
			wrong := regexp.MustCompile(`json user\S*`).ReplaceAllString(text, "json account.name")
			probe(wrong, 1, "The answer has no account.name: the answer has the paths user")
			if app.name != "php-session" {
				return
			}
			probe(text, 0, "forget_on names it", "--sign-out", "/logout.php")
			unnamed := regexp.MustCompile(`(?m)^\s*forget_on .*$`).ReplaceAllString(text, "")
			probe(unnamed, 1, "forget_on /logout.php", "--sign-out", "/logout.php")
			probe(strings.Replace(text, "/whoami.php", "/index.php", 1), 1, "reads JSON and the answer is HTML")
		})
	}
}

// runProbe runs the command as a user would, and returns its exit code and all that it prints.
func runProbe(t *testing.T, backend, session string, arguments ...string) (int, string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, append([]string{"jwt-session", "probe", "--cookie", "-"}, arguments...)...)
	command.Env = append(os.Environ(), "APP_ADDRESS="+backend)
	command.Stdin = strings.NewReader(session + "\n")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), output.String()
}
