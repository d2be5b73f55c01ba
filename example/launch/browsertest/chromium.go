// Package browsertest starts Chromium for the tests of the examples.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browserTime is how long a whole visit may take on a slow machine.
const browserTime = 5 * time.Minute

// find returns the browser's program, and skips the test where there is none.
func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("REQUIRE_APPS") != "" {
		t.Fatal("there is no Chromium, and this run may skip nothing")
	}
	t.Skip("the visit needs Chromium: install the package chromium (or set REQUIRE_APPS=1 to fail instead)")
	return ""
}

// Start starts the browser with a profile of its own in the directory. Its path must be short: sockets lie in it.
func Start(t *testing.T, dir string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("TMPDIR="+dir), chromedp.DisableGPU, chromedp.WSURLReadTimeout(browserTime),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has none
	}
	// The test's own context ends before the browser is to be told.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), browserTime)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for the browser to be gone
			t.Errorf("ending Chromium: %v", err)
		}
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return ctx
}
