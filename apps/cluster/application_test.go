package cluster

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the application says about a request that reached it, in headers of its answer.
const (
	ownerHeader    = "X-Owner"    // whose session it is, also one that is over; "-" without one
	identityHeader = "X-Identity" // what the gateway said
	viaHeader      = "X-Via"      // what spoke for the user
	reasonHeader   = "X-Reason"   // why something else did not
)

// application is a legacy application: it knows nothing of gateways, has sessions of its own, and compares who a session
// belongs to with what the gateway says.
type application struct {
	*httptest.Server

	report func(fault string)
	wrong  atomic.Int64 // requests with the identity of somebody else

	mutex sync.Mutex
	owner map[string]string // of each session that there ever was
	alive map[string]bool
	slow  map[string]time.Time // until when an answer about a session was slow to arrive
}

func newApplication(t *testing.T, report func(string)) *application {
	t.Helper()
	a := &application{report: report, owner: make(map[string]string), alive: make(map[string]bool), slow: make(map[string]time.Time)}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *application) address() string { return strings.TrimPrefix(a.URL, "http://") }

// open opens a session. One that is not the application's own is known to the gateways alone.
func (a *application) open(user string, own bool) string {
	random := make([]byte, 24)
	_, _ = rand.Read(random)
	id := base64.RawURLEncoding.EncodeToString(random)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.owner[id], a.alive[id] = user, own
	return id
}

func (a *application) end(id string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.alive[id] = false
}

// of returns whose session a request has, and whether it goes on.
func (a *application) of(r *http.Request) (id, owner string, alive bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", "", false
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return cookie.Value, a.owner[cookie.Value], a.alive[cookie.Value]
}

func (a *application) isAlive(id string) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.alive[id]
}

// wasSlow reports whether the whoami page was slow to answer about a session at or after a time.
func (a *application) wasSlow(id string, since time.Time) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return !a.slow[id].Before(since)
}

// delays returns for how long an answer about a session is under way. One in eight is slow.
func (a *application) delays(id string) time.Duration {
	if mathrand.IntN(8) != 0 {
		return 0
	}
	delay := mathrand.N(slowest)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if until := time.Now().Add(delay); until.After(a.slow[id]) {
		a.slow[id] = until
	}
	return delay
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	id, owner, alive := a.of(r)
	if r.URL.Path == "/whoami" {
		a.whoami(w, r, owner, alive, a.delays(id))
		return
	}
	identities := r.Header.Values("OurApp-User-ID")
	identity := strings.Join(identities, ", ")
	if len(identities) > 1 || identity != "" && identity != owner {
		a.wrong.Add(1)
		a.report(fmt.Sprintf("wrong identity: the application is told %q by the %s, and the session is of %q", identities, r.Header.Get(viaHeader), owner))
	}
	if owner == "" {
		owner = "-"
	}
	w.Header().Set(ownerHeader, owner)
	w.Header().Set(identityHeader, identity)
	w.Header().Set(viaHeader, r.Header.Get(viaHeader))
	w.Header().Set(reasonHeader, r.Header.Get(reasonHeader))
	switch r.URL.Path {
	case "/login": // in place of any session before
		a.end(id)
		fresh := a.open(r.URL.Query().Get("user"), true)
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: fresh, Path: "/", HttpOnly: true})
	case "/logout":
		a.end(id)
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	}
	_, _ = fmt.Fprintf(w, "hello %s\n", owner)
}

// slowest is the longest time for which an answer of the whoami page is under way.
const slowest = 300 * time.Millisecond

// whoami says who the user was when the question came.
func (a *application) whoami(w http.ResponseWriter, r *http.Request, owner string, alive bool, delay time.Duration) {
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !alive {
		_, _ = w.Write([]byte(`{"user": null}`))
		return
	}
	_, _ = fmt.Fprintf(w, `{"user": %q}`, owner)
}
