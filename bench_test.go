package jwtsession_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	jwtsession "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// benchApplication answers in the process: what is measured is the handler, not the network.
var benchApplication = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "/whoami" {
		w.Header().Set("Cache-Control", "no-store")
		_, err := io.WriteString(w, `{"user": "alice"}`)
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
})

// benchHandler returns a provisioned handler whose clock stands still. Without a store it has one of its own.
func benchHandler(b testing.TB, mode string, tokenCache int, store string) *jwtsession.Handler {
	b.Helper()
	now := time.Now()
	return benchHandlerAt(b, mode, tokenCache, store, "", func() time.Time { return now })
}

// benchHandlerAt is like benchHandler, with more options of whoami and a clock.
func benchHandlerAt(b testing.TB, mode string, tokenCache int, store, whoami string, clock func() time.Time) *jwtsession.Handler {
	b.Helper()
	if tokenCache == 0 {
		tokenCache = app.DefaultTokenCache
	}
	dir := b.TempDir()
	if store == "" {
		store = fmt.Sprintf("badger %q", filepath.Join(dir, "store"))
	}
	text := fmt.Sprintf(`{
		admin off
		storage file_system %q
		log {
			output discard
		}
		jwt_session {
			store %s
			token_cache %d
		}
	}
	http:// {
		jwt_session shop {
			mode %s
			whoami /whoami json user {
				timeout 1m
				%s
			}
		}
	}`, filepath.Join(dir, "storage"), store, tokenCache, mode, whoami)
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		b.Fatal(err)
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapted, config); err != nil {
		b.Fatal(err)
	}
	ctx, err := harness.Provision(config)
	if err != nil {
		b.Fatal(err)
	}
	module, err := ctx.App("jwt_session")
	if err != nil {
		b.Fatal(err)
	}
	app := module.(*app.App)
	app.SetClock(clock)
	b.Cleanup(func() {
		if err := app.Cleanup(); err != nil {
			b.Error(err)
		}
	})
	if err := app.Start(); err != nil {
		b.Fatal(err)
	}
	return harness.ModulesOf[*jwtsession.Handler](b, ctx)[0]
}

// benchWriter keeps the header alone.
type benchWriter struct{ header http.Header }

func (w *benchWriter) Header() http.Header         { return w.header }
func (w *benchWriter) WriteHeader(int)             {}
func (w *benchWriter) Write(p []byte) (int, error) { return len(p), nil }

// benchServe serves one request as Caddy does, and returns the error and the header of the response. Without a handler
// it goes to the application.
func benchServe(b testing.TB, handler *jwtsession.Handler, cookies string) (http.Header, error) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://shop.example/page", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header["User-Agent"] = []string{"benchmark"}
	if cookies != "" {
		r.Header["Cookie"] = []string{cookies}
	}
	w := &benchWriter{header: make(http.Header)}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	if handler == nil {
		return w.header, benchApplication.ServeHTTP(w, r)
	}
	return w.header, handler.ServeHTTP(w, r, benchApplication)
}

// benchToken signs in and returns the token cookie.
func benchToken(b testing.TB, handler *jwtsession.Handler, session string) string {
	b.Helper()
	header, err := benchServe(b, handler, session)
	if err != nil {
		b.Fatal(err)
	}
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if !strings.HasPrefix(cookie, harness.TokenName+"=") {
		b.Fatal("there is no token")
	}
	return cookie
}

// benchPath is one way that requests take.
type benchPath struct {
	name     string
	mode     string // empty: no handler
	cookies  string
	tokens   int // how many different tokens come in turn with the cookies
	remember int // how many tokens are remembered, if not as many as by default
	mints    bool
	refuses  bool
	store    string // the option store; empty: a store of its own
}

const benchSession = "session=hCJx2RQ3mXb7aT8wqLeZ5n0vPdKyUgSo"

// Of more tokens than are remembered, none is when it comes again.
var benchPaths = []benchPath{
	{name: "none", cookies: benchSession},
	{name: "token path", mode: "mixed", cookies: benchSession, tokens: 1},
	{name: "token path at first sight", mode: "mixed", cookies: benchSession, tokens: 1024, remember: 1},
	{name: "session path", mode: "stateful", cookies: benchSession},
	{name: "session path and mint", mode: "mixed", cookies: benchSession, mints: true},
	{name: "refusal", mode: "mixed", refuses: true},
}

// prepare returns a function that serves one request.
func (p benchPath) prepare(b testing.TB) func() {
	b.Helper()
	var handler *jwtsession.Handler
	if p.mode != "" {
		handler = benchHandler(b, p.mode, p.remember, p.store)
	}
	cookies := []string{p.cookies}
	for i := range p.tokens {
		cookies = append(cookies[:i], p.cookies+"; "+benchToken(b, handler, p.cookies))
	}
	request := 0
	return func() {
		header, err := benchServe(b, handler, cookies[request%len(cookies)])
		if (err != nil) != p.refuses || (len(header["Set-Cookie"]) > 0) != p.mints {
			b.Fatalf("%v, header %v", err, header)
		}
		request++
	}
}

// onServer returns the path on a store that gateways share.
func (p benchPath) onServer(b testing.TB, engine redistest.Engine) benchPath {
	b.Helper()
	p.store = fmt.Sprintf("redis %s {\ndir %q\n}", engine.Start(b, redistest.Settings{AppendOnly: true}).URL(), b.TempDir())
	return p
}

func BenchmarkHandler(b *testing.B) {
	for _, path := range benchPaths {
		b.Run(path.name, path.run)
	}
}

// The same paths on a store that gateways share, over loopback.
func BenchmarkHandlerOnServer(b *testing.B) {
	for _, engine := range redistest.Engines(b) {
		for _, path := range benchPaths {
			b.Run(engine.Name+"/"+path.name, func(b *testing.B) { path.onServer(b, engine).run(b) })
		}
	}
}

func (p benchPath) run(b *testing.B) {
	serve := p.prepare(b)
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
