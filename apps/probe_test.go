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

// `caddy jwt-session init` finds the cookie and the page of real applications.
func TestInitOfApplications(t *testing.T) {
	for name, want := range map[string][]string{
		"php-session":     {"session_cookie PHPSESSID\n", "whoami /whoami.php json user\n"},
		"express-session": {"session_cookie connect.sid\n", "whoami /me json user\n"},
		"flask":           {"session_cookie session\n", "whoami /me json user", "rolling"},
		"tomcat-examples": nil, // whose pages lie elsewhere
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := application(t, name)
			code, output := runCommand(t, "", nil, "init", "http://"+backend)
			if want == nil && code != 1 || want != nil && code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, line := range append(want, "reverse_proxy "+backend) {
				if !strings.Contains(output, line) {
					t.Errorf("the output lacks %q", line)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

// runProbe asks with a session, and returns the exit code and all that is printed.
func runProbe(t *testing.T, backend, session string, arguments ...string) (int, string) {
	t.Helper()
	return runCommand(t, session+"\n", []string{"APP_ADDRESS=" + backend}, append([]string{"probe", "--cookie", "-"}, arguments...)...)
}

// runCommand runs a command as a user would.
func runCommand(t *testing.T, input string, variables []string, arguments ...string) (int, string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, append([]string{"jwt-session"}, arguments...)...)
	command.Env = append(os.Environ(), variables...)
	command.Stdin = strings.NewReader(input)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), output.String()
}
