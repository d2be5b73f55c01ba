package jwtsession_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// reloading is a run of reloads under traffic. Every other configuration is refused, each time for another reason.
type reloading struct {
	*testing.T

	legacy   *harness.Legacy
	address  string
	dir      string
	good     [][]byte    // configurations in turn
	bad      []badConfig // likewise
	identity bool        // whether the application is told who the user is

	mutex   sync.Mutex
	reloads int
	over    bool
	next    chan struct{} // closed when reloads or over change

	left    atomic.Int64 // visitors who signed out and came again
	dropped atomic.Int64 // connections
}

// badConfig is a configuration that Caddy does not take, and what it says then.
type badConfig struct {
	config []byte
	words  string
}

// witness stands before all other handlers and remembers which requests came.
type witness struct{}

// enteredRequests holds the numbers of the requests that a handler began with.
var (
	lastRequest     atomic.Int64
	enteredRequests sync.Map
)

func init() { caddy.RegisterModule(witness{}) }

func (witness) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_witness", New: func() caddy.Module { return new(witness) }}
}

func (witness) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	enteredRequests.Store(r.Header.Get("X-Number"), true)
	return next.ServeHTTP(w, r)
}

// witnessed puts the witness in front of the site's first handler.
func witnessed(t *testing.T, config []byte, handler string) []byte {
	t.Helper()
	first := fmt.Sprintf(`{"handler":%q`, handler)
	return substituted(t, config, first, `{"handler":"test_witness"},`+first)
}

func newReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{
		T: t, legacy: harness.NewLegacy(t), address: freeAddress(t), dir: t.TempDir(), next: make(chan struct{}),
	}
	r.legacy.Respond(r.serve)
	r.legacy.RespondWhoami(r.serveWhoami)
	return r
}

// Caddy replaces its listeners at a reload, and connections that the kernel had given to the old one are lost. How many
// these are without this module is the measure for how many there may be with it.
func TestReloadsUnderTraffic(t *testing.T) {
	reloads := 50
	if testing.Short() {
		reloads = 10
	}
	var byCaddy int64
	t.Run("Caddy alone", func(t *testing.T) {
		r := newReloading(t)
		r.configurePlain()
		r.run(reloads)
		byCaddy = r.dropped.Load()
	})
	t.Run("with the module", func(t *testing.T) {
		r := newReloading(t)
		r.configureModule()
		r.run(reloads)
		// How many it hits is chance, so that only far more of them are the module's doing.
		if dropped, most := r.dropped.Load(), 2*byCaddy+int64(reloads); dropped > most {
			t.Errorf("%d connections dropped, and %d by Caddy alone", dropped, byCaddy)
		}
	})
}

func (r *reloading) configurePlain() {
	r.Helper()
	globals := fmt.Sprintf(lifecycleGlobals, "", filepath.Join(r.dir, "storage"))
	text := globals + fmt.Sprintf("http://%s {\n\treverse_proxy %s\n}\n", r.address, r.legacy.Address())
	good := witnessed(r.T, adaptText(r.T, text), "reverse_proxy")
	r.good = [][]byte{good}
	unbound := fmt.Sprintf("http://%s {\n\tbind 192.0.2.1\n\trespond no\n}\n", freeAddress(r.T))
	r.bad = []badConfig{
		{witnessed(r.T, adaptText(r.T, text+unbound), "reverse_proxy"), "cannot assign requested address"},
		{substituted(r.T, good, `"handler":"reverse_proxy"`, `"handler":"unheard_of"`), "unheard_of"},
	}
}

func (r *reloading) configureModule() {
	r.Helper()
	r.identity = true
	foreign := filepath.Join(r.dir, "foreign")
	if err := os.MkdirAll(foreign, 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "index.html"), nil, 0o600); err != nil {
		r.Fatal(err)
	}
	config := func(store, option, directive, more string) []byte {
		text := storeGlobals(store, filepath.Join(r.dir, "storage"), option) + viaSite(r.address, directive, r.legacy) + more
		return witnessed(r.T, adaptText(r.T, text), "jwt_session")
	}
	store := filepath.Join(r.dir, "store")
	other := "http://" + freeAddress(r.T) + " {\n%s\n\tjwt_session other\n\trespond ok\n}\n"
	good := config(store, "", "", "")
	r.good = [][]byte{good, config(store+"/../store", "token_cache off", "", fmt.Sprintf(other, ""))}
	r.bad = []badConfig{
		{config(store, "", "session_cookie jwt_shop", ""), "can be the token_cookie of realm shop"},
		{config(store, "", "", fmt.Sprintf(other, "\tbind 192.0.2.1")), "cannot assign requested address"},
		{config("/dev/null/store", "", "", ""), "/dev/null"},
		{config(foreign, "", "", ""), "index.html"},
		{config(store, "key secret c2hvcnQ=", "", ""), "secret"},
		{substituted(r.T, good, `"handler":"reverse_proxy"`, `"handler":"unheard_of"`), "unheard_of"},
	}
}

// storeGlobals are the global options with a store, and one option more.
func storeGlobals(store, storage, option string) string {
	return fmt.Sprintf(lifecycleGlobals, fmt.Sprintf("jwt_session {\n\t\tstore badger %q\n\t\t%s\n\t}", store, option), storage)
}

// viaSite is a site that tells the application what spoke for the user. Its tokens outlast the test.
func viaSite(address, option string, legacy *harness.Legacy) string {
	return fmt.Sprintf("http://%s {\n\tjwt_session shop {\n\t\twhoami /whoami json user\n\t\ttoken_lifetime 10m\n\t\t%s\n\t}\n"+
		"\trequest_header X-Via {http.jwt_session.via}\n\treverse_proxy %s\n}\n", address, option, legacy.Address())
}

func substituted(t *testing.T, config []byte, old, new string) []byte {
	t.Helper()
	if !strings.Contains(string(config), old) {
		t.Fatalf("no %s in %s", old, config)
	}
	return []byte(strings.ReplaceAll(string(config), old, new))
}

// run reloads under traffic, and checks that nothing is left of it.
func (r *reloading) run(reloads int) {
	goroutines := runtime.NumGoroutine()
	r.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			r.Errorf("stopping: %v", err)
		}
		r.untilFewer(goroutines + goroutineBound)
	})
	if err := caddy.Load(r.good[0], true); err != nil {
		r.Fatal(err)
	}
	open := r.openLedger()
	probe := r.guest("probe", true)
	r.visit(probe, "/page", "session")
	end := r.startTraffic()
	for i := range reloads {
		r.load(i)
		if r.openLedger() != open {
			r.Error("a reload opened another database")
		}
		r.advance(false)
		for range 3 {
			r.visit(probe, "/page", "token")
		}
	}
	r.advance(true)
	end()
	// Once about each session, and once more where it was ended.
	if questions, want := r.legacy.Questions(), r.users()+int(r.left.Load()); r.identity && questions != want {
		r.Errorf("the application was asked %d times, want %d", questions, want)
	}
}

// goroutineBound is how many goroutines more there may be when all is over: what libraries keep for the whole process.
const goroutineBound = 20

// load takes a good configuration and a bad one in turn.
func (r *reloading) load(i int) {
	r.Helper()
	if i%2 == 0 {
		if err := caddy.Load(r.good[i/2%len(r.good)], true); err != nil {
			r.Errorf("reload %d: %v", i, err)
		}
		return
	}
	bad := r.bad[i/2%len(r.bad)]
	if err := caddy.Load(bad.config, true); err == nil || !strings.Contains(err.Error(), bad.words) {
		r.Errorf("reload %d: %v, want an error that says %q", i, err, bad.words)
	}
}

// openLedger returns the one that is open, and checks that it is the only one.
func (r *reloading) openLedger() *ledger.Ledger {
	r.Helper()
	if !r.identity {
		return nil
	}
	apps := app.AllRunning()
	if len(apps) != 1 {
		r.Fatalf("%d apps count as running", len(apps))
	}
	open, err := apps[0].Open()
	if err != nil {
		r.Fatal(err)
	}
	if locks := openFiles(r.T, filepath.Join(r.dir, "store")); locks > 1 {
		r.Errorf("the store's directory is open %d times", locks)
	}
	return open.Ledger
}

// openFiles counts how often this process has the path open, where the system tells. Badger keeps a directory open that
// it has locked.
func openFiles(t *testing.T, path string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == path {
			count++
		}
	}
	return count
}

// advance tells those who wait for reloads.
func (r *reloading) advance(over bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.reloads++
	r.over = over
	close(r.next)
	r.next = make(chan struct{})
}

// state returns how many reloads there were, whether they are over, and what is closed when that changes.
func (r *reloading) state() (reloads int, over bool, next <-chan struct{}) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.reloads, r.over, r.next
}

// await waits for so many more reloads.
func (r *reloading) await(more int) {
	first, over, next := r.state()
	for now := first; now < first+more && !over; {
		<-next
		now, over, next = r.state()
	}
}

// serve is the application: slow requests take two reloads, streams send a line at each of four.
func (r *reloading) serve(w http.ResponseWriter, request *http.Request) bool {
	switch request.URL.Path {
	case "/slow":
		r.await(2)
	case "/stream":
		for range streamLines {
			_, _ = io.WriteString(w, "line\n")
			_ = http.NewResponseController(w).Flush()
			r.await(1)
		}
		return true
	}
	return false
}

const streamLines = 4

// serveWhoami lets the questions about some sessions outlast a reload.
func (r *reloading) serveWhoami(_ http.ResponseWriter, request *http.Request) bool {
	if strings.HasPrefix(r.legacy.User(request), "late") {
		r.await(1)
	}
	return false
}

// users is how many sessions the application knows.
func (r *reloading) users() int {
	return r.legacy.Opened()
}

// guest is a user with one session and a client of his own.
type guest struct {
	user    string
	cookies map[string]string
	client  *http.Client
}

func (r *reloading) guest(user string, keepAlive bool) *guest {
	transport := &http.Transport{DisableKeepAlives: !keepAlive}
	r.Cleanup(transport.CloseIdleConnections)
	return &guest{
		user: user, cookies: map[string]string{"session": r.legacy.SignIn(user)},
		client: &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

// startTraffic starts guests of every kind, and returns what waits for their end.
func (r *reloading) startTraffic() (end func()) {
	var wait sync.WaitGroup
	repeat := func(visit func(i int)) {
		wait.Go(func() {
			for i := 0; ; i++ {
				if _, over, _ := r.state(); over || r.Failed() {
					return
				}
				visit(i)
			}
		})
	}
	steady := func(user, path, via string, keepAlive bool) {
		v := r.guest(user, keepAlive)
		r.visit(v, "/page", "session")
		repeat(func(int) {
			if via == "session" {
				delete(v.cookies, harness.TokenName)
			}
			r.visit(v, path, via)
		})
	}
	for _, path := range []string{"/page", "/slow", "/stream"} {
		for _, via := range []string{"token", "session"} {
			steady("user-"+via+path[1:], path, via, true)
			steady("new-"+via+path[1:], path, via, false)
		}
	}
	for _, kind := range []string{"late", "prompt"} {
		repeat(func(i int) {
			v := r.guest(kind+strconv.Itoa(i), false)
			r.visit(v, "/page", "session")
			r.visit(v, "/page", "token")
			r.visit(v, "/logout", "token")
			r.left.Add(1)
			r.visit(v, "/page", "") // with the cookies that he had
		})
	}
	return wait.Wait
}

// visit sends a request until it was not dropped, and checks who the application thinks it is from and what spoke for the
// user; nothing does where the request must be refused.
func (r *reloading) visit(v *guest, path, via string) {
	r.Helper()
	for !r.send(v, path, via) {
		if r.dropped.Add(1) > 1000 {
			r.Error("Caddy takes no connections")
			return
		}
	}
}

// send returns false where the connection was dropped.
func (r *reloading) send(v *guest, path, via string) bool {
	r.Helper()
	number := strconv.FormatInt(lastRequest.Add(1), 10)
	var reused, begun atomic.Bool // of the last try: net/http repeats what a connection that was kept did not take
	trace := &httptrace.ClientTrace{
		GetConn:              func(string) { reused.Store(false) },
		GotConn:              func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		GotFirstResponseByte: func() { begun.Store(true) },
	}
	ctx := httptrace.WithClientTrace(r.Context(), trace)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.address+path, nil)
	if err != nil {
		r.Error(err)
		return true
	}
	request.Header.Set("X-Number", number)
	for _, name := range []string{"session", harness.TokenName} {
		if value, ok := v.cookies[name]; ok {
			request.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	response, err := v.client.Do(request)
	if err != nil {
		if _, entered := enteredRequests.Load(number); entered || reused.Load() || begun.Load() {
			r.Errorf("%s of %s: %v (handled: %t, connection kept: %t, answer begun: %t)", path, v.user, err,
				entered, reused.Load(), begun.Load())
			return true
		}
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.Errorf("%s of %s: reading the answer: %v", path, v.user, err)
	}
	r.check(v, path, via, response, string(body))
	return true
}

func (r *reloading) check(v *guest, path, via string, response *http.Response, body string) {
	r.Helper()
	if r.identity && via == "" {
		if response.StatusCode != http.StatusUnauthorized {
			r.Errorf("%s of %s after signing out: status %d", path, v.user, response.StatusCode)
		}
		return
	}
	if response.StatusCode != http.StatusOK {
		r.Errorf("%s of %s: status %d %s", path, v.user, response.StatusCode, body)
		return
	}
	if path == "/stream" && body != strings.Repeat("line\n", streamLines) {
		r.Errorf("%s of %s: the answer is %q", path, v.user, body)
	}
	if !r.identity {
		return
	}
	received := harness.ReceivedFrom(r.T, response)
	if user, by := received.User(r.T), received.Header.Get("X-Via"); user != v.user || by != via {
		r.Errorf("%s of %s: the application sees %q by the %s, want the %s", path, v.user, user, by, via)
	}
	for _, cookie := range response.Cookies() {
		if cookie.Name == harness.TokenName && cookie.MaxAge >= 0 {
			v.cookies[harness.TokenName] = cookie.Value
		}
	}
}

// Caddy's HTTP server may start before the store, so that a configuration that is about to be refused gets requests.
func TestRequestsOfAConfigurationThatIsAboutToBeRefused(t *testing.T) {
	legacy, dir, address := harness.NewLegacy(t), t.TempDir(), freeAddress(t)
	config := func(store string) string {
		return storeGlobals(store, filepath.Join(dir, "storage"), "") + site(address, "shop", "", legacy)
	}
	server := func(store string) string {
		t.Helper()
		parsed := new(caddy.Config)
		if err := caddy.StrictUnmarshalJSON(adaptText(t, config(store)), parsed); err != nil {
			t.Fatal(err)
		}
		ctx, err := harness.Provision(parsed)
		if err != nil {
			t.Fatal(err)
		}
		refused, err := ctx.App("jwt_session")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // as Caddy does
			if err := refused.(*app.App).Cleanup(); err != nil {
				t.Errorf("cleaning up: %v", err)
			}
		})
		app, err := ctx.App("http")
		if err != nil {
			t.Fatal(err)
		}
		for _, handler := range app.(*caddyhttp.App).Servers {
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			return strings.TrimPrefix(server.URL, "http://")
		}
		t.Fatal("no server")
		return ""
	}
	alone := browserAt(t, server("/dev/null/store"))
	alone.Cookies["session"] = legacy.SignIn("alice")
	if response := alone.Get("/page"); response.StatusCode != http.StatusServiceUnavailable || response.Received != nil {
		t.Errorf("with no other configuration: status %d, want 503", response.StatusCode)
	}
	if err := loadText(t, config(filepath.Join(dir, "store"))); err != nil {
		t.Fatal(err)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	b.Get("/page")
	refused := browserAt(t, server("/dev/null/store"))
	refused.Cookies = maps.Clone(b.Cookies)
	for _, path := range []string{"token", "session"} {
		response := refused.Get("/page")
		if response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" || legacy.Questions() != 1 {
			t.Errorf("%s path: status %d, %d questions", path, response.StatusCode, legacy.Questions())
		}
		delete(refused.Cookies, harness.TokenName)
	}
}

// untilFewer waits until there are no more goroutines than that, and asks the application meanwhile.
func (r *reloading) untilFewer(most int) {
	r.Helper()
	r.legacy.CloseClientConnections() // Caddy keeps those of former configurations for a while
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > most {
		if time.Now().After(deadline) {
			var profile strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
			r.Fatalf("%d goroutines are left, want at most %d:\n%s", runtime.NumGoroutine(), most, &profile)
		}
		response, err := client.Get(r.legacy.URL)
		if err != nil {
			r.Fatal(err)
		}
		_ = response.Body.Close()
	}
}
