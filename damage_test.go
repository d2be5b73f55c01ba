package jwtsession_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// damaged is a store that was in use and is closed, and what it held.
type damaged struct {
	*testing.T

	legacy  *harness.Legacy
	address string
	dir     string // of the store
	spare   string // a copy of it
	user    *harness.Browser
	revoked string // a token of the user's
}

func newDamaged(t *testing.T) *damaged {
	t.Helper()
	d := &damaged{T: t, legacy: harness.NewLegacy(t), address: freeAddress(t), dir: filepath.Join(t.TempDir(), "store")}
	d.mustLoad(d.dir)
	d.user = browserAt(t, d.address)
	d.user.Cookies["session"] = d.legacy.SignIn("alice")
	d.user.Get("/page")
	d.revoked = d.user.Cookies[harness.TokenName]
	open, err := app.Running(t.Context()).Open()
	if err != nil {
		t.Fatal(err)
	}
	claims, reason := open.Verifier.Authenticate(d.revoked)
	if reason != "" {
		t.Fatal(reason)
	}
	if err := open.Ledger.KillTokens(t.Context(), claims.SessionKey(), claims.AuthTime()); err != nil {
		t.Fatal(err)
	}
	d.expectWhole()
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	d.spare = d.copy(d.dir)
	return d
}

// config names a store; the keys are the same ones for all.
func (d *damaged) config(store string) string {
	return storeGlobals(store, filepath.Join(filepath.Dir(d.dir), "storage"), "") + site(d.address, "shop", "", d.legacy)
}

func (d *damaged) mustLoad(store string) {
	d.Helper()
	if err := loadText(d.T, d.config(store)); err != nil {
		d.Fatal(err)
	}
}

func (d *damaged) copy(dir string) string {
	d.Helper()
	target := filepath.Join(d.TempDir(), "copy")
	if err := os.CopyFS(target, os.DirFS(dir)); err != nil {
		d.Fatal(err)
	}
	return target
}

// expectWhole checks that the session and the revocation are known.
func (d *damaged) expectWhole() {
	d.Helper()
	questions := d.legacy.Questions()
	d.user.Cookies[harness.TokenName] = d.revoked
	response := d.user.Get("/page")
	if response.StatusCode != http.StatusOK || response.Received.User(d.T) != "alice" || response.TokenSet() != "set" {
		d.Errorf("with a revoked token: status %d, token cookie %q, want a new one", response.StatusCode, response.TokenSet())
	}
	// The first time the session, whose tokens were revoked, is confirmed anew.
	if asked := d.legacy.Questions() - questions; asked > 1 || asked == 1 && d.spare != "" {
		d.Errorf("the application was asked %d times: the session is forgotten", asked)
	}
}

// refused checks that the damaged store is refused with these words, by a running Caddy, which goes on as it is, and
// that nothing is lost by trying.
func (d *damaged) refused(words ...string) {
	d.Helper()
	if err := loadText(d.T, d.config(d.copy(d.spare))); err != nil {
		d.Fatal(err)
	}
	before := contents(d.T, d.dir)
	err := caddy.Load(adaptText(d.T, d.config(d.dir)), true)
	if err == nil {
		d.Fatal("the store was opened")
	}
	for _, word := range append(words, d.dir) {
		if !strings.Contains(err.Error(), word) {
			d.Errorf("the error lacks %q: %v", word, err)
		}
	}
	after := contents(d.T, d.dir)
	for name, content := range before {
		// What a log or the lock file holds may change by looking, and nothing of it is lost.
		extension := filepath.Ext(name)
		if extension == ".mem" || extension == ".vlog" || name == "LOCK" || name == "DISCARD" {
			continue
		}
		if now, there := after[name]; !there || now != content {
			d.Errorf("the refusal changed %s", name)
		}
	}
	d.expectWhole()
}

// contents returns the files below a directory; a directory has no content.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (d *damaged) remove(names ...string) {
	d.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(d.dir, name)); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *damaged) write(name, text string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.Fatal(err)
	}
}

// table returns the name of a file with the database's tables.
func (d *damaged) table() string {
	d.Helper()
	tables, err := filepath.Glob(filepath.Join(d.dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		d.Fatalf("no tables: %v", err)
	}
	return filepath.Base(tables[0])
}

// flip changes a byte of the table, so far into it.
func (d *damaged) flip(part float64) {
	d.Helper()
	name := d.table()
	text := []byte(contents(d.T, d.dir)[name])
	text[int(part*float64(len(text)-1))] ^= 0x20
	d.write(name, string(text))
}

// exchange puts the database of another store in this one's place, all but the named file.
func (d *damaged) exchange(but string) {
	d.Helper()
	other := filepath.Join(d.TempDir(), "other")
	d.mustLoad(other)
	if err := caddy.Stop(); err != nil {
		d.Fatal(err)
	}
	for name := range contents(d.T, d.dir) {
		if name != but {
			d.remove(name)
		}
	}
	for name, text := range contents(d.T, other) {
		if name != but {
			d.write(name, text)
		}
	}
}

const (
	storeMarker   = "store-id"
	storeManifest = "MANIFEST"
	fromBackup    = "bring the directory back from a backup"
	beginAnew     = "move it away to begin with no sessions and no revocations"
)

func TestDamagedStoreIsRefused(t *testing.T) {
	for _, damage := range []struct {
		name  string
		do    func(d *damaged)
		words []string
	}{
		{
			"no table of contents", func(d *damaged) { d.remove(storeManifest) },
			[]string{storeManifest, fromBackup, beginAnew},
		},
		{"an empty table of contents", func(d *damaged) { d.write(storeManifest, "") }, []string{fromBackup, beginAnew}},
		{"no marker", func(d *damaged) { d.remove(storeMarker) }, []string{storeMarker, fromBackup, beginAnew}},
		{"neither", func(d *damaged) { d.remove(storeMarker, storeManifest) }, []string{storeMarker, fromBackup, beginAnew}},
		{"an empty marker", func(d *damaged) { d.write(storeMarker, "") }, []string{storeMarker, fromBackup, beginAnew}},
		{
			"a marker of nothing", func(d *damaged) { d.write(storeMarker, "shop\n") },
			[]string{storeMarker, fromBackup, beginAnew},
		},
		{
			"another store's marker", func(d *damaged) { d.write(storeMarker, strings.Repeat("0123456789abcdef", 2)+"\n") },
			[]string{storeMarker, "another store", fromBackup, beginAnew},
		},
		{
			"another store's database", func(d *damaged) { d.exchange(storeMarker) },
			[]string{storeMarker, "another store", fromBackup, beginAnew},
		},
		{"only the marker is left", func(d *damaged) {
			for name := range contents(d.T, d.dir) {
				if name != storeMarker {
					d.remove(name)
				}
			}
		}, []string{storeManifest, fromBackup, beginAnew}},
		{"a table is missing", func(d *damaged) { d.remove(d.table()) }, []string{fromBackup, beginAnew}},
		{"bit rot at a table's beginning", func(d *damaged) { d.flip(0) }, []string{fromBackup, beginAnew}},
		{"bit rot in a table", func(d *damaged) { d.flip(0.3) }, []string{fromBackup, beginAnew}},
		{"bit rot in a table's middle", func(d *damaged) { d.flip(0.5) }, []string{fromBackup, beginAnew}},
		{"somebody else's directory", func(d *damaged) {
			for name := range contents(d.T, d.dir) {
				d.remove(name)
			}
			d.write("index.html", "hello")
		}, []string{"index.html", "name a directory that is empty or does not exist yet"}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			d := newDamaged(t)
			damage.do(d)
			d.refused(damage.words...)
		})
	}
}

// A process that finds its store damaged ends and says why. With the backup in its place it is as before.
func TestDamagedStoreAtTheStartOfTheProcess(t *testing.T) {
	d := newDamaged(t)
	d.remove(storeManifest)
	c := startChild(t, filepath.Dir(d.dir), d.config(d.dir))
	if err := <-c.done; err == nil {
		t.Error("it started with a damaged store")
	}
	for _, word := range []string{d.dir, storeManifest, fromBackup, beginAnew} {
		if output := c.output.String(); !strings.Contains(output, word) {
			t.Errorf("it does not say %q:\n%s", word, output)
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.spare, d.dir); err != nil {
		t.Fatal(err)
	}
	d.mustLoad(d.dir)
	d.expectWhole()
}

// The last configuration goes away and the store closes, while requests are still in the application's hands.
func TestStopWithRequestsInFlight(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	err := loadText(t, storeGlobals(filepath.Join(dir, "store"), filepath.Join(dir, "storage"), "")+
		site(address, "shop", "", legacy))
	if err != nil {
		t.Fatal(err)
	}
	visitors := make(map[string]*harness.Browser) // by path
	for _, path := range []string{"/token", "/session", "/logout", "/whoami-is-slow"} {
		visitors[path] = browserAt(t, address)
		visitors[path].Cookies["session"] = legacy.SignIn("alice")
		if path == "/token" || path == "/logout" {
			visitors[path].Get("/page")
		}
	}
	arrived, release := make(chan string), make(chan struct{})
	hold := func(where string) {
		arrived <- where
		<-release
	}
	legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		hold(r.URL.Path)
		return false
	})
	late := visitors["/whoami-is-slow"].Cookies["session"]
	legacy.RespondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil && cookie.Value == late {
			hold("/whoami")
		}
		return false
	})
	var wait sync.WaitGroup
	replies := sync.Map{}
	for path, b := range visitors {
		wait.Go(func() { replies.Store(path, b.Get(path)) })
	}
	for range visitors {
		<-arrived
	}
	if err := caddy.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	close(release)
	wait.Wait()
	for path, want := range map[string]int{
		"/token": http.StatusOK, "/session": http.StatusOK, "/logout": http.StatusOK,
		"/whoami-is-slow": http.StatusServiceUnavailable,
	} {
		answer, ok := replies.Load(path)
		if !ok {
			t.Errorf("%s: no answer", path)
			continue
		}
		response := answer.(harness.Reply)
		if response.StatusCode != want || want == http.StatusOK && response.Received.User(t) != "alice" {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

const enoughAnswers = 20

// Reading what is being closed would end the process.
func TestStopsUnderTraffic(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	config := adaptText(t, storeGlobals(filepath.Join(dir, "store"), filepath.Join(dir, "storage"), "")+
		site(address, "shop", "", legacy))
	t.Cleanup(func() { _ = caddy.Stop() })
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	session := legacy.SignIn("alice")
	answered := 0
	for range rounds {
		if err := caddy.Load(config, true); err != nil {
			t.Fatal(err)
		}
		lookUp := lookingUp(t)
		enough, stopped := make(chan struct{}), make(chan struct{})
		var count atomic.Int64
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(lookUp)
		}
		for range 4 {
			wait.Go(func() {
				client := &http.Client{Transport: new(http.Transport)}
				defer client.CloseIdleConnections()
				for {
					select {
					case <-stopped:
						return
					default:
					}
					if err := askOnce(t, client, "http://"+address, session); err == nil && count.Add(1) == enoughAnswers {
						close(enough)
					}
				}
			})
		}
		<-enough
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
		close(stopped)
		wait.Wait()
		answered += int(count.Load())
	}
	if answered < enoughAnswers*rounds {
		t.Errorf("%d answers", answered)
	}
}

// lookingUp opens some sessions, and returns what looks them up until that can't be done any more.
func lookingUp(t *testing.T) func() {
	t.Helper()
	open, err := app.Running(t.Context()).Open()
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]sessions.Key, 100)
	for i := range keys {
		keys[i] = sessions.Key{Realm: "shop", Hash: sessions.HashOf(fmt.Sprint("session", i))}
		_, err := open.Ledger.Add(t.Context(), keys[i], ledger.Identity{User: "bob"},
			ledger.Lifetimes{Idle: time.Hour, MaxAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for i := 0; ; i++ {
			_, active, err := open.Ledger.Active(t.Context(), keys[i%len(keys)])
			if err != nil {
				return
			}
			if !active {
				t.Error("a session is missing")
			}
		}
	}
}

// askOnce asks for a page and checks the answer: alice's or 503. An error means that there was none.
func askOnce(t *testing.T, client *http.Client, url, session string) error {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/page", nil)
	if err != nil {
		return err
	}
	request.AddCookie(&http.Cookie{Name: "session", Value: session})
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		if user := harness.ReceivedFrom(t, response).User(t); user != "alice" {
			t.Errorf("the application sees %q", user)
		}
		return nil
	case http.StatusServiceUnavailable:
		return errors.New("the store is closed")
	default:
		t.Errorf("status %d", response.StatusCode)
		return nil
	}
}
