package jwtsession_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/statuspage"
)

const statusSite = "route {\njwt_session_status /status\njwt_session shop {\n whoami /whoami json user\n}\nreverse_proxy LEGACY\n}"

func TestStatusPage(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: statusSite})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("hortense")
	for range 5 {
		b.Get("/page")
	}
	nobody := g.Browser()
	response := nobody.Get("/status")
	if response.StatusCode != http.StatusOK || response.Received != nil {
		t.Fatalf("status %d; it reached the application: %t", response.StatusCode, response.Received != nil)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Set-Cookie": "",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(response.Text)
	if style == nil || !strings.Contains(response.Header.Get("Content-Security-Policy"), "'sha256-"+statuspage.HashOf(style[1])+"'") {
		t.Error("the policy does not allow the page's own style")
	}
	for _, want := range []string{"What let requests in", "<svg", "token", "badger", "HS256", "signing", `http-equiv="refresh"`} {
		if !strings.Contains(response.Text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, unwanted := range []string{"<script", "style=", "http://", "https://", "hortense", b.Cookies["session"], b.Cookies[harness.TokenName], "<form", g.Dir} {
		if strings.Contains(response.Text, unwanted) {
			t.Errorf("the page has %q in it", unwanted)
		}
	}
	if response := nobody.Do(http.MethodHead, "/status"); response.StatusCode != http.StatusOK || response.Text != "" {
		t.Errorf("HEAD: status %d", response.StatusCode)
	}
	if response := nobody.Do(http.MethodPost, "/status"); response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d", response.StatusCode)
	}
}

// It is protected as any other route is.
func TestStatusPageIsProtected(t *testing.T) {
	t.Parallel()
	const protected = `route /status {
		basic_auth {
			ops $2a$04$0HGLPTXtfn5IHB2uBp1TkO38q8sP4v2L1TuPTCCmb4ZXqQPyI8/g.
		}
		jwt_session_status
	}
	respond "other"`
	g := harness.NewWith(t, harness.Options{Site: protected})
	if response := g.Browser().Get("/status"); response.StatusCode != http.StatusUnauthorized || strings.Contains(response.Text, "badger") {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestStatusPageOfAStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: statusSite})
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	if response := g.Browser().Get("/status"); !strings.Contains(response.Text, "The session store does not answer.") {
		t.Errorf("status %d: the page does not say so", response.StatusCode)
	}
}

func TestStatusPageDirective(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"jwt_session_status /a /b":              `unexpected argument "/b"`,
		"jwt_session_status /a {\nrefresh 1\n}": `unknown option "refresh"`,
	} {
		checkAdaptError(t, "http:// {\n"+text+"\n}", want)
	}
	adapted := string(adaptText(t, "{\nadmin off\n}\nhttp:// {\njwt_session shop\njwt_session_strip\njwt_session_status\njwt_session_jwks\n}"))
	last := -1
	for _, handler := range []string{`"jwt_session_jwks"`, `"jwt_session_strip"`, `"jwt_session"`, `"jwt_session_status"`} {
		at := strings.Index(adapted, handler)
		if at <= last {
			t.Errorf("%s stands at %d, want it behind %d: %s", handler, at, last, adapted)
		}
		last = at
	}
}

// A real browser shows the page under its own policy. SCREENSHOTS names a directory to keep the pictures in.
func TestStatusPageInABrowser(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("REQUIRE_APPS") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	g := harness.NewWith(t, harness.Options{Site: statusSite})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	for range 9 {
		b.Get("/page")
	}
	delete(b.Cookies, harness.TokenName)
	b.Get("/page")
	nobody := g.Browser()
	nobody.Cookies["session"] = "nobodys-0123456789abcdef"
	nobody.Get("/page")
	pictures, profile := t.TempDir(), t.TempDir()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		pictures = dir
	}
	browse := func(arguments ...string) string {
		t.Helper()
		arguments = append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir=" + profile,
		}, arguments...)
		output, err := exec.CommandContext(t.Context(), chromium, append(arguments, g.URL+"/status")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		if strings.Contains(string(output), "Content Security Policy") {
			t.Errorf("the page breaks its own policy:\n%s", output)
		}
		return string(output)
	}
	if page := browse("--dump-dom"); !strings.Contains(page, "What let requests in") || !strings.Contains(page, "<rect") {
		t.Errorf("the browser has\n%s", page)
	}
	for _, size := range []string{"390,1700", "1100,1000"} {
		picture := filepath.Join(pictures, "status-"+strings.Split(size, ",")[0]+".png")
		browse("--hide-scrollbars", "--window-size="+size, "--screenshot="+picture)
		if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
			t.Errorf("there is no picture %s: %v", picture, err)
		}
	}
}
