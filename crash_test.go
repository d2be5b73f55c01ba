package jwtsession_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// outpost is a Caddy in a process of its own that can be killed and started again, with the directory that it keeps
// everything in, and the application behind it.
type outpost struct {
	*testing.T
	*child

	legacy         *harness.Legacy
	address, admin string
	dir, store     string
	storage        string // Caddy's, below dir unless it is set
	global, site   string // inside the global option, and the whole site; unless they are set nothing and the usual one
	engine         string // the line of another store than the one in the directory
}

// newOutpost starts one whose store is in a directory below the given one.
func newOutpost(t *testing.T, dir string) *outpost {
	t.Helper()
	o := &outpost{
		T: t, legacy: harness.NewLegacy(t), address: freeAddress(t), admin: freeAddress(t),
		dir: t.TempDir(), store: filepath.Join(dir, "store"),
	}
	o.start()
	return o
}

// start starts the process, and waits until it answers.
func (o *outpost) start() {
	o.Helper()
	o.launch()
	o.await(o.isUp)
}

// launch starts the process.
func (o *outpost) launch() {
	o.Helper()
	storage := cmp.Or(o.storage, filepath.Join(o.dir, "storage"))
	globals := strings.Replace(storeGlobals(o.store, storage, o.global), "admin off", "admin "+o.admin, 1)
	if o.engine != "" {
		globals = strings.Replace(globals, fmt.Sprintf("store badger %q", o.store), "store "+o.engine, 1)
	}
	o.child = startChild(o.T, o.dir, globals+cmp.Or(o.site, viaSite(o.address, "forget_on /forget", o.legacy)))
}

// await waits until the process is in some state.
func (o *outpost) await(isSo func() bool) {
	o.Helper()
	deadline := time.Now().Add(time.Minute)
	for !isSo() {
		select {
		case err := <-o.done:
			o.Fatalf("it has ended: %v\n%s", err, o.output.String())
		default:
		}
		if time.Now().After(deadline) {
			o.Fatalf("it never came so far:\n%s", o.output.String())
		}
	}
}

// isUp reports whether the admin endpoint answers, and requests no longer find the store closed. It opens no session.
func (o *outpost) isUp() bool {
	response, err := o.request(http.MethodPost, "http://"+o.admin+admin.Path+"sessions/list", `{"realm": "shop"}`)
	if err != nil || response.StatusCode != http.StatusOK {
		return false
	}
	response, err = o.request(http.MethodGet, "http://"+o.address+"/", "")
	return err == nil && response.StatusCode == http.StatusUnauthorized
}

func (o *outpost) request(method, url, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(o.Context(), method, url, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(text))
	return response, err
}

// kill ends the process at once, as kill -9 does.
func (o *outpost) kill() {
	o.Helper()
	if err := o.Process.Kill(); err != nil {
		o.Fatal(err)
	}
	if err := <-o.done; err == nil {
		o.Error("it ended by itself before it was killed")
	}
}

// alive fails where the process has ended by itself.
func (o *outpost) alive() {
	o.Helper()
	select {
	case err := <-o.done:
		o.Fatalf("it has ended: %v\n%s", err, o.output.String())
	default:
	}
}

// signIn returns a browser with a session of alice's and a token.
func (o *outpost) signIn() *harness.Browser {
	o.Helper()
	b := browserAt(o.T, o.address)
	b.Cookies["session"] = o.legacy.SignIn("alice")
	o.expectVia(b.Get("/page"), "session", "set")
	o.expectVia(b.Get("/page"), "token", "")
	return b
}

// expectVia checks that the application was told of alice, what spoke for her, and what became of the token cookie.
func (o *outpost) expectVia(response harness.Reply, via, token string) {
	o.Helper()
	if response.StatusCode != http.StatusOK {
		o.Errorf("status %d, want alice by the %s\n%s", response.StatusCode, via, o.output.String())
		return
	}
	user, by := response.Received.User(o.T), response.Received.Header.Get("X-Via")
	if user != "alice" || by != via || response.TokenSet() != token {
		o.Errorf("the application sees %q by the %s and the token cookie is %q, want alice by the %s and %q",
			user, by, response.TokenSet(), via, token)
	}
}

// revoke asks the admin API for a revocation, and returns the status.
func (o *outpost) revoke(body map[string]any) int {
	o.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		o.Fatal(err)
	}
	response, err := o.request(http.MethodPost, "http://"+o.admin+admin.Path+"revocations", string(text))
	if err != nil {
		o.Fatalf("revoking: %v\n%s", err, o.output.String())
	}
	return response.StatusCode
}

// revocationByID returns the body that revokes a token by its id.
func revocationByID(t *testing.T, token string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		JTI string `json:"jti"`
		Exp int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return map[string]any{"jti": claims.JTI, "exp": claims.Exp}
}

// An acknowledged revocation survives a kill -9 that comes at once, and so does each one before it.
func TestKilledAfterRevocation(t *testing.T) {
	t.Parallel()
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	o := newOutpost(t, t.TempDir())
	var revoked []*harness.Browser
	for round := range rounds {
		b := o.signIn()
		body := revocationByID(t, b.Cookies[harness.TokenName])
		if round%2 == 1 {
			body = map[string]any{"token": b.Cookies[harness.TokenName]}
		}
		spared := o.signIn()
		if status := o.revoke(body); status != http.StatusOK {
			t.Fatalf("revoking: status %d", status)
		}
		o.kill()
		o.start()
		o.expectVia(spared.Get("/page"), "token", "")
		for _, b := range append(revoked, b) {
			o.expectDead(b)
		}
		revoked = append(revoked, b)
	}
}

// expectDead checks that the token that the browser has authenticates nobody, and leaves it with the browser.
func (o *outpost) expectDead(b *harness.Browser) {
	o.Helper()
	token := b.Cookies[harness.TokenName]
	response := b.Get("/page")
	if response.StatusCode != http.StatusUnauthorized {
		o.expectVia(response, "session", "set")
	}
	session := b.Cookies["session"]
	delete(b.Cookies, "session")
	b.Cookies[harness.TokenName] = token
	if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		o.Errorf("a dead token without its session: status %d, want 401", response.StatusCode)
	}
	b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
}

// What has ended is dead as soon as the browser has the response of the sign-out, whatever becomes of the gateway then.
func TestKilledAfterLogout(t *testing.T) {
	t.Parallel()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	o := newOutpost(t, t.TempDir())
	for round := range rounds {
		b := o.signIn()
		session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
		path := []string{"/logout", "/forget"}[round%2]
		if response := b.Get(path); response.StatusCode != http.StatusOK || response.TokenSet() != "cleared" {
			t.Fatalf("%s: status %d, token cookie %q", path, response.StatusCode, response.TokenSet())
		}
		o.kill()
		o.start()
		b.Cookies["session"], b.Cookies[harness.TokenName] = session, token
		if path == "/forget" { // the application still knows the session
			o.expectDead(b)
			continue
		}
		if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized || response.TokenSet() != "cleared" {
			t.Errorf("after %s: status %d, token cookie %q, want 401", path, response.StatusCode, response.TokenSet())
		}
	}
}
