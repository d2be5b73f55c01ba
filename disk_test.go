//go:build linux

package jwtsession_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

// smallDisk mounts a file system of 160 MiB in memory, and returns where.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	switch err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=160m,mode=0700"); {
	case errors.Is(err, unix.EPERM):
		if os.Getenv("REQUIRE_APPS") != "" {
			t.Fatal("mounting a file system is not permitted here, and this run may skip nothing")
		}
		t.Skip("filling a disk up takes a file system of its own, which only root may mount")
	case err != nil:
		t.Fatalf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		// Detached at once, and gone with the last process that has a file on it.
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

// fillUp leaves 16 MiB of the file system, and returns how to free the rest.
func fillUp(t *testing.T, dir string) (free func()) {
	t.Helper()
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	size := int64(stat.Bavail)*stat.Bsize - 16<<20
	if size < 64<<20 {
		t.Fatalf("only %d bytes are there to be filled", size)
	}
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
		t.Fatalf("filling the disk up: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	o := newOutpost(t, disk)
	steady, victim, leaver, switcher := o.signIn(), o.signIn(), o.signIn(), o.signIn()
	left, old := leaver.Cookies["session"], leaver.Cookies[harness.TokenName]
	switched, former := switcher.Cookies["session"], switcher.Cookies[harness.TokenName]
	free := fillUp(t, disk)

	o.expectVia(steady.Get("/page"), "token", "")
	delete(steady.Cookies, harness.TokenName)
	o.expectVia(steady.Get("/page"), "session", "set")
	o.expectUnkept()
	o.expectNoRevocation(victim)

	// The ends count at once.
	if response := leaver.Get("/logout"); response.StatusCode != http.StatusOK || response.TokenSet() != "cleared" {
		t.Errorf("signing out: status %d, token cookie %q", response.StatusCode, response.TokenSet())
	}
	leaver.Cookies["session"], leaver.Cookies[harness.TokenName] = left, old
	if response := leaver.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: status %d, want 401", response.StatusCode)
	}
	if response := switcher.Get("/forget"); response.StatusCode != http.StatusOK || response.TokenSet() != "cleared" {
		t.Errorf("ending: status %d, token cookie %q", response.StatusCode, response.TokenSet())
	}
	for range 5 { // the application still knows the session, but it can't be kept
		switcher.Cookies[harness.TokenName] = former
		o.expectVia(switcher.Get("/page"), "session", "cleared")
	}
	o.expectVia(steady.Get("/page"), "token", "")
	o.alive()

	free()
	if status := o.revoke(revocationByID(t, victim.Cookies[harness.TokenName])); status != http.StatusOK {
		t.Errorf("revoking with space on the disk: status %d", status)
	}
	o.untilMinted(switcher)
	renewed := switcher.Cookies[harness.TokenName]
	o.kill()
	for _, words := range []string{"too little space left", "keeping the end of a session"} {
		if log := o.output.String(); !strings.Contains(log, words) {
			t.Errorf("the log does not say %q:\n%s", words, log)
		}
	}
	o.start()
	leaver.Cookies["session"], leaver.Cookies[harness.TokenName] = left, old
	if response := leaver.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out and a restart: status %d, want 401", response.StatusCode)
	}
	switcher.Cookies["session"], switcher.Cookies[harness.TokenName] = switched, former
	o.expectDead(switcher)
	switcher.Cookies[harness.TokenName] = renewed
	o.expectVia(switcher.Get("/page"), "token", "")
	o.expectDead(victim)
	o.expectVia(steady.Get("/page"), "token", "")
}

// A full disk lasts longer than a token: what the application says of those who are signed in counts all the same, and who
// was known before gets tokens.
func TestFullDiskForLongerThanATokenLives(t *testing.T) {
	disk := smallDisk(t)
	g := &harness.Gateway{T: t, Legacy: harness.NewLegacy(t), Clock: testclock.New(), Dir: disk}
	g.Load(harness.Options{Site: "jwt_session shop {\n whoami /whoami json user\n forget_on /forget\n}\nreverse_proxy LEGACY"})
	known, late := g.SignedIn(), g.SignedIn()
	g.Expect(known.Get("/page"), "alice", "set", 1)
	fillUp(t, disk)
	g.Expect(late.Get("/page"), "alice", "", 2)
	for i := range 4 {
		g.Clock.Advance(31 * time.Second) // due, then over
		failed := value(t, "store_errors_total", "")
		g.Expect(known.Get("/page"), "alice", "set", 3+2*i)
		g.Expect(late.Get("/page"), "alice", "", 4+2*i)
		if value(t, "store_errors_total", "") == failed {
			t.Error("the store's failure is not counted")
		}
		if i%2 == 1 {
			delete(known.Cookies, harness.TokenName)
		}
	}
	// The end of what is neither kept nor proven by a token writes nothing.
	late.Get("/forget")
	if counts, err := g.App.Opened().Ledger.Count(t.Context()); counts.Pending != 0 || err != nil {
		t.Errorf("after an end: %+v, %v", counts, err)
	}
	g.Legacy.Set(known.Cookies["session"], "")
	g.Clock.Advance(31 * time.Second)
	if response := known.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the application's no: status %d, want 401", response.StatusCode)
	}
}

// An application that changes the session cookie with every answer must not pile up ends of what was never kept.
func TestFullDiskWithRollingSessions(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	g := &harness.Gateway{T: t, Legacy: harness.NewLegacy(t), Clock: testclock.New(), Dir: disk}
	g.Load(harness.Options{Site: "jwt_session shop {\n whoami /whoami json user {\n rolling\n }\n}\nreverse_proxy LEGACY"})
	fillUp(t, disk)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: g.Legacy.SignIn("alice"), Path: "/"})
		return false
	})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	for i := range 3 {
		g.Expect(b.Get("/page"), "alice", "", i+1)
	}
	counts, err := g.App.Opened().Ledger.Count(t.Context())
	if err != nil || counts.Pending != 0 {
		t.Errorf("%d ends are pending, %v", counts.Pending, err)
	}
}

// expectUnkept checks that a session that can't be kept is what the application says of it, each time anew, and that there
// is no token for it.
func (o *outpost) expectUnkept() {
	o.Helper()
	b := browserAt(o.T, o.address)
	b.Cookies["session"] = o.legacy.SignIn("alice")
	for range 2 {
		o.expectVia(b.Get("/page"), "session", "")
	}
	o.legacy.Set(b.Cookies["session"], "")
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		o.Errorf("nobody's session: status %d, want 401", response.StatusCode)
	}
}

// expectNoRevocation checks that no kind of revocation is acknowledged, and none is in force.
func (o *outpost) expectNoRevocation(b *harness.Browser) {
	o.Helper()
	for _, body := range []map[string]any{revocationByID(o.T, b.Cookies[harness.TokenName]), {"token": b.Cookies[harness.TokenName]}} {
		if status := o.revoke(body); status != http.StatusServiceUnavailable {
			o.Errorf("revoking: status %d, want 503", status)
		}
		o.expectVia(b.Get("/page"), "token", "")
	}
}

// untilMinted sends requests until the browser gets a token, which it does not before the end of its former session is
// durable.
func (o *outpost) untilMinted(b *harness.Browser) {
	o.Helper()
	delete(b.Cookies, harness.TokenName)
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		switch response := b.Get("/page"); {
		case response.TokenSet() == "set":
			return
		case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusServiceUnavailable:
			o.Fatalf("status %d", response.StatusCode)
		}
	}
	o.Fatal("no token is minted though there is space")
}
