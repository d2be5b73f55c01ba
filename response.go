package jwtsession

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// responseWriter calls a function once, just before the head of the final response goes out, whichever way that happens.
// The function may still change the header. Interim responses pass untouched; 101 is final, since nothing of HTTP
// follows it.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper

	before   func(status int)
	begun    bool
	isCut    atomic.Bool             // nothing more is to be written
	replaced bool                    // another response takes the place of this one, of which nothing is written
	hijacked func(net.Conn) net.Conn // what becomes of a connection that is taken over; nil: it stays as it is
}

// Errors for whoever goes on writing to a response.
var (
	errCut      = errors.New("the response was cut: its session is over")
	errReplaced = errors.New("the response was replaced: its user is revoked")
)

// stopped returns why nothing more may be written, or nil.
func (w *responseWriter) stopped() error {
	switch {
	case w.replaced:
		return errReplaced
	case w.isCut.Load():
		return errCut
	default:
		return nil
	}
}

func newResponseWriter(w http.ResponseWriter, before func(status int)) *responseWriter {
	response := new(responseWriter)
	response.wrap(w, before)
	return response
}

// wrap makes the writer one for the given response.
func (w *responseWriter) wrap(wrapped http.ResponseWriter, before func(status int)) {
	*w = responseWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: wrapped}, before: before}
}

// begin calls the function for a final status, the first time.
func (w *responseWriter) begin(status int) {
	if w.begun || !isFinal(status) {
		return
	}
	w.begun = true
	w.before(status)
}

// isFinal says whether the status is that of a final response.
func isFinal(status int) bool { return status >= 200 || status == http.StatusSwitchingProtocols }

// WriteHeader begins the response.
func (w *responseWriter) WriteHeader(status int) {
	if w.begin(status); w.replaced {
		return
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write begins the response if nothing has.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return 0, err
	}
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom begins the response if nothing has.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return 0, err
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError begins the response if nothing has.
func (w *responseWriter) FlushError() error {
	w.begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return err
	}
	//nolint:bodyclose // no body: this is the server's side
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack takes the connection over.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.replaced {
		return nil, nil, errReplaced
	}
	//nolint:bodyclose // no body: this is the server's side
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.hijacked != nil {
		conn = w.hijacked(conn)
	}
	return conn, buffered, err
}

// Interface guards.
var (
	_ http.Hijacker       = (*responseWriter)(nil)
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ io.ReaderFrom       = (*responseWriter)(nil)
)
