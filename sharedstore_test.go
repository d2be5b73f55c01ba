package jwtsession_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// sharers are gateways, each in a process of its own and with a storage of its own, that share a server, and one application
// behind all.
type sharers struct {
	*testing.T

	legacy *harness.Legacy
	server *redistest.Server
	global string
}

func newSharers(t *testing.T, engine redistest.Engine, global string) *sharers {
	t.Helper()
	return &sharers{T: t, legacy: harness.NewLegacy(t), server: engine.Start(t, redistest.Settings{}), global: global}
}

// gateway returns one more gateway, which was not started.
func (s *sharers) gateway() *outpost {
	s.Helper()
	address := freeAddress(s.T)
	return &outpost{
		T: s.T, legacy: s.legacy, address: address, admin: freeAddress(s.T), dir: s.TempDir(), store: filepath.Join(s.TempDir(), "store"),
		global: s.global, site: fmt.Sprintf(fleetSite, address, "10m", s.legacy.Address()), engine: s.engine(),
	}
}

// engine returns the line of the server.
func (s *sharers) engine() string { return fmt.Sprintf("redis %s", s.server.URL()) }

// started returns two gateways that run.
func (s *sharers) started() (a, b *outpost) {
	s.Helper()
	a, b = s.gateway(), s.gateway()
	a.start()
	b.start()
	return a, b
}

// ask asks the admin API, and returns the status and the text.
func (o *outpost) ask(method, path, body string) (int, string) {
	o.Helper()
	response, err := o.request(method, "http://"+o.admin+path, body)
	if err != nil {
		o.Fatalf("%s: %v\n%s", path, err, o.output.String())
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		o.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// rotate changes the keys, and returns the id of the new one.
func (o *outpost) rotate(body string) string {
	o.Helper()
	code, text := o.ask(http.MethodPost, admin.Path+"keys/rotate", body)
	var answer admin.RotateAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil || code != http.StatusOK {
		o.Fatalf("rotating: status %d, %s\n%s", code, text, o.output.String())
	}
	return answer.ID
}

// keys returns the ids of the keys, the one that signs first, and their states.
func (o *outpost) keys() (ids []string, states string) {
	o.Helper()
	var answer admin.KeyList
	code, text := o.ask(http.MethodGet, admin.Path+"keys", "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil || code != http.StatusOK {
		o.Fatalf("listing the keys: status %d, %s", code, text)
	}
	for _, key := range answer.Keys {
		ids = append(ids, key.ID)
		states += string(key.State) + " "
	}
	return ids, states
}

// status returns the status of the gateway.
func (o *outpost) status() status.Status {
	o.Helper()
	var answer status.Status
	code, text := o.ask(http.MethodGet, admin.Path+"status", "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil || code != http.StatusOK {
		o.Fatalf("status: %d, %s", code, text)
	}
	return answer
}

// visit sends a request to a gateway, which must be alice's, and returns what spoke for her and why her token did not.
func (o *outpost) visit(b *harness.Browser) (via, reason string) {
	o.Helper()
	b.URL = "http://" + o.address
	response := b.Get("/page")
	if response.StatusCode != http.StatusOK || response.Received.User(o.T) != "alice" {
		o.Fatalf("status %d: somebody with a session is signed out\n%s", response.StatusCode, o.output.String())
	}
	return response.Received.Header.Get("X-Via"), response.Received.Header.Get("X-Reason")
}

// within waits for what comes within a second, and allows for a machine that is busy.
func within(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	began := time.Now()
	await(t, what, isSo)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("%s: only after %s", what, took)
	} else {
		t.Logf("%s: after %s", what, took)
	}
}

// One gateway rotates, and the other verifies with the new key before anyone signs with it.
func TestSharedRotation(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		t.Parallel()
		a, b := newSharers(t, engine, "").started()
		visitor := a.signIn()
		if via, _ := b.visit(visitor); via != "token" {
			t.Errorf("a token of another gateway: by the %s", via)
		}
		fresh := a.rotate(`{}`)
		within(t, "the other gateway knows the new key", func() bool {
			ids, states := b.keys()
			return len(ids) == 2 && ids[1] == fresh && states == "signing upcoming "
		})
		if via, _ := b.visit(visitor); via != "token" {
			t.Errorf("a token of the old key: by the %s", via)
		}
	})
}

// An emergency on one gateway is in force on the other within a second, without any new token that comes there.
func TestSharedEmergency(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		t.Parallel()
		a, b := newSharers(t, engine, "").started()
		visitor := a.signIn()
		old := visitor.Cookies[harness.TokenName]
		fresh := a.rotate(`{"emergency": true}`)
		within(t, "the old key is dropped on the other gateway", func() bool {
			ids, _ := b.keys()
			return slices.Equal(ids, []string{fresh})
		})
		if via, reason := b.visit(visitor); via != "session" || reason != "token_unknown_key" {
			t.Errorf("the old token on the other gateway: by the %s, %q", via, reason)
		}
		if kid := joseHeaderOf(t, visitor.Cookies[harness.TokenName]).Kid; kid != fresh {
			t.Errorf("the new token is of the key %s", kid)
		}
		visitor.Cookies[harness.TokenName] = old
		if via, _ := a.visit(visitor); via != "session" {
			t.Errorf("the old token where the emergency was: by the %s", via)
		}
	})
}

// A server that was emptied gets the keys back. No token is refused, and an emergency from before stays in force.
func TestSharedKeysOutliveTheServer(t *testing.T) {
	t.Parallel()
	s := newSharers(t, redistest.Engines(t)[0], "")
	a, b := s.started()
	first := a.signIn()
	a.rotate(`{"emergency": true}`)
	want, _ := a.keys()
	within(t, "the emergency", func() bool { ids, _ := b.keys(); return slices.Equal(ids, want) })
	visitor := a.signIn()
	s.server.Do("FLUSHALL")
	newcomer := s.gateway()
	await(t, "the keys are back", func() bool {
		return s.server.Do("EXISTS", "jwt_session:{jwt_session}:none") == "0" && len(b.status().Keys) == 1
	})
	newcomer.start()
	for _, o := range []*outpost{a, b} {
		if via, reason := o.visit(visitor); via != "token" {
			t.Errorf("after the server was emptied: by the %s, %s", via, reason)
		}
		if via, reason := o.visit(browserWith(t, first)); via != "session" || reason != "token_unknown_key" {
			t.Errorf("a token from before the emergency: by the %s, %s", via, reason)
		}
	}
	await(t, "a gateway that starts now has the keys", func() bool {
		ids, _ := newcomer.keys()
		return slices.Contains(ids, want[0])
	})
}

// browserWith returns a browser with the cookies of another.
func browserWith(t *testing.T, other *harness.Browser) *harness.Browser {
	t.Helper()
	b := browserAt(t, "")
	for name, value := range other.Cookies {
		b.Cookies[name] = value
	}
	return b
}

// A gateway that starts while the server is down goes on with the copies of the keys and of the blacklist. One that has none
// decides nothing, and begins by itself once the server is there.
func TestSharedStartWithoutTheServer(t *testing.T) {
	t.Parallel()
	s := newSharers(t, redistest.Engines(t)[0], "algorithm ES256")
	a := s.gateway()
	a.start()
	visitor := a.signIn()
	want, _ := a.keys()
	s.server.Stop()
	a.kill()
	a.launch()
	a.await(func() bool {
		response, err := a.request(http.MethodGet, "http://"+a.admin+admin.Path+"keys", "")
		return err == nil && response.StatusCode == http.StatusOK
	})
	if via, reason := a.visit(visitor); via != "token" {
		t.Errorf("a token while the server is down: by the %s, %s", via, reason)
	}
	if ids, _ := a.keys(); !slices.Equal(ids, want) {
		t.Errorf("the keys are %v, and were %v", ids, want)
	}

	blank := s.gateway()
	blank.site = strings.Replace(blank.site, "{\n\tjwt_session shop", "{\n\tjwt_session_jwks /keys\n\tjwt_session shop", 1)
	blank.launch()
	blank.await(func() bool {
		response, err := blank.request(http.MethodGet, "http://"+blank.admin+admin.Path+"keys", "")
		return err == nil && response.StatusCode == http.StatusOK
	})
	for _, path := range []string{"/page", "/keys"} {
		b := browserWith(t, visitor)
		b.URL = "http://" + blank.address
		if response := b.Get(path); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" ||
			response.TokenSet() != "" {
			t.Errorf("%s on a gateway without keys: status %d, token cookie %q", path, response.StatusCode, response.TokenSet())
		}
	}
	if code, text := blank.ask(http.MethodPost, admin.Path+"keys/rotate", `{"emergency": true}`); code != http.StatusServiceUnavailable {
		t.Errorf("an emergency without the server: %d, %s", code, text)
	}
	s.server.Start()
	within(t, "the keys of the others", func() bool { ids, _ := blank.keys(); return slices.Equal(ids, want) })
	await(t, "the gateway answers", func() bool {
		b := browserWith(t, visitor)
		b.URL = "http://" + blank.address
		return b.Get("/page").StatusCode == http.StatusOK
	})
	if via, reason := blank.visit(browserWith(t, visitor)); via != "token" {
		t.Errorf("a token once the server is there: by the %s, %s", via, reason)
	}
}

// Who moves from a store on the machine to a server, or back, signs nobody out.
func TestSharedKeysMove(t *testing.T) {
	t.Parallel()
	s := newSharers(t, redistest.Engines(t)[0], "")
	o := s.gateway()
	o.engine = ""
	o.start()
	visitor := o.signIn()
	for _, engine := range []string{s.engine(), ""} {
		o.stop(t)
		o.engine = engine
		o.start()
		if via, reason := o.visit(visitor); via != "token" {
			t.Errorf("store %q: by the %s, %s", engine, via, reason)
		}
		if engine != "" { // what changes there is known afterwards
			o.rotate(`{"emergency": true}`)
			if via, _ := o.visit(visitor); via != "session" {
				t.Errorf("after an emergency: by the %s", via)
			}
			id := joseHeaderOf(t, visitor.Cookies[harness.TokenName]).Kid
			file := filepath.Join(o.dir, "storage", "jwt_session_keys.json")
			await(t, "the copy", func() bool { return fileContains(file, id) })
		}
	}
}

const sharedSignInSite = `
http://%[1]s {
	jwt_session_callback shop {
		issuer %[2]s
		client_id shop
		client_secret secret
	}
	jwt_session_signout shop {
		issuer %[2]s
		client_id shop
	}
	jwt_session shop {
		whoami /whoami json user
	}
	reverse_proxy %[3]s
}
`

// What counts once, counts once on all gateways: the answer to a sign-in, and a provider's logout token.
func TestSharedSignInsAndSignOutsCountOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		t.Parallel()
		s, idp := newSharers(t, engine, ""), newSigningProvider(t)
		var gateways [2]*outpost
		for i := range gateways {
			o := s.gateway()
			o.site = fmt.Sprintf(sharedSignInSite, o.address, idp.url, s.legacy.Address())
			o.start()
			gateways[i] = o
		}
		visitor := browserAt(t, gateways[0].address)
		location, err := visitor.Get("/auth/login").Location()
		if err != nil {
			t.Fatal(err)
		}
		idp.mutex.Lock()
		idp.codes["code"] = map[string]any{"sub": "alice", "nonce": location.Query().Get("nonce"), "sid": "1"}
		idp.mutex.Unlock()
		answer := "/auth/callback?" + url.Values{"code": {"code"}, "state": {location.Query().Get("state")}}.Encode()
		thief := browserWith(t, visitor)
		if code := visitor.Get(answer).StatusCode; code != http.StatusSeeOther {
			t.Fatalf("signing in: status %d\n%s", code, gateways[0].output.String())
		}
		thief.URL = "http://" + gateways[1].address
		if response := thief.Get(answer); response.StatusCode != http.StatusBadRequest || thief.Cookies["session"] != "" {
			t.Errorf("the answer on another gateway: status %d\n%s", response.StatusCode, gateways[1].output.String())
		}

		token := url.Values{"logout_token": {idp.logoutToken(map[string]any{"sub": "alice", "sid": "1"})}}.Encode()
		for i, want := range []int{http.StatusOK, http.StatusBadRequest, http.StatusBadRequest} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+gateways[i%2].address+"/auth/signout", strings.NewReader(token))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if text := readAll(t, response); response.StatusCode != want {
				t.Errorf("logout token, time %d: status %d, %s", i+1, response.StatusCode, text)
			}
		}

		// Nothing counts that could not be told.
		other := browserAt(t, gateways[0].address)
		if location, err = other.Get("/auth/login").Location(); err != nil {
			t.Fatal(err)
		}
		idp.mutex.Lock()
		idp.codes["second"] = map[string]any{"sub": "alice", "nonce": location.Query().Get("nonce")}
		idp.mutex.Unlock()
		s.server.Stop()
		answer = "/auth/callback?" + url.Values{"code": {"second"}, "state": {location.Query().Get("state")}}.Encode()
		if response := other.Get(answer); response.StatusCode != http.StatusServiceUnavailable || other.Cookies["session"] != "" {
			t.Errorf("a sign-in while the server is down: status %d", response.StatusCode)
		}
		s.server.Start()
		await(t, "the gateway is back", func() bool { return gateways[0].status().Link.Connected })
		if code := other.Get(answer).StatusCode; code != http.StatusSeeOther {
			t.Errorf("the same sign-in once the server is there: status %d", code)
		}
	})
}

// The status, the page, the metrics, the log and the events tell of the gateways and of a server that is lost.
func TestSharedStatus(t *testing.T) {
	t.Parallel()
	s := newSharers(t, redistest.Engines(t)[0], "")
	a, b := s.gateway(), s.gateway()
	a.site = strings.Replace(a.site, "{\n\tjwt_session shop", "{\n\tjwt_session_status /gateway\n\tjwt_session shop", 1)
	a.start()
	b.start()
	page := func() string {
		response, err := a.request(http.MethodGet, "http://"+a.address+"/gateway", "")
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, response)
	}
	metric := func(name string) string {
		_, text := a.ask(http.MethodGet, "/metrics", "")
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, "caddy_jwt_session_"+name+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	var got status.Status
	within(t, "both gateways are listed", func() bool { got = a.status(); return len(got.Gateways) == 2 })
	selves := 0
	for _, one := range got.Gateways {
		if one.Self {
			selves++
		}
		if one.Host == "" || one.Seen == nil || one.Lag == nil || *one.Lag > 5 || time.Since(*one.Seen) > 10*time.Second {
			t.Errorf("a gateway is listed as %+v", one)
		}
	}
	if selves != 1 || !got.Link.Connected || !got.Link.Answers || got.Link.AnswersUntil != nil {
		t.Errorf("%d gateways answer, and the link is %+v", selves, got.Link)
	}
	if text := page(); strings.Count(text, "this one") != 1 || strings.Contains(text, "cut off") {
		t.Errorf("the page says %s", text)
	}
	if connected, lag := metric("store_connected"), metric("replication_lag_seconds"); connected != "1" || lag == "" || lag == "+Inf" {
		t.Errorf("connected %s, lag %s", connected, lag)
	}

	s.server.Stop()
	within(t, "the server is lost", func() bool { got = a.status(); return !got.Link.Connected })
	if len(got.Gateways) != 1 || !got.Gateways[0].Self || got.Gateways[0].Lag == nil || !got.Link.Answers || got.Link.AnswersUntil == nil ||
		!got.Link.AnswersUntil.Equal(got.Link.Synced.Add(5*time.Minute)) {
		t.Errorf("cut off: %+v, %+v", got.Link, got.Gateways)
	}
	if text := page(); !strings.Contains(text, "cut off") || !strings.Contains(text, "max_stale") {
		t.Errorf("the page says %s", text)
	}
	if connected := metric("store_connected"); connected != "0" {
		t.Errorf("connected %s", connected)
	}
	await(t, "the log says it", func() bool { return strings.Contains(a.output.String(), "which gateways share, is out of reach") })
	s.server.Start()
	await(t, "it is back", func() bool { return a.status().Link.Connected })
	await(t, "the log says it", func() bool { return strings.Contains(a.output.String(), "which gateways share, is back") })
}

// Losing the server and reaching it again are events, and so is a start without it.
func TestSharedStoreEvents(t *testing.T) {
	for _, beginsLost := range []bool{false, true} {
		t.Run(fmt.Sprint("begins without it: ", beginsLost), func(t *testing.T) {
			legacy, dir := harness.NewLegacy(t), t.TempDir()
			server := redistest.Engines(t)[0].Start(t, redistest.Settings{})
			if beginsLost {
				server.Stop()
			}
			globals := strings.Replace(storeGlobals("STORE", filepath.Join(dir, "storage"), ""), "admin off", `admin off
			events {
				on store_lost jwt_session_witness
				on store_back jwt_session_witness
			}`, 1)
			globals = strings.Replace(globals, `store badger "STORE"`, "store redis "+server.URL()+" {\ndir "+filepath.Join(dir, "copy")+"\n}", 1)
			witnessedEvents.mutex.Lock()
			witnessedEvents.events = nil
			witnessedEvents.mutex.Unlock()
			if err := loadText(t, globals+site(freeAddress(t), "shop", "", legacy)); err != nil {
				t.Fatal(err)
			}
			got := func() []string {
				witnessedEvents.mutex.Lock()
				defer witnessedEvents.mutex.Unlock()
				return slices.Clone(witnessedEvents.events)
			}
			server.Stop()
			await(t, "the first event", func() bool { return len(got()) == 1 })
			server.Start()
			await(t, "the second event", func() bool { return len(got()) == 2 })
			for i, name := range []string{"store_lost", "store_back"} {
				if event := got()[i]; !strings.HasPrefix(event, "jwt_session "+name+` {"engine":"redis","location":"`) {
					t.Errorf("event %d is %s", i+1, event)
				}
			}
		})
	}
}

// fileContains reports whether there is a file with that text in it.
func fileContains(path, text string) bool {
	content, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(content), text)
}
