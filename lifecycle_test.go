package jwtsession_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
)

// storeMemories is the folder of Caddy's storage that remembers which store was at a place.
const storeMemories = "jwt_session_stores/"

// runVariable makes the test binary a Caddy with this module: it runs the Caddyfile that the variable names.
const runVariable = "JWT_SESSION_TEST_RUN"

func TestMain(m *testing.M) {
	if config := os.Getenv(runVariable); config != "" {
		os.Args = []string{"caddy", "run", "--adapter", "caddyfile", "--config", config}
		caddycmd.Main()
		return
	}
	// Some tests wait for other processes, and some hundreds of gateways leave more behind than they hold.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	debug.SetGCPercent(400)
	os.Exit(scratch.Run(m))
}

// running Caddys of the tests use whole configurations and real ports, one at a time.

const lifecycleGlobals = `{
	%s
	admin off
	persist_config off
	auto_https off
	skip_install_trust
	storage file_system %q
	log {
		output discard
	}
}
`

func freeAddress(t *testing.T) string {
	t.Helper()
	return gatewaytest.FreeAddress(t)
}

func adaptText(t *testing.T, text string) []byte {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(harness.Patiently(text)), nil)
	if err != nil {
		t.Fatalf("adapting: %v\n%s", err, text)
	}
	return adapted
}

func loadText(t *testing.T, text string) error {
	t.Helper()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return caddy.Load(adaptText(t, text), true)
}

func site(address, realm, extra string, legacy *harness.Legacy) string {
	return fmt.Sprintf("http://%s {\n\tjwt_session %s {\n\t\twhoami /whoami json user\n\t}\n%s\treverse_proxy %s\n}\n",
		address, realm, extra, legacy.Address())
}

func browserAt(t *testing.T, address string) *harness.Browser {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &harness.Browser{
		T: t, URL: "http://" + address, Client: &http.Client{Transport: patient{transport}},
		Cookies: make(map[string]string), Headers: make(http.Header),
	}
}

// patient sends a request again where its connection was dropped without a byte of an answer: a Caddy that is reloaded
// drops those that came to the listener that it closes, with this module or without.
type patient struct{ http.RoundTripper }

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := p.RoundTripper.RoundTrip(r)
	for range 3 {
		if err == nil {
			break
		}
		response, err = p.RoundTripper.RoundTrip(r)
	}
	return response, err
}

func TestRefusedReloadLeavesTheRunningConfigurationWhole(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	globals := func(option string) string {
		return fmt.Sprintf(lifecycleGlobals, option, filepath.Join(dir, "storage"))
	}
	store := fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", filepath.Join(dir, "store"))
	good := globals(store) + site(address, "shop", "", legacy)
	if err := loadText(t, good); err != nil {
		t.Fatal(err)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	check := func(when, token string, questions int) {
		t.Helper()
		response := b.Get("/page")
		if response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" || response.TokenSet() != token ||
			legacy.Questions() != questions {
			t.Errorf("%s: status %d, token cookie %q, %d questions", when, response.StatusCode, response.TokenSet(), legacy.Questions())
		}
	}
	check("at first", "set", 1)
	bad := map[string]string{
		"a handler that does not validate": globals(store) + site(address, "shop", "\tjwt_session other {\n\t\trenew_before 5m\n\t}\n", legacy),
		"another app that does not start":  globals(store) + site(address, "shop", "", legacy) + site(freeAddress(t), "shop", "\tbind 192.0.2.1\n", legacy),
		"a store that does not open": globals("jwt_session {\n\t\tstore badger /dev/null/store\n\t}") +
			site(address, "shop", "", legacy),
	}
	for name, text := range bad {
		if err := caddy.Load(adaptText(t, text), true); err == nil {
			t.Errorf("%s: the configuration was accepted", name)
		}
		check("after "+name, "", 1)
		delete(b.Cookies, harness.TokenName)
		check("on the session path after "+name, "set", 1)
	}
	if err := caddy.Load(adaptText(t, good), true); err != nil {
		t.Fatal(err)
	}
	check("after a good reload", "", 1)
	if apps := app.AllRunning(); len(apps) != 1 {
		t.Errorf("%d apps count as running", len(apps))
	}
}

func TestSitesAndSpellingsOfOneDirectoryShareTheStore(t *testing.T) {
	legacy, dir := harness.NewLegacy(t), t.TempDir()
	first, second := freeAddress(t), freeAddress(t)
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	config := func(store string) string {
		return fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", store), filepath.Join(dir, "storage")) +
			site(first, "shop", "", legacy) + site(second, "shop", "", legacy)
	}
	if err := loadText(t, config(filepath.Join(dir, "store"))); err != nil {
		t.Fatal(err)
	}
	session := legacy.SignIn("alice")
	token := ""
	for i, address := range []string{first, second} {
		b := browserAt(t, address)
		b.Cookies["session"] = session
		if i == 1 {
			b.Cookies[harness.TokenName] = token
		}
		if response := b.Get("/page"); response.StatusCode != http.StatusOK || legacy.Questions() != 1 {
			t.Errorf("site %d: status %d, %d questions", i, response.StatusCode, legacy.Questions())
		}
		token = b.Cookies[harness.TokenName]
	}
	for _, spelling := range []string{filepath.Join(dir, "link", "store"), filepath.Join(dir, "x", "..", "store") + "/"} {
		if err := caddy.Load(adaptText(t, config(spelling)), true); err != nil {
			t.Errorf("%s: %v", spelling, err)
		}
		b := browserAt(t, first)
		b.Cookies["session"] = session
		if response := b.Get("/page"); response.StatusCode != http.StatusOK || legacy.Questions() != 1 {
			t.Errorf("%s: status %d, %d questions: not the same store", spelling, response.StatusCode, legacy.Questions())
		}
	}
}

// A store whose disk is not mounted must not be taken for a new one: every revocation would be forgotten.
func TestMissingStoreIsRefused(t *testing.T) {
	legacy, dir := harness.NewLegacy(t), t.TempDir()
	store := filepath.Join(dir, "store")
	config := adaptText(t, fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", store),
		filepath.Join(dir, "storage"))+site(freeAddress(t), "shop", "", legacy))
	start := func() error {
		defer func() { _ = caddy.Stop() }()
		return caddy.Load(config, true)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(store, store+".unmounted"); err != nil {
		t.Fatal(err)
	}
	err := start()
	if err == nil || !strings.Contains(err.Error(), store) || !strings.Contains(err.Error(), storeMemories) {
		t.Errorf("got %v, want an error that names the directory and the way to begin anew", err)
	}
	if _, err := os.Stat(store); !os.IsNotExist(err) {
		t.Errorf("a new store was created: %v", err)
	}
	if err := os.Rename(store+".unmounted", store); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("the store is back: %v", err)
	}
	if err := errors.Join(os.RemoveAll(store), os.RemoveAll(filepath.Join(dir, "storage", storeMemories))); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("beginning anew: %v", err)
	}
}

// By default the store lies in the directory that Caddy's storage is in, and nothing else does: keys that were made before
// do not stand in its way, and it can be moved away without them.
func TestDefaultStoreBesideKeys(t *testing.T) {
	legacy, data := harness.NewLegacy(t), t.TempDir()
	start := func(store string) error {
		defer func() { _ = caddy.Stop() }()
		return caddy.Load(adaptText(t, fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", store), data)+
			site(freeAddress(t), "shop", "", legacy)), true)
	}
	if err := start(filepath.Join(t.TempDir(), "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := start(filepath.Join(data, "jwt_session")); err != nil {
		t.Errorf("the default store after another one: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, keyring.Path)); err != nil {
		t.Error(err)
	}
}

// Who removes the default store must be told, too.
func TestMissingStoreIsRefusedInTheDefaultPlace(t *testing.T) {
	legacy, data := harness.NewLegacy(t), t.TempDir()
	store := filepath.Join(data, "jwt_session")
	config := adaptText(t, fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", store), data)+
		site(freeAddress(t), "shop", "", legacy))
	start := func() error {
		defer func() { _ = caddy.Stop() }()
		return caddy.Load(config, true)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), store) || !strings.Contains(err.Error(), storeMemories) {
		t.Errorf("got %v, want an error that names the directory and the way to begin anew", err)
	}
}

func TestValidateCreatesAndLocksNothing(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	config := func(name string) []byte {
		return adaptText(t, fmt.Sprintf(lifecycleGlobals,
			fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", filepath.Join(dir, name, "store")), filepath.Join(dir, name, "storage"))+
			site(address, "shop", "", legacy))
	}
	validate := func(text []byte) {
		t.Helper()
		parsed := new(caddy.Config)
		if err := caddy.StrictUnmarshalJSON(text, parsed); err != nil {
			t.Fatal(err)
		}
		if err := harness.Validate(parsed); err != nil {
			t.Errorf("validating: %v", err)
		}
	}
	validate(config("new"))
	if _, err := os.Stat(filepath.Join(dir, "new")); !os.IsNotExist(err) {
		t.Errorf("validating created something: %v", err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	if err := caddy.Load(config("live"), true); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(dir, "live", "store") // Caddy cleans its own storage when it likes
	before := tree(t, store)
	validate(config("live"))
	if after := tree(t, store); !maps.Equal(before, after) {
		t.Errorf("validating beside a running server changed its files: %v, then %v", before, after)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	if response := b.Get("/page"); response.StatusCode != http.StatusOK {
		t.Errorf("after validating: status %d", response.StatusCode)
	}
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files := make(map[string]bool)
	err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		files[path] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// child is a Caddy in a process of its own.
type child struct {
	*exec.Cmd

	output harness.Output
	done   chan error // how it ended, and then closed
}

func startChild(t *testing.T, dir, text string) *child {
	t.Helper()
	config := filepath.Join(t.TempDir(), "Caddyfile")
	text = harness.Patiently(strings.Replace(text, "output discard", "output stderr", 1))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(os.Args[0]), done: make(chan error, 1)}
	c.Env = append(os.Environ(), runVariable+"="+config, "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	c.Stdout, c.Stderr = &c.output, &c.output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.done <- c.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		for range c.done { // until it is closed, or else the child may still write where the test's folders are being removed
		}
	})
	return c
}

// stop ends the child as an operator does, and waits for it.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-c.done; err != nil {
		t.Errorf("stopping: %v\n%s", err, c.output.String())
	}
}

func TestSecondProcessIsRefusedAndHurtsNothing(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	store := filepath.Join(dir, "store")
	config := func(address, storage string) string {
		return fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", store), filepath.Join(dir, storage)) +
			site(address, "shop", "", legacy)
	}
	if err := loadText(t, config(address, "first")); err != nil {
		t.Fatal(err)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	if response := b.Get("/page"); response.TokenSet() != "set" {
		t.Fatalf("token cookie %q", response.TokenSet())
	}
	second := startChild(t, dir, config(freeAddress(t), "second"))
	if err := <-second.done; err == nil {
		t.Error("a second process opened the same directory")
	}
	if output := second.output.String(); !strings.Contains(output, store) || !strings.Contains(output, fmt.Sprint(os.Getpid())) {
		t.Errorf("the error names neither the directory nor the process that holds it:\n%s", output)
	}
	delete(b.Cookies, harness.TokenName)
	if response := b.Get("/page"); response.StatusCode != http.StatusOK || legacy.Questions() != 1 {
		t.Errorf("the first process was hurt: status %d, %d questions", response.StatusCode, legacy.Questions())
	}
}

// Apps start in no particular order, so requests may come before the store is open: they get the right answer or 503.
func TestColdStartsUnderTraffic(t *testing.T) {
	t.Parallel()
	legacy := harness.NewLegacy(t)
	session := legacy.SignIn("alice")
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		dir, address := t.TempDir(), freeAddress(t)
		c := startChild(t, dir, fmt.Sprintf(lifecycleGlobals,
			fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t}", filepath.Join(dir, "store")), filepath.Join(dir, "storage"))+
			site(address, "shop", "", legacy))
		c.untilGood(t, address, session)
		c.stop(t)
	}
}

// untilGood sends requests without a pause until one gets through, and fails at an answer that is wrong.
func (c *child) untilGood(t *testing.T, address, session string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/page", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", "session="+session)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			select {
			case err := <-c.done:
				t.Fatalf("it did not start: %v\n%s", err, c.output.String())
			default:
				continue // not listening yet
			}
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		switch response.StatusCode {
		case http.StatusOK:
			if got := harness.ReceivedFrom(t, response).User(t); got != "alice" {
				t.Errorf("a request at start: the application sees %q", got)
			}
			return
		case http.StatusServiceUnavailable:
		default:
			t.Errorf("a request at start: status %d", response.StatusCode)
		}
	}
	t.Fatalf("it never answered:\n%s", c.output.String())
}
