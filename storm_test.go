package jwtsession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// entrance is a handler in a server of its own, in front of an application in the same process. It tells of each request that
// waits for the application's answer, or that has left without.
type entrance struct {
	*testing.T

	server    *httptest.Server
	waits     chan struct{}
	questions atomic.Int64
	answers   atomic.Pointer[chan struct{}] // lets questions be answered when it is closed
}

// newEntrance returns an entrance. The application gets what is no question. left is called when the handler
// has returned or panicked; it may be nil.
func newEntrance(t *testing.T, store string, application caddyhttp.HandlerFunc, left func(*http.Request)) *entrance {
	t.Helper()
	e := &entrance{T: t, waits: make(chan struct{}, 1024)}
	e.ask()
	handler := benchHandler(t, "mixed", 0, store)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path != "/whoami" {
			return application(w, r)
		}
		e.questions.Add(1)
		<-*e.answers.Load()
		return benchApplication(w, r)
	})
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
		tell := sync.OnceFunc(func() { e.waits <- struct{}{} })
		defer tell()
		r = r.WithContext(waiting{r.Context(), tell})
		if left != nil {
			defer left(r)
		}
		_ = handler.ServeHTTP(w, r, next)
	}))
	t.Cleanup(e.server.Close)
	return e
}

// waiting is the context of a request that tells when somebody begins to wait with it: the request has its place among all others
// by then.
type waiting struct {
	context.Context

	tell func()
}

func (w waiting) Done() <-chan struct{} {
	w.tell()
	return w.Context.Done()
}

// ask makes questions wait until the returned function is called.
func (e *entrance) ask() (answer func()) {
	answers := make(chan struct{})
	e.answers.Store(&answers)
	return func() { close(answers) }
}

// get asks for a page with a session and no token, and reports whether the response has a token.
func (e *entrance) get(path, session string) (hasToken bool) {
	request, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.server.URL+path, nil)
	if err != nil {
		e.Error(err)
		return false
	}
	request.Header.Set("Cookie", "session="+session)
	response, err := e.server.Client().Do(request)
	if err != nil {
		e.Error(err)
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		e.Errorf("%s: status %d", path, response.StatusCode)
	}
	return givesToken(response)
}

func givesToken(response *http.Response) bool {
	return strings.Contains(strings.Join(response.Header["Set-Cookie"], "; "), harness.TokenName+"=")
}

func hello(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "hello")
	return err
}

// storm sends the first requests of a session to the entrances, all of which wait before the application answers, and
// returns how many tokens they bring at each.
func storm(t *testing.T, session string, each int, entrances ...*entrance) []int64 {
	t.Helper()
	var users sync.WaitGroup
	tokens := make([]atomic.Int64, len(entrances))
	var answers []func()
	for i, e := range entrances {
		answers = append(answers, e.ask())
		for range each {
			users.Go(func() {
				if e.get("/page", session) {
					tokens[i].Add(1)
				}
			})
		}
	}
	for _, e := range entrances {
		for range each {
			<-e.waits
		}
	}
	for _, answer := range answers {
		answer()
	}
	users.Wait()
	var got []int64
	for i := range tokens {
		got = append(got, tokens[i].Load())
	}
	return got
}

// sharedStore is the option of a store on the server.
func sharedStore(t testing.TB, server *redistest.Server) string {
	return fmt.Sprintf("redis %s {\ndir %q\n}", server.URL(), t.TempDir())
}

// 64 first requests of a session that come at once bring one question and one token.
func TestOneTokenForRequestsAtOnce(t *testing.T) {
	t.Parallel()
	once := func(t *testing.T, store string) {
		t.Helper()
		e := newEntrance(t, store, hello, nil)
		for round := range 10 {
			session := fmt.Sprintf("session-of-the-round-%d", round)
			before := e.questions.Load()
			if tokens := storm(t, session, 64, e); tokens[0] != 1 || e.questions.Load() != before+1 {
				t.Errorf("round %d: %d tokens, %d questions", round, tokens, e.questions.Load()-before)
			}
			if !e.get("/page", session) {
				t.Errorf("round %d: the next request has no token", round)
			}
			<-e.waits
		}
	}
	t.Run("own store", func(t *testing.T) { once(t, "") })
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		once(t, sharedStore(t, engine.Start(t, redistest.Settings{})))
	})
}

// Where the requests come to two gateways that share a store, each gives one token at most, and one of them does.
func TestOneTokenOnEachGateway(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := newEntrance(t, sharedStore(t, server), hello, nil)
		// One process opens a server once, by its address.
		b := newEntrance(t, strings.Replace(sharedStore(t, server), "127.0.0.1", "localhost", 1), hello, nil)
		for round := range 10 {
			tokens := storm(t, fmt.Sprintf("session-of-the-round-%d", round), 32, a, b)
			if tokens[0] > 1 || tokens[1] > 1 || tokens[0]+tokens[1] == 0 {
				t.Errorf("round %d: %d tokens", round, tokens)
			}
		}
		if got := a.questions.Load() + b.questions.Load(); got > 20 {
			t.Errorf("%d questions in 10 rounds on two gateways", got)
		}
	})
}

// A request that was there when another brought a token brings none, although it learns only afterwards whose the session is.
func TestRequestThatIsAnsweredLateBringsNoSecondToken(t *testing.T) {
	t.Parallel()
	t.Run("asked apart", func(t *testing.T) {
		t.Parallel()
		g := harness.New(t, "")
		session := g.Legacy.SignIn("alice")
		asked, posted, post := make(chan chan struct{}), make(chan struct{}), make(chan struct{})
		g.Legacy.RespondWhoami(func(http.ResponseWriter, *http.Request) bool {
			answer := make(chan struct{})
			asked <- answer
			<-answer
			return false
		})
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			posted <- struct{}{}
			<-post
			http.Error(w, "no", http.StatusInternalServerError) // which brings no token
			return true
		})
		send := func(method string) <-chan harness.Reply {
			done, b := make(chan harness.Reply, 1), g.Browser()
			b.Cookies["session"] = session
			go func() { done <- b.Do(method, "/page") }()
			return done
		}
		posting := send(http.MethodPost)
		close(<-asked)
		<-posted
		g.Clock.Advance(61 * time.Second) // so that the session is asked about anew
		first := send(http.MethodGet)
		answerFirst := <-asked
		close(post)
		<-posting // from now on nobody joins the question
		second := send(http.MethodGet)
		answerSecond := <-asked
		close(answerFirst)
		if got := (<-first).TokenSet(); got != "set" {
			t.Errorf("the first response: token cookie %q", got)
		}
		close(answerSecond)
		if got := (<-second).TokenSet(); got != "" {
			t.Errorf("the second response: token cookie %q", got)
		}
	})
	t.Run("named in responses", func(t *testing.T) {
		t.Parallel()
		g := newNamingGateway(t, "mixed", "")
		session := g.Legacy.SignIn("alice")
		answers := make(chan chan struct{})
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			answer := make(chan struct{})
			answers <- answer
			<-answer
			w.Header().Set("X-Remote-User", "alice")
			return false
		})
		type waiting struct {
			answer chan struct{}
			reply  chan harness.Reply
		}
		var all []waiting
		for range 3 {
			reply, b := make(chan harness.Reply, 1), g.Browser()
			b.Cookies["session"] = session
			go func() { reply <- b.Get("/page") }()
			all = append(all, waiting{<-answers, reply})
		}
		for i, one := range all {
			close(one.answer)
			want := ""
			if i == 0 {
				want = "set"
			}
			if got := (<-one.reply).TokenSet(); got != want {
				t.Errorf("response %d: token cookie %q, want %q", i, got, want)
			}
		}
	})
}

// headWay is a way in which a handler begins a response, or does not.
type headWay struct {
	name  string
	serve func(w http.ResponseWriter, r *http.Request, hold func()) error
	// isHeld reports whether the request keeps others from minting while serve holds.
	isHeld bool
	// left reports whether the response is held once the handler has returned, as an error route would, and not before.
	left bool
	// leaves reports whether the client goes away.
	leaves bool
}

func head(code int, header ...string) func(http.ResponseWriter, *http.Request, func()) error {
	return func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		hold()
		return nil
	}
}

// headWays are all the ways in which a head goes out.
var headWays = []headWay{
	{name: "no head yet", isHeld: true, serve: func(_ http.ResponseWriter, _ *http.Request, hold func()) error {
		hold()
		return nil
	}},
	{name: "status", serve: head(http.StatusOK)},
	{name: "status of an answer that brings no token", serve: head(http.StatusInternalServerError)},
	{name: "status without a body", serve: head(http.StatusNoContent)},
	{name: "not modified", serve: head(http.StatusNotModified)},
	{name: "for caches", serve: head(http.StatusOK, "Cache-Control", "public")},
	{name: "event stream", serve: head(http.StatusOK, "Content-Type", harness.EventStream)},
	{name: "body", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		_, err := io.WriteString(w, "hello")
		hold()
		return err
	}},
	{name: "flush", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		err := http.NewResponseController(w).Flush()
		hold()
		return err
	}},
	{name: "copy", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		_, err := io.Copy(w, io.MultiReader(strings.NewReader("hello"), readerFunc(func([]byte) (int, error) {
			hold()
			return 0, io.EOF
		})))
		return err
	}},
	{name: "early hints", isHeld: true, serve: head(http.StatusEarlyHints)},
	{name: "processing", isHeld: true, serve: head(http.StatusProcessing)},
	{name: "early hints and a status", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
		hold()
		return nil
	}},
	{name: "upgrade", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "test")
		w.WriteHeader(http.StatusSwitchingProtocols)
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		hold()
		return connection.Close()
	}},
	{name: "connection taken over without a head", serve: func(w http.ResponseWriter, _ *http.Request, hold func()) error {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		hold()
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		return connection.Close()
	}},
	{name: "nothing", left: true, serve: func(http.ResponseWriter, *http.Request, func()) error { return nil }},
	{name: "error", left: true, serve: func(http.ResponseWriter, *http.Request, func()) error { return errors.New("failed") }},
	{name: "panic", left: true, serve: func(http.ResponseWriter, *http.Request, func()) error { panic(http.ErrAbortHandler) }},
	{name: "client gone", left: true, leaves: true, serve: func(_ http.ResponseWriter, r *http.Request, _ func()) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	{name: "client gone, and an answer", leaves: true, serve: func(w http.ResponseWriter, r *http.Request, hold func()) error {
		<-r.Context().Done()
		w.WriteHeader(http.StatusOK)
		hold()
		return nil
	}},
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The claim to mint is given back when the final head goes out, whichever way it does, or when none will: a download and an event
// stream keep nobody from a token.
func TestMintIsFreeOnceTheHeadIsOut(t *testing.T) {
	t.Parallel()
	for _, way := range headWays {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			held, goOn := make(chan struct{}), make(chan struct{})
			hold := func() {
				held <- struct{}{}
				<-goOn
			}
			began := make(chan struct{})
			e := newEntrance(t, "", func(w http.ResponseWriter, r *http.Request) error {
				if r.URL.Path != "/way" {
					return hello(w, r)
				}
				close(began)
				return way.serve(w, r, hold)
			}, func(r *http.Request) {
				if way.left && r.URL.Path == "/way" {
					hold()
				}
			})
			e.ask()() // questions are answered at once
			const session = "a-session-of-the-application"
			var dialer net.Dialer
			client, err := dialer.DialContext(t.Context(), "tcp", e.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, _ = fmt.Fprintf(client, "GET /way HTTP/1.1\r\nHost: x\r\nCookie: session=%s\r\n\r\n", session)
			if <-began; way.leaves {
				_ = client.Close()
			}
			<-held
			if got := e.get("/page", session); got == way.isHeld {
				t.Errorf("while it lasts: another request has a token: %t", got)
			}
			close(goOn)
			_ = client.Close()
			e.server.Close() // which waits until it is over
		})
	}
}

// An error route may last as long as a download. It does not keep others from a token either.
func TestErrorRouteHoldsNoClaim(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `route {
			jwt_session shop {
				whoami /whoami json user
			}
			error /fail 502
			reverse_proxy LEGACY
		}
		handle_errors {
			reverse_proxy LEGACY
		}`})
	held, goOn := make(chan struct{}), make(chan struct{})
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/fail" {
			_ = http.NewResponseController(w).Flush()
			held <- struct{}{}
			<-goOn
		}
		return false
	})
	b := g.SignedIn()
	failing := g.Browser()
	failing.Cookies["session"] = b.Cookies["session"]
	failed := make(chan harness.Reply)
	go func() { failed <- failing.Get("/fail") }()
	<-held
	if got := b.Get("/page").TokenSet(); got != "set" {
		t.Errorf("during the error route: token cookie %q", got)
	}
	close(goOn)
	if got := (<-failed).TokenSet(); got != "" {
		t.Errorf("the error route: token cookie %q", got)
	}
}
