package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	_ "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/command"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
)

// childVariable makes this test program Caddy itself: the gateway, and each command that a test runs.
const childVariable = "COMMAND_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		command.ShortenBench()
		caddycmd.Main()
		return
	}
	os.Exit(scratch.Run(m))
}

// output is what a command left.
type output struct {
	code        int
	out, errors string
}

// caddy runs a command as a user would.
func caddy(t testing.TB, stdin string, arguments ...string) output {
	t.Helper()
	return program(t, stdin, append([]string{"jwt-session"}, arguments...)...)
}

// program runs Caddy.
func program(t testing.TB, stdin string, arguments ...string) output {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, arguments...)
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stdin = strings.NewReader(stdin)
	var out, complaints bytes.Buffer
	child.Stdout, child.Stderr = &out, &complaints
	err = child.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok && exit.ExitCode() < 0 {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	return output{code: child.ProcessState.ExitCode(), out: out.String(), errors: complaints.String()}
}

// here runs a command in this process, which is quicker: for what ends before it asks anybody.
func here(t testing.TB, arguments ...string) output {
	t.Helper()
	var out, complaints bytes.Buffer
	root, below := &cobra.Command{Use: "caddy", SilenceUsage: true}, new(cobra.Command)
	command.Command().CobraFunc(below)
	root.AddCommand(below)
	below.Long = command.Command().Long
	root.SetArgs(append([]string{"jwt-session"}, arguments...))
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&complaints)
	code := 0
	if err := root.ExecuteContext(t.Context()); err != nil {
		code = 1
	}
	return output{code: code, out: out.String(), errors: complaints.String()}
}

// done fails where the command did not do it, or does not say so with the words.
func (o output) done(t testing.TB, words ...string) output {
	t.Helper()
	return o.ended(t, 0, words...)
}

// ended checks the exit code, and that the output has the words.
func (o output) ended(t testing.TB, code int, words ...string) output {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", o.code, code, o.out, o.errors)
	}
	for _, word := range words {
		if !strings.Contains(o.out+o.errors, word) {
			t.Errorf("the output lacks %q:\n%s%s", word, o.out, o.errors)
		}
	}
	return o
}

// into reads what --json printed.
func (o output) into(t testing.TB, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.out), value); err != nil {
		t.Fatalf("%v\n%s", err, o.out)
	}
}

// application is one with sessions, which says who somebody is at /whoami and at any other page who the gateway says he is.
type application struct {
	*httptest.Server

	mutex    sync.Mutex
	sessions map[string]string
}

func newApplication(t testing.TB) *application {
	t.Helper()
	app := &application{sessions: make(map[string]string)}
	app.Server = httptest.NewServer(app)
	t.Cleanup(app.Close)
	return app
}

func (a *application) signIn(id, user string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.sessions[id] = user
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/whoami" {
		fmt.Fprintf(w, "%s by %s", r.Header.Get("OurApp-User-ID"), r.Header.Get("X-Via"))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	user := ""
	if cookie, err := r.Cookie("session"); err == nil {
		a.mutex.Lock()
		user = a.sessions[cookie.Value]
		a.mutex.Unlock()
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"user": user})
}

// site is a gateway that runs in a process of its own, in front of an application.
type site struct {
	testing.TB
	*application

	config  gateway.Config
	process *gateway.Process
}

const caddyfile = `{
	admin {$ADMIN_ADDRESS}
	persist_config off
	auto_https off
	OPTIONS
}
http://:{$GATEWAY_PORT} {
	bind {$GATEWAY_HOST}
	jwt_session shop {
		whoami /whoami json user {
			nobody ""
			timeout 1m
		}
		token_lifetime 10m
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy {$APP_ADDRESS}
}
`

// newSite starts one. The options are global ones of the Caddyfile.
func newSite(t testing.TB, options string) *site {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{TB: t, application: newApplication(t)}
	dir := t.TempDir()
	s.config = gateway.Config{
		Binary: program, Caddyfile: filepath.Join(dir, "Caddyfile"), Dir: filepath.Join(dir, "state"),
		Listen: freeAddress(t), Admin: freeAddress(t), App: strings.TrimPrefix(s.URL, "http://"),
	}
	if err := os.WriteFile(s.config.Caddyfile, []byte(strings.Replace(caddyfile, "OPTIONS", options, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

func (s *site) start() {
	s.Helper()
	// In the environment of the process alone: other tests must not become Caddy.
	s.Setenv(childVariable, "1")
	process, err := gateway.Start(s.config)
	if err != nil {
		s.Fatal(err)
	}
	s.process = process
	s.Cleanup(func() {
		if err := process.Stop(); err != nil {
			s.Error(err)
		}
	})
	if err := process.Ready(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// store is the directory that the gateway keeps its sessions in, where no option says otherwise.
func (s *site) store() string { return filepath.Join(s.config.Dir, "data", "caddy", "jwt_session") }

func freeAddress(t testing.TB) string {
	t.Helper()
	return gatewaytest.FreeAddress(t)
}

// caddy runs a command against the site.
func (s *site) caddy(stdin string, arguments ...string) output {
	s.Helper()
	return caddy(s.TB, stdin, append(arguments, "--address", s.config.Admin)...)
}

// visitor is a browser with a session.
type visitor struct {
	*site

	session, token string
}

// get asks for a page, keeps the token, and returns the status and who the application was told it is, by what.
func (v *visitor) get() (int, string) {
	v.Helper()
	status, body, err := v.ask()
	if err != nil {
		v.Fatal(err)
	}
	return status, body
}

// ask is get for goroutines of their own.
func (v *visitor) ask() (int, string, error) {
	request, err := http.NewRequestWithContext(v.Context(), http.MethodGet, "http://"+v.config.Listen+"/", nil)
	if err != nil {
		return 0, "", err
	}
	request.AddCookie(&http.Cookie{Name: "session", Value: v.session})
	if v.token != "" {
		request.AddCookie(&http.Cookie{Name: "jwt_shop", Value: v.token})
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	for _, cookie := range response.Cookies() {
		if cookie.Name == "jwt_shop" {
			v.token = cookie.Value
		}
	}
	return response.StatusCode, string(body), err
}

func (v *visitor) want(status int, who string) {
	v.Helper()
	if code, body := v.get(); code != status || status == http.StatusOK && body != who {
		v.Errorf("status %d, %q; want %d, %q", code, body, status, who)
	}
}
