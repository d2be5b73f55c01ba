package exchange

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

var errPreflightDenied = errors.New("preflight deny: this route answers no CORS preflights")

// isPreflight reports whether the request is a CORS preflight (Fetch section 3.2.2): a browser asks, without credentials,
// whether it may send the request that it has in mind.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// servePreflight passes a preflight on undecided, or refuses it. The answer tells what CORS headers say and nothing else:
// who is not signed in must not read or keep anything else of the application this way.
func servePreflight(t *Route, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	stripPreflight(t.Policy.App.Names(), r)
	if t.DenyPreflights {
		w.Header().Set("Cache-Control", "no-store")
		return caddyhttp.Error(http.StatusForbidden, errPreflightDenied) // no sign-in would help, so it is not 401
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	answer := &bodiless{ResponseWriter: w, cancel: cancel}
	defer answer.end()
	return answer.serve(t.Listener.Hide(answer), r.WithContext(ctx), next)
}

// notInPreflights are headers that browsers never send with a preflight, folded. An application could take somebody's
// identity or another method from them, or open a tunnel.
var notInPreflights = []string{
	"authorization", "client-cert", "client-cert-chain", "connection", "content-encoding", "content-length", "content-type",
	"cookie", "cookie2", "expect", "http2-settings", "proxy-authorization", "ssl-client-cert", "transfer-encoding", "upgrade",
	"x-access-token", "x-api-key", "x-auth-token", "x-client-cert", "x-forwarded-access-token", "x-forwarded-client-cert",
	"x-http-verb", "x-ssl-client-cert",
}

// methodOverride is in the names of parameters that override the method, folded.
const methodOverride = "method-override"

// overridesMethod reports whether a server could take another method from the header of this name, folded. Of all headers that
// name a method browsers send one in a preflight.
func overridesMethod(folded string) bool {
	return strings.Contains(folded, "method") && folded != "access-control-request-method"
}

// stripPreflight takes from a preflight what it has no business with: it passes without a decision, so it must not carry anything
// that the application could decide by, nor another method.
func stripPreflight(names *app.Names, r *http.Request) {
	for name := range r.Header {
		folded := strings.TrimPrefix(identity.Fold(name), "http-")
		if slices.Contains(notInPreflights, folded) || overridesMethod(folded) || names.TakesTokensFrom(name) {
			delete(r.Header, name)
		}
	}
	r.URL.RawQuery = withoutMethod(r.URL.RawQuery)
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
}

// withoutMethod removes the parameters that frameworks take a request's method from, and leaves the rest as it is.
func withoutMethod(query string) string {
	var kept []string
	for parameters := range strings.SplitSeq(query, "&") { // some split at semicolons as well
		rest := strings.Join(slices.DeleteFunc(strings.Split(parameters, ";"), namesMethod), ";")
		if rest != "" || parameters == "" {
			kept = append(kept, rest)
		}
	}
	return strings.Join(kept, "&")
}

func namesMethod(parameter string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	return strings.EqualFold(strings.TrimSpace(name), "_method") || strings.Contains(identity.Fold(name), methodOverride)
}

// What an application may write behind the head of its answer to a preflight before it is stopped. Most end well below, so
// that the connection to them can be used again.
const (
	swallowedBytes = 64 << 10
	swallowedTime  = 500 * time.Millisecond
)

// bodiless lets the head of an answer through, and nothing else: no body, no trailers, no interim answers, no upgrade.
// The client has its answer as soon as there is a head, however long the application goes on.
type bodiless struct {
	http.ResponseWriter // its other interfaces are not wanted

	cancel    context.CancelFunc // ends what the application does
	timer     *time.Timer
	begun     bool
	swallowed int
}

var errSwallowed = errors.New("the answer to a preflight has no body, and this one does not end")

// serve calls the rest of the route. Where that was stopped behind the head, the answer is whole.
func (b *bodiless) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		recovered := recover()
		switch {
		case recovered == nil:
		case b.begun && recovered == http.ErrAbortHandler: //nolint:errorlint // a panic's value, compared as net/http does
			err = nil
		default:
			panic(recovered)
		}
	}()
	if err := next.ServeHTTP(w, r); err != nil && !b.begun {
		return err
	}
	b.WriteHeader(http.StatusOK) // nothing was written, so net/http would say 200
	return nil
}

// WriteHeader sends the head, the first time, and all there is to the answer.
func (b *bodiless) WriteHeader(status int) {
	switch {
	case b.begun || status < 200 && status != http.StatusSwitchingProtocols:
		return
	case status == http.StatusSwitchingProtocols:
		status = http.StatusBadGateway // nobody asked for it
	}
	b.begun = true
	header := b.Header()
	for _, name := range []string{
		"Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Set-Cookie", "Trailer",
		"Transfer-Encoding", "Upgrade",
	} {
		header.Del(name)
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		header.Set("Content-Length", "0")
	}
	b.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(b.ResponseWriter).Flush() //nolint:bodyclose // no body: this is the server's side
	b.timer = time.AfterFunc(swallowedTime, b.cancel)
}

// Write swallows.
func (b *bodiless) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	if b.swallowed += len(p); b.swallowed > swallowedBytes {
		b.cancel()
		return 0, errSwallowed
	}
	return len(p), nil
}

// FlushError has nothing to flush but the head.
func (b *bodiless) FlushError() error {
	b.WriteHeader(http.StatusOK)
	return nil
}

// end removes the trailers that were set behind the head.
func (b *bodiless) end() {
	if b.timer != nil {
		b.timer.Stop()
	}
	for name := range b.Header() {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			delete(b.Header(), name)
		}
	}
}
