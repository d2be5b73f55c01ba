package jwtsession_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

const (
	stormSessions = 10_000
	stormAtOnce   = 512                  // requests under way; a client that is answered makes room for the next one
	stormAnswer   = 2 * time.Millisecond // how long the application takes to say whose a session is
)

// expiry is a storm: all tokens have expired, and every session sends one request.
type expiry struct {
	testing.TB

	handler   *jwtsession.Handler
	clock     *testclock.Clock
	cookies   []string
	address   func(session int) string
	questions atomic.Int64
	running   atomic.Int64
	most      atomic.Int64
	took      []time.Duration
	refused   atomic.Int64
	tokens    atomic.Int64
}

func newExpiry(b testing.TB, store string, address func(int) string) *expiry {
	b.Helper()
	x := &expiry{TB: b, clock: testclock.New(), address: address, took: make([]time.Duration, stormSessions)}
	x.handler = benchHandlerAt(b, "mixed", 0, store, "", x.clock.Now)
	for i := range stormSessions {
		x.cookies = append(x.cookies, fmt.Sprintf("session=a-session-with-the-number-%05d", i))
	}
	return x
}

// next is the rest of the route.
func (x *expiry) next(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path != "/whoami" {
		return benchApplication(w, r)
	}
	x.questions.Add(1)
	running := x.running.Add(1)
	for most := x.most.Load(); running > most && !x.most.CompareAndSwap(most, running); most = x.most.Load() {
	}
	time.Sleep(stormAnswer)
	x.running.Add(-1)
	session := strings.Join(r.Header["Cookie"], "")
	w.Header().Set("Cache-Control", "no-store")
	_, err := fmt.Fprintf(w, `{"user": "user-of-%s"}`, session[len(session)-5:])
	return err
}

// all sends one request of each session.
func (x *expiry) all() {
	var clients sync.WaitGroup
	var next atomic.Int64
	for range stormAtOnce {
		clients.Go(func() {
			for i := int(next.Add(1)) - 1; i < stormSessions; i = int(next.Add(1)) - 1 {
				began := time.Now()
				x.one(i)
				x.took[i] = time.Since(began)
			}
		})
	}
	clients.Wait()
}

func (x *expiry) one(i int) {
	r, err := http.NewRequestWithContext(x.Context(), http.MethodGet, "http://shop.example/page", nil)
	if err != nil {
		x.Error(err)
		return
	}
	r.Header["Cookie"] = []string{x.cookies[i]}
	w := &benchWriter{header: make(http.Header)}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, x.address(i))
	if err := x.handler.ServeHTTP(w, r, caddyhttp.HandlerFunc(x.next)); err != nil {
		x.refused.Add(1)
	}
	if token, _, _ := strings.Cut(w.header.Get("Set-Cookie"), ";"); token != "" {
		session, _, _ := strings.Cut(x.cookies[i], ";")
		x.cookies[i] = session + "; " + token
		x.tokens.Add(1)
	}
}

// BenchmarkAllTokensExpired reports what 10,000 sessions make of a gateway whose tokens have expired at once: how long a request
// takes, how often the application is asked, how many questions are under way at most, and who is refused.
func BenchmarkAllTokensExpired(b *testing.B) {
	addresses := map[string]func(int) string{
		"an address each":           func(i int) string { return fmt.Sprintf("10.%d.%d.1", i>>8, i&255) },
		"one address for everybody": func(int) string { return "10.0.0.1" },
	}
	run := func(b *testing.B, store string) {
		for _, name := range []string{"an address each", "one address for everybody"} {
			b.Run(name, func(b *testing.B) {
				x := newExpiry(b, store, addresses[name])
				x.all()
				x.questions.Store(0)
				x.most.Store(0)
				x.tokens.Store(0)
				storms, p50, p99 := 0, time.Duration(0), time.Duration(0)
				b.ReportAllocs()
				for b.Loop() {
					x.clock.Advance(2 * time.Minute)
					x.all()
					slices.Sort(x.took)
					p50, p99 = p50+x.took[stormSessions/2], p99+x.took[stormSessions*99/100]
					storms++
				}
				if got := x.questions.Load(); got > int64(storms*stormSessions) || x.most.Load() > 8 {
					b.Errorf("%d questions in %d storms, %d at a time", got, storms, x.most.Load())
				}
				if got := x.tokens.Load(); got > int64(storms*stormSessions) {
					b.Errorf("%d tokens in %d storms", got, storms)
				}
				perStorm := func(n int64) float64 { return float64(n) / float64(storms) }
				milliseconds := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(storms) }
				b.ReportMetric(milliseconds(p50), "p50-ms")
				b.ReportMetric(milliseconds(p99), "p99-ms")
				b.ReportMetric(perStorm(x.questions.Load()), "questions/op")
				b.ReportMetric(float64(x.most.Load()), "at-once")
				b.ReportMetric(perStorm(x.tokens.Load()), "tokens/op")
				b.ReportMetric(perStorm(x.refused.Load()), "refused/op")
			})
		}
	}
	b.Run("own store", func(b *testing.B) { run(b, "") })
	for _, engine := range redistest.Engines(b) {
		b.Run(engine.Name, func(b *testing.B) {
			run(b, sharedStore(b, engine.Start(b, redistest.Settings{AppendOnly: true})))
		})
	}
}
