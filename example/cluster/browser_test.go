package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch/browsertest"
)

// tab shows the page of the cluster, and remembers what the browser's console says.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	console []string
}

func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	opened := &tab{t: t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch event := event.(type) {
		case *cdplog.EventEntryAdded:
			opened.note(string(event.Entry.Level), event.Entry.Text)
		case *runtime.EventExceptionThrown:
			opened.note("exception", event.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			opened.note("console", string(event.Type))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return opened
}

func (b *tab) note(level, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.console = append(b.console, level+": "+text)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) click(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }

// until waits for the page to be as the script says.
func (b *tab) until(script string) {
	b.t.Helper()
	if comes(func() bool {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		return err == nil && holds
	}) {
		return
	}
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	b.t.Fatalf("%s: not seen; the page is (%v)\n%s", script, err, text)
}

// picture takes a picture of the whole page at a width. SCREENSHOTS names a directory to keep the pictures in.
func (b *tab) picture(name, scheme string, width int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.until(fmt.Sprintf("innerWidth === %d && document.documentElement.scrollWidth <= innerWidth", width)) // nothing sticks out
	beyond := true
	taken, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	if err != nil {
		b.t.Fatal(err)
	}
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	file := filepath.Join(dir, fmt.Sprintf("cluster-%s-%s-%d.png", name, scheme, width))
	if err := os.WriteFile(file, taken.Data, 0o600); err != nil || len(taken.Data) == 0 {
		b.t.Errorf("the picture has %d bytes: %v", len(taken.Data), err)
	}
}

func (b *tab) pictures(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1100} {
			b.picture(name, scheme, width)
		}
	}
	b.do(chromedp.EmulateViewport(1100, 900))
}

// The whole story in a real browser, by the buttons of the page. Its console stays empty, whatever dies.
func testBrowser(t *testing.T, all *cluster, dir string) {
	b := newTab(t, browsertest.Start(t, dir))
	b.do(chromedp.EmulateViewport(1100, 900), chromedp.Navigate("http://"+all.address+panelPath))
	const rows = "Array.from(document.querySelectorAll('.moments tbody tr'), (row) => row.innerText)"
	newest := func(count int, want ...string) {
		t.Helper()
		var tests []string
		for _, text := range want {
			tests = append(tests, fmt.Sprintf("row.includes(%q)", text))
		}
		b.until(fmt.Sprintf("%s.slice(0, %d).length === %[2]d && %[1]s.slice(0, %[2]d).every((row) => %s)", rows, count, strings.Join(tests, " && ")))
	}
	b.until("document.querySelectorAll('dl .via.running').length === 7") // four processes, three links
	b.click("#sign-in-alice")
	newest(1, "POST /login", "303")
	b.click("#visit-button")
	newest(3, "GET /account", "200", "alice")
	for number := range memberCount {
		b.until(fmt.Sprintf("%s.slice(0, 3).some((row) => row.includes('gateway %d'))", rows, number+1))
	}
	b.pictures("all-well")

	b.click("#kill-2-button")
	newest(1, "gateway 2 was killed.")
	b.until("document.getElementById('kill-2-button').disabled && !document.getElementById('start-2-button').disabled")
	b.click("#revoke-1")
	newest(1, "alice was revoked, at gateway 1.")
	b.click("#visit-button")
	newest(3, "GET /account", "401")
	b.click("#start-2-button")
	b.until("document.querySelector('#facts-2 .via.running')")
	b.click("#sign-in-alice") // a new sign-in counts
	newest(1, "POST /login", "303")
	b.click("#visit-button")
	newest(3, "GET /account", "200", "alice")
	b.click("#kill-server-button")
	newest(1, "The server was killed.")
	b.until("document.querySelectorAll('dl .via.killed').length === 4") // it, and three links
	b.click("#visit-button")
	newest(3, "GET /account", "200", "token", "alice")
	b.click("#sign-in-bob")
	newest(1, "POST /login", "303")
	b.click("#visit-button")
	newest(3, "GET /account", "503") // his session can't be looked up
	b.pictures("server-killed")
	b.click("#start-server-button")
	newest(1, "The server was started.")
	b.until("document.querySelectorAll('dl .via.running').length === 7")
	b.click("#visit-button")
	newest(3, "GET /account", "200", "bob")
	b.click("#sign-out")
	newest(1, "POST /logout", "303")

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		t.Errorf("the console says %q", slices.Compact(b.console))
	}
}
