package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

// The whole example as a user starts it: build, gateway, shop, a visit, and the end.
func TestExample(t *testing.T) {
	lookAtSources(t)
	temporary, profile := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	started := make(chan running, 1)
	var provider movedClock
	ended := make(chan error, 1)
	var output bytes.Buffer
	options := options{
		listen: gatewaytest.FreeAddress(t), dir: t.TempDir(), buildFlags: buildFlags(),
		started: func(all running) { started <- all }, providerNow: provider.Now,
	}
	go func() { ended <- run(ctx, options, &output) }()
	select {
	case err := <-ended:
		t.Fatalf("the example did not start: %v\n%s", err, output.String())
	case at := <-started:
		t.Run("visit", func(t *testing.T) { testVisit(t, at.visit) })
		t.Run("account", func(t *testing.T) { testAccount(t, at.visit) })
		t.Run("admin", func(t *testing.T) { testAdmin(t, at.visit, at.admin) })
		t.Run("browser", func(t *testing.T) { testBrowser(t, at, &provider, profile) })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ending the example: %v", err)
	}
	for _, want := range []string{"Building the gateway", "packages compiled", "The shop is open", "alice-pass-1"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, output.String())
		}
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if log, err := os.ReadFile(options.dir + "/gateway.log"); err != nil || bytes.Contains(log, []byte("DATA RACE")) {
		t.Errorf("the gateway's log: %v\n%s", err, log)
	}
}

// lookAtSources looks at all that the example builds by itself, so that a change of it makes this test run again: the go
// command keeps in mind which folders of the module a test has read.
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && len(entry.Name()) > 2 && entry.Name()[0] == '.' {
			return fs.SkipDir // of Git, or of no package
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// buildFlags builds the gateway with the race detector where the test has it: its packages are compiled already then. What
// debuggers need is left out.
func buildFlags() []string {
	flags := []string{"-ldflags=-s -w"}
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		flags = append(flags, "-race")
	}
	return flags
}

// testVisit signs in, goes by session and then by token, and signs out.
func testVisit(t *testing.T, address string) {
	v := newVisitor(t, address)
	if got := v.received(); got["OurApp-User-ID"] != "" || got["X-Gateway-Via"] != "none" {
		t.Errorf("before sign-in: %v", got)
	}
	v.signIn("alice")
	if v.cookie("jwt_shop") != "" {
		t.Error("the answer to the sign-in brought a token: it changes the session")
	}

	first := v.received()
	if first["X-Gateway-Via"] != "session" || first["OurApp-User-ID"] != "alice" || first["OurApp-User-Role"] != "customer" {
		t.Errorf("the first request after sign-in: %v", first)
	}
	token := v.cookie("jwt_shop")
	if strings.Count(token, ".") != 2 {
		t.Fatalf("the first answer brought no token: it has %d dots", strings.Count(token, "."))
	}
	next := v.received()
	if next["X-Gateway-Via"] != "token" || next["OurApp-User-ID"] != "alice" || next["OurApp-User-Role"] != "customer" {
		t.Errorf("the next request: %v", next)
	}
	if strings.Contains(next["Cookie"], "jwt_shop") {
		t.Errorf("the shop received the token's cookie: %q", next["Cookie"])
	}

	session := v.cookie("session")
	v.post("/logout")
	if v.cookie("session") != "" || v.cookie("jwt_shop") != "" {
		t.Error("cookies are left after sign-out")
	}
	replay := newVisitor(t, address)
	replay.header.Set("Cookie", "session="+session+"; jwt_shop="+token)
	if got := replay.received(); got["OurApp-User-ID"] != "" || got["X-Gateway-Via"] != "none" {
		t.Errorf("session and token replayed after sign-out: %v", got)
	}
}

// testAccount checks that the gateway guards the page, and lets the user in.
func testAccount(t *testing.T, address string) {
	v := newVisitor(t, address)
	v.header.Set("Accept", "text/html")
	response, _ := v.get("/account?tab=a b")
	if response.StatusCode != http.StatusFound {
		t.Fatalf("without sign-in /account answers %d", response.StatusCode)
	}
	target, err := response.Location()
	if err != nil || target.Path != "/login" || target.Query().Get("next") != "/account?tab=a%20b" {
		t.Errorf("without sign-in /account leads to %v, %v", target, err)
	}
	v.signIn("bob")
	if response, body := v.get("/account"); response.StatusCode != http.StatusOK || !strings.Contains(body, "<b>bob</b>, staff") {
		t.Errorf("signed in /account answers %d", response.StatusCode)
	}
}

// testAdmin lists the session by the request that the example prints, and revokes a token.
func testAdmin(t *testing.T, address, admin string) {
	v := newVisitor(t, address)
	v.signIn("alice")
	v.received()
	token := v.cookie("jwt_shop")

	status, list := v.admin(admin, "sessions/list", `{"realm":"shop","user":"alice"}`)
	if status != http.StatusOK || !strings.Contains(list, `"hash"`) || strings.Contains(list, v.cookie("session")) {
		t.Errorf("the list answers %d: %s", status, list)
	}
	if status, answer := v.admin(admin, "revocations", `{"token":"`+token+`"}`); status != http.StatusOK {
		t.Fatalf("the revocation answers %d: %s", status, answer)
	}
	if got := v.received(); got["X-Gateway-Via"] != "session" || got["OurApp-User-ID"] != "alice" {
		t.Errorf("after the revocation of the token: %v, want the session path", got)
	}
	if v.cookie("jwt_shop") == token {
		t.Error("the revoked token was not replaced")
	}
}

// visitor is a browser that doesn't follow redirects.
type visitor struct {
	t      *testing.T
	base   *url.URL
	client http.Client
	header http.Header
}

func newVisitor(t *testing.T, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, &url.URL{Scheme: "http", Host: address}, http.Client{Jar: jar, CheckRedirect: stay}, http.Header{}}
}

func (v *visitor) do(method string, target *url.URL, contentType, body string) (*http.Response, string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, target.String(), strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header = v.header.Clone()
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		v.t.Fatal(err)
	}
	return response, string(text)
}

func (v *visitor) get(path string) (*http.Response, string) {
	v.t.Helper()
	target, err := v.base.Parse(strings.ReplaceAll(path, " ", "%20"))
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(http.MethodGet, target, "", "")
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post sends a form of the shop.
func (v *visitor) post(path string, pairs ...string) *http.Response {
	v.t.Helper()
	_, page := v.get("/login")
	match := csrfField.FindStringSubmatch(page)
	if match == nil {
		v.t.Fatalf("no form on the page:\n%s", page)
	}
	form := url.Values{"csrf": {match[1]}}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	response, _ := v.do(http.MethodPost, v.base.JoinPath(path), "application/x-www-form-urlencoded", form.Encode())
	return response
}

func (v *visitor) signIn(name string) {
	v.t.Helper()
	if response := v.post("/login", "user", name, "password", name+"-pass-1"); response.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("the sign-in of %s answers %d", name, response.StatusCode)
	}
}

// received returns the headers that the shop says came with this very request.
func (v *visitor) received() map[string]string {
	v.t.Helper()
	response, body := v.get("/received")
	if response.StatusCode != http.StatusOK {
		v.t.Fatalf("/received answers %d: %s", response.StatusCode, body)
	}
	headers := map[string]string{}
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		headers[name] = strings.TrimSpace(value)
	}
	return headers
}

func (v *visitor) cookie(name string) string {
	for _, cookie := range v.client.Jar.Cookies(v.base) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// admin sends a request to the gateway's admin API.
func (v *visitor) admin(address, path, body string) (int, string) {
	v.t.Helper()
	target := &url.URL{Scheme: "http", Host: address, Path: "/jwt_session/" + path}
	response, text := v.do(http.MethodPost, target, "application/json", body)
	return response.StatusCode, text
}
