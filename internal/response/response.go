package response

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Head is called just before the head of a response goes out, and may still change the header.
type Head interface{ BeforeHead(status int) }

// HeadFunc is a function as a [Head].
type HeadFunc func(status int)

// BeforeHead calls the function.
func (f HeadFunc) BeforeHead(status int) { f(status) }

// Writer calls its [Head] once, just before the head of the final response goes out, whichever way that happens. Interim responses pass untouched; 101 is final, since nothing of HTTP
// follows it.
type Writer struct {
	caddyhttp.ResponseWriterWrapper

	head Head

	// Begun reports whether the head was called.
	Begun bool
	// Replaced keeps the response from being written at all, since another one takes its place. The head may set it.
	Replaced bool
	// IsCut keeps anything more from being written. It may be set at any time, by any goroutine.
	IsCut atomic.Bool
	// Taker is told of a connection that is taken over. Where it is nil, the connection stays as it is.
	Taker Taker
	// IsTaken reports whether the connection was taken over. Then nothing more is written here.
	IsTaken bool
}

// Taker gets a connection that is taken over.
type Taker interface {
	// Take returns what whoever takes the connection over gets.
	Take(conn net.Conn) net.Conn
}

// Errors for whoever goes on writing to a response.
var (
	errCut      = errors.New("the response was cut: its session is over")
	errReplaced = errors.New("the response was replaced: its user is revoked")
)

// stopped returns why nothing more may be written, or nil.
func (w *Writer) stopped() error {
	switch {
	case w.Replaced:
		return errReplaced
	case w.IsCut.Load():
		return errCut
	default:
		return nil
	}
}

// NewWriter returns a writer that calls the function before the head of a response to w.
func NewWriter(w http.ResponseWriter, before HeadFunc) *Writer {
	response := new(Writer)
	response.Wrap(w, before)
	return response
}

// Wrap makes the writer one for the given response.
func (w *Writer) Wrap(wrapped http.ResponseWriter, head Head) {
	*w = Writer{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: wrapped}, head: head}
}

// Begin calls the head for a final status, the first time.
func (w *Writer) Begin(status int) {
	if w.Begun || !IsFinal(status) {
		return
	}
	w.Begun = true
	w.head.BeforeHead(status)
}

// IsFinal reports whether the status is that of a final response.
func IsFinal(status int) bool { return status >= 200 || status == http.StatusSwitchingProtocols }

// WriteHeader begins the response.
func (w *Writer) WriteHeader(status int) {
	if w.Begin(status); w.Replaced {
		return
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write begins the response if nothing has.
func (w *Writer) Write(p []byte) (int, error) {
	w.Begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return 0, err
	}
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom begins the response if nothing has.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	w.Begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return 0, err
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError begins the response if nothing has.
func (w *Writer) FlushError() error {
	w.Begin(http.StatusOK)
	if err := w.stopped(); err != nil {
		return err
	}
	//nolint:bodyclose // no body: this is the server's side
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack takes the connection over.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.Replaced {
		return nil, nil, errReplaced
	}
	//nolint:bodyclose // no body: this is the server's side
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return conn, buffered, err
	}
	w.IsTaken = true
	if w.Taker != nil {
		conn = w.Taker.Take(conn)
	}
	return conn, buffered, nil
}

// Interface guards.
var (
	_ http.Hijacker       = (*Writer)(nil)
	_ http.ResponseWriter = (*Writer)(nil)
	_ io.ReaderFrom       = (*Writer)(nil)
)
