package jwtsession_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// fleet is two gateways, each in a process of its own and with a store of its own, that share Caddy's storage, and one
// application behind both.
type fleet struct {
	*testing.T

	legacy   *harness.Legacy
	storage  string
	gateways [2]*outpost

	mutex    sync.Mutex
	keyIDs   map[string]bool // of all tokens that were set
	requests int
	refused  map[string]int // requests whose token was passed over, by the reason
}

// fleetSite tells what spoke for the user, and why a token was passed over.
const fleetSite = `
http://%s {
	jwt_session shop {
		whoami /whoami json user
		token_lifetime %s
	}
	request_header X-Via {http.jwt_session.via}
	request_header X-Reason {http.jwt_session.reason}
	reverse_proxy %s
}
`

func newFleet(t *testing.T, global, lifetime string) *fleet {
	t.Helper()
	f := &fleet{
		T: t, legacy: harness.NewLegacy(t), storage: filepath.Join(t.TempDir(), "storage"),
		keyIDs: make(map[string]bool), refused: make(map[string]int),
	}
	for i := range f.gateways {
		address := freeAddress(t)
		f.gateways[i] = &outpost{
			T: t, legacy: f.legacy, address: address, admin: freeAddress(t), dir: t.TempDir(), store: filepath.Join(t.TempDir(), "store"),
			storage: f.storage, global: global, site: fmt.Sprintf(fleetSite, address, lifetime, f.legacy.Address()),
		}
		f.gateways[i].start()
	}
	return f
}

// pace is how long after a request of a fleet's visitors the next one follows.
const pace = 2 * time.Millisecond

// use is what visitors do until they are told to stop: each has a session, and goes to one gateway after the other.
func (f *fleet) use(visitors int) (stop func()) {
	ended, next := make(chan struct{}), time.NewTicker(pace)
	f.Cleanup(next.Stop)
	var all sync.WaitGroup
	for range visitors {
		b := browserAt(f.T, "")
		b.Cookies["session"] = f.legacy.SignIn("alice")
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					return
				case <-next.C:
					b.URL = "http://" + f.gateways[i%2].address
					f.visit(b)
				}
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { close(ended); all.Wait() }) }
	f.Cleanup(stop)
	return stop
}

// visit sends one request, which must come to the application as alice's.
func (f *fleet) visit(b *harness.Browser) {
	before := b.Cookies[harness.TokenName]
	response := b.Get("/page")
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.requests++
	if response.StatusCode != http.StatusOK || response.Received.User(f.T) != "alice" {
		f.Errorf("status %d: somebody with a session is signed out", response.StatusCode)
		return
	}
	if reason := response.Received.Header.Get("X-Reason"); before != "" && strings.HasPrefix(reason, "token_") {
		f.refused[reason]++
	}
	if token := b.Cookies[harness.TokenName]; token != before && token != "" {
		f.keyIDs[joseHeaderOf(f.T, token).Kid] = true
	}
}

// until waits for what the visitors see.
func (f *fleet) until(what string, reached func() bool) {
	f.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-look.C {
		f.mutex.Lock()
		done := reached()
		f.mutex.Unlock()
		if done || f.Failed() {
			return
		}
		if time.Now().After(deadline) {
			f.Fatalf("never came: %s; %d requests, keys %v\n%s", what, f.requests, f.keyIDs, f.gateways[0].output.String())
		}
		for _, gateway := range f.gateways {
			gateway.alive()
		}
	}
}

// Two gateways on one storage change their keys under load, and no token is refused because of its key.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "algorithm ES256\nrotate_every 3s\nkey_delay 2s", "4s")
	stop := f.use(4)
	f.until("three changes of the key that signs", func() bool { return len(f.keyIDs) >= 4 })
	stop()
	t.Logf("%d requests, %d keys, passed over: %v", f.requests, len(f.keyIDs), f.refused)
	for reason, count := range f.refused {
		if reason != "token_expired" { // a machine that stops for seconds
			t.Errorf("%d tokens were passed over: %s", count, reason)
		}
	}
	text, err := os.ReadFile(filepath.Join(f.storage, keyring.Path))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Keys []struct {
			SignsFrom time.Time `json:"signs_from"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for i, key := range file.Keys {
		for _, other := range file.Keys[:i] {
			if apart := key.SignsFrom.Sub(other.SignsFrom).Abs(); apart < 3*time.Second {
				t.Errorf("two keys sign %s apart: both gateways made one", apart)
			}
		}
	}
}

// An emergency under load: old tokens are dead on the next request, and nobody with an active session is signed out.
func TestEmergencyUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "", "10m") // no token ends by itself: one is kept until the other gateway takes it
	stop := f.use(4)
	f.until("tokens", func() bool { return f.requests > 100 && len(f.keyIDs) > 0 })
	first := f.gateways[0]
	witness := browserAt(t, first.address)
	witness.Cookies["session"] = f.legacy.SignIn("alice")
	f.visit(witness)
	old := witness.Cookies[harness.TokenName]
	response, err := first.request(http.MethodPost, "http://"+first.admin+admin.Path+"keys/rotate", `{"emergency": true}`)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("emergency: %v, status %d", err, response.StatusCode)
	}
	var rotated admin.RotateAnswer
	if err := json.NewDecoder(response.Body).Decode(&rotated); err != nil {
		t.Fatal(err)
	}

	// The old token, on the gateway that was told: with the very next request.
	next := witness.Get("/page")
	if reason := next.Received.Header.Get("X-Reason"); reason != "token_unknown_key" || next.Received.Header.Get("X-Via") != "session" {
		t.Errorf("the old token: by the %s, reason %q", next.Received.Header.Get("X-Via"), reason)
	}
	if kid := joseHeaderOf(t, witness.Cookies[harness.TokenName]).Kid; next.TokenSet() != "set" || kid != rotated.ID {
		t.Errorf("the token cookie is %q, its key %s, want %s", next.TokenSet(), kid, rotated.ID)
	}

	// On the other gateway: as soon as a new token comes there, which the visitors bring.
	witness.URL = "http://" + f.gateways[1].address
	fresh := witness.Cookies[harness.TokenName]
	f.until("the other gateway", func() bool {
		witness.Cookies[harness.TokenName] = fresh
		if by := witness.Get("/page").Received.Header.Get("X-Via"); by != "token" {
			return false
		}
		witness.Cookies[harness.TokenName] = old
		if by := witness.Get("/page").Received.Header.Get("X-Via"); by != "session" {
			t.Errorf("the old token on the other gateway: by the %s", by)
		}
		return true
	})
	seen := 0
	f.until("visitors after it", func() bool {
		if seen == 0 {
			seen = f.requests
		}
		return f.requests > seen+100 && f.keyIDs[rotated.ID]
	})
	stop()
	t.Logf("%d requests, passed over: %v", f.requests, f.refused)
	first.stop(t)
	if strings.Contains(first.output.String(), old) {
		t.Error("a token is in the log")
	}
}
