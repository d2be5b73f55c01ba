package whoami

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"
)

// seen is a request as the application got it.
type seen struct {
	request *http.Request
	body    string
}

func TestQuestionCarriesOnlyWhatIsNamed(t *testing.T) {
	requests := make(chan seen, 2)
	upstream := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r, string(body)}
		fmt.Fprint(w, "hello")
	})
	template := newTemplate(t, "/whoami?full=1")
	template.owned = func(name string) bool { return name == "X-Real-Ip" }
	answers := asking(t, template)
	site := startGateway(t, "whoami_probe ask\nreverse_proxy "+upstream)

	sent := http.Header{
		"Accept-Encoding":        {"identity"},
		"Accept-Language":        {"de", "en"},
		"Accept":                 {"image/png"},
		"Authorization":          {"Basic secret"},
		"Content-Type":           {"application/json"},
		"Cookie":                 {"session=s1; other=o", "third=3"},
		"Forwarded":              {"for=192.0.2.1"},
		"If-None-Match":          {`"tag"`},
		"Range":                  {"bytes=0-1"},
		"User-Agent":             {"browser"},
		"X-Edge-Client":          {"192.0.2.7"},
		"X-Forwarded-For":        {"192.0.2.1"},
		"X-Forwarded-Proto":      {"https"},
		"X-Http-Method-Override": {"DELETE"},
		"X-Real-Ip":              {"192.0.2.66"},
		"Sec-Websocket-Key":      {"key"},
	}
	response, body := site.do(t, "POST", "/buy", "three apples", sent)
	if response.StatusCode != http.StatusOK || body != "hello" {
		t.Errorf("visitor got %d %q", response.StatusCode, body)
	}
	if answer := <-answers; answer.Status != 200 || string(answer.Body) != "hello" {
		t.Errorf("answer %+v", answer)
	}

	question, visit := <-requests, <-requests
	if got := question.request; got.Method != "GET" || got.RequestURI != "/whoami?full=1" || question.body != "" ||
		got.Host != visit.request.Host || got.ContentLength != 0 {
		t.Errorf("question %s %s, host %s, body %q", got.Method, got.RequestURI, got.Host, question.body)
	}
	want := []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Cookie", "Forwarded", "User-Agent", "Via", "X-Edge-Client",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	}
	if names := slices.Sorted(maps.Keys(question.request.Header)); !slices.Equal(names, want) {
		t.Errorf("question has %q, want %q", names, want)
	}
	for _, name := range want[1:] {
		if !slices.Equal(question.request.Header[name], visit.request.Header[name]) {
			t.Errorf("%s: question %q, visit %q", name, question.request.Header[name], visit.request.Header[name])
		}
	}
	if got := question.request.Header.Get("Accept"); got != "*/*" {
		t.Errorf("question accepts %q", got)
	}
	if visit.request.Method != "POST" || visit.request.RequestURI != "/buy" || visit.body != "three apples" {
		t.Errorf("visit %s %s %q", visit.request.Method, visit.request.RequestURI, visit.body)
	}
	for name, lines := range sent {
		if strings.HasPrefix(name, "X-Forwarded-") {
			continue // the proxy adds itself
		}
		if !slices.Equal(visit.request.Header[name], lines) {
			t.Errorf("visit has %s: %q, want %q", name, visit.request.Header[name], lines)
		}
	}
}

// tracedRoutes has one of everything that a question could leave a trace in.
const tracedRoutes = `
	log {
		output file %s
	}
	root * /srv/site
	vars plan gold
	map {host} {backend} {
		default %q
	}
	@app path_regexp app ^/app/(.*)$
	header @app X-Found {re.app.1}
	whoami_probe ask
	handle /whoami {
		vars plan lead
		log_skip
		reverse_proxy {backend} {
			header_up X-Root {http.vars.root}
			header_up X-Plan {http.vars.plan}
			header_up X-Local {http.request.local.host}
			header_up X-Uri {uri}
		}
	}
	handle {
		reverse_proxy {backend} {
			header_down X-Plan {http.vars.plan}
			header_down X-Group handled
			header_down X-Latency-Known {http.reverse_proxy.upstream.latency_ms_known}
		}
	}
`

// TestQuestionLeavesNoTrace compares a visit during which a question was asked with one without.
func TestQuestionLeavesNoTrace(t *testing.T) {
	var whoamis []*http.Request
	upstream := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/whoami" {
			whoamis = append(whoamis, r)
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Set-Cookie", "session=other")
			w.Header().Set("X-Whoami", "yes")
		}
		w.Header().Set("Date", "Mon, 01 Jan 2024 00:00:00 GMT")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	})
	log := filepath.Join(t.TempDir(), "access.log")
	answers := asking(t, newTemplate(t, "/whoami"))
	asked, _ := probes.Load("ask")
	site := startGateway(t, fmt.Sprintf(tracedRoutes, log, upstream))

	interim := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { interim++; return nil },
	})
	visit := func() string {
		request, _ := http.NewRequestWithContext(ctx, "POST", site.url+"/app/page", strings.NewReader("body"))
		response, err := site.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, response.Header, string(body))
	}
	onRequest(t, "ask", func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		return next.ServeHTTP(w, r)
	})
	without := visit()
	probes.Store("ask", asked)
	with := visit()

	if with != without {
		t.Errorf("with a question\n%s\nwithout\n%s", with, without)
	}
	for _, part := range []string{
		"X-Plan:[gold]", "X-Group:[handled]", "X-Found:[page]", "Content-Length:[14]", "/app/page body",
	} {
		if !strings.Contains(with, part) {
			t.Errorf("visit lacks %q: %s", part, with)
		}
	}
	if interim != 0 {
		t.Errorf("visitor got %d interim responses", interim)
	}
	answer := <-answers
	if answer.Status != 200 || answer.Header.Get("X-Whoami") != "yes" || string(answer.Body) != "/whoami " {
		t.Errorf("answer %+v", answer)
	}
	if len(whoamis) != 1 {
		t.Fatalf("application was asked %d times", len(whoamis))
	}
	for name, want := range map[string]string{
		"X-Root": "/srv/site", "X-Plan": "lead", "X-Local": "127.0.0.1", "X-Uri": "/whoami",
	} {
		if got := whoamis[0].Header.Get(name); got != want {
			t.Errorf("question has %s %q, want %q", name, got, want)
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if lines, err := os.ReadFile(log); err != nil || strings.Count(string(lines), `"uri":"/app/page"`) != 2 ||
		strings.Contains(string(lines), "whoami") {
		t.Errorf("access log (%v):\n%s", err, lines)
	}
}

// TestTimeoutDoesNotCountAgainstTheUpstream: if it did, nobody would reach the application any more.
func TestTimeoutDoesNotCountAgainstTheUpstream(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	upstream := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/whoami" {
			close(arrived)
			<-r.Context().Done()
			close(left)
		}
	})
	template := newTemplate(t, "/whoami")
	template.after = func(_ time.Duration, f func()) func() bool {
		go func() { <-arrived; f() }()
		return func() bool { return true }
	}
	answers := asking(t, template)
	site := startGateway(t, "whoami_probe ask\nreverse_proxy "+upstream+` {
		fail_duration 1h
		max_fails 1
		lb_try_duration 1h
	}`)
	response, _ := site.do(t, "GET", "/", "", nil)
	if response.StatusCode != http.StatusOK {
		t.Errorf("visitor got %d", response.StatusCode)
	}
	wantFailure(t, <-answers, TimedOut)
	<-left
}

func TestRouteSpeaksInsteadOfTheApplication(t *testing.T) {
	broken := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for name, test := range map[string]struct {
		routes string
		want   Reason
	}{
		"error":         {"error /whoami 401\nrespond ok", RouteFailed},
		"dead upstream": {"reverse_proxy /whoami 127.0.0.1:1\nrespond ok", RouteFailed},
		"no handler":    {"respond / ok", NoHandler},
		"abort":         {"abort /whoami\nrespond ok", Panicked},
		"broken answer": {"reverse_proxy /whoami " + broken + "\nrespond ok", Panicked},
	} {
		t.Run(name, func(t *testing.T) {
			answers := asking(t, newTemplate(t, "/whoami"))
			site := startGateway(t, "route {\nwhoami_probe ask\n"+test.routes+"\n}")
			if response, body := site.do(t, "GET", "/", "", nil); response.StatusCode != 200 || body != "ok" {
				t.Errorf("visitor got %d %q", response.StatusCode, body)
			}
			wantFailure(t, <-answers, test.want)
		})
	}
}

// TestLargeAnswer: a little too much costs no connection, and an endless answer comes to an end.
func TestLargeAnswer(t *testing.T) {
	var connections sync.Map
	ended := make(chan struct{})
	upstream := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, DefaultMaxBody+swallowed/2))
		case "/endless":
			defer close(ended)
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		}
	})
	site := startGateway(t, "whoami_probe ask\nreverse_proxy "+upstream)
	for range 3 {
		answers := asking(t, newTemplate(t, "/large"))
		site.do(t, "GET", "/", "", nil)
		wantFailure(t, <-answers, TooLarge)
	}
	count := 0
	connections.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d connections to the upstream, want 1", count)
	}
	answers := asking(t, newTemplate(t, "/endless"))
	site.do(t, "GET", "/", "", nil)
	wantFailure(t, <-answers, TooLarge)
	<-ended
}

// TestEncodedAnswers: the browser's Accept-Encoding brings compressed answers, from the application or from the route.
func TestEncodedAnswers(t *testing.T) {
	text := `{"user":"alice"}` + strings.Repeat(" ", 2000)
	upstream := startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	})
	page := &Page{User: mustParse(t, "json", "user"), MaxBody: DefaultMaxBody}
	for _, coding := range []string{"zstd", "gzip", "identity"} {
		t.Run(coding, func(t *testing.T) {
			answers := asking(t, newTemplate(t, "/whoami"))
			site := startGateway(t, "whoami_probe ask\nencode\nreverse_proxy "+upstream)
			site.do(t, "GET", "/", "", http.Header{"Accept-Encoding": {coding}})
			answer := <-answers
			if got := answer.Header.Get("Content-Encoding"); got != coding && coding != "identity" {
				t.Errorf("answer is encoded as %q", got)
			}
			wantOutcome(t, page.Read(answer, nil), Identified{User: "alice"})
		})
	}
}

func TestQuestionsDontAskAgain(t *testing.T) {
	template := newTemplate(t, "/whoami")
	answers := asking(t, template)
	refused := make(chan error, 2) // both of the outer handlers ask
	onRequest(t, "inner", func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		if IsSubrequest(r.Context()) {
			_, err := template.Prepare(r, nil, next)
			refused <- err
		}
		return next.ServeHTTP(w, r)
	})
	site := startGateway(t, "route {\nwhoami_probe ask\nwhoami_probe ask\nwhoami_probe inner\nrespond {path}\n}")
	site.do(t, "GET", "/page", "", nil)
	if err := <-refused; !errors.Is(err, ErrSubrequest) {
		t.Errorf("preparing a question inside a question: %v", err)
	}
	if answer := <-answers; string(answer.Body) != "/whoami" {
		t.Errorf("answer %+v", answer)
	}
}

// prepare makes a question outside a server, as a handler with the given replacer would.
func prepare(t *testing.T, template *Template, visitor *caddy.Replacer, next caddyhttp.HandlerFunc) *Exchange {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	request = caddyhttp.PrepareRequest(request, visitor, httptest.NewRecorder(), nil)
	exchange, err := template.Prepare(request, nil, next)
	if err != nil {
		t.Fatal(err)
	}
	return exchange
}

// TestHungHandler: one that does not heed the cancellation is left alone, and is not over until it returns.
func TestHungHandler(t *testing.T) {
	template := newTemplate(t, "/whoami")
	hanging, wake, written := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	template.after = func(_ time.Duration, f func()) func() bool {
		go func() { <-hanging; f() }()
		return func() bool { return true }
	}
	exchange := prepare(t, template, caddy.NewReplacer(), func(w http.ResponseWriter, r *http.Request) error {
		close(hanging)
		<-wake
		w.Header().Set("X-Late", "yes")
		w.WriteHeader(http.StatusOK)
		_, err := w.Write([]byte("late"))
		written <- errors.Join(err, r.Context().Err())
		return nil
	})
	returned := make(chan struct{})
	wantFailure(t, exchange.Send(func() { close(returned) }), TimedOut)
	exchange.Release()
	select {
	case <-returned:
		t.Error("handler counts as returned while it hangs")
	default:
	}
	close(wake)
	if err := <-written; !errors.Is(err, errDropped) || !errors.Is(err, context.Canceled) {
		t.Errorf("late write: %v", err)
	}
	<-returned
}

// TestCancelledHandlerSaysNothing: what the route makes of the cancellation is no answer, so the recorder is closed when
// the route learns of it.
func TestCancelledHandlerSaysNothing(t *testing.T) {
	template := newTemplate(t, "/whoami")
	template.after = func(_ time.Duration, f func()) func() bool { f(); return func() bool { return false } }
	exchange := prepare(t, template, caddy.NewReplacer(), func(w http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		w.WriteHeader(http.StatusNotFound)
		return nil
	})
	cancel := exchange.cancel
	exchange.cancel = func() {
		exchange.recorder.mutex.Lock()
		defer exchange.recorder.mutex.Unlock()
		if !exchange.recorder.closed {
			t.Error("cancelled while answers count")
		}
		cancel()
	}
	returned := make(chan struct{})
	wantFailure(t, exchange.Send(func() { close(returned) }), TimedOut)
	<-returned
}

// TestContextEnds: what the route has opened for the question is let go when it is over.
func TestContextEnds(t *testing.T) {
	var ctx context.Context
	exchange := prepare(t, newTemplate(t, "/whoami"), caddy.NewReplacer(), func(_ http.ResponseWriter, r *http.Request) error {
		ctx = r.Context()
		return ctx.Err()
	})
	returned := make(chan struct{})
	wantFailure(t, exchange.Send(func() { close(returned) }), NoHandler)
	<-returned
	<-ctx.Done()
}

func TestVarsAreCopied(t *testing.T) {
	template := newTemplate(t, "/whoami")
	cookies := []string{"session=s1"}
	visit := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	visit = caddyhttp.PrepareRequest(visit, caddy.NewReplacer(), httptest.NewRecorder(), nil)
	start := time.Unix(1, 0)
	for name, value := range map[string]any{
		"root": "/srv", "uuid": "id", "unhandled": true, "start_time": start, caddyhttp.ClientIPVarKey: "192.0.2.1",
	} {
		caddyhttp.SetVar(visit.Context(), name, value)
	}
	exchange, err := template.Prepare(visit, cookies, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := exchange.request.Context()
	caddyhttp.SetVar(ctx, "root", "/other")
	exchange.request.Header["Cookie"][0] = "changed"
	for name, want := range map[string]any{"uuid": nil, "unhandled": nil, caddyhttp.ClientIPVarKey: "192.0.2.1"} {
		if got := caddyhttp.GetVar(ctx, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if caddyhttp.GetVar(ctx, "start_time") == any(start) {
		t.Error("question began when the visit did")
	}
	if caddyhttp.GetVar(visit.Context(), "root") != "/srv" || cookies[0] != "session=s1" {
		t.Error("question shares something with the visit")
	}
}

func TestPanicsAreContained(t *testing.T) {
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) error { panic("secret") },
		"after the answer": func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = w.Write([]byte("alice"))
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			returned := make(chan struct{})
			exchange := prepare(t, newTemplate(t, "/whoami"), caddy.NewReplacer(), next)
			wantFailure(t, exchange.Send(func() { close(returned) }), Panicked)
			exchange.Release()
			<-returned
		})
	}
}

// TestVisitorLeaves: what other modules defined for his request is lent until then, and never read afterwards. The map
// is not guarded, so that the race detector would see it.
func TestVisitorLeaves(t *testing.T) {
	for late, failure := range map[string]Reason{"http.auth.user.id": "", "backend": CallerLeft} {
		t.Run("late "+late, func(t *testing.T) {
			defined := map[string]any{"backend": "one", "http.auth.user.id": "mallory", "http.jwt_session.realm": "x"}
			visitor := caddy.NewReplacer()
			visitor.Map(func(name string) (any, bool) { value, ok := defined[name]; return value, ok })
			looked, released := make(chan struct{}), make(chan struct{})
			exchange := prepare(t, newTemplate(t, "/whoami"), visitor, func(w http.ResponseWriter, r *http.Request) error {
				replacer := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
				text := replacer.ReplaceAll("{backend}{http.auth.user.id}{http.jwt_session.realm}{http.vars.none}", "-")
				close(looked)
				<-released
				_, known := replacer.Get(late)
				_, err := fmt.Fprint(w, text, known)
				return err
			})
			answers := make(chan Answer)
			go func() { answers <- exchange.Send(nil) }()
			<-looked
			exchange.Release()
			exchange.Release()
			defined["backend"] = "two"
			close(released)
			answer := <-answers
			if failure != "" {
				wantFailure(t, answer, failure)
			} else if string(answer.Body) != "one---false" {
				t.Errorf("answer %+v %q", answer, answer.Body)
			}
		})
	}
}

func TestVisitorLeftTooSoon(t *testing.T) {
	next := func(w http.ResponseWriter, r *http.Request) error {
		replacer := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		if replacer.ReplaceAll("{backend}", "") == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		return nil
	}
	exchange := prepare(t, newTemplate(t, "/whoami"), caddy.NewReplacer(), next)
	exchange.Release()
	wantFailure(t, exchange.Send(nil), CallerLeft)
}

func TestQuestionHasAContextOfItsOwn(t *testing.T) {
	type anyKey struct{}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx, cancel := context.WithCancel(trace.ContextWithSpanContext(context.WithValue(t.Context(), anyKey{}, 1), span))
	own := newContext(ctx)
	cancel()
	if own.Err() != nil || own.Value(anyKey{}) != nil || !IsSubrequest(own) ||
		!trace.SpanContextFromContext(own).Equal(span) {
		t.Error("context has too much or too little of the visitor's")
	}
	if IsSubrequest(ctx) {
		t.Error("visitor's context is marked")
	}
}

// TestExtendedConnect: a WebSocket over HTTP/3 has its own protocol's name where that of HTTP stands otherwise.
func TestExtendedConnect(t *testing.T) {
	visit := httptest.NewRequest("CONNECT", "/chat", nil)
	visit.Proto, visit.ProtoMajor, visit.ProtoMinor = "websocket", 3, 0
	visit.Header[":protocol"] = []string{"websocket"}
	question := newTemplate(t, "/whoami").newRequest(t.Context(), visit, nil, nil)
	if question.Proto != "HTTP/3.0" || len(question.Header) != 1 || question.Method != "GET" {
		t.Errorf("question %s %s %v", question.Method, question.Proto, question.Header)
	}
}

func TestTemplateRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"":                      "parsing whoami URI",
		"whoami":                "parsing whoami URI",
		"http://other/whoami":   "want a path",
		"//other/whoami":        "want a path",
		`/\page`:                "want a path",
		"/whoami#me":            "fragment",
		"/whoami?u={http.host}": "placeholders",
		"/who\nami":             "parsing whoami URI",
	} {
		if _, err := NewTemplate(uri, time.Second, 1, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", uri, err, want)
		}
	}
	if _, err := NewTemplate("/whoami", 0, 1, nil); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("no time: %v", err)
	}
	if _, err := NewTemplate("/whoami", time.Second, 0, nil); err == nil || !strings.Contains(err.Error(), "max_body") {
		t.Errorf("no room: %v", err)
	}
}

// BenchmarkExchange measures our part of a question: the handler behind answers at once.
func BenchmarkExchange(b *testing.B) {
	template, err := NewTemplate("/whoami", DefaultTimeout, DefaultMaxBody, nil)
	if err != nil {
		b.Fatal(err)
	}
	user, err := ParseExtractor("json", "user.id")
	if err != nil {
		b.Fatal(err)
	}
	page := &Page{User: user, MaxBody: DefaultMaxBody}
	body := []byte(`{"user":{"id":42,"name":"Alice"}}`)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write(body)
		return err
	})
	visit := httptest.NewRequest("GET", "/", nil)
	visit.Header["User-Agent"] = []string{"browser"}
	visit = caddyhttp.PrepareRequest(visit, caddy.NewReplacer(), httptest.NewRecorder(), nil)
	cookies := []string{"session=s1"}
	b.ReportAllocs()
	for b.Loop() {
		exchange, err := template.Prepare(visit, cookies, next)
		if err != nil {
			b.Fatal(err)
		}
		outcome := page.Read(exchange.Send(nil), nil)
		exchange.Release()
		if identified, ok := outcome.(Identified); !ok || identified.User != "42" {
			b.Fatalf("outcome %+v", outcome)
		}
	}
}
