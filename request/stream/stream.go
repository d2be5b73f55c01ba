// Package stream cuts exchanges that stay open when the session is over that they were opened with.
//
// An upgraded connection, a tunnel or an event stream lasts for as long as its ends like. A [Stream] waits for the end of the
// session in the ledger and ends the exchange wherever it stands.
package stream

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// Stream is one exchange that may stay open. Its methods are safe for concurrent use with the cut.
type Stream struct {
	response *response.Writer
	cancel   context.CancelFunc // ends what the rest of the route does with the request; nil where it did not look like a stream
	watch    *ledger.Watch      // nil while it is none

	mutex    sync.Mutex
	conn     net.Conn // hijacked
	returned bool     // the rest of the route
}

// New returns a stream for a response. cancel ends what the rest of the route does with the request. It may be nil.
func New(of *response.Writer, cancel context.CancelFunc) *Stream {
	return &Stream{response: of, cancel: cancel}
}

// IsWatched reports whether the stream waits for the end of a session.
func (s *Stream) IsWatched() bool { return s != nil && s.watch != nil }

// Watch waits for the end of the subjects.
func (s *Stream) Watch(in *ledger.Ledger, subjects ledger.Subjects, authTime int64) {
	s.watch = in.Watch(subjects, authTime, s.cut)
}

// cut ends the stream, wherever it stands.
func (s *Stream) cut() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.returned && s.conn == nil {
		return // the connection may serve other requests by now
	}
	s.response.IsCut.Store(true)
	if s.cancel != nil {
		s.cancel()
	}
	switch {
	case s.conn != nil:
		_ = s.conn.Close() // it may be closed already
		return
	case s.cancel != nil:
		return
	}
	// The server gives up a connection of HTTP/1.1, or a stream of HTTP/2, whose time is over, and with it the context of
	// the request. Its own writer is asked: those around it are not for two goroutines.
	controller, past := http.NewResponseController(innermost(s.response)), time.Unix(1, 0)
	_ = controller.SetReadDeadline(past)
	_ = controller.SetWriteDeadline(past)
}

// innermost returns the writer that all others are around.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		around, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = around.Unwrap()
	}
}

// Hijacked returns the connection that was taken over, such that it is known when it is closed.
func (s *Stream) Hijacked(conn net.Conn) net.Conn {
	if s.watch == nil {
		return conn
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.conn = conn
	if s.response.IsCut.Load() {
		_ = conn.Close() // since it was asked for
	}
	return &hijackedConn{Conn: conn, closed: s.watch.Stop}
}

// AbortIfCut ends the exchange such that what the client has of the response can't be taken for all of it. A nil stream is
// never cut.
func (s *Stream) AbortIfCut() {
	if s == nil {
		return
	}
	s.mutex.Lock()
	isCut := s.response.IsCut.Load() && s.conn == nil
	s.mutex.Unlock()
	if isCut {
		panic(http.ErrAbortHandler)
	}
}

// End is called when the rest of the route has returned. A connection that was taken over may live on.
func (s *Stream) End() {
	if s == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.returned = true
	if s.cancel != nil {
		s.cancel()
	}
	if s.conn == nil && s.watch != nil {
		s.watch.Stop()
	}
}
