package whoami

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"
)

// DefaultTimeout is how long an answer may take, unless another timeout is configured.
const DefaultTimeout = 2 * time.Second

// ErrSubrequest is returned by [Template.Prepare] for a request that is a question itself.
var ErrSubrequest = errors.New("preparing whoami request: the request is one already")

// passedHeaders are the only ones that the question has from the visitor, beside his cookies: those that may decide
// which answer the application gives to this browser at this address. Whether the forwarding headers are believed is
// decided further down the route, as it is for the visitor's own request.
var passedHeaders = []string{
	"User-Agent", "Accept-Language", "Accept-Encoding",
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip",
}

// Template is what all questions for one page have in common. It never changes and is safe for concurrent use.
type Template struct {
	page    url.URL
	uri     string
	timeout time.Duration
	maxBody int
	owned   func(name string) bool

	now   func() time.Time
	after func(time.Duration, func()) (stop func() bool)
}

// NewTemplate returns a template of questions for the page at the given URI: a path, with or without a query, as the handlers
// that follow see it. An answer that takes longer than the timeout is not used, and neither is one whose body, before it is
// decoded, has more than maxBody bytes. The function owned reports whether the gateway alone sets the header of that name;
// such headers are not passed on. It may be nil.
func NewTemplate(uri string, timeout time.Duration, maxBody int, owned func(name string) bool) (*Template, error) {
	page, err := url.ParseRequestURI(uri)
	switch {
	case err != nil:
		return nil, fmt.Errorf("parsing whoami URI %q: %w; want a path of this site, such as /whoami", uri, errors.Unwrap(err))
	case !strings.HasPrefix(uri, "/"), strings.HasPrefix(uri, "//"), strings.Contains(uri, `\`):
		return nil, fmt.Errorf("parsing whoami URI %q: want a path of this site, such as /whoami", uri)
	case strings.Contains(uri, "#"):
		return nil, fmt.Errorf("parsing whoami URI %q: a fragment is not sent; leave it out", uri)
	case strings.ContainsAny(uri, "{}"):
		return nil, fmt.Errorf("parsing whoami URI %q: no placeholders here; write braces as %%7B and %%7D", uri)
	case timeout <= 0:
		return nil, fmt.Errorf("whoami timeout %s: want more than 0", timeout)
	case maxBody <= 0:
		return nil, fmt.Errorf("whoami max_body %d: want more than 0", maxBody)
	}
	return &Template{
		page: *page, uri: uri, timeout: timeout, maxBody: maxBody, owned: owned,
		now:   time.Now,
		after: func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
	}, nil
}

// URI returns the page that is asked for, as it was given.
func (t *Template) URI() string { return t.uri }

// Timeout returns how long an answer may take.
func (t *Template) Timeout() time.Duration { return t.timeout }

// Prepare returns the question about the session that the given Cookie lines carry. It must be called in the goroutine that
// serves the visitor's request r, which it does not change. next is the rest of the route. The caller must call
// [Exchange.Release] before that request goes on or its handler returns, whatever has become of the question by then. Prepare
// returns [ErrSubrequest] if r is a question itself.
func (t *Template) Prepare(r *http.Request, cookies []string, next caddyhttp.Handler) (*Exchange, error) {
	if IsSubrequest(r.Context()) {
		return nil, ErrSubrequest
	}
	ctx, cancel := context.WithCancel(newContext(r.Context()))
	exchange := &Exchange{template: t, next: next, cancel: cancel, recorder: newRecorder(t.maxBody)}
	exchange.placeholders.visitor, _ = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)

	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	replacer := caddy.NewReplacer()
	request := t.newRequest(ctx, r, cookies, server)
	exchange.request = caddyhttp.PrepareRequest(request, replacer, exchange.recorder, server)
	copyVars(exchange.request.Context(), r.Context())
	replacer.Map(exchange.placeholders.lookUp)
	return exchange, nil
}

// newContext begins anew instead of deriving from the visitor's context, whose values (route groups, time limits of his
// connection, error and response handling) are about his request. It takes over the address that he reached, which
// placeholders need, and where a trace goes on.
func newContext(visitor context.Context) context.Context {
	ctx := context.WithValue(context.Background(), subrequestKey{}, true)
	if address := visitor.Value(http.LocalAddrContextKey); address != nil {
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, address)
	}
	if span := trace.SpanContextFromContext(visitor); span.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, span)
	}
	return ctx
}

// newRequest builds the request from nothing, so that it holds only what is named here. The protocol is written from
// its number: an extended CONNECT over HTTP/3 has the name of another protocol in its place.
func (t *Template) newRequest(
	ctx context.Context, r *http.Request, cookies []string, server *caddyhttp.Server,
) *http.Request {
	page := t.page
	request := &http.Request{
		Method:     http.MethodGet,
		URL:        &page,
		RequestURI: t.uri,
		Proto:      fmt.Sprintf("HTTP/%d.%d", r.ProtoMajor, r.ProtoMinor),
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		Header:     make(http.Header, len(passedHeaders)+2),
		Body:       http.NoBody,
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
		TLS:        withoutCertificates(r.TLS),
	}
	t.passHeaders(request.Header, r.Header, passedHeaders)
	if server != nil {
		t.passHeaders(request.Header, r.Header, server.ClientIPHeaders)
	}
	request.Header["Accept"] = []string{"*/*"}
	delete(request.Header, "Cookie")
	if len(cookies) > 0 {
		request.Header["Cookie"] = slices.Clone(cookies)
	}
	return request.WithContext(ctx)
}

// withoutCertificates returns the state of the visitor's connection without his certificate: the application may know a user
// by that, whatever session the question is about.
func withoutCertificates(state *tls.ConnectionState) *tls.ConnectionState {
	if state == nil || len(state.PeerCertificates) == 0 {
		return state
	}
	bare := *state
	bare.PeerCertificates, bare.VerifiedChains = nil, nil
	return &bare
}

func (t *Template) passHeaders(to, from http.Header, names []string) {
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if lines := from[name]; len(lines) > 0 && (t.owned == nil || !t.owned(name)) {
			to[name] = slices.Clone(lines)
		}
	}
}

// copyVars gives the question the variables that handlers before this one have set, such as the site's root, which
// nothing behind would set again. Those of a single request stay its own.
func copyVars(to, from context.Context) {
	visitor, _ := from.Value(caddyhttp.VarsCtxKey).(map[string]any)
	vars, _ := to.Value(caddyhttp.VarsCtxKey).(map[string]any)
	start := vars["start_time"]
	maps.Copy(vars, visitor)
	vars["start_time"] = start
	delete(vars, "uuid")
	delete(vars, "unhandled")
}
